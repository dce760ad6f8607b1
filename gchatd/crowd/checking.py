"""Whether everybody heard every line, once and in order. Knows no sockets and no clock.

All who only listen are sent the same bytes. So one copy of them is kept, the stream, which is checked line by line as
it grows, and a listener is no more than a position in it: what they hear next must be what stands there. That is one
comparison for each delivery instead of taking each apart, which is what lets one process check 90,000 a second.
Those who hear something else (talkers, who do not hear themselves; whoever was sent something wrong) are checked line
by line, each against what they should hear next of every talker.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from .lines import AlteredError, Said, Script

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ARRIVING: Final = -1
"""The position of somebody who has not heard a line of ours yet."""

ALONE: Final = -2
"""The position of somebody who is checked line by line."""

_KEEP_NS: Final = 60_000_000_000  # how long a line is known to those who might yet turn out to have missed it
_KEEP_BYTES: Final = 1 << 20
_MOST_PIECES: Final = 1024


class Listener:
    """One who listens, from the beginning of a line on. `since`: every line due from then on is theirs to hear."""

    __slots__ = ("expected", "hearing", "lost", "missing", "own", "position", "rest", "since")

    def __init__(self, own: int | None = None, since: int = 0) -> None:
        """A talker, if it has a number of its `own`."""
        self.own = own
        self.since = since
        self.position = ARRIVING
        self.hearing: list[tuple[bytes, int]] = []  # what one who arrives has heard: bytes, and when
        self.rest = b""  # of a line, while alone
        self.expected: list[int] = []  # by talker, while alone: the number of the next line
        self.missing: set[tuple[int, int]] = set()  # talker and number of lines that were skipped
        self.lost = 0  # lines known to be lost and not in `missing`


class Stream:
    """What a room of listeners hears. Counts what is wrong; `late` gathers each delivery's lateness, in nanoseconds."""

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
        self._arriving: set[Listener] = set()
        self.late: list[int] = []
        self.duplicated = 0
        self.disordered = 0
        self.altered = 0

    def hear(self, listener: Listener, data: bytes, now: int) -> None:
        """A listener was sent data at a time (CLOCK_MONOTONIC, nanoseconds). Raises nothing, whatever it is."""
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
            listener.hearing.append((data, now))
            self._arrive(listener)

    def missed(self, listener: Listener, said: Sequence[int]) -> int:
        """How many lines a listener should have heard and has not, when so many were said by each talker."""
        lost = listener.lost + len(listener.missing)
        if listener.position == ALONE:
            pairs = zip(said, listener.expected, strict=True)
            return lost + sum(so - far for talker, (so, far) in enumerate(pairs) if talker != listener.own)
        unheard = sum(said) - sum(self._next)
        if listener.own is not None:
            return lost + sum(said) - said[listener.own]
        if listener.position == ARRIVING:
            return lost + unheard + sum(line.due >= listener.since for line in self._lines)
        return lost + unheard + len(self._ends) - bisect_right(self._ends, listener.position)

    def forget(self, listener: Listener, until: int) -> int:
        """A listener leaves. Give how many lines they missed of those that were due until then."""
        self._arriving.discard(listener)
        lost = listener.lost + len(listener.missing)
        if listener.position >= 0:
            first = bisect_right(self._ends, listener.position)
        elif listener.position == ARRIVING:
            first = 0
        else:
            return lost
        return lost + sum(listener.since <= line.due <= until for line in self._lines[first:])

    def trim(self, listeners: Iterable[Listener], now: int) -> None:
        """Forget what everybody has heard, when it is much."""
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

    # One who arrives.

    def _arrive(self, listener: Listener) -> None:
        """Find where in the stream somebody is, by the first line of ours that they hear."""
        heard = b"".join(data for data, _ in listener.hearing)
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
        self._skip(listener, start)
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
        hearing, listener.hearing = listener.hearing, []
        for data, now in hearing:
            self.hear(listener, data, now)

    @staticmethod
    def _skip(listener: Listener, count: int) -> None:
        """Take so many bytes off what somebody who arrives has heard."""
        while count:
            data, now = listener.hearing[0]
            if count < len(data):
                listener.hearing[0] = data[count:], now
                return
            count -= len(data)
            del listener.hearing[0]

    # One who hears what all hear.

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

    def _extend(self, more: bytes) -> bool:
        """Let the stream grow, unless what is to be added is wrong: then tell so, and leave it as it is."""
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

    # One who is checked line by line.

    def _be_alone(self, listener: Listener, expected: list[int]) -> None:
        listener.position = ALONE
        listener.expected = expected

    def _fall(self, listener: Listener) -> None:
        """Check somebody line by line from the beginning of the line they are in."""
        at = listener.position - self._base
        expected = list(self._next)
        for line in reversed(self._lines[bisect_right(self._ends, listener.position) :]):
            expected[line.talker] = line.number
        listener.rest = bytes(self._text[self._text.rfind(b"\n", 0, at) + 1 : at])
        self._be_alone(listener, expected)

    def _hear_alone(self, listener: Listener, data: bytes, now: int) -> None:
        *lines, listener.rest = (listener.rest + data).split(b"\n")
        for line in lines:
            try:
                said = self._script.read(line.rstrip(b"\r"))
            except AlteredError:
                self.altered += 1
                continue
            if said is not None:
                self._note(listener, said, now)
        if not listener.rest and listener.own is None and listener.expected == self._next:
            end = self._base + len(self._text)
            if self._whole == end:  # all is well again
                listener.position = end
                listener.expected = []

    def _note(self, listener: Listener, said: Said, now: int) -> None:
        """Somebody who is checked line by line hears one of ours."""
        talker, number, due = said
        expected = listener.expected[talker]
        if number >= expected and talker != listener.own:
            listener.missing.update((talker, skipped) for skipped in range(expected, number))
            listener.expected[talker] = number + 1
        elif (talker, number) in listener.missing:
            listener.missing.remove((talker, number))
            self.disordered += 1
        else:
            self.duplicated += 1
            return
        self.late.append(now - due)
