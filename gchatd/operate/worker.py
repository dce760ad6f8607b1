"""What a worker (one of several servers that share an address) and its supervisor say to each other. No event loop.

What a worker must know is in its environment:

    GCHAT_WORKER        its number, from 1 on
    GCHAT_LISTENERS     the descriptors of its listening sockets, separated by commas
    GCHAT_SUPERVISOR    the reading end of a pipe: when it ends, the supervisor is gone, and the worker is to shut down
    GCHAT_NEWS          the writing end of a pipe, on which the worker says that it serves, or why it cannot, and
                        that it has read its settings again
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..settings import Settings

SERVES: Final = b"serves\n"
RELOADED: Final = b"reloaded\n"
TROUBLE: Final = b"trouble "


class Worker(msgspec.Struct, frozen=True):
    """What makes this process a worker."""

    number: int
    listeners: tuple[int, ...]
    supervisor: int
    news: int

    def environment(self) -> dict[str, str]:
        """Write it down."""
        return {
            "GCHAT_WORKER": str(self.number),
            "GCHAT_LISTENERS": ",".join(map(str, self.listeners)),
            "GCHAT_SUPERVISOR": str(self.supervisor),
            "GCHAT_NEWS": str(self.news),
        }

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Worker | None:
        """Read it. None: this process is no worker."""
        if "GCHAT_WORKER" not in environment:
            return None
        number, listeners, supervisor, news = (
            environment[f"GCHAT_{name}"] for name in ("WORKER", "LISTENERS", "SUPERVISOR", "NEWS")
        )
        return cls(int(number), tuple(map(int, listeners.split(","))), int(supervisor), int(news))

    def settings(self, config: Settings) -> Settings:
        """Return the settings for this worker: the first has the data directory, the others each a folder in it."""
        server = msgspec.structs.replace(config.server, data=folder(config.server.data, self.number))
        return msgspec.structs.replace(config, server=server)

    def says_that_it_serves(self) -> None:
        self._says(SERVES)

    def says_that_it_has_reloaded(self) -> None:
        self._says(RELOADED)

    def says_why_it_cannot(self, trouble: str) -> None:
        self._says(TROUBLE + trouble.encode(errors="backslashreplace") + b"\n")

    def _says(self, news: bytes) -> None:
        with contextlib.suppress(OSError):  # nobody is there any more
            os.write(self.news, news)


def folder(data: str, number: int) -> str:
    """Return the data directory of a worker."""
    return data if number == 1 else os.path.join(data, f"worker-{number}")


def read_news(lines: Sequence[bytes]) -> tuple[bool, str | None, bool]:
    """Return whether a worker says that it serves, why it cannot, if it says that, and whether it has reloaded."""
    troubles = [line.removeprefix(TROUBLE).decode().strip() for line in lines if line.startswith(TROUBLE)]
    return SERVES in lines, troubles[0] if troubles else None, RELOADED in lines
