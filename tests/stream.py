"""One stream of events that several hubs share, each with people of its own: no sockets, no greenlets.

What people are sent is one plain line an event, with its place in the stream, so that a model can say which.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
from room import Screen

from gchatd.chat.events import Arrived, Departed, Event, Joined, Left, NotSent, Renamed
from gchatd.chat.folding import fold
from gchatd.chat.state import LOBBY, Bounds, Room, Snapshot, State, User
from gchatd.delivery.fanout import Fanout
from gchatd.delivery.outbox import SlowReaders
from gchatd.delivery.sessions import Sessions
from gchatd.hub import Hub
from gchatd.session import Session

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from gchatd.chat.answers import Welcome
    from gchatd.chat.events import Said
    from gchatd.chat.folding import Outcome
    from gchatd.errors import Refusal

NOTICES = (Arrived, Joined, Left, Departed, Renamed)


def line(how: str, event: Event) -> str:
    """Return what a person is sent of an event; `how`: heard, or own."""
    return f"{how} {type(event).__name__} {event.place}"


def written(state: State) -> bytes:
    """Return a state as JSON."""
    return msgspec.json.encode(state.snapshot())


def reread(state: State) -> State:
    """Return a state that was written down, sent somewhere, and read there."""
    return State.restore(msgspec.json.decode(written(state), type=Snapshot))


@dataclasses.dataclass(frozen=True)
class Plain:
    """A wire format: a line an event, that says which."""

    notices: bool = True

    echo = mentions = False

    def render(self, event: Event) -> bytes:
        return b"" if isinstance(event, NOTICES) and not self.notices else self.render_mention(event)

    def render_own(self, event: Event) -> bytes:
        return f"{line('own', event)}\n".encode()

    def render_mention(self, event: Event, name: str = "") -> bytes:
        return f"{line('heard', event)}\n".encode()

    def frame(self, data: bytes, alert: bool = False) -> bytes:
        return data

    def refuse(self, refusal: Refusal, label: str = "") -> bytes:
        return f"refused {type(refusal).__name__} {label}\n".encode()

    def welcome(self, welcome: Welcome) -> bytes:
        others = ",".join(sorted(welcome.others))
        return f"welcome {welcome.room} {welcome.people} {others} {welcome.topic} {welcome.key}\n".encode()

    def render_past(self, event: Said, now: int) -> bytes:
        return f"recalled {event.id} {event.text} {event.edited}\n".encode()

    def replay(self, room: str, lines: Sequence[bytes]) -> bytes:
        return b"".join(lines)

    def stamp(self, at: int) -> bytes:
        return b""

    def width(self, data: bytes) -> int:
        return 0

    def fits(self, width: int) -> bool:
        return True

    @property
    def wide(self) -> Plain:
        return self

    unstamped = wide


class Ear:
    """A link of somebody who hears, and types nothing."""

    refused = ""

    def __init__(self, format: Plain) -> None:
        self.format = format
        self.outbox = Screen()

    def format_in(self, room: str) -> Plain:
        return self.format

    def open(self, session: Session) -> None: ...

    def happened(self, outcome: Outcome) -> None: ...

    def send_answers(self) -> None: ...

    def __str__(self) -> str:
        return "ear"


class Somebody(Session):
    """A session of somebody who asks nobody before they act."""

    __slots__ = ("_renamed", "ear", "name", "node")

    def __init__(self, node: Node, name: str, notices: bool) -> None:
        self.ear = Ear(Plain(notices))
        self.name = name
        self.node = node
        self._renamed = 0  # the place of the event that last renamed them
        super().__init__(node.hub, node.sessions, self.ear)

    def causes(self, event: Event, label: str = "") -> None:
        """Broadcast an event in the name of this person."""
        self.label = label
        name = self.user.name.shown if self.user is not None else self.name
        self.broadcast(self._signed(event, self.claimed, name))
        if isinstance(event, Renamed):
            self._renamed = self.node.stream.events[-1].place

    @property
    def waits(self) -> bool:
        """Whether they wait for a new name, as everybody does, so that what they do next is done under that name."""
        return self._renamed > self.node.state.place

    def heard(self) -> list[str]:
        """What this person was sent since the last look."""
        pieces = self.ear.outbox.pieces
        lines = b"".join(pieces).decode().splitlines()
        pieces.clear()
        return lines


class Stream:
    """What all nodes said so far, in its order, as their journals hand it back.

    Two states fold each event at once; the second is written down and read again now and then.
    """

    def __init__(self, random: random.Random, bounds: Bounds) -> None:
        self.random = random
        self.events: list[Event] = []
        self.written: dict[int, bytes] = {}
        """The state, as JSON, after the event with a place."""
        self.state, self.restored = State(bounds), State(bounds)
        self.now = 1_700_000_000_000
        self._place = self._id = 0

    def append(self, event: Event) -> None:
        """Put an event after all others, whichever node it comes from. One in 50 that is history gets lost."""
        self._place += self.random.choice([1, 1, 2])
        self.now += self.random.choice([0, 1, 1, 1000, 20_000])
        if event.kept and event.user and self.random.random() < 0.02:  # what a person did
            event = NotSent(room=event.room, user=event.user, name=event.name, origin=event.origin, why="full")
        self._id += event.kept
        id = self._id if event.kept else 0
        event = msgspec.structs.replace(event, id=id, at=self.now, place=self._place)
        event = msgspec.json.decode(msgspec.json.encode(event), type=type(event))  # as it comes from another machine
        self.events.append(event)
        self._fold(event)

    def _fold(self, event: Event) -> None:
        if self.random.random() < 0.01:
            self.restored = reread(self.state)
            assert everything(self.restored) == everything(self.state)
        for state in (self.state, self.restored):
            fold(state, event)
        self.written[event.place] = written(self.state)
        assert written(self.restored) == self.written[event.place], event


class Journal:
    """What one node sees of a stream."""

    uncommitted = 0

    def __init__(self, stream: Stream, incarnation: int) -> None:
        self.incarnation = incarnation
        self.append = stream.append


class Node:
    """A hub with people of its own, which hears a stream in batches."""

    def __init__(self, stream: Stream, incarnation: int) -> None:
        journal: Any = Journal(stream, incarnation)
        self.hub = Hub(journal, State(stream.state.bounds))
        self.sessions = Sessions(self.hub.node)
        self.people: dict[tuple[int, int], Somebody] = {}
        """Everybody who ever came here, by node and session."""
        self._fanout = Fanout(self.hub, self.sessions, journal, SlowReaders(sendq=0, stalled_seconds=0))
        self.stream = stream
        self._heard = 0

    @property
    def state(self) -> State:
        return self.hub.state

    def enters(self, name: str, notices: bool = True) -> None:
        """Broadcast that somebody comes in, whether or not the name is free."""
        somebody = Somebody(self, name, notices)
        somebody.claimed = self.hub.new_user()
        self.people[self.hub.node, somebody.id] = somebody
        somebody.causes(Arrived(room=LOBBY))

    def hears(self, most: int) -> list[Event]:
        """Take the next events, with some among them that came before. Returns those that are new."""
        events, random = self.stream.events, self.stream.random
        batch, new = [], events[self._heard : self._heard + most]
        for event in new:
            batch.append(event)
            self._heard += 1
            while random.random() < 0.2:
                batch.append(events[random.randrange(max(0, self._heard - 20), self._heard)])
        if batch:
            self._fanout.take_turn(batch)
        return new


def everything(thing: Any, deep: bool = True) -> Any:
    """Return all that a state holds, whatever its snapshot has of it: users and rooms by id and by name.

    The order counts, except that of names, ignorers and invitations, in which nobody walks.
    """
    match thing:
        case State():
            held = {name: everything(value) for name, value in vars(thing).items()}
            names = {name: user.id for name, user in thing.names.items()}
            return held | {"names": names, "ignorers": dict(held["ignorers"])}
        case User() | Room() if deep:
            slots = {name: everything(getattr(thing, name), deep=False) for name in type(thing).__slots__}
            return slots | ({"invitations": sorted(slots["invitations"])} if isinstance(thing, User) else {})
        case User():
            return thing.id
        case Room():
            return thing.name
        case dict():
            return [(key, everything(value, deep)) for key, value in thing.items()]
        case list() | tuple() | deque():
            return [everything(value, deep) for value in thing]
    return thing
