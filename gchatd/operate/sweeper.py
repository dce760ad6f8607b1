"""Everything that happens on a clock, in one greenlet: deadlines, and the garbage collector.

The collector does not run by itself, because a full collection with 9,000 sessions takes 57 to 80 ms in which nobody is
served. Sessions leave no cycles behind, so there is little for it to do: it collects the young generation ten times a
second (2 ms when 18,000 people come within one), and freezes what survives.
"""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING

import gevent

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 0.1


def run(*tasks: Callable[[], None]) -> None:
    """Do all tasks every SWEEP_SECONDS, forever; none may switch. The body of a greenlet that ends with the process."""
    gc.disable()
    while True:
        gevent.sleep(SWEEP_SECONDS)
        for task in tasks:
            try:
                task()
            except BaseException:  # a bug of ours; the sweeper goes on
                logger.exception("cannot %s", task.__name__)
        gc.collect(1)
        gc.freeze()
