"""The people of a room as fan-out sends to them: grouped by the format that they read. Knows sessions; no bytes.

People are added and removed one by one: with 18,000 in a room, of whom 900 leave each second while others come, making
the groups anew took a fifth of the server's time.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING

from .outbox import send_nowhere

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from ..chat.rooms import Room
    from ..session import Session
    from .formats import Format
    from .outbox import SlowReaders

    Send = Callable[[bytes], int]

_number = attrgetter("number")


class Listeners:
    """Those who read the same format, by the number of their sessions.

    Fan-out walks over the ways to them, not over sessions: what is touched for each listener is what a delivery costs,
    and 1,000 sessions do not fit into the cache beside what the kernel needs (4 % at one line a turn).
    """

    __slots__ = ("_changes", "_ways", "sessions")

    def __init__(self, sessions: Iterable[Session] = ()) -> None:
        self.sessions = sorted(sessions, key=_number)
        self._ways: list[Send] = []
        self._changes = -1  # `SlowReaders.changes` when the ways were right

    def ways(self, slow_readers: SlowReaders, but: Sequence[int] = ()) -> list[Send]:
        """Return each one's `Outbox.send`, in order; for the places `but`, one that sends nothing."""
        if slow_readers.changes != self._changes:
            changed = slow_readers.changed_since(self._changes) if self._changes >= 0 else None
            self._changes = slow_readers.changes
            if changed is None or len(changed) > len(self.sessions) // 8:
                self._ways = [session.outbox.send for session in self.sessions]
            else:
                for number in changed:
                    if (place := self.place(number)) is not None:
                        self._ways[place] = self.sessions[place].outbox.send
        if not but:
            return self._ways
        ways = self._ways.copy()
        for place in but:
            ways[place] = send_nowhere
        return ways

    def place(self, number: int) -> int | None:
        """The index of a session, by its number; None if it does not listen."""
        place = bisect_left(self.sessions, number, key=_number)
        return place if place < len(self.sessions) and self.sessions[place].number == number else None

    def places(self, numbers: Collection[int]) -> list[int]:
        """The indexes of those of these sessions that listen."""
        if len(self.sessions) < len(numbers):
            return [place for place, session in enumerate(self.sessions) if session.number in numbers]
        return [place for number in numbers if (place := self.place(number)) is not None]

    def add(self, session: Session) -> None:
        """Add a session."""
        last = not self.sessions or self.sessions[-1].number < session.number
        place = len(self.sessions) if last else bisect_left(self.sessions, session.number, key=_number)
        self.sessions.insert(place, session)
        if self._changes >= 0:
            self._ways.insert(place, session.outbox.send)

    def remove(self, session: Session) -> bool:
        """Remove a session. Returns whether it was there."""
        place = self.place(session.number)
        if place is None:
            return False
        del self.sessions[place]
        if self._changes >= 0:
            del self._ways[place]
        return True


class Audience:
    """A room's listeners, by format. Changes only while fan-out is not sending; `restyled` may be called at any time.

    Methods are passed the room, because keeping it here would make a reference cycle.
    """

    __slots__ = ("_groups", "_restyled")

    def __init__(self) -> None:
        self._groups: dict[Format, Listeners] = {}
        self._restyled: dict[Session, None] = {}  # sessions whose format has changed since they were grouped

    def add(self, session: Session, room: Room) -> None:
        """Add a session, under the format in which it reads this room."""
        format = session.format if session.room is room else session.format.elsewhere
        group = self._groups.get(format)
        if group is None:
            group = self._groups[format] = Listeners()
        group.add(session)

    def remove(self, session: Session) -> bool:
        """Remove a session. Returns whether it was there."""
        self._restyled.pop(session, None)
        for format in (session.format, session.format.elsewhere, *self._groups):  # mostly one of the first two
            group = self._groups.get(format)
            if group is not None and group.remove(session):
                if not group.sessions:
                    del self._groups[format]
                return True
        return False

    def regroup(self, session: Session, room: Room) -> None:
        """Move a session to the group of its format, if it listens."""
        if self.remove(session):
            self.add(session, room)

    def restyled(self, session: Session) -> None:
        """Note that a session's format has changed. May be called at any time."""
        self._restyled[session] = None

    def groups(self, room: Room) -> Mapping[Format, Listeners]:
        """Return the listeners by format."""
        while self._restyled:
            self.regroup(self._restyled.popitem()[0], room)
        return self._groups
