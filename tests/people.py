"""The vocabulary of the tests: a server, and people who say and see things through real sockets.

ann.says("hello")
bob.sees("ann : hello")
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND = float(os.environ.get("GCHAT_TEST_SECOND", "1"))
"""What one second of patience lasts: raise it on a machine that is slow."""

PATIENCE = 15 * SECOND
ROOT = Path(__file__).parent.parent
GREETING = "server: Input username."


class Server:
    """A gchat in a process of its own, on a port that was free. Those who come in are not shown what was said before,
    unless `history__replay` says so; who says nothing is greeted at once, unless `server__greet_after` does, and nobody
    is held back who says much, unless `limits__flood` does. Its data are gone with it, unless `data` is a folder.
    """

    def __init__(
        self,
        *args: str,
        program: str = "gchat.py",
        data: Path | None = None,
        listen: Sequence[str] = ("127.0.0.1:0",),
        **settings: object,
    ) -> None:
        self.program = program
        self._log = tempfile.TemporaryFile()
        self._home = tempfile.TemporaryDirectory()
        self.data = data or Path(self._home.name) / "data"
        settings = {
            "server__data": self.data,
            "history__replay": 0,
            "server__greet_after": 0,
            "limits__flood": False,
            **settings,
        }
        sets = [word for name, value in settings.items() for word in ("--set", f"{name.replace('__', '.')}={value}")]
        listening = [word for address in listen for word in ("--listen", address)]
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / program), *listening, *sets, *args],
            stdout=subprocess.PIPE,
            stderr=self._log,
            stdin=subprocess.DEVNULL,
            bufsize=0,  # so that what select sees is all there is
            cwd=self._home.name,
        )
        self.greeting = [self.prints() for _ in range(3)]
        self.port = int(re.findall(r"\d+", self.greeting[1])[0])

    def prints(self) -> str:
        """Wait for the next line of standard output."""
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE)[0], f"nothing printed; log:\n{self.log()}"
        return self.process.stdout.readline().decode().rstrip("\n")

    def log(self) -> str:
        """What it has logged so far."""
        if not self._log.closed:
            log = self._log.fileno()
            # Without an offset of our own: we share it with the server, which writes where it is.
            self._logged = os.pread(log, os.fstat(log).st_size, 0).decode()
        return self._logged

    def logs(self, what: str) -> str:
        """Wait until the log has a line that matches; give that line."""
        return eventually(lambda: next((line for line in self.log().splitlines() if re.search(what, line)), None))

    def alive(self) -> dict[str, int]:
        """What is alive in a probe server."""
        self.process.send_signal(signal.SIGUSR1)
        alive: dict[str, int] = json.loads(self.prints())
        return alive

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; give its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log()
        self._log.close()
        self._home.cleanup()


class Person:
    """Somebody with a plain connection. With a name, they are already in. `buffer`: bytes that their kernel takes."""

    def __init__(self, server: Server, name: str = "", buffer: int = 0) -> None:
        self._sock = socket.socket()
        self._sock.settimeout(PATIENCE)
        if buffer:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        try:
            self._sock.connect(("127.0.0.1", server.port))
        except OSError:
            self._sock.close()
            raise
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connected()
        self._unread = b""
        self.name = name
        if name:
            self.says(name)  # before the greeting: a server that waits for what comes first need not wait
            self.sees(GREETING)
            self.sees(f"server: Your username is {name}.")

    def connected(self) -> None:
        """What happens before anything is said."""

    def says(self, line: str) -> None:
        self.sends(line.encode() + b"\n")  # as nc ends it: nobody who does is taken for a telnet

    def sends(self, data: bytes) -> None:
        self._sock.sendall(data)

    def sees(self, *lines: str) -> None:
        """The next lines are these, each ending in CR LF."""
        for line in lines:
            seen = self.reads_line()
            assert seen == line, f"{self.name or 'somebody'} saw {seen!r} instead of {line!r}"

    def reads_line(self) -> str:
        while b"\r\n" not in self._unread:
            data = self._sock.recv(65536)
            assert data, f"{self.name or 'somebody'} was hung up on after {self._unread!r}"
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\r\n")
        return self.shows(line)

    def shows(self, line: bytes) -> str:
        """A line as they see it."""
        return line.decode()

    def fileno(self) -> int:
        """So that one can wait, by select, for whoever is told something first."""
        return self._sock.fileno()

    def takes(self, count: int) -> bytes:
        """Read some bytes, and only those."""
        taken, self._unread = self._unread[:count], self._unread[count:]
        return taken or self._sock.recv(count)

    def reads_to_the_end(self) -> bytes:
        """All that still comes until the server hangs up."""
        data, self._unread = self._unread, b""
        while True:
            try:
                more = self._sock.recv(65536)
            except ConnectionResetError:
                return data
            if not more:
                return data
            data += more

    def waits(self, seconds: float) -> None:
        """Wait for so long, or until something can be read."""
        select.select([self._sock], [], [], seconds)

    def hangs_up(self) -> None:
        self._sock.close()

    def resets(self) -> None:
        """Vanish without a goodbye: whatever comes then is answered by a reset."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def says_no_more(self) -> None:
        """Close one's own half of the connection."""
        self._sock.shutdown(socket.SHUT_WR)


def eventually(look, patience: float = PATIENCE):
    """Wait until look() gives something true, and give that."""
    until = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < until, f"waited {patience:g} s in vain"
        time.sleep(0.01)
    return found


def needs(program: str) -> str:
    """Give the path of a program; skip the test where it is missing, but fail where CI is set."""
    path = shutil.which(program)
    if path is None:
        message = f"{program} is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


def gchat(*args: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    """Run gchat.py to its end; give its exit status and what it wrote to standard output and error."""
    words = [sys.executable, str(ROOT / "gchat.py"), *args]
    env = {**os.environ, **environment}
    ended = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False, env=env)
    return ended.returncode, ended.stdout, ended.stderr
