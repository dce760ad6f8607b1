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

_TIMES: Final = 5
_PAUSE_SECONDS: Final = 0.01
"""A manager that takes nothing is tried so many times, this far apart. It is told everything else but once."""


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
        self._told = ""

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
        news = ["WATCHDOG=1"] if self._watches else []
        status = self.status()
        if status != self._told:
            self._told = status
            news.append(f"STATUS={status}")
        if news:
            self._tell(*news, times=1)

    def _tell(self, *news: str, times: int = _TIMES) -> None:
        """Tell it something. Raises nothing; what it does not take in time is lost."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):  # it is gone
            sock.setblocking(False)
            for count in range(times):
                if count:
                    time.sleep(_PAUSE_SECONDS)
                with contextlib.suppress(BlockingIOError):
                    sock.sendto("\n".join(news).encode(), self._address)
                    return
