"""A `redis-server` of one's own, for workers that were told of no other: in the data directory, on a Unix socket.

Everything in it is on the disk (AOF) within a second. It ends with the process that started it, even if that is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ..errors import ConfigError
from .children import Child, tied

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS: Final = ("redis-server", "valkey-server")

SOCKET: Final = "redis.sock"
LOG: Final = "redis.log"

LONGEST_PATH: Final = 107
"""Bytes that the name of a Unix socket may have."""

LONGEST_LOG: Final = 1_000_000
"""Bytes of log after which a new one is begun, at a start."""

ANSWER_SECONDS: Final = 1.0
"""How long it may take to answer a PING."""

OPTIONS: Final = {
    "port": "0",
    "unixsocket": SOCKET,
    "unixsocketperm": "700",
    "dir": ".",
    "daemonize": "no",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
}


class RedisServer(Child):
    """The server. `descriptors` are those that it inherits, and that its clients must inherit, too."""

    def __init__(self, directory: Path, lock: int) -> None:
        """Keep its data in a directory, which is made if it is missing. Raises ConfigError and OSError.

        It inherits `lock`, so that nobody takes that while it lives.
        """
        super().__init__("redis-server")
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            raise ConfigError(
                "several workers need Redis, and there is no redis-server here: install it "
                "(apt install redis-server), or set cluster.redis to the URL of one that runs elsewhere"
            )
        self._program: str = program
        self._directory = directory.absolute()
        self._lock = lock
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = str(self._directory / SOCKET)
        self.descriptors: tuple[int, ...] = ()
        if len(os.fsencode(self._path)) > LONGEST_PATH:
            here = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
            self.descriptors = (here,)
            self._path = f"/proc/self/fd/{here}/{SOCKET}"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"unix://{quote(self._path)}"

    def spawn(self) -> subprocess.Popen[bytes]:
        log = self._directory / LOG
        begun_anew = log.exists() and log.stat().st_size > LONGEST_LOG
        with open(log, "wb" if begun_anew else "ab") as output:
            return subprocess.Popen(  # noqa: S603 - it was found in PATH
                [self._program, *(word for name, value in OPTIONS.items() for word in (f"--{name}", value))],
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(self._lock,),
                start_new_session=True,  # Ctrl-C is not for it
                preexec_fn=tied(signal.SIGTERM),
            )

    def answer(self) -> str | None:
        """Return what it says to a PING: PONG, or that it is still loading. None: nothing."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(ANSWER_SECONDS)
            try:
                client.connect(self._path)
                client.sendall(b"PING\r\n")
                return client.recv(100).decode(errors="replace").strip("+-\r\n") or None
            except OSError:
                return None

    def last_words(self) -> str:
        """Return the end of its log, in one line."""
        try:
            lines = (self._directory / LOG).read_text(errors="replace").splitlines()
        except OSError:
            return "it said nothing"
        return " / ".join(line.strip() for line in lines[-3:]) or "it said nothing"
