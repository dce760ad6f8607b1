"""Who is here, and what happens between them. Knows no sockets and no bytes.

The shared dict of users is `Hub.users`. `Hub.broadcast` is the helper that everything said goes through:

    hub.broadcast(Said(room="lobby", name="Bob", text="Hello Alice!"))

It puts the event into the journal; what comes out of the journal changes the rooms here (`Hub.fold`) and goes to the
people in them (`fanout.py`).
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import gevent
import gevent.event

from .errors import UserError
from .events import Event, Joined, Left, Renamed
from .pace import Pace
from .rooms import LOBBY, Room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .journal import History, Journal
    from .names import Name
    from .session import Session


_WORDS = re.compile(r"[^\s,:;.!?()<>\"'/\\]+")

MOST_UNDELIVERED = 2000
"""Committed events on their way to their listeners; past them, those who talk wait for their turn."""

SETTLE_SECONDS = 0.01
"""How long a question about history waits for what is being committed."""

QUEUE_SECONDS = 10.0
"""How long somebody who talks waits while `history.queue` events are to be committed; then they are told."""


class User:
    """Somebody present, by name. Today a user has one session; rooms hold users, bytes go to sessions."""

    __slots__ = ("name", "rooms", "sessions")

    def __init__(self, name: Name, session: Session) -> None:
        self.name = name
        self.rooms: tuple[Room, ...] = ()
        self.sessions: tuple[Session, ...] = (session,)

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
    ) -> None:
        """Make a hub without anybody.

        `announce_up_to`, `queue` and `replay` are the settings of that name; without `history` nobody can look back.
        """
        self.users: dict[str, User] = {}
        self.rooms: dict[str, Room] = {LOBBY: Room(LOBBY, replay)}
        self.sessions: dict[int, Session] = {}
        self.history = history
        self.pace = Pace()
        self._undelivered = 0
        self._caught_up = gevent.event.Event()
        self._journal = journal
        self._announce_up_to = announce_up_to
        self._queue = queue
        self._closed = False
        self._last_session = 0

    def number(self, session: Session) -> int:
        """Register a session that connected; give it its number, which is never used again."""
        self._last_session += 1
        self.sessions[self._last_session] = session
        return self._last_session

    def broadcast(self, event: Event) -> None:
        """Let the people in the event's room know. Returns at once; they hear it when the journal has it."""
        self._undelivered += 1
        self._journal.append(event)

    def named_in(self, text: str) -> Sequence[User]:
        """Give the users whose name is among the words of a text (2 us for ten words)."""
        words = _WORDS.findall(text.lower())  # as names are compared (names.py)
        return [self.users[word] for word in self.users.keys() & words]

    def wait_to_talk(self) -> None:
        """Wait while too much that was said is still to be delivered: so nobody talks faster than all can hear.

        Blocks the greenlet of one who talks, and through their connection, at last, them. Raises UserError when it is
        the disk that does not keep up, after QUEUE_SECONDS, and when the server is closing down.
        """
        until = time.monotonic() + QUEUE_SECONDS
        while not self._closed:
            uncommitted = self._journal.uncommitted
            if uncommitted >= self._queue:
                if time.monotonic() >= until:
                    raise UserError("Not sent: the disk does not keep up with what is said. Try again later.")
                timeout = until - time.monotonic()
            elif self._undelivered - uncommitted > MOST_UNDELIVERED:
                timeout = None
            else:
                return
            self._caught_up.clear()
            self._caught_up.wait(timeout)
        raise UserError("Not sent: the server is closing down.")

    def settle(self) -> None:
        """Let what was said so far become history, for SETTLE_SECONDS at most: so one who asks finds it. Switches."""
        until = time.monotonic() + SETTLE_SECONDS
        while self._journal.uncommitted and time.monotonic() < until:
            gevent.sleep(SETTLE_SECONDS / 20)

    def delivered(self, count: int) -> None:
        """Note that so many events have been delivered."""
        self._undelivered -= count
        if self._undelivered - self._journal.uncommitted <= MOST_UNDELIVERED:
            self._caught_up.set()

    def close(self) -> None:
        """Take nothing more: what was said before is still delivered."""
        self._closed = True
        self._caught_up.set()
        self._journal.close()

    def claim(self, name: Name, session: Session) -> None:
        """Make a session somebody: the name is theirs from now on, and they enter the lobby. May switch.

        Raises UserError if somebody has the name.
        """
        self._check_free(name)
        session.user = self.users[name.compared] = User(name, session)
        self.broadcast(Joined(room=LOBBY, name=name.shown, origin=session.number))

    def rename(self, user: User, name: Name, session: Session) -> None:
        """Give somebody another name, if it is free; the old one is free at once. May switch.

        Raises UserError if somebody else has it.
        """
        if name == user.name:
            return
        if self.users.get(name.compared) is not user:
            self._check_free(name)
        old, user.name = user.name, name
        del self.users[old.compared]
        self.users[name.compared] = user
        self.broadcast(Renamed(room=LOBBY, name=old.shown, to=name.shown, origin=session.number))

    def depart(self, session: Session, words: str = "") -> None:
        """Take leave of a session that has ended. If it had become somebody, they leave, and the name is free at once.

        It stays registered until its `Left` is delivered, so that what was said before still finds its people.
        """
        user = session.user
        if user is None:
            del self.sessions[session.number]
        else:
            del self.users[user.name.compared]
            self.broadcast(Left(room=LOBBY, name=user.name.shown, words=words, origin=session.number))

    def fold(self, event: Event) -> bool:
        """Change the event's room as the event says, and tell whether its people are to hear of it.

        Called for each event that comes out of the journal, in order. Comings, goings and new names are announced in
        rooms of at most `rooms.announce_up_to` people, whoever comes or goes included.
        """
        room = self.rooms[event.room]
        if event.kept:
            room.remember(event)
        session = self.sessions.get(event.origin)
        user = session.user if session is not None else None
        if isinstance(event, Joined) and user is not None:
            room.enter(user)
        announced = len(room.members) <= self._announce_up_to or not isinstance(event, (Joined, Left, Renamed))
        if isinstance(event, Left) and user is not None:
            room.leave(user)
            user.sessions = ()  # the session knows its user: leave no cycle behind
            del self.sessions[event.origin]
        return announced

    def _check_free(self, name: Name) -> None:
        if name.compared in self.users:
            raise UserError(f"That username is taken: {name.shown}.")
