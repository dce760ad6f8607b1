"""A front door in the test's own process, and clients that send what a test says."""

from __future__ import annotations

import socket

import gevent
import gevent.socket
import msgspec

from gchatd.settings import Server, Settings


class Asked:
    """A door that notes what its clients said and where they are, and says a word."""

    def __init__(self, word: bytes = b"in") -> None:
        self.word = word
        self.served: list[tuple[bytes, tuple[str, int]]] = []

    def serve(self, transport, address) -> bool:
        try:
            heard = transport.recv(65536)
        except BlockingIOError:
            heard = b""
        self.served.append((heard, address))
        transport.send(self.word)
        return False


class Doors(Asked):
    """The door for terminals, and beside it that for the web, which says `web`."""

    def __init__(self) -> None:
        super().__init__()
        self.web = Asked(b"web")


def with_server(**settings) -> Settings:
    return msgspec.structs.replace(Settings(), server=Server(**settings))


def polls() -> None:
    """Wait until the event loop has polled: whoever has something to read reads it before that, or in that round."""
    ours, theirs = gevent.socket.socketpair()
    with ours, theirs:
        theirs.send(b"x")
        gevent.socket.wait_read(ours.fileno())


def sends(port: int, *pieces: bytes) -> bytes:
    """Send pieces, each read alone; give all that comes until the server hangs up."""
    with gevent.socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            sock.sendall(piece)
            polls()
        return reads(sock)


def reads(sock) -> bytes:
    answer = b""
    while data := sock.recv(65536):
        answer += data
    return answer
