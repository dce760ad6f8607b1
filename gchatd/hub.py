"""The shared dict of users, the rooms, and `broadcast`, which everything that happens goes through.

    hub.broadcast(Said(room="lobby", user=7, name="Bob", text="Hello Alice!"))

The event goes into the journal. What comes out of the journal changes the users and the rooms (chat/folding.py), and
goes to the people in them (delivery/fanout.py). Knows no sockets, no bytes and no sessions.
"""

from __future__ import annotations

import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

import gevent
import gevent.event
import msgspec

from .chat.answers import DiskBehind, NameTaken, OthersOutOfReach, ShuttingDown
from .chat.events import (
    Arrived,
    Claimed,
    Departed,
    MadePrivate,
    NotSent,
    Origin,
    Renamed,
    Restored,
    Said,
    SnapshotAsked,
    TopicSet,
    size,
)
from .chat.state import State, user_id
from .errors import Refused
from .text.names import compared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .chat.answers import Figures
    from .chat.events import Event
    from .chat.folding import Outcome
    from .chat.state import Room, User
    from .errors import Refusal
    from .journal import History, Journal
    from .text.names import Name

MOST_UNDELIVERED = 2000
"""Once more committed events than this are on their way to listeners, people who talk have to wait."""

MOST_UNDELIVERED_BYTES = 262_144
"""The same for what they hold: as much as a reader may have waiting (limits.sendq), so that many long lines
are not too much for somebody who reads.
"""

MANY_COME_AND_GO = 300
"""While more events than this are on their way that give or take a name, those who come and go have to wait: whatever
somebody says meanwhile is heard behind them.
"""

COMMIT_SECONDS = 0.01
"""How long a question about history waits until what was said before it has been committed."""

CATCH_UP_SECONDS = 2.0
"""How long somebody who comes back waits at most until this server's history has what the others have sent."""

QUEUE_SECONDS = 10.0
"""How long somebody who talks waits for a slow disk (`history.queue` events uncommitted) before they are told."""

_NAMING = frozenset({Arrived, Renamed, Departed})


class _Naming(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An event that gives or takes a name, as long as it is on its way: names as `compared` makes them, or none."""

    user: int
    before: str
    after: str

    def owner(self, name: str) -> int:
        """Return whose one of these names is after this event; 0: nobody's."""
        return self.user if name == self.after else 0


class Hub:
    """The users and rooms of the chat, and the way for events to reach them."""

    def __init__(
        self,
        journal: Journal,
        state: State | None = None,
        queue: int = 10_000,
        history: History | None = None,
        motd: Sequence[str] = (),
    ) -> None:
        """Make a hub around a state: that of a chat in which nobody is yet, unless another is given.

        `queue` is the setting `history.queue`; `motd` is the lines of the file `server.motd`. Without `history`, nobody
        can look back.
        """
        self.state = state or State()
        self.node = journal.incarnation
        """This run of the server: no other run, nor another machine's, ever has the same."""
        self.history = history
        self.motd = motd
        self.started_at = time.monotonic()
        self._namings: deque[_Naming] = deque()  # on their way, in order
        self._by_name: dict[str, _Naming] = {}  # the last one of each name,
        self._by_user: dict[int, _Naming] = {}  # and of each user who will have a name after it
        self._came = 0  # how many people have come in here
        self._claims: dict[
            int, gevent.event.AsyncResult[Refusal | None]
        ] = {}  # by user: what comes of the name that they claimed
        self.on_snapshot_asked: Callable[[Callable[[], None]], None] = lambda _: None
        """Called when the state is as another node has asked for it, with a function to call now and then, which may
        switch. Nothing is folded until it returns.
        """
        self.figures: Callable[[], Figures | None] = lambda: None
        """How this node keeps up with the others; None: it is the only one."""
        self._sizes: deque[int] = deque()  # of the events that were broadcast and not delivered yet, in order
        self._held = 0  # the sum of these
        self._talkers: deque[gevent.event.Event] = deque()  # people who wait to talk, who came first is first
        self._journal = journal
        self._queue = queue
        self.closed = False
        """Whether nothing new is taken, because the server is shutting down."""

    @property
    def users(self) -> dict[str, User]:
        """Who is here, by compared name."""
        return self.state.names

    @property
    def rooms(self) -> dict[str, Room]:
        """Which rooms there are, by compared name."""
        return self.state.rooms

    def broadcast(self, event: Event) -> None:
        """Send an event to everybody it concerns. Returns at once; they hear it once the journal has committed it."""
        self._sizes.append(size(event))
        self._held += self._sizes[-1]
        if event.origin is None:  # it is of no session, but of this node
            event = msgspec.structs.replace(event, origin=Origin(self.node, 0))
        if type(event) in _NAMING:
            self._note_names(event)
        self._journal.append(event)

    # Names.

    def new_user(self) -> int:
        """Return an id for somebody who comes in."""
        self._came += 1
        return user_id(self.node, self._came)

    @property
    def shared(self) -> bool:
        """Whether other nodes share the stream, so that somebody there may be faster."""
        return self._journal.shared

    def claim(self, name: Name, user: int) -> None:
        """Make sure that a user can change their name. Switches where other nodes have a say in it.

        Broadcast `Renamed` at once after that. Raises Refused if the name is taken.
        """
        self.check_name(name, user)
        if self.shared:
            self._claim_from_others(name, user)

    def check_name(self, name: Name, user: int = 0) -> None:
        """Raise Refused if a name is taken by anybody but this user, as far as is known here.

        One that is being given up is free.
        """
        naming = self._by_name.get(name.compared)
        if naming is not None:
            owner = naming.owner(name.compared)
        else:
            other = self.users.get(name.compared)
            owner = other.id if other is not None else 0
        if owner not in (0, user):
            raise Refused(NameTaken(name.shown))

    def why_not(self, name: Name) -> Refusal:
        """Return why somebody could not come in under a name."""
        if self.closed:
            return ShuttingDown()
        return NameTaken(name.shown) if name.compared in self.users else OthersOutOfReach()

    def _claim_from_others(self, name: Name, user: int) -> None:
        """Claim a name: whoever is first in the stream has it. Switches. Raises Refused."""
        if self.closed:
            raise Refused(ShuttingDown())
        result = self._claims[user] = gevent.event.AsyncResult()
        self.broadcast(Claimed(user=user, name=name.shown))
        refusal: Refusal | None = result.get()
        if refusal is not None:
            raise Refused(refusal)

    def happened(self, outcome: Outcome, pause: Callable[[], None]) -> None:
        """Note what concerns this node, and no session: what came of a claim, or that a node asks for the state.

        Calls `pause` now and then, which may switch.
        """
        event = outcome.event
        if isinstance(event, (Claimed, NotSent)):
            result = self._claims.pop(event.user, None) if isinstance(event, Claimed) or event.of == "claimed" else None
            if result is not None:
                result.set(outcome.refusal if isinstance(event, Claimed) else OthersOutOfReach())
        elif isinstance(event, SnapshotAsked) and self.state.giver(event.node, event.attempt) == self.node:
            self.on_snapshot_asked(pause)

    def _note_names(self, event: Event) -> None:
        """Note who will have which name once this event has been folded."""
        before = after = ""
        if not isinstance(event, Arrived):  # they had a name before
            last = self._by_user.get(event.user)
            user = self.state.users.get(event.user)
            before = last.after if last is not None else user.name.compared if user is not None else ""
        if not isinstance(event, Departed):
            after = compared(event.to if isinstance(event, Renamed) else event.name)
        naming = _Naming(event.user, before, after)
        self._namings.append(naming)
        if before:
            self._by_name[before] = naming
        if after:
            self._by_name[after] = self._by_user[event.user] = naming

    def _forget_names(self, user: int) -> None:
        """Forget what only the first event of a user on its way says: it has been folded, or could not be."""
        naming = self._namings[0]
        if naming.user == user:  # mostly
            self._namings.popleft()
        else:
            naming = next(one for one in self._namings if one.user == user)
            self._namings.remove(naming)
        for name in (naming.before, naming.after):
            if self._by_name.get(name) is naming:
                del self._by_name[name]
        if self._by_user.get(user) is naming:
            del self._by_user[user]

    # Rooms that are not in memory.

    def recall(self, name: Name) -> Restored | None:
        """Look for a room in history. Returns the event that brings it back; None if it is in memory, or nowhere.

        Switches. Raises Refused if history cannot be read.
        """
        if name.compared in self.rooms or self.history is None:
            return None
        found = self.history.room(name.compared, self.state.bounds.replay)
        return None if found is None else restored(*found)

    # Waiting.

    def wait_to_talk(self) -> None:
        """Wait while too much is undelivered, so that nobody talks faster than everybody can hear.

        Who came first goes on first, so among many who talk without pause nobody is forgotten. Blocks the talker's
        greenlet, so that TCP holds the talker back in the end. Raises Refused if the disk has not kept up for
        QUEUE_SECONDS, and if the server is shutting down.
        """
        if self._talkers or not self._has_room():
            turn = gevent.event.Event()
            self._talkers.append(turn)
            try:
                self._wait_in_line(turn)
            finally:
                self._talkers.remove(turn)
                self._let_next_talk()
        if self.closed:
            raise Refused(ShuttingDown())

    def _wait_in_line(self, turn: gevent.event.Event) -> None:
        until = time.monotonic() + QUEUE_SECONDS
        while not (self.closed or (self._talkers[0] is turn and self._has_room())):
            turn.clear()
            if not turn.wait(until - time.monotonic()) and not self.closed:
                if self._is_disk_behind():
                    raise Refused(DiskBehind())
                until = time.monotonic() + QUEUE_SECONDS

    def _let_next_talk(self) -> None:
        if self._talkers and self._has_room():
            self._talkers[0].set()

    def _has_room(self) -> bool:
        uncommitted = self._journal.uncommitted
        if uncommitted >= self._queue or self._held > MOST_UNDELIVERED_BYTES:
            return False
        return len(self._sizes) - uncommitted <= MOST_UNDELIVERED

    def _is_disk_behind(self) -> bool:
        """Whether there is no room because of what has yet to be committed."""
        uncommitted = self._journal.uncommitted
        held = sum(islice(reversed(self._sizes), uncommitted))
        return uncommitted >= self._queue or held > MOST_UNDELIVERED_BYTES / 2

    @property
    def undelivered(self) -> int:
        """How many events were broadcast here and have not been delivered yet."""
        return len(self._sizes)

    def many_come_and_go(self) -> bool:
        """Whether so many do that others should wait who want to."""
        return len(self._namings) > MANY_COME_AND_GO

    def wait_for_history(self) -> None:
        """Wait up to COMMIT_SECONDS until what was said so far is in the history, so that it can be found. Switches."""
        until = time.monotonic() + COMMIT_SECONDS
        while (self._journal.uncommitted or self._journal.unstored) and time.monotonic() < until:
            gevent.sleep(COMMIT_SECONDS / 20)

    def catch_up(self) -> None:
        """Wait up to CATCH_UP_SECONDS until history has all that has been heard so far. Switches, in a cluster.

        (Where one server is alone, nobody hears of anything before it is in the history.)
        """
        until = time.monotonic() + CATCH_UP_SECONDS
        while self._journal.unstored and time.monotonic() < until:
            gevent.sleep(COMMIT_SECONDS / 20)

    def delivered(self, events: Sequence[Event]) -> None:
        """Note that events which this hub broadcast have been delivered."""
        for _ in events:  # what was broadcast first is delivered first, or stands for that
            self._held -= self._sizes.popleft()
        if self._namings:
            for event in events:
                if type(event) in _NAMING or (isinstance(event, NotSent) and event.of == "arrived"):
                    self._forget_names(event.user)
        self._let_next_talk()

    def close(self) -> None:
        """Refuse anything new. What was said before is still delivered."""
        self.closed = True
        for turn in self._talkers:
            turn.set()
        while self._claims:
            self._claims.popitem()[1].set(ShuttingDown())
        self._journal.close()


def restored(name: str, events: Iterable[Event]) -> Restored:
    """Make the event that brings a room back, out of what history has of it."""
    topic = key = ""
    lines = []
    for event in events:
        match event:
            case Said():
                lines.append(event)
            case TopicSet():
                topic = event.topic
            case MadePrivate():
                key = event.key
    return Restored(room=name, topic=topic, key=key, lines=tuple(lines))
