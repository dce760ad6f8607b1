"""Programs that are kept running: started, and started again when they have ended. Needs no event loop.

There must be no threads where these are started (see `preexec_fn` in the documentation of subprocess).
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

logger = logging.getLogger(__name__)

STEADY_SECONDS = 10.0
"""Who ends before that has died young."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
"""How long to wait before starting again what keeps dying young: each time twice as long, up to this."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Child:
    """A program that is to run all the time. Whoever keeps it asks it now and then whether it still does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.due: float | None = 0.0
        """When to start it (monotonic seconds). None: not now."""
        self._started_at = 0.0
        self._died_young = 0

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the program. Raises OSError."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it; if that fails, log why, and try again later."""
        self.due = None
        self._started_at = time.monotonic()
        try:
            self.process = self.spawn()
        except OSError as error:
            logger.error("%s cannot be started: %s", self.name, (error.strerror or str(error)).lower())
            self.start_again()

    def ended(self) -> int | None:
        """Return its exit status (negative: the signal) if it has ended and nobody was told so far."""
        if self.process is None or self.process.poll() is None:
            return None
        status, self.process = self.process.returncode, None
        return status

    def start_again(self) -> float:
        """Plan to start it, at once or after a pause; return how long that is."""
        now = time.monotonic()
        pause = 0.0
        if now - self._started_at >= STEADY_SECONDS:
            self._died_young = 0
        elif self._died_young:
            pause = min(FIRST_PAUSE_SECONDS * 2 ** (self._died_young - 1), LONGEST_PAUSE_SECONDS)
        self._died_young = min(self._died_young + 1, 30)
        self.due = now + pause
        return pause

    def send(self, number: int) -> None:
        """Send it a signal; does nothing if it does not run."""
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        self.due = None
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def how(status: int) -> str:
    """Say how a program ended."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:  # one of the real-time signals
        return f"was ended by signal {-status}"


def tied(number: int) -> Callable[[], None]:
    """Return a `preexec_fn` that has the child sent a signal when this process ends, however that happens."""
    parent = os.getpid()

    def tie() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it has ended already
            os._exit(1)

    return tie
