"""The sessions of this process: by id, by user, and by the rooms that they listen to. Knows no sockets and no bytes.

Delivery sees each as a `Listener`; the `Listeners` of audience.py are a group of them that read the same format.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..limits.repeats import Repeats
from .audience import Audience
from .pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..chat.events import Event
    from ..chat.state import Room, User
    from ..limits.flood import Flood
    from .listener import Listener, Visitor


class Sessions:
    """Who is connected here. `node` is this run of the server, as events name it in their origin."""

    def __init__(self, node: int, flood: Flood | None = None) -> None:
        self.node = node
        self.flood = flood
        """How fast each may ask for things; None: as fast as they like."""
        self.repeats = Repeats()
        """What those log who never had a name."""
        self.nameless: dict[Listener, float] = {}
        """Those who have no name yet, and when each came (monotonic), in that order."""
        self.by_id: dict[int, Listener] = {}
        self.audiences: dict[Room, Audience] = {}
        """Who listens to a room, if anybody here does."""
        self.visitors: dict[Visitor, Room] = {}
        """Who listens to a room without being in it, over HTTP."""
        self._delivering = False  # whether some of what was folded has yet to be sent
        self._after_turn: list[Callable[[], None]] = []
        self.pace = Pace()
        """What the clients' greenlets share."""
        self.arrivals = 0
        """How many have come in so far."""
        self.requests = 0
        """How many requests were handled so far."""
        self._by_user: dict[int, Listener | tuple[Listener, ...]] = {}  # mostly one, without 56 bytes of a tuple
        self._last = 0

    def add(self, session: Listener) -> int:
        """Add a session of somebody who has not come in yet; return its id."""
        self._last += 1
        self.by_id[self._last] = session
        self.nameless[session] = time.monotonic()
        return self._last

    def limit(self, flood: Flood | None) -> None:
        """Let everybody ask for things this fast from now on.

        If that is another limit, what they owe is forgiven: it would take as long as by the old one.
        """
        if flood != self.flood:
            self.flood = flood
            for session in self.by_id.values():
                session.owes((0.0, 0.0, 0.0))

    def has_name(self, session: Listener) -> None:
        """Note that a session has a name."""
        self.nameless.pop(session, None)

    def arrive(self, session: Listener, user: User) -> None:
        """Note that a session speaks for a user, who has come in."""
        session.user = user
        self.arrivals += 1
        self.has_name(session)
        others = self.of(user.id)
        self._by_user[user.id] = (*others, session) if others else session

    def remove(self, session: Listener) -> None:
        """Remove a session; does nothing for one that was removed before."""
        self.has_name(session)
        if self.by_id.pop(session.id, None) is None or session.user is None:
            return
        for room in session.user.rooms:
            self.leave(session, room)
        others = tuple(one for one in self.of(session.user.id) if one is not session)
        if others:
            self._by_user[session.user.id] = others
        else:
            self._by_user.pop(session.user.id, None)

    def of(self, user: int) -> Sequence[Listener]:
        """Return the sessions of a user, by their id, that are connected here."""
        found = self._by_user.get(user, ())
        return found if isinstance(found, tuple) else (found,)

    def origin(self, event: Event) -> Listener | None:
        """Return the session that caused an event, if it is connected here."""
        origin = event.origin
        return self.by_id.get(origin.session) if origin is not None and origin.node == self.node else None

    def enter(self, session: Listener, room: Room) -> None:
        """Add a session to a room's listeners."""
        audience = self.audiences.get(room)
        if audience is None:
            audience = self.audiences[room] = Audience()
        audience.add(session, room.name)

    def begin_turn(self) -> None:
        """Note that fan-out begins to fold what it will send."""
        self._delivering = True

    def end_turn(self) -> list[Callable[[], None]]:
        """Note that fan-out has sent all of what it folded. Returns what waits for that, to be called."""
        self._delivering = False
        waiting, self._after_turn = self._after_turn, []
        return waiting

    def between_turns(self, call: Callable[[], None]) -> None:
        """Call a function, which does not switch, while all that was folded has been sent: now, or after this turn.

        Whoever listens from then on hears just what is folded from then on.
        """
        if self._delivering:
            self._after_turn.append(call)
        else:
            call()

    def visitors_of(self, is_closed: Callable[[Room], bool]) -> list[tuple[Visitor, Room]]:
        """Return the visitors of rooms that are closed to them, each with the room."""
        closed = {room for room in set(self.visitors.values()) if is_closed(room)}  # 18,000 visitors are in few rooms
        return [(visitor, room) for visitor, room in self.visitors.items() if room in closed] if closed else []

    def leave(self, session: Listener, room: Room) -> None:
        """Remove a session from a room's listeners; does nothing if it is not among them."""
        if self.visitors:
            self.visitors.pop(session, None)  # type: ignore[call-overload]  # nearly always nobody
        audience = self.audiences.get(room)
        if audience is not None:
            audience.remove(session, room.name)
            if audience.is_empty:
                del self.audiences[room]

    def restyled(self, session: Listener) -> None:
        """Note that a session has changed the formats in which it reads its rooms. May be called at any time."""
        for room in session.user.rooms if session.user is not None else ():
            if room in self.audiences:
                self.audiences[room].restyled(session)

    def wait_no_more(self) -> None:
        """End all waiting for something to take effect: the server is shutting down."""
        for session in self.by_id.values():
            session.wait_no_more()
