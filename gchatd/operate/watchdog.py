"""Notices that the event loop is kept, and by whom: a native thread that looks at the main one 20 times a second.

The loop itself does nothing for that. What the thread sees is judged in keeping.py.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import gevent
from gevent.hub import Hub as EventLoop

from .keeping import EVERY_SECONDS, Keeping, Sample

if TYPE_CHECKING:
    from types import CodeType

logger = logging.getLogger(__name__)

MOST_FRAMES: Final = 12
"""How much of a stack the log shows: the innermost of it."""

_WAITS: Final = EventLoop.run.__code__


class Watchdog:
    """Made, and started, on the thread that it looks at."""

    def __init__(self) -> None:
        self.keeping = Keeping()
        self._loop = gevent.get_hub().loop
        self._main = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._main)
        self._stat = os.open(f"/proc/self/task/{threading.get_native_id()}/stat", os.O_RDONLY | os.O_CLOEXEC)
        self._stopped = False

    def start(self) -> None:
        """Start looking. The thread ends with the process, if not before."""
        threading.Thread(target=self._look_for_ever, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Look no more. The thread ends soon."""
        self._stopped = True

    def _look_for_ever(self) -> None:
        try:
            while not self._stopped:
                time.sleep(EVERY_SECONDS)
                for level, line in self.keeping.look(self._sample(), self._stack):
                    logger.log(level, "%s", line)
        except Exception:  # a bug of ours; the chat goes on without a watchdog
            logger.exception("the watchdog has failed")

    def _sample(self) -> Sample:
        at = time.monotonic()
        code = sys._current_frames()[self._main].f_code
        waits = code is _WAITS
        return Sample(
            at,
            time.clock_gettime(time.CLOCK_BOOTTIME) - at,
            self._loop.iteration,
            waits,
            time.clock_gettime(self._clock),
            time.process_time(),
            not waits and self._is_runnable(),
        )

    def _is_runnable(self) -> bool:
        return os.pread(self._stat, 512, 0).rpartition(b") ")[2][:1] == b"R"  # see proc_pid_stat(5)

    def _stack(self) -> str:
        """What the main thread does just now, innermost first, in one line; nothing, if it waits."""
        frame = sys._current_frames()[self._main]
        if frame.f_code is _WAITS:
            return ""
        calls: list[tuple[CodeType, int]] = []
        while frame is not None and len(calls) < MOST_FRAMES:  # at once: it goes on when this thread pauses
            calls.append((frame.f_code, frame.f_lineno))
            frame = frame.f_back  # type: ignore[assignment]  # the outermost has none
        return " < ".join(f"{_name(code.co_filename)}:{line} {code.co_name}" for code, line in calls)


def _name(file: str) -> str:
    """The file, with the folder that it is in."""
    return "/".join(file.split(os.sep)[-2:])
