"""Many clients in one process, on plain sockets: what the torture of the limits is made with. Loopback only."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RESET = struct.pack("ii", 1, 0)
_PER_HOST = 10_000  # clients of one source address


class Client:
    """One connection. `closed_at` is when the server hung up; `named` whether it has told us our username."""

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number = number
        self.sock = sock
        self.came_at = time.monotonic()
        self.closed_at = 0.0
        self.named = False
        self.name = b""
        self.last = b""  # the unfinished line


class Masses:
    """Clients of a server, and what is done whenever one of them hears something."""

    def __init__(self, port: int) -> None:
        self.clients: dict[int, Client] = {}
        self.open = 0
        self.only_drops = False
        """Whether those who have a name drop what they hear: this process has more to do than to look at it."""
        self.on_lines: Callable[[Client, list[bytes]], None] = lambda client, lines: None
        self.on_writable: Callable[[Client], None] = lambda client: None
        self._address = "127.0.0.1", port
        self._epoll = select.epoll()
        self._count = 0

    def connect(self, count: int, name: str = "") -> list[Client]:
        """Connect so many clients; with a name, each gives its own as soon as it can."""
        clients = []
        for _ in range(count):
            sock = self.dial()
            sock.setblocking(False)
            client = Client(self._count, sock)
            if name:
                client.name = f"{name}{self._count}".encode()
                sock.send(client.name + b"\n")
            self.clients[sock.fileno()] = client
            self._epoll.register(sock, select.EPOLLIN)
            self._count += 1
            self.open += 1
            clients.append(client)
            if not self._count % 50:
                self.look(0)
        return clients

    def dial(self) -> socket.socket:
        """Connect one."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)  # leaves no port behind that has to wait
        sock.bind((f"127.0.0.{2 + self._count // _PER_HOST % 250}", 0))
        sock.connect(self._address)
        return sock

    def say(self, client: Client, line: bytes) -> None:
        with contextlib.suppress(OSError):
            client.sock.send(line)

    def flood(self, client: Client) -> None:
        """Call `on_writable` whenever this client can send more."""
        self._epoll.modify(client.sock, select.EPOLLIN | select.EPOLLOUT)

    def look(self, seconds: float) -> None:
        """Take in what there is, and wait so long for something."""
        for descriptor, what in self._epoll.poll(seconds):
            client = self.clients[descriptor]
            if what & ~select.EPOLLOUT:
                self._read(client)
            if what & select.EPOLLOUT and not client.closed_at:
                self.on_writable(client)

    def look_until(self, until: float | Callable[[], object], patience: float = 120) -> None:
        """Go on looking until a moment, or until something is so."""
        last = until if isinstance(until, float) else time.monotonic() + patience
        while time.monotonic() < last:
            if not isinstance(until, float) and until():
                return
            self.look(min(0.05, max(0, last - time.monotonic())))
        assert isinstance(until, float), "waited in vain"

    def drop(self, clients: list[Client]) -> None:
        """Let clients vanish, all at once."""
        for client in clients:
            if not client.closed_at:
                self._forget(client)

    def _read(self, client: Client) -> None:
        try:
            data = client.sock.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            data = b""
        if not data:
            self._forget(client)
            return
        if self.only_drops and client.named:
            return
        *lines, client.last = (client.last + data).split(b"\r\n")
        if not client.named:
            client.named = any(line.startswith(b"server: Your username is ") for line in lines)
        self.on_lines(client, lines)
        if isinstance(client.sock, ssl.SSLSocket) and not client.closed_at and client.sock.pending():
            self._read(client)  # what was decrypted makes no socket readable

    def _forget(self, client: Client) -> None:
        client.closed_at = time.monotonic()
        self.open -= 1
        self._epoll.unregister(client.sock)
        del self.clients[client.sock.fileno()]
        client.sock.close()


def percentile(values: list[float], share: float) -> float:
    """The value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
