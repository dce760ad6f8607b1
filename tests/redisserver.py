"""A redis-server for the tests: it is started, killed, frozen, filled up, and set back to what it had before."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import redis
from people import PATIENCE, eventually, needs

if TYPE_CHECKING:
    from typing import Any

SAFE = {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction"}
"""Options with which nothing that Redis has answered is lost, not even by kill -9."""


class RedisServer:
    """A redis-server on a Unix socket in a folder of its own. It forgets nothing when it is killed, unless `options`
    say otherwise (`appendonly="no"`).
    """

    def __init__(self, **options: str) -> None:
        self._program = needs("redis-server")
        self._home = tempfile.TemporaryDirectory(prefix="redis-")  # short: a socket's path has 107 bytes at most
        self.socket = Path(self._home.name) / "s"
        self.data = Path(self._home.name) / "data"
        self.data.mkdir()
        self.url = f"unix://{self.socket}"
        self._options = {**SAFE, **{name.replace("_", "-"): value for name, value in options.items()}}
        self._copies = 0
        self._log = open(Path(self._home.name) / "log", "ab")
        self.start()

    def start(self, copy: Path | None = None) -> None:
        """Start it, with what was there when it ended, or with an older copy of that; wait until it answers."""
        if copy is not None:
            shutil.rmtree(self.data)
            shutil.copytree(copy, self.data)
        options = {**self._options, "port": "0", "unixsocket": str(self.socket), "dir": str(self.data)}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self.process = subprocess.Popen([self._program, *words], stdout=self._log, stderr=self._log)
        eventually(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, (Path(self._home.name) / "log").read_text()
        try:
            return bool(self.ask("PING"))
        except redis.RedisError:
            return False

    def ask(self, *words: Any) -> Any:
        """Send one command, on a connection of its own, and return the answer."""
        with redis.Redis(unix_socket_path=str(self.socket), socket_timeout=PATIENCE) as client:
            return client.execute_command(*words)

    def configure(self, option: str, value: object) -> None:
        self.ask("CONFIG", "SET", option, str(value))

    def fills_up(self) -> None:
        """Have no memory left from now on."""
        self.configure("maxmemory", int(self.ask("INFO", "memory")["used_memory"]) // 2)

    def has_room_again(self) -> None:
        self.configure("maxmemory", 0)

    def kill(self) -> None:
        """kill -9"""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it in peace."""
        self.process.terminate()
        self.process.wait(PATIENCE)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def copy(self) -> Path:
        """Copy what is on the disk now, for `start`."""
        self._copies += 1
        copy = Path(self._home.name) / f"copy{self._copies}"
        shutil.copytree(self.data, copy)
        return copy

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()
        self._home.cleanup()
