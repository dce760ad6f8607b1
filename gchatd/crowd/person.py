"""One simulated person: who they are, and their connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .checking import Listener

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


class Person(Listener):
    """A person with a connection. `read` is the socket's `recv`."""

    __slots__ = ("held", "name", "named", "number", "place", "read", "sock", "unsent")

    def __init__(self, number: int, name: str, sock: socket.socket, own: int | None, since: int) -> None:
        super().__init__(own, since)
        self.number = number
        self.name = name
        self.sock = sock
        self.read: Callable[[int], bytes] = sock.recv
        self.named = False
        self.held = b""  # a piece of a line, until they are named; or of a frame
        self.unsent = b""
        self.place = -1  # among those who may leave
