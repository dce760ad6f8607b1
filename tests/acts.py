"""Random acts of the people of some nodes, whether or not they may. Every kind of act that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gchatd.chat.events import (
    CameBack,
    Deleted,
    Departed,
    Edited,
    Event,
    Ignored,
    Invited,
    Joined,
    Left,
    MadePrivate,
    Renamed,
    Restored,
    Said,
    Told,
    TopicSet,
    WentAway,
)

if TYPE_CHECKING:
    from stream import Node, Somebody, Stream

MOST_PEOPLE = 9  # of each node

NAMES = ["Ann", "ann", "Bob", "BOB", "Özil", "ÖZIL", *(f"{kind}{n}" for kind in "Pp" for n in range(12))]
ROOMS = ["lobby", "Lobby", *"aAbBcdefgh"]
KEYS = ["", "", "k1", "k2"]


class Acts:
    """Lets people of some nodes act at random, whether or not they may."""

    def __init__(self, stream: Stream) -> None:
        self.random = stream.random
        self._stream = stream
        talk = self.random.choice([1, 8, 30])  # rooms where nothing was said are other rooms
        self._kinds = {
            self._arrives: 6, self._departs: 2, self._says: talk, self._edits: 8, self._deletes: 4, self._joins: 14,
            self._leaves: 7, self._sets_topic: 5, self._makes_private: 4, self._tells: 8, self._invites: 5,
            self._ignores: 5, self._renames: 4, self._goes: 2, self._comes_back: 2, self._restores: 3,
        }  # fmt: skip

    def act(self, node: Node) -> None:
        """Let somebody on a node do something."""
        here = [one for one in node.people.values() if one.id in node.sessions.by_id and not one.waits]
        kind = self.random.choices(list(self._kinds), list(self._kinds.values()))[0]
        if not here or kind == self._arrives:
            if len(here) < MOST_PEOPLE:
                node.enters(self.random.choice(NAMES), notices=self.random.random() < 0.7)
            return
        came = [one for one in here if one.user is not None]
        somebody = self.random.choice(came if came and self.random.random() < 0.95 else here)
        event = kind(node, somebody)
        if event is not None:
            somebody.causes(event, label=self.random.choice(["", f"label{len(self._stream.events)}"]))

    def _room(self, somebody: Somebody) -> str:
        """Return a room that somebody is in, or was when this was asked; or any."""
        rooms = [room.name for room in somebody.user.rooms] if somebody.user is not None else []
        return self.random.choice(rooms if rooms and self.random.random() < 0.8 else ROOMS)

    def _somebody(self, node: Node) -> tuple[int, str]:
        """Return somebody who is known to a node; who has left, now and then; who is coming, now and then."""
        people = [*node.state.users.values(), *self._stream.state.users.values()]
        if not people or self.random.random() < 0.1:
            return self.random.choice([one.claimed for one in node.people.values()]), "Nobody"
        other = self.random.choice(people)
        return other.id, str(other)

    def _line(self, somebody: Somebody) -> Said | None:
        lines = somebody.user.said if somebody.user is not None else []
        if self.random.random() < 0.2:
            lines = [event for event in self._stream.events[-30:] if isinstance(event, Said)]
        return self.random.choice(lines) if lines else None

    def _arrives(self, node: Node, somebody: Somebody) -> None: ...

    def _departs(self, node: Node, somebody: Somebody) -> Event:
        return Departed(words=self.random.choice(["", "bye"]))

    def _says(self, node: Node, somebody: Somebody) -> Event:
        return Said(room=self._room(somebody), text=f"hello{self.random.randrange(9)}")

    def _edits(self, node: Node, somebody: Somebody) -> Event | None:
        line = self._line(somebody)
        text = f"hello{self.random.randrange(9)}"
        return Edited(room=line.room, line=line.id, text=text, was=line.text) if line is not None else None

    def _deletes(self, node: Node, somebody: Somebody) -> Event | None:
        line = self._line(somebody)
        room = line.room if line is not None and self.random.random() < 0.9 else "a"
        return Deleted(room=room, line=line.id) if line is not None else None

    def _joins(self, node: Node, somebody: Somebody) -> Event:
        key = self.random.choice(KEYS) if self.random.random() < 0.4 else ""
        return Joined(room=self.random.choice(ROOMS), key=key)

    def _leaves(self, node: Node, somebody: Somebody) -> Event:
        return Left(room=self._room(somebody))

    def _sets_topic(self, node: Node, somebody: Somebody) -> Event:
        return TopicSet(room=self._room(somebody), topic=self.random.choice(["", "x", "y", "z" * 301]))

    def _makes_private(self, node: Node, somebody: Somebody) -> Event:
        founded = (
            [room.name for room in somebody.user.rooms if room.founder == somebody.claimed] if somebody.user else []
        )
        room = self.random.choice(founded) if founded and self.random.random() < 0.7 else self._room(somebody)
        return MadePrivate(room=room, key=self.random.choice(["k1", "k2"]))

    def _tells(self, node: Node, somebody: Somebody) -> Event:
        target, name = self._somebody(node)
        return Told(target=target, to=name, text="psst")

    def _invites(self, node: Node, somebody: Somebody) -> Event:
        target, name = self._somebody(node)
        return Invited(room=self._room(somebody), target=target, to=name)

    def _ignores(self, node: Node, somebody: Somebody) -> Event:
        ignored = [key for key in somebody.user.ignoring if isinstance(key, str)] if somebody.user is not None else []
        name = self.random.choice(ignored if ignored and self.random.random() < 0.3 else NAMES)
        return Ignored(whom=name, on=self.random.random() < 0.6)

    def _renames(self, node: Node, somebody: Somebody) -> Event:
        return Renamed(to=self.random.choice(NAMES))

    def _goes(self, node: Node, somebody: Somebody) -> Event:
        return WentAway(words=self.random.choice(["", "lunch", "x" * 201]))

    def _comes_back(self, node: Node, somebody: Somebody) -> Event:
        return CameBack()

    def _restores(self, node: Node, somebody: Somebody) -> Event:
        room, key = self.random.choice(ROOMS), self.random.choice(KEYS)
        lines = tuple(Said(room=room, name=self.random.choice(NAMES), text="old", id=2**50 + n) for n in range(5))
        return Restored(
            room=room, topic=self.random.choice(["", "t"]), key=key, lines=lines[self.random.randrange(5) :]
        )
