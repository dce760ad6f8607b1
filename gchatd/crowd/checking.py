"""Checks that everybody hears every line, once and in order. Knows no sockets and no clock.

Everybody who only listens is sent the same bytes. So one copy is kept, the stream, and checked line by line as it
grows. A listener is a position in it, and what they hear next must be what stands there. That way a delivery costs one
comparison instead of parsing, which lets one process check 90,000 a second. Those who hear something else (talkers, who
do not hear themselves, and whoever was sent something wrong) are checked line by line, against what they should hear
next from each talker, and against the order in which the others heard it. It is the same for all, whichever worker of
the server they are connected to, though some workers are ahead of others.
"""

from __future__ import annotations

import collections
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from .lines import AlteredError, Said, Script

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ARRIVING: Final = -1
"""The position of somebody who has not heard any of our lines yet."""

ALONE: Final = -2
"""The position of somebody who is checked line by line."""

_KEEP_NS: Final = 60_000_000_000  # how long a line is kept, for those who turn out to have missed it
_KEEP_BYTES: Final = 1 << 20
_MOST_PIECES: Final = 1024
_MOST_AHEAD: Final = 1024  # where everybody in a process talks, nobody follows the stream, and it never grows


class Alone:
    """What is kept about somebody who is checked line by line, or was: most people never are."""

    __slots__ = ("expected", "missing", "order", "placed", "rest")

    def __init__(self) -> None:
        self.rest = b""  # of a line
        self.expected: list[int] = []  # by talker: the number of the next line
        self.missing: set[tuple[int, int]] = set()  # talker and number of lines that were skipped
        self.order = collections.deque[tuple[int, int]](maxlen=_MOST_AHEAD)  # lines not in the stream yet, as heard
        self.placed = -1  # where in the stream the last line is that they heard before those


class Listener:
    """Somebody who listens, from the start of a line. `since`: they must hear every line due from then on.

    With 100,000 of them in a room, every byte here is 100 KB.
    """

    __slots__ = ("alone", "hearing", "lost", "own", "position", "since")

    def __init__(self, own: int | None = None, since: int = 0) -> None:
        """`own`: the talker's number, if they talk."""
        self.own = own
        self.since = since
        self.position = ARRIVING
        self.hearing: list[tuple[bytes, int]] | None = None  # while arriving: the bytes they have heard, and when
        self.alone: Alone | None = None
        self.lost = 0  # lines known to be lost and not in `alone.missing`

    @property
    def skipped(self) -> int:
        """How many lines they have not heard, though they have heard later ones."""
        return self.lost + (len(self.alone.missing) if self.alone is not None else 0)


class Stream:
    """What a room of listeners hears. Counts what is wrong; `late` collects each delivery's latency, in nanoseconds."""

    def __init__(self, script: Script, talkers: int) -> None:
        self._script = script
        self._text = bytearray()
        self._base = 0  # the position of the first byte that is kept
        self._whole = 0  # the position after the last complete line
        self._next = [0] * talkers
        self._lines: list[Said] = []  # ours, of those that are kept; and the positions where they end
        self._ends: list[int] = []
        self._start_of: dict[tuple[int, int], int] = {}
        self._pieces: dict[int, tuple[bytes, int, tuple[int, ...]]] = {}
        self._arriving: set[Listener] = set()  # and those who are checked alone: they are ahead of the stream
        self._ahead: set[Alone] = set()
        self.late: list[int] = []
        self.duplicated = 0
        self.disordered = 0
        self.altered = 0

    def hear(self, listener: Listener, data: bytes, now: int) -> None:
        """Take in what a listener was sent, and when (CLOCK_MONOTONIC, ns). Raises nothing, whatever the data."""
        piece = self._pieces.get(listener.position)
        if piece is not None and piece[0] == data:
            listener.position = piece[1]
            for due in piece[2]:
                self.late.append(now - due)
        elif listener.position >= 0:
            self._follow(listener, data, now)
        elif listener.position == ALONE:
            self._hear_alone(listener, data, now)
        elif listener.own is not None:
            self._be_alone(listener, [0] * len(self._next))
            self._hear_alone(listener, data, now)
        else:
            if listener.hearing is None:
                listener.hearing = []
            listener.hearing.append((data, now))
            self._arrive(listener)

    def missed(self, listener: Listener, said: Sequence[int]) -> int:
        """Count the lines that a listener should have heard and has not. `said`: how many lines each talker said."""
        lost = listener.skipped
        if listener.position == ALONE:
            assert listener.alone is not None
            pairs = zip(said, listener.alone.expected, strict=True)
            return lost + sum(so - far for talker, (so, far) in enumerate(pairs) if talker != listener.own)
        unheard = sum(said) - sum(self._next)
        if listener.own is not None:
            return lost + sum(said) - said[listener.own]
        if listener.position == ARRIVING:
            return lost + unheard + sum(line.due >= listener.since for line in self._lines)
        return lost + unheard + len(self._ends) - bisect_right(self._ends, listener.position)

    def forget(self, listener: Listener, until: int) -> int:
        """A listener leaves. Count the lines they missed of those due by then."""
        self._arriving.discard(listener)
        lost = listener.skipped
        if listener.position >= 0:
            first = bisect_right(self._ends, listener.position)
        elif listener.position == ARRIVING:
            first = 0
        else:
            return lost
        return lost + sum(listener.since <= line.due <= until for line in self._lines[first:])

    def trim(self, listeners: Iterable[Listener], now: int) -> None:
        """Forget what everybody has heard, once it is a lot."""
        if len(self._pieces) > _MOST_PIECES:
            self._pieces.clear()
        if len(self._text) < _KEEP_BYTES:
            return
        behind = min((one.position for one in listeners if one.position >= 0), default=self._whole)
        old = min(bisect_right(self._ends, behind), bisect_left(self._lines, now - _KEEP_NS, key=lambda line: line.due))
        if not old:
            return
        for line in self._lines[:old]:
            del self._start_of[line.talker, line.number]
        end = self._ends[old - 1]
        del self._lines[:old], self._ends[:old], self._text[: end - self._base]
        self._base = end
        self._pieces.clear()

    # Those who arrive.

    def _arrive(self, listener: Listener) -> None:
        """Find where in the stream somebody is, by the first of our lines that they hear."""
        hearing = listener.hearing or []
        heard = b"".join(data for data, _ in hearing)
        start = 0
        while (end := heard.find(b"\n", start)) >= 0:
            try:
                said = self._script.read(heard[start:end].rstrip(b"\r"))
            except AlteredError:
                said = None
                self.altered += 1
            if said is not None:
                break
            start = end + 1
        else:
            said = None
        _skip(hearing, start)
        if said is None:
            return
        position = self._start_of.get(said[:2], self._whole if not self._lines else None)
        if position is not None:
            listener.position = position
            before = self._lines[: bisect_right(self._ends, position)]
            listener.lost += sum(line.due >= listener.since for line in before)
        elif listener.since:  # others are behind: wait until they have heard it too
            self._arriving.add(listener)
            return
        else:  # the beginning was lost, by this one or by those before
            self._be_alone(listener, [0] * len(self._next))
        listener.hearing = None
        for data, now in hearing:
            self.hear(listener, data, now)

    # Those who hear what everybody hears.

    def _follow(self, listener: Listener, data: bytes, now: int) -> None:
        at = listener.position - self._base
        known = len(self._text) - at
        if not (self._text.startswith(data[:known], at) and (len(data) <= known or self._extend(data[known:]))):
            self._fall(listener)
            self._hear_alone(listener, data, now)
            return
        begin, end = listener.position, listener.position + len(data)
        first, last = bisect_right(self._ends, begin), bisect_right(self._ends, end)
        dues = tuple(line.due for line in self._lines[first:last])
        self._pieces.setdefault(begin, (data, end, dues))
        listener.position = end
        self.late += [now - due for due in dues]
        if len(data) > known:
            arriving, self._arriving = self._arriving, set()
            for other in arriving:
                self._arrive(other)
            ahead, self._ahead = self._ahead, set()
            for alone in ahead:
                self._compare_order(alone)

    def _extend(self, more: bytes) -> bool:
        """Add to the stream. If what would be added is wrong, leave it as it is and return False."""
        start = self._whole
        text = bytes(self._text[start - self._base :]) + more
        ahead: list[tuple[Said, int, int]] = []
        coming = list(self._next)
        begin = 0
        while (end := text.find(b"\n", begin)) >= 0:
            try:
                said = self._script.read(text[begin:end].rstrip(b"\r"))
            except AlteredError:
                return False
            if said is not None:
                if said.number != coming[said.talker]:
                    return False
                coming[said.talker] += 1
                ahead.append((said, start + begin, start + end + 1))
            begin = end + 1
        self._text += more
        self._whole = start + begin
        self._next = coming
        for said, begin, end in ahead:
            self._lines.append(said)
            self._ends.append(end)
            self._start_of[said.talker, said.number] = begin
        return True

    # Those who are checked line by line.

    def _be_alone(self, listener: Listener, expected: list[int]) -> None:
        listener.position = ALONE
        if listener.alone is None:
            listener.alone = Alone()
        listener.alone.expected = expected
        listener.alone.placed = -1

    def _fall(self, listener: Listener) -> None:
        """From the start of the line they are in, check somebody line by line."""
        at = listener.position - self._base
        expected = list(self._next)
        for line in reversed(self._lines[bisect_right(self._ends, listener.position) :]):
            expected[line.talker] = line.number
        self._be_alone(listener, expected)
        assert listener.alone is not None
        listener.alone.rest = bytes(self._text[self._text.rfind(b"\n", 0, at) + 1 : at])

    def _hear_alone(self, listener: Listener, data: bytes, now: int) -> None:
        alone = listener.alone
        assert alone is not None
        *lines, alone.rest = (alone.rest + data).split(b"\n")
        for line in lines:
            try:
                said = self._script.read(line.rstrip(b"\r"))
            except AlteredError:
                self.altered += 1
                continue
            if said is not None:
                self._note(listener, alone, said, now)
        self._compare_order(alone)
        if not alone.rest and listener.own is None and alone.expected == self._next:
            end = self._base + len(self._text)
            if self._whole == end:  # all is well again
                listener.position = end
                alone.expected = []
                if not alone.missing:
                    listener.alone = None

    def _note(self, listener: Listener, alone: Alone, said: Said, now: int) -> None:
        """Somebody who is checked line by line hears one of our lines."""
        talker, number, due = said
        expected = alone.expected[talker]
        if number >= expected and talker != listener.own:
            alone.missing.update((talker, skipped) for skipped in range(expected, number))
            alone.expected[talker] = number + 1
            if number == expected:
                alone.order.append((talker, number))
        elif (talker, number) in alone.missing:
            alone.missing.remove((talker, number))
            self.disordered += 1
        else:
            self.duplicated += 1
            return
        self.late.append(now - due)

    def _compare_order(self, alone: Alone) -> None:
        """Compare the order in which they heard lines with the stream's, as far as that has come."""
        while alone.order:
            talker, number = alone.order[0]
            place = self._start_of.get((talker, number))
            if place is None and number >= self._next[talker]:
                self._ahead.add(alone)
                return
            alone.order.popleft()
            if place is None:  # all have heard it long ago: see `trim`
                continue
            if place < alone.placed:
                self.disordered += 1
            alone.placed = max(place, alone.placed)


def _skip(hearing: list[tuple[bytes, int]], count: int) -> None:
    """Drop so many bytes from the start of what somebody has heard while they arrived."""
    while count:
        data, now = hearing[0]
        if count < len(data):
            hearing[0] = data[count:], now
            return
        count -= len(data)
        del hearing[0]
