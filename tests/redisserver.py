"""A redis-server for tests: on a Unix socket in a directory of its own, with an append-only file that misses nothing.

See the fixtures `redis` and `start_redis` in conftest.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from people import PATIENCE
from redis import Redis
from redis.exceptions import RedisError


class RedisServer:
    """A redis-server, started at once."""

    def __init__(self, program: str, appendfsync: str = "always") -> None:
        self.home = Path(tempfile.mkdtemp(prefix="gchat-redis-"))  # short: the path of a socket has 107 bytes at most
        self.url = f"unix://{self.home}/redis.sock"
        self._program = program
        self._appendfsync = appendfsync
        self._copies = 0
        self._client = Redis.from_url(self.url, socket_timeout=PATIENCE)
        self.start()

    def ask(self, *words: Any) -> Any:
        """Send a command; return its answer, undecoded."""
        return self._client.execute_command(*words)

    def start(self, copy: Path | None = None) -> None:
        """Start, with what was there when it ended, or with an older copy of that. Returns when it answers."""
        if copy is not None:
            shutil.rmtree(self.home / "appendonlydir", ignore_errors=True)
            if copy.exists():
                shutil.copytree(copy, self.home / "appendonlydir")
        settings = {
            "port": "0", "unixsocket": f"{self.home}/redis.sock", "dir": f"{self.home}", "appendonly": "yes",
            "appendfsync": self._appendfsync, "save": "", "maxmemory-policy": "noeviction", "daemonize": "no",
        }  # fmt: skip
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        with (self.home / "log").open("a") as log:
            self.process = subprocess.Popen([self._program, *words], stdout=log, stderr=log)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self.ask("PING")
                return
            except RedisError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise AssertionError((self.home / "log").read_text()) from None
                time.sleep(0.005)

    def copy(self) -> Path:
        """Copy what is on the disk now, for `start`."""
        self._copies += 1
        copy = self.home / f"copy{self._copies}"
        shutil.copytree(self.home / "appendonlydir", copy)
        return copy

    def kill(self) -> None:
        """End it at once, by SIGKILL."""
        self.process.kill()
        self.process.wait()
        self._client.connection_pool.disconnect()

    def freeze(self) -> None:
        """Let it do nothing, as if the machine were stuck, until `thaw`."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        self._client.close()
        shutil.rmtree(self.home)
