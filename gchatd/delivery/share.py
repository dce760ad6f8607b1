"""What people who read one format are sent of a turn: one bytes object for all of them, and what is cut out of it.

Knows formats and bytes; no sessions.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .formats import Format


class Share:
    """What those hear who read a format and are in some rooms.

    `events` are indexes among the turn's events; the nth of them is `segments[n]`, rendered in `formats[n]`. (People in
    several rooms read some of these in another format than the rest: that of a room that is not their current one.)
    """

    def __init__(
        self, format: Format, events: Sequence[int], segments: Sequence[bytes], formats: Sequence[Format] | None = None
    ) -> None:
        """Make a share; without `formats` all of it is in `format`."""
        self.format = format
        self.events = events
        self.data = b"".join(segments)
        self._segments = segments
        self._formats = formats
        self._bounds: list[int] | None = None  # most shares are never cut
        self._width: int | None = None
        self._framed: bytes | None = None

    @property
    def width(self) -> int:
        """How many columns the widest line takes."""
        if self._width is None:
            self._width = self.format.width(self.data)
        return self._width

    @property
    def framed(self) -> bytes:
        """What most people are sent; always the same object."""
        if self._framed is None:
            self._framed = self.format.frame(self.data, alert=True)
        return self._framed

    def index(self, event: int) -> int | None:
        """Return the index in this share of one of the turn's events; None if it is not in it."""
        index = bisect_left(self.events, event)
        return index if index < len(self.events) and self.events[index] == event else None

    def format_of(self, index: int) -> Format:
        """Return the format in which the event at an index in this share is rendered."""
        return self.format if self._formats is None else self._formats[index]

    def cut(self, first: int, instead: Mapping[int, bytes], besides: Sequence[tuple[float, bytes]]) -> bytes:
        """Return the data from index `first` on, with other bytes `instead` of some events, by their indexes.

        What comes `besides` stands where its event would: (an index among the turn's events, bytes).
        """
        if self._bounds is None:
            self._bounds = list(itertools.accumulate(map(len, self._segments), initial=0))
        data, bounds = self.data, self._bounds
        pieces, start = [], bounds[first]
        more = sorted(((bisect_left(self.events, event), event, piece) for event, piece in besides), reverse=True)
        for index in sorted({*instead, *(index for index, _, _ in more)} if more else instead):
            if start < bounds[index]:
                pieces.append(data[start : bounds[index]])
                start = bounds[index]
            while more and more[-1][0] == index:
                pieces.append(more.pop()[2])
            if index in instead and index >= first:
                pieces.append(instead[index])
                start = bounds[index + 1]
        pieces.append(data[start:])
        return b"".join(pieces)
