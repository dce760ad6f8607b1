"""Several servers that are one chat, what they share, and people who measure from outside what passes between them."""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .load import RunFailedError
from .servers import HERE, LOAD_CORE, PATIENCE, SERVER_CORE, Gchat, Watched, pinned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .servers import Server

BOTH_CORES = (SERVER_CORE, LOAD_CORE)


class Workers(Gchat):
    """Two workers and their Redis, on the one core that a single process has otherwise."""

    name = "2 workers"
    count = 2

    def command(self) -> list[str]:
        return [*super().command(), "--workers", str(self.count)]

    def __enter__(self) -> Self:
        super().__enter__()
        until = time.monotonic() + PATIENCE
        while self.log.read_text().count(" serves: process ") < self.count:  # it listens before they serve
            if time.monotonic() > until:
                raise RuntimeError(f"the workers did not start:\n{self.log.read_text()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        super().__exit__(*exc)


class Redis:
    """A redis-server with the settings that workers give theirs. A context manager."""

    def __init__(self, *cores: int) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="gchat-bench-"))
        self.socket = self.home / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._cores = cores or BOTH_CORES

    def __enter__(self) -> Self:
        settings = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.home), "--save", ""]
        settings += ["--appendonly", "yes", "--appendfsync", "everysec"]
        self._process = subprocess.Popen(
            [*pinned(*self._cores), "redis-server", *settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + PATIENCE
        while not self.socket.exists():
            if time.monotonic() > until:
                raise RuntimeError("redis-server did not start")
            time.sleep(0.02)
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.home)


class Node(Gchat):
    """A server that shares a Redis with others."""

    name = "node"

    def __init__(self, redis: Redis, *cores: int, settings: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.settings = (f"cluster.redis={redis.url}", *settings)
        self.cores = cores or BOTH_CORES


class WatchedNode(Node, Watched):
    """A node with instruments inside."""


class Guest:
    """Drives a node that is no server (guest.py). A context manager."""

    def __init__(self, redis: Redis, *cores: int) -> None:
        self._process = subprocess.Popen(
            [*pinned(*(cores or BOTH_CORES)), sys.executable, "-m", "bench.guest", redis.url],
            cwd=HERE.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.communicate()

    def begin(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()

    def end(self) -> float:
        """Wait until the order is done; give the seconds it took."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RunFailedError("the guest among the nodes has ended")
        return float(line)

    def do(self, order: str) -> float:
        self.begin(order)
        return self.end()


class Person:
    """Somebody connected to a server. A context manager."""

    def __init__(self, server: Server, name: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self.say(name)
        self.hear(b"Your username is %s." % name.encode())

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def say(self, text: str) -> None:
        self._socket.sendall(text.encode() + b"\r\n")

    def hear(self, text: bytes) -> None:
        """Read on until there is a line with this text."""
        for line in self.lines():
            if text in line:
                return

    def skip(self) -> None:
        """Read what has come, so that the server does not wait for that."""
        while select.select([self._socket], [], [], 0)[0]:
            self._read()
        self._rest = b""

    def lines(self) -> Iterator[bytes]:
        """Yield what comes, line by line."""
        while True:
            *lines, self._rest = self._rest.split(b"\n")
            for number, line in enumerate(lines):
                try:
                    yield line
                except GeneratorExit:
                    self._rest = b"\n".join([*lines[number + 1 :], self._rest])
                    raise
            self._read()

    def count(self, text: bytes, wanted: int) -> tuple[float, float]:
        """Read on until this text has come so often; give when the first and when the last came."""
        first, seen, size = 0.0, 0, len(text) - 1
        while seen < wanted:
            seen += self._rest.count(text)
            first = first or (time.perf_counter() if seen else 0.0)
            self._rest = self._rest[len(self._rest) - size :] if size else b""
            if seen < wanted:
                self._read()
        return first, time.perf_counter()

    def _read(self) -> None:
        got = self._socket.recv(1 << 18)
        if not got:
            raise RunFailedError("the server closed somebody who read")
        self._rest += got


def latencies(talker: Person, listener: Person, seconds: float, pause: float = 0.02) -> list[float]:
    """Say a line now and then; give how long each took to reach the listener, in ms."""
    took = []
    until = time.perf_counter() + seconds
    while (start := time.perf_counter()) < until:
        mark = f"mark {start!r}"
        talker.skip()
        talker.say(mark)
        listener.hear(mark.encode())
        took.append((time.perf_counter() - start) * 1e3)
        time.sleep(pause)
    return took


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=1000, method="inclusive")[int(share * 1000) - 1]
