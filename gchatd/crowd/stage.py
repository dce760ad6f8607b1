"""The server that the crowd goes to: one started for it, or one that was already running. And what it logs."""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import psutil

from .greeting import CrowdError, all_greet, check_greeting

if TYPE_CHECKING:
    from .where import Target

START_SECONDS: Final = 20.0
"""How long a server may take to start listening; and a worker, once its supervisor listens."""

ROOT: Final = Path(__file__).parent.parent.parent
"""Where `gchatd` can be imported from."""


PYTHON: Final = (sys.executable, "-P", "-m")
"""What runs a module of ours, and never one that happens to lie in the current folder."""


GREET_AFTER: Final = 2.0
"""How many seconds browsers may take to say what they are: on a busy machine some take longer than usual."""


class Stage(Protocol):
    """Where the crowd goes."""

    host: str
    port: int
    pid: int | None  # None: not known

    def fileno(self) -> int:
        """Of what there is to read, so that one can wait for it; -1: nothing."""
        ...

    def read(self) -> bool:
        """Take in what the server has logged; tell whether it still lives. Does not wait."""
        ...

    def slow_readers(self) -> int | None:
        """How many clients the server has closed because they did not read; None: not known."""
        ...

    def last_words(self) -> str:
        """What the server logged last."""
        ...

    def close(self) -> None:
        """Leave nothing behind."""
        ...


class OwnServer:
    """A server for the crowd alone, on a port that was free. Its data go with it, however that happens (guard.py).

    With one worker it is one process. With several a supervisor starts these, and a Redis that joins them.
    """

    host = "127.0.0.1"

    def __init__(self, program: Path, workers: int = 1, greet_after: float | None = None) -> None:
        """Start it. Waits until it listens, and each of several workers takes clients. Raises CrowdError."""
        command = [sys.executable, str(program.resolve()), "serve", "--listen", f"{self.host}:0", "--data", "data"]
        # No replay: people would hear lines twice. No notices: a visitor would be told of everybody who leaves. No
        # flood control: a talker is to say its lines when they are due.
        command += ["--set", "history.replay=0", "--set", "rooms.announce_up_to=0", "--set", "limits.flood=no"]
        command += ["--set", f"server.greet_after={greet_after}"] if greet_after is not None else []
        command += ["--workers", str(workers)] if workers > 1 else []
        self._log, log = os.pipe()
        self._process = subprocess.Popen(
            [*PYTHON, "gchatd.crowd.guard", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(),
            start_new_session=True,  # Ctrl-C is for the main process
            bufsize=0,
        )
        os.close(log)
        os.set_blocking(self._log, False)
        self._rest = b""
        self._last = ""
        self._slow = 0
        self.pid: int | None = None
        try:
            self.pid = int(self._prints())
            greeting = [self._prints() for _ in range(3)]
            self.port = int(re.findall(r"\d+", greeting[1])[0])
            if workers > 1:
                self._wait_for(workers)
        except (ValueError, IndexError):
            self.read()
            words = self.last_words()
            self.close()
            raise CrowdError(f"the server did not start: {words or 'it said nothing'}") from None
        except BaseException:  # Ctrl-C too: nobody else would end the server
            self.close()
            raise

    def _wait_for(self, workers: int) -> None:
        """Wait until each worker takes clients. Raises ValueError if the server ends, or if that takes too long."""
        if all_greet((self.host, self.port), workers, START_SECONDS + workers, self.read):
            return
        until = time.monotonic() + 1
        while self.read() and time.monotonic() < until:  # it may be about to say why
            select.select([self._log], [], [], 0.1)
        raise ValueError("not all workers take clients")

    def _prints(self) -> str:
        """Wait for the next line of the server's standard output; nothing if it ended, or takes too long."""
        assert self._process.stdout is not None
        line, until = b"", time.monotonic() + START_SECONDS
        while not line.endswith(b"\n") and select.select([self._process.stdout], [], [], until - time.monotonic())[0]:
            byte = self._process.stdout.read(1)
            if not byte:
                break
            line += byte
        return line.decode(errors="replace").strip()

    def fileno(self) -> int:
        return self._log

    def read(self) -> bool:
        while True:
            try:
                data = os.read(self._log, 1 << 20)
            except BlockingIOError:
                return True
            if not data:
                return False
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._slow += sum(b": slow reader: " in line for line in lines)
            self._last = lines[-1].decode(errors="replace") if lines else self._last

    def slow_readers(self) -> int | None:
        return self._slow

    def last_words(self) -> str:
        return self._last

    def close(self) -> None:
        """Tell the guard to end it, and wait until it is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        while self._process.poll() is None:  # whoever logs must be read, or it waits
            select.select([self._log], [], [], 0.02)
            if not self.read():
                self._process.wait()
        self._process.stdout.close()
        os.close(self._log)


class Elsewhere:
    """A server that was already running."""

    def __init__(self, target: Target) -> None:
        """Check that it greets as gchat does. Raises CrowdError: better one of us is refused than ten thousand."""
        check_greeting(target)
        self.host = target.host
        self.port = target.port
        self.pid = listener(target.port) if target.here else None

    def fileno(self) -> int:
        return -1

    def read(self) -> bool:
        return True

    def slow_readers(self) -> int | None:
        return None

    def last_words(self) -> str:
        return ""

    def close(self) -> None:
        """Leave it running."""


def listener(port: int) -> int | None:
    """Give the process that listens on a port of this machine. None: not known."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr[1] == port:
                return connection.pid
    return None


def environment() -> dict[str, str]:
    """Give the environment for a process that imports `gchatd` from the same place as this one."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
