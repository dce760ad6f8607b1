"""Programs that are kept running: started, and started again when they have ended. Needs no event loop.

There must be no threads where these are started (see `preexec_fn` in the documentation of subprocess).
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from .worker import Worker, read_news

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


class WorkerProcess(Child):
    """A worker, as its supervisor sees it."""

    def __init__(self, number: int, command: Sequence[str], listeners: Sequence[int], supervisor: int) -> None:
        super().__init__(f"worker {number}")
        self.has_served = False
        """Whether this worker ever did, in any of its lives."""
        self.serves = False
        self.reloads = False
        """Whether it was told to read its settings again, and has not said that it did."""
        self.trouble: str | None = None
        """Why it could not serve, in its own words."""
        self.news = -1
        """The descriptor to read from, when there is something to read; -1: none."""
        self.descriptors: tuple[int, ...] = ()
        """What it inherits, besides."""
        self._number = number
        self._command = command
        self._listeners = tuple(listeners)
        self._supervisor = supervisor

    def spawn(self) -> subprocess.Popen[bytes]:
        self.forget_news()
        self.serves, self.reloads, self.trouble = False, False, None
        self.news, news = os.pipe()
        os.set_blocking(self.news, False)
        try:
            worker = Worker(self._number, self._listeners, self._supervisor, news)
            return subprocess.Popen(  # noqa: S603 - it is this program
                self._command,
                stdin=subprocess.DEVNULL,
                pass_fds=(*self._listeners, *self.descriptors, self._supervisor, news),
                env={**os.environ, **worker.environment()},
                start_new_session=True,  # Ctrl-C is for the supervisor
            )
        finally:
            os.close(news)

    def read(self) -> bool:
        """Take in what it says; tell whether more may come. There must be something, or nobody to say more."""
        try:
            data = os.read(self.news, 65536)
        except BlockingIOError:  # it has ended, and somebody else holds the other end
            return False
        serves, trouble, reloaded = read_news(data.splitlines(keepends=True))
        self.reloads = self.reloads and not reloaded
        self.serves = self.serves or serves
        self.has_served = self.has_served or serves
        self.trouble = self.trouble or trouble
        return bool(data)

    def forget_news(self) -> None:
        if self.news >= 0:
            os.close(self.news)
            self.news = -1


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
