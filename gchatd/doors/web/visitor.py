"""Somebody who is here without a name, over HTTP: who follows a room, or says a line in passing."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import gevent
import gevent.event
import msgspec

from ...chat.answers import NoHistory, NoSuchRoom, RoomIsPrivate
from ...chat.events import Origin, Said
from ...errors import Refused
from ...text.names import parse_room

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...chat.events import Event
    from ...chat.folding import Outcome
    from ...chat.state import Room, User
    from ...delivery.outbox import Outbox
    from ...delivery.sessions import Sessions
    from ...hub import Hub
    from ...text.names import Name
    from .formats import Followed

LAST_SECONDS = 5.0
"""How long somebody who is shut out may take to read what was said before."""

_PAGE = 200  # lines of the past that are read at a time


class Visitor:
    """A connection without a user: see `delivery.listener.Listener`."""

    door = "http"
    user: User | None = None
    told_by: tuple[int, str] | None = None

    def __init__(self, hub: Hub, sessions: Sessions, outbox: Outbox, format: Followed) -> None:
        self.format = format
        self.outbox = outbox
        self.unheard = 0
        self.came_at = self.active_at = time.monotonic()
        self._hub = hub
        self._sessions = sessions
        self._heard = gevent.event.Event()
        self._key = ""  # that it gave
        self.hears = False
        """Whether it follows a room, and the response has begun."""
        self._room: Room | None = None  # that it follows
        self._entered = gevent.event.Event()  # set once it has been sent what it was to hear first
        self._newest = 0  # the id of the newest line when it began to
        self.id = outbox.session = sessions.add(self)
        sessions.has_name(self)  # or never will

    def format_in(self, room: str) -> Followed:
        return self.format

    def happened(self, outcome: Outcome) -> None: ...

    def owes(self, owed: tuple[float, float, float]) -> None: ...

    def wait_no_more(self) -> None:
        self._heard.set()

    def last_words(self, room: Room) -> bytes:
        return self.format.ended(room.name)

    def go(self) -> None:
        self._room = None
        gevent.spawn_raw(self._go)  # ours; ends when the client has read the rest, or too slowly

    def _go(self) -> None:
        self._entered.wait(LAST_SECONDS)
        self.outbox.flush(LAST_SECONDS)
        with contextlib.suppress(OSError):
            self.outbox.transport.end_sending()

    def leave(self) -> None:
        """Be gone."""
        self.outbox.display_with(None)
        if self._room is not None:
            self._sessions.leave(self, self._room)
        self._sessions.remove(self)

    def find_room(self, name: str, key: str) -> Room:
        """Find a room, in history if need be, that is open to everybody, or whose key this is. Switches.

        Raises Refused.
        """
        parsed = parse_room(name)
        found = self._hub.recall(parsed)
        if found is not None:
            self._broadcast(found)
            self._wait()
        room = self._hub.rooms.get(parsed.compared)
        if room is None:
            raise Refused(NoSuchRoom(parsed.shown))
        self._key = key
        if room.private and key != room.key:
            raise Refused(RoomIsPrivate(room.name, wrong_key=True) if key else NoSuchRoom(parsed.shown))
        return room

    def _is_open(self, room: Room) -> bool:
        """Whether a room that was found is still there, and open to whoever has the key that was given."""
        return self._hub.state.room(room.name) is room and (not room.private or self._key == room.key)

    # Saying a line.

    def say(self, room: Room, name: Name, text: str) -> bytes:
        """Say a line. Returns nothing; or, if it was not said, why: see `formats.Receipts`. Switches.

        Raises Refused.
        """
        self._hub.check_name(name)
        self._hub.wait_to_talk()
        if not self._is_open(room):
            raise Refused(NoSuchRoom(room.name))
        trouble: list[bytes] = []
        self.outbox.display_with(lambda data: trouble.append(data) or b"")  # type: ignore[func-returns-value]
        self._broadcast(Said(room=room.name, name=name.shown, text=text, with_key=room.private))
        self._wait()
        if self.unheard:
            return b"503 The server is shutting down: whether that was kept is not known."
        return b"".join(trouble)

    def _broadcast(self, event: Event) -> None:
        self.unheard += 1
        self._hub.broadcast(msgspec.structs.replace(event, origin=Origin(self._hub.node, self.id)))

    def _wait(self) -> None:
        """Wait until what was broadcast has taken effect; not for ever, once the server is shutting down."""
        until = float("inf")
        while self.unheard and time.monotonic() < until:
            self._heard.clear()
            self._heard.wait(LAST_SECONDS if self._hub.closed else None)
            if self._hub.closed:
                until = min(until, time.monotonic() + LAST_SECONDS)

    # Following a room.

    def follow(self, room: Room, since: int | None, most: int, begin: Callable[[], None]) -> None:
        """Hear what happens in a room: first, if `since` is an id, what was said after that, without a gap.

        Calls `begin` before anything is sent. Switches until the past has been read by the client, who is given up if
        more than `most` bytes come meanwhile. Raises Refused.
        """
        if since is not None and self._hub.history is None:
            raise Refused(NoHistory())
        held: list[bytes] = []
        left = most

        def hold(data: bytes) -> bytes:
            nonlocal left
            held.append(data)
            left -= len(data)
            if left < 0:
                self.outbox.close_slow("the past is read too slowly (limits.sendq)")
            return b""

        self.outbox.display_with(hold)
        self._enter(room)
        newest = self._newest
        first = self._past(room, since, newest)
        self.hears = True
        begin()
        while first is not None:
            data, last, more = first
            self.outbox.put(data)
            self.outbox.flush()
            first = self._past(room, last, newest) if more and not self.outbox.failed else None
        self.outbox.display_with(None)
        for data in held:
            self.outbox.put(data)
        self._entered.set()

    def _enter(self, room: Room) -> None:
        """Listen to a room that is still open, from between two turns of fan-out on. Switches. Raises Refused.

        In the middle of one, what has been folded would come from history and be sent as well.
        """
        entered = gevent.event.Event()

        def enter() -> None:
            if self._is_open(room):
                self._room, self._newest = room, self._hub.state.newest
                self._sessions.enter(self, room)
                self._sessions.visitors[self] = room
            entered.set()

        self._sessions.between_turns(enter)
        entered.wait()
        if self._room is None:
            raise Refused(NoSuchRoom(room.name))

    def _past(self, room: Room, since: int | None, newest: int) -> tuple[bytes, int, bool] | None:
        """Return lines after an id, the last id among them, and whether there are more up to `newest`. Switches."""
        if since is None or self._hub.history is None:
            return None
        self._hub.catch_up()
        page = self._hub.history.after_line(room.name, _PAGE, since)
        lines: list[Any] = [line for line in page.lines if line.id <= newest]
        if not lines:
            return None
        return b"".join(map(self.format.render, lines)), lines[-1].id, page.more and len(lines) == len(page.lines)
