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
    from ..delivery.outbox import SlowReaders
    from ..doors.terminal.connection import Terminals

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 0.1


def run(slow_readers: SlowReaders, terminals: Terminals) -> None:
    """Sweep forever. The body of the sweeper greenlet, which ends with the process."""
    gc.disable()
    while True:
        gevent.sleep(SWEEP_SECONDS)
        try:
            slow_readers.close_stalled()
            terminals.keep_alive()
        except BaseException:  # a bug of ours; the sweeper goes on
            logger.exception("cannot look after slow readers and terminals")
        gc.collect(1)
        gc.freeze()
