"""A cable between a page and its server, which a test can cut, freeze or slow down.

It is for `browse(cable, "Ann")`: the page does not know that it is there.
"""

from __future__ import annotations

import heapq
import selectors
import socket
import struct
import threading
import time
from itertools import count
from typing import Any


class Strand:
    """One connection: the page's end and the server's."""

    def __init__(self, page: socket.socket, server: socket.socket) -> None:
        self.page, self.server = page, server
        self.buried = False  # nothing passes ever again, and neither end hears that the other has closed
        self.is_websocket = False

    def other(self, end: socket.socket) -> socket.socket:
        return self.server if end is self.page else self.page


class Cable:
    """All connections that go through one port. Whatever is done to it is done when the call returns."""

    def __init__(self, server: Any) -> None:
        self._to = server.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._strands: list[Strand] = []
        self._lock = threading.Lock()
        self._refuses = self._frozen = self._mute = False
        self._delay = 0.0
        self._held: list[tuple[Strand, socket.socket, bytes]] = []
        self._late: list[tuple[float, int, Strand, socket.socket, bytes]] = []
        self._number = count()
        self._over = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    # What happens to cables.

    def cut(self) -> None:
        """Every connection is reset at both ends, and so is every new one."""
        with self._lock:
            self._refuses = True
            for strand in [*self._strands]:
                self._drop(strand)

    def bury(self) -> None:
        """Nothing passes through the WebSockets there are, and nobody is told: the server goes on believing in them."""
        with self._lock:
            for strand in self._strands:
                strand.buried = strand.is_websocket

    def freeze(self) -> None:
        """New connections are accepted, but nothing passes, until `thaw` lets all of it pass."""
        with self._lock:
            self._frozen = True

    def thaw(self) -> None:
        with self._lock:
            self._frozen = False
            held, self._held = self._held, []
            for strand, end, data in held:
                self._pass(strand, end, data)

    def lose_answers(self) -> None:
        """What the page says arrives; what the server says is lost."""
        with self._lock:
            self._mute = True

    def delay(self, seconds: float) -> None:
        """Whatever is said takes so long to arrive."""
        with self._lock:
            self._delay = seconds

    def end(self, towards: str) -> None:
        """That end of the WebSockets, "page" or "server", is told that no more comes; the other hears nothing of it."""
        with self._lock:
            for strand in filter(lambda strand: strand.is_websocket, self._strands):
                end = strand.page if towards == "page" else strand.server
                end.shutdown(socket.SHUT_WR)

    def mend(self) -> None:
        """New connections work. Buried ones stay buried, and so do those whose answers were lost."""
        with self._lock:
            if self._mute:
                for strand in self._strands:
                    strand.buried = True
            self._refuses = self._frozen = self._mute = False
            self._delay = 0.0

    def close(self) -> None:
        self._over = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        for strand in [*self._strands]:
            self._drop(strand)
        self._listener.close()
        self._selector.close()

    # The thread.

    def _run(self) -> None:
        while not self._over:
            with self._lock:
                wait = max(0.0, self._late[0][0] - time.monotonic()) if self._late else 0.05
            ready = self._selector.select(wait)
            with self._lock:
                while self._late and self._late[0][0] <= time.monotonic():
                    _, _, strand, end, data = heapq.heappop(self._late)
                    self._pass(strand, end, data)
                for key, _ in ready:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.data in self._strands:
                        self._carry(key.data, key.fileobj)  # type: ignore[arg-type]

    def _accept(self) -> None:
        page, _ = self._listener.accept()
        try:
            if self._refuses or self._over:
                raise ConnectionRefusedError
            server = socket.create_connection(("127.0.0.1", self._to), 5)
        except OSError:
            _reset(page)
            return
        strand = Strand(page, server)
        self._strands.append(strand)
        for end in (page, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(end, selectors.EVENT_READ, strand)

    def _carry(self, strand: Strand, end: socket.socket) -> None:
        """Take what has come from one end of a connection."""
        try:
            data = end.recv(65536)
        except OSError:
            if not strand.buried:
                self._drop(strand)
                return
            data = b""
        if not data:
            self._selector.unregister(end)
        strand.is_websocket |= data.startswith(b"GET /ws ")
        if strand.buried or (self._mute and end is strand.server):
            return
        if self._frozen:
            self._held.append((strand, end, data))
        elif self._delay:
            at = time.monotonic() + self._delay
            heapq.heappush(self._late, (at, next(self._number), strand, end, data))
        else:
            self._pass(strand, end, data)

    def _pass(self, strand: Strand, end: socket.socket, data: bytes) -> None:
        """Give the other end what came from this one; nothing: no more will come."""
        if strand.buried or strand not in self._strands:
            return
        try:
            if data:
                strand.other(end).sendall(data)
            elif strand.other(end) in self._selector.get_map():
                strand.other(end).shutdown(socket.SHUT_WR)
            else:
                self._drop(strand, gently=True)
        except OSError:
            self._drop(strand)

    def _drop(self, strand: Strand, gently: bool = False) -> None:
        if strand not in self._strands:
            return
        self._strands.remove(strand)
        for end in (strand.page, strand.server):
            if end in self._selector.get_map():
                self._selector.unregister(end)
            if gently:
                end.close()
            else:
                _reset(end)


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
