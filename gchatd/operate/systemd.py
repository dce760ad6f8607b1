"""What a service manager is told (sd_notify(3)): that the server serves, reloads, stops, and is still alive.

By datagrams to the socket that it names in the environment. Where it names none, nothing is told. Needs no event loop.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping

STATUS_SECONDS: Final = 10.0
"""How often at most the status is told, where no watchdog wants to hear more often."""

AGAIN_SECONDS: Final = 0.1
"""How soon to try again, if it takes nothing just now (the kernel keeps some ten datagrams for it)."""

_MOST_OWED: Final = 10


class ServiceManager:
    """Whoever has started this process, and looks after it."""

    def __init__(self, address: str = "", watchdog_seconds: float = 0.0) -> None:
        """`address` is the name of its socket; a leading @ stands for an abstract one. Empty: nobody wants to hear.

        It restarts the process if it has not heard of it for `watchdog_seconds`; 0: it does not.
        """
        self.status: Callable[[], str] = str
        """Says in a line how things are, for `systemctl status`. To be set."""
        self.due = time.monotonic() if address else float("inf")
        """When to call `keep_alive` again, in monotonic seconds."""
        self._address = b"\0" + os.fsencode(address[1:]) if address.startswith("@") else os.fsencode(address)
        self._every = watchdog_seconds / 2 or STATUS_SECONDS
        self._watches = bool(watchdog_seconds)
        self._told = ""  # of the status
        self._is_ready = False
        self._owed: list[str] = []  # what it has not taken yet

    @classmethod
    def of(cls, environment: MutableMapping[str, str]) -> ServiceManager:
        """Read from the environment who it is, and take it out of there: it is nothing for our own children."""
        address = environment.pop("NOTIFY_SOCKET", "")
        watchdog = environment.pop("WATCHDOG_USEC", "")
        meant = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        if not address.startswith(("/", "@")):
            return cls()
        return cls(address, int(watchdog) / 1e6 if meant and watchdog.isdecimal() else 0.0)

    def ready(self) -> None:
        """Tell that the server serves."""
        self._is_ready = True
        self._told = self.status()
        self._tell("READY=1", f"STATUS={self._told}")

    def reloads(self) -> None:
        """Tell that the settings are read again. `ready` is to follow."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Tell that the settings are read again, and afterwards that the server is ready again."""
        self.reloads()
        try:
            yield
        finally:
            self.ready()

    def stopping(self) -> None:
        """Tell that the server is shutting down. It goes on being alive until it has."""
        self._tell("STOPPING=1")

    def keep_alive(self) -> None:
        """Tell, if it is due, that the server is alive, and its status, if that is another. Never waits."""
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + self._every
        self._tell()
        if self._owed or not self._is_ready:
            return
        news = ["WATCHDOG=1"] if self._watches else []
        status = self.status()
        if status != self._told:
            news.append(f"STATUS={status}")
        if not news:
            return
        if self._takes("\n".join(news)):
            self._told = status
        else:
            self.due = now + AGAIN_SECONDS

    def _tell(self, *news: str) -> None:
        """Tell it something, after what it has not taken before; soon again, if it takes nothing. Never waits."""
        if not self._address:
            return
        if news:
            self._owed = [*self._owed, "\n".join(news)][-_MOST_OWED:]
        while self._owed and self._takes(self._owed[0]):
            del self._owed[0]
        if self._owed:
            self.due = time.monotonic() + AGAIN_SECONDS

    def _takes(self, news: str) -> bool:
        """Tell it something; return whether it has taken it, or is not there any more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
            sock.setblocking(False)
            try:
                sock.sendto(news.encode(), self._address)
            except BlockingIOError:
                return False
        return True
