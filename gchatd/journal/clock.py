"""The time, for what must not be done too early: by two clocks, of which one may be set. Knows nothing else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WILD_SECONDS = 3600
"""How far a clock may be set and be believed at once."""

PROBATION_SECONDS = 3600
"""How long a clock that was set further must keep its new time to be believed."""


class CautiousClock:
    """The time of the system's clock; after it jumped ahead, the time without the jump, until the new one has lasted.

    Setting the clock forward by a year would have all history trimmed within a minute. Setting it back, if the new time
    were not believed at once, would have everything trimmed that is said from then on. A restart believes the clock.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        """Believe `wall`, in seconds since 1970, to begin with; `steady` counts seconds, and nobody can set it."""
        self._wall = wall
        self._steady = steady
        self._believed = self._seen = wall() - steady()  # when `steady` was 0
        self._seen_at = steady()

    def now(self) -> float:
        """Return the time, in seconds since 1970."""
        steady = self._steady()
        offset = self._wall() - steady
        if abs(offset - self._seen) > WILD_SECONDS:  # it was set again
            self._seen, self._seen_at = offset, steady
        if abs(offset - self._believed) <= WILD_SECONDS or steady - self._seen_at >= PROBATION_SECONDS:
            self._believed = self._seen = offset
        return steady + min(self._believed, offset)
