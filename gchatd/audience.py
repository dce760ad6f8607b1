"""The people of a room as fan-out sends to them: grouped by the format that they read. Knows sessions; no bytes.

Who comes and goes is put in and taken out one by one: with 18,000 in a room, of whom 900 leave each second and others
come, making the groups anew took a fifth of the server's time.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING

from .outbox import send_nowhere

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from .formats import Format
    from .outbox import SlowReaders
    from .rooms import Room
    from .session import Session

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
        """Give each one's `Outbox.send`, in order; nothing is sent to those in the places `but`."""
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
        """Where among the listeners a session stands, or None if it is none of them."""
        place = bisect_left(self.sessions, number, key=_number)
        return place if place < len(self.sessions) and self.sessions[place].number == number else None

    def places(self, numbers: Collection[int]) -> list[int]:
        """Give the places of those sessions that listen."""
        if len(self.sessions) < len(numbers):
            return [place for place, session in enumerate(self.sessions) if session.number in numbers]
        return [place for number in numbers if (place := self.place(number)) is not None]

    def add(self, session: Session) -> None:
        """Let a session listen too."""
        last = not self.sessions or self.sessions[-1].number < session.number
        place = len(self.sessions) if last else bisect_left(self.sessions, session.number, key=_number)
        self.sessions.insert(place, session)
        if self._changes >= 0:
            self._ways.insert(place, session.outbox.send)

    def remove(self, session: Session) -> bool:
        """Let a session listen no more; tell whether it did."""
        place = self.place(session.number)
        if place is None:
            return False
        del self.sessions[place]
        if self._changes >= 0:
            del self._ways[place]
        return True


class Audience:
    """A room's listeners. Only changed while fan-out sends nothing; who cannot wait for that: see `restyled`.

    It is told which room it is: knowing that would make a cycle of the two.
    """

    __slots__ = ("_groups", "_restyled")

    def __init__(self) -> None:
        self._groups: dict[Format, Listeners] = {}
        self._restyled: dict[Session, None] = {}  # who read another format when they were put into a group

    def add(self, session: Session, room: Room) -> None:
        """Let a session listen, in the format in which it reads this room."""
        format = session.format if session.room is room else session.format.elsewhere
        group = self._groups.get(format)
        if group is None:
            group = self._groups[format] = Listeners()
        group.add(session)

    def remove(self, session: Session) -> bool:
        """Let a session listen no more; tell whether it did."""
        self._restyled.pop(session, None)
        for format in (session.format, session.format.elsewhere, *self._groups):  # mostly one of the first two
            group = self._groups.get(format)
            if group is not None and group.remove(session):
                if not group.sessions:
                    del self._groups[format]
                return True
        return False

    def regroup(self, session: Session, room: Room) -> None:
        """Let a session listen in another format, if it listens."""
        if self.remove(session):
            self.add(session, room)

    def restyled(self, session: Session) -> None:
        """Note that a session reads another format from now on. May be called at any time."""
        self._restyled[session] = None

    def groups(self, room: Room) -> Mapping[Format, Listeners]:
        """Give the listeners by format."""
        while self._restyled:
            self.regroup(self._restyled.popitem()[0], room)
        return self._groups
