"""Who listens to a room, as fan-out sends to them: grouped by the format that they read. Knows sessions; no bytes.

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

    from .formats import Format
    from .listener import Listener
    from .outbox import SlowReaders

    Send = Callable[[bytes], int]

_id = attrgetter("id")


class Listeners:
    """Sessions that read the same format, by their ids.

    Fan-out walks over the ways to them, not over sessions: what is touched for each listener is what a delivery costs,
    and 1,000 sessions do not fit into the cache beside what the kernel needs (4 % at one line a turn).
    """

    __slots__ = ("_changes", "_ways", "sessions")

    def __init__(self, sessions: Iterable[Listener] = ()) -> None:
        self.sessions = sorted(sessions, key=_id)
        self._ways: list[Send] = []
        self._changes = -1  # `SlowReaders.changes` when the ways were right

    def ways(self, slow_readers: SlowReaders, but: Sequence[int] = ()) -> list[Send]:
        """Return each one's `Outbox.send`, in order; at the indexes `but`, one that sends nothing."""
        if slow_readers.changes != self._changes:
            changed = slow_readers.changed_since(self._changes) if self._changes >= 0 else None
            self._changes = slow_readers.changes
            if changed is None or len(changed) > len(self.sessions) // 8:
                self._ways = [session.outbox.send for session in self.sessions]
            else:
                for id in changed:
                    if (index := self.index(id)) is not None:
                        self._ways[index] = self.sessions[index].outbox.send
        if not but:
            return self._ways
        ways = self._ways.copy()
        for index in but:
            ways[index] = send_nowhere
        return ways

    def index(self, id: int) -> int | None:
        """Return the index of a session, by its id; None if it does not listen."""
        index = bisect_left(self.sessions, id, key=_id)
        return index if index < len(self.sessions) and self.sessions[index].id == id else None

    def indexes(self, ids: Collection[int]) -> list[int]:
        """Return the indexes of those of these sessions that listen."""
        if len(self.sessions) < len(ids):
            return [index for index, session in enumerate(self.sessions) if session.id in ids]
        return [index for id in ids if (index := self.index(id)) is not None]

    def add(self, session: Listener) -> None:
        """Add a session."""
        last = not self.sessions or self.sessions[-1].id < session.id
        index = len(self.sessions) if last else bisect_left(self.sessions, session.id, key=_id)
        self.sessions.insert(index, session)
        if self._changes >= 0:
            self._ways.insert(index, session.outbox.send)

    def remove(self, session: Listener) -> bool:
        """Remove a session. Returns whether it was there."""
        index = self.index(session.id)
        if index is None:
            return False
        del self.sessions[index]
        if self._changes >= 0:
            del self._ways[index]
        return True


class Audience:
    """A room's listeners, by format. Changes only while fan-out is not sending; `restyled` only takes notes."""

    __slots__ = ("_groups", "_restyled")

    def __init__(self) -> None:
        self._groups: dict[Format, Listeners] = {}
        self._restyled: dict[Listener, None] = {}  # sessions whose format has changed since they were grouped

    @property
    def is_empty(self) -> bool:
        return not self._groups

    def add(self, session: Listener, room: str) -> None:
        """Add a session, under the format in which it reads the room of this name."""
        format = session.format_in(room)
        group = self._groups.get(format)
        if group is None:
            group = self._groups[format] = Listeners()
        group.add(session)

    def remove(self, session: Listener, room: str) -> bool:
        """Remove a session. Returns whether it was there."""
        self._restyled.pop(session, None)
        for format in (session.format_in(room), *self._groups):  # mostly the first
            group = self._groups.get(format)
            if group is not None and group.remove(session):
                if not group.sessions:
                    del self._groups[format]
                return True
        return False

    def restyled(self, session: Listener) -> None:
        """Note that a session's format has changed. May be called at any time."""
        self._restyled[session] = None

    def groups(self, room: str) -> Mapping[Format, Listeners]:
        """Return the listeners by format."""
        while self._restyled:
            session = self._restyled.popitem()[0]
            if self.remove(session, room):
                self.add(session, room)
        return self._groups
