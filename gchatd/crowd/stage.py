"""The server that the crowd goes to: one of our own, started for it, or one that was there. And what it logs."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import psutil

from ..errors import GchatError

if TYPE_CHECKING:
    from .where import Target

START_SECONDS: Final = 20.0
"""How long a server may take to listen."""

GREETING: Final = b"server: Input username."
GREETING_SECONDS: Final = 10.0
"""What a server says first, and how long that may take."""

ROOT: Final = Path(__file__).parent.parent.parent
"""Where `gchatd` can be imported from."""


PYTHON: Final = (sys.executable, "-P", "-m")
"""What runs a module of ours, and never one that happens to lie in the current folder."""


class CrowdError(GchatError):
    """The show cannot go on. The text is one line that says why."""


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
    """A server for the crowd alone, on a port that was free. Its data go with it, however that happens (guard.py)."""

    host = "127.0.0.1"

    def __init__(self, program: Path) -> None:
        """Start it. Waits until it listens. Raises CrowdError."""
        command = [sys.executable, str(program.resolve()), "serve", "--listen", f"{self.host}:0", "--data", "data"]
        # Newcomers are not shown the past: they would hear lines twice. And when all leave, no visitor is told of each.
        command += ["--set", "history.replay=0", "--set", "rooms.announce_up_to=0"]
        self._log, log = os.pipe()
        self._process = subprocess.Popen(
            [*PYTHON, "gchatd.crowd.guard", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(),
            start_new_session=True,  # Ctrl-C is for the one who shows the crowd
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
        except (ValueError, IndexError):
            self.read()
            words = self.last_words()
            self.close()
            raise CrowdError(f"the server did not start: {words or 'it said nothing'}") from None
        except BaseException:  # Ctrl-C too: whatever it was is told further up, and nobody else would end the server
            self.close()
            raise

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
    """A server that runs already."""

    def __init__(self, target: Target) -> None:
        """Look whether it greets. Raises CrowdError: better one of us is refused than ten thousand."""
        _check_greeting(target)
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
        """It stays."""


def _check_greeting(target: Target) -> None:
    """Connect once, as a client does. Raises CrowdError if that fails, or if something else than a gchat answers."""
    heard = b""
    try:
        with socket.create_connection((target.host, target.port), GREETING_SECONDS) as probe:
            while not heard.endswith(b"\n") and len(heard) < 100 and (more := probe.recv(100)):
                heard += more
    except TimeoutError:
        pass  # connected or not, nothing came
    except ConnectionRefusedError:
        raise CrowdError(f"--connect {target.name}: no server is listening there") from None
    except OSError as error:
        raise CrowdError(f"--connect {target.name}: {(error.strerror or str(error)).lower()}") from None
    if heard.rstrip() != GREETING:
        raise CrowdError(f"--connect {target.name}: no gchat server answers there")


def listener(port: int) -> int | None:
    """The process that listens on a port of this machine, if one may know."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr[1] == port:
                return connection.pid
    return None


def open_files_allowed(pid: int) -> int | None:
    """How many files a process may have open, if one may know."""
    try:
        limits = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return None
    found = re.search(r"^Max open files +(\d+)", limits, re.MULTILINE)
    return int(found[1]) if found else None


def environment() -> dict[str, str]:
    """The environment of a process that imports `gchatd` from where this one did."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
