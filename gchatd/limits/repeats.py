"""Lines of the log that strangers cause: the same cause from the same address many times a second becomes one line."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Final

logger = logging.getLogger("gchatd")

MOST_A_SECOND: Final = 5
"""How many times a second the same cause from the same address has a line of its own in the log."""


class Repeats:
    """Which lines were logged in this second, and how many were not."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._until = 0.0

    def log(self, where: str, cause: str, line: str) -> None:
        """Log a line that somebody at an address caused, unless there were MOST_A_SECOND like it within a second."""
        self.sum_up()
        self._counts[where, cause] += 1
        if self._counts[where, cause] <= MOST_A_SECOND:
            logger.info("%s", line)

    def sum_up(self) -> None:
        """Log how many lines were left out, if the second is over. To be called now and then."""
        now = time.monotonic()
        if now < self._until:
            return
        self._until = now + 1
        if self._counts:
            counts, self._counts = self._counts, Counter()
            for (where, cause), count in counts.items():
                if count > MOST_A_SECOND:
                    logger.info("[%s] %d more within a second: %s", where, count - MOST_A_SECOND, cause)
