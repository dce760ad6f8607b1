"""Who is here, and what happens between them. Knows no sockets and no bytes.

The shared dict of users is `Hub.users`. `Hub.broadcast` is the helper that everything said goes through:

    hub.broadcast(Said(room="lobby", name="Bob", text="Hello Alice!"))

It puts the event into the journal; what comes out of the journal changes the rooms (folding.py) and goes to the people
in them (fanout.py).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import gevent
import gevent.event

from .chat.events import Departed, Event, Joined, Renamed, Vanished
from .chat.rooms import LOBBY, Room
from .delivery.pace import Pace
from .errors import UserError
from .text.names import WORD, compared

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .journal import History, Journal
    from .session import Session
    from .text.names import Name


MOST_UNDELIVERED = 2000
"""Once more committed events than this are on their way to listeners, people who talk have to wait."""

SETTLE_SECONDS = 0.01
"""How long a question about history waits for a commit that is under way."""

QUEUE_SECONDS = 10.0
"""How long somebody who talks waits for a slow disk (`history.queue` events uncommitted) before they are told."""


NOBODY: dict[str | User, str] = {}
"""What most people's `User.ignoring` is: an empty dict that all share, never written to.

A user's own dict maps whom they ignore (a compared name, or a person) to the name as they typed it.
"""


class User:
    """Somebody who is here and has a name. Rooms hold users, bytes go to sessions; today a user has one session."""

    __slots__ = ("__weakref__", "active_at", "away", "ignoring", "name", "rooms", "sessions", "since")

    def __init__(self, name: Name, session: Session) -> None:
        self.name = name
        self.rooms: tuple[Room, ...] = ()
        self.sessions: tuple[Session, ...] = (session,)
        self.since = time.monotonic()
        self.active_at = time.monotonic()  # when they last typed something
        self.away: str | None = None  # why they are away (may be empty); None: they are here
        self.ignoring = NOBODY

    @property
    def number(self) -> int:
        """The number of their session; 0 when they have left."""
        return self.sessions[0].number if self.sessions else 0

    def __str__(self) -> str:
        return self.name.shown


class Hub:
    """The users, the rooms, and the sessions that are connected, named or not yet."""

    def __init__(
        self,
        journal: Journal,
        announce_up_to: int,
        queue: int = 10_000,
        replay: int = 0,
        history: History | None = None,
        most_rooms: int = 10_000,
        motd: Sequence[str] = (),
    ) -> None:
        """Make a hub that nobody is in yet.

        `announce_up_to`, `queue`, `replay` and `most_rooms` are the settings `rooms.announce_up_to`, `history.queue`,
        `history.replay` and `rooms.most`; `motd` is the lines of the file `server.motd`. Without `history`, nobody can
        look back.
        """
        self.users: dict[str, User] = {}
        self.rooms: dict[str, Room] = {}
        self.sessions: dict[int, Session] = {}
        self.ignorers: dict[str | User, set[User]] = {}
        """Who ignores whom: the users that ignore a compared name, or a person."""
        self.announce_up_to = announce_up_to
        self.history = history
        self.motd = motd
        self.started_at = time.monotonic()
        self.pace = Pace()
        self._undelivered = 0
        self._caught_up = gevent.event.Event()
        self._journal = journal
        self._most_rooms = most_rooms
        self._queue = queue
        self._replay = replay
        self._closed = False
        self._last_session = 0
        self.lobby = self.make_room(LOBBY)

    def number(self, session: Session) -> int:
        """Register a new session and return its number, which is never used again."""
        self._last_session += 1
        self.sessions[self._last_session] = session
        return self._last_session

    def broadcast(self, event: Event) -> None:
        """Send an event to everybody it concerns. Returns at once; they hear it once the journal has committed it."""
        self._undelivered += 1
        if event.origin:
            self.sessions[event.origin].unheard += 1
        self._journal.append(event)

    # Finding somebody, or a room.

    def make_room(self, name: str) -> Room:
        """Add an empty room."""
        room = self.rooms[compared(name)] = Room(name, self._replay)
        return room

    def room(self, name: str) -> Room | None:
        """Give the room that an event names, if there is one."""
        return self.rooms.get(compared(name))

    @property
    def is_full(self) -> bool:
        """Whether there are as many rooms as there may be, and none of them is empty."""
        return len(self.rooms) >= self._most_rooms and self._empty_room() is None

    def forget_if_crowded(self) -> None:
        """If there are too many rooms, forget an empty one. History still has it if anything was said in it."""
        room = self._empty_room() if len(self.rooms) >= self._most_rooms else None
        if room is not None:
            del self.rooms[compared(room.name)]
            if not room.spoken:  # a private one: the next room of that name must not inherit its key
                self.broadcast(Vanished(room=room.name, name=""))

    def _empty_room(self) -> Room | None:
        empty = (room for room in self.rooms.values() if not room.members and room is not self.lobby)
        return next(empty, None)

    def recall_room(self, name: str) -> Room | None:
        """Return the room with this compared name, if need be restored from history, which switches."""
        if name not in self.rooms and self.history is not None:
            found = self.history.room(name, self._replay)
            if found is not None:
                self.restore_room(*found)
        return self.rooms.get(name)

    def restore_room(self, name: str, events: Iterable[Event]) -> None:
        """Add a room as its events in history describe it, unless it is there already (the lobby always is)."""
        if compared(name) not in self.rooms:
            self.forget_if_crowded()
            self.make_room(name)
        elif name != LOBBY:
            return
        room = self.rooms[compared(name)]
        room.spoken = True
        for event in events:
            room.restore(event)

    def named_in(self, text: str) -> Sequence[User]:
        """Return the users whom a text names (2 us for ten words)."""
        words = WORD.findall(text.lower())  # as names are compared (names.py)
        return [self.users[word] for word in self.users.keys() & words]

    # Waiting.

    def wait_to_talk(self) -> None:
        """Wait while too much is undelivered, so that nobody talks faster than everybody can hear.

        Blocks the talker's greenlet, so that TCP holds the talker back in the end. Raises UserError if the disk has not
        kept up for QUEUE_SECONDS, and if the server is shutting down.
        """
        until = time.monotonic() + QUEUE_SECONDS
        while not self._closed:
            uncommitted = self._journal.uncommitted
            if uncommitted >= self._queue:
                if time.monotonic() >= until:
                    raise UserError("Not sent: the server's disk cannot keep up. Try again later.")
                timeout = until - time.monotonic()
            elif self._undelivered - uncommitted > MOST_UNDELIVERED:
                timeout = None
            else:
                return
            self._caught_up.clear()
            self._caught_up.wait(timeout)
        raise UserError("Not sent: the server is shutting down.")

    def settle(self) -> None:
        """Wait up to SETTLE_SECONDS until what was said so far is in the history, so that it can be found. Switches."""
        until = time.monotonic() + SETTLE_SECONDS
        while self._journal.uncommitted and time.monotonic() < until:
            gevent.sleep(SETTLE_SECONDS / 20)

    def wait_for(self, session: Session, seconds: float | None = None) -> bool:
        """Wait until everything that a session did so far has taken effect. Returns whether it has. Switches.

        It has not if `seconds` were not enough, or if the server is shutting down. Whether the connection still works
        makes no difference.
        """
        if session.unheard and not self._closed:
            session.heard = session.heard or gevent.event.Event()
            session.heard.wait(seconds)
        return not session.unheard

    def delivered(self, events: Sequence[Event]) -> None:
        """Note that events have been delivered."""
        self._undelivered -= len(events)
        for event in events:
            session = self.sessions.get(event.origin)
            if session is not None:
                session.unheard -= 1
                if not session.unheard:
                    session.all_heard()
        if self._undelivered - self._journal.uncommitted <= MOST_UNDELIVERED:
            self._caught_up.set()

    def close(self) -> None:
        """Refuse anything new. What was said before is still delivered."""
        self._closed = True
        self._caught_up.set()
        for session in self.sessions.values():
            session.all_heard()
        self._journal.close()

    # Coming and going.

    def claim(self, name: Name, session: Session) -> None:
        """Give a new session a name and put it into the lobby. May switch.

        Raises UserError if the name is taken.
        """
        self._check_free(name)
        session.user = self.users[name.compared] = User(name, session)
        session.room = self.lobby
        self.broadcast(Joined(room=self.lobby.name, name=name.shown, origin=session.number))

    def rename(self, user: User, name: Name, session: Session) -> None:
        """Change a user's name; the old one is free at once. May switch.

        Raises UserError if the name is taken.
        """
        if name == user.name:
            return
        if self.users.get(name.compared) is not user:
            self._check_free(name)
        old, user.name = user.name, name
        del self.users[old.compared]
        self.users[name.compared] = user
        self.broadcast(Renamed(name=old.shown, to=name.shown, origin=session.number))

    def depart(self, session: Session, words: str = "") -> None:
        """Remove a session that has ended. If it had a name, the name is free at once.

        A named session stays registered until its `Departed` is delivered, so that what it said before still reaches
        people.
        """
        user = session.user
        if user is None:
            del self.sessions[session.number]
        else:
            del self.users[user.name.compared]
            self.broadcast(Departed(name=user.name.shown, words=words, origin=session.number))

    def _check_free(self, name: Name) -> None:
        if name.compared in self.users:
            raise UserError(f"That username is taken: {name.shown}.")
