"""Stand-ins for what is under an outbox: a connection that does what a test says, and one that behaves as TLS does."""

from __future__ import annotations

import gevent
import gevent.event
import gevent.socket

RECORD = 16_384
"""How many bytes TLS sends at a time; it is given the same ones again until they have gone."""


class FakeTransport:
    """A connection whose client takes as many bytes as the test says."""

    def __init__(self, room: int = 0) -> None:
        self.room = room  # bytes that the client will take
        self.seen = b""  # those that it took
        self.in_kernel = 0
        self.lost: OSError | None = None
        self.was_reset = False
        self._writable = gevent.event.Event()

    def takes(self, room: int) -> None:
        """Let the client take so many bytes more, and the writer send them."""
        self.room += room
        self._writable.set()
        gevent.idle()

    def breaks(self, error: OSError) -> None:
        """Lose the connection, as the writer will notice."""
        self.lost = error
        self._writable.set()

    def send(self, data: bytes | memoryview) -> int:
        if self.lost is not None:
            raise self.lost
        if self.room == 0:
            raise BlockingIOError
        sent = bytes(data[: self.room])
        self.room -= len(sent)
        self.seen += sent
        return len(sent)

    def wait_writable(self) -> None:
        if not self.room:
            self._writable.clear()
        self._writable.wait()

    def unsent(self) -> int:
        return self.in_kernel

    def reset(self) -> None:
        self.was_reset = True
        self.breaks(ConnectionResetError())


class WantReadError(OSError):
    """What TLS raises where it has to receive something first: no BlockingIOError, just as `ssl.SSLWantReadError`."""


class WantWriteError(OSError):
    """The same for sending."""


class Tls:
    """One end of what behaves as TLS does (records, errors, a greeting first), and hides what it says from nobody."""

    def __init__(self, sock: gevent.socket.socket) -> None:
        self._sock = sock._sock
        self.greeted = False
        self._body = self._out = b""  # the record that is being sent, and what of it has yet to go
        self._in = b""
        self._decrypted = b""

    def pending(self) -> int:
        return len(self._decrypted)

    def write(self, data: bytes | memoryview) -> int:
        if not self.greeted:
            self._receive()
        if not self._body:
            self._body = bytes(data[:RECORD])
            self._out = len(self._body).to_bytes(2) + self._body[::-1]
        if bytes(data[: len(self._body)]) != self._body:
            raise OSError("bad write retry")
        try:
            self._out = self._out[self._sock.send(self._out) :]
        except BlockingIOError:
            raise WantWriteError
        if self._out:
            raise WantWriteError
        body, self._body = self._body, b""
        return len(body)

    def greet(self) -> None:
        self._sock.send(b"\0\0")
        self.greeted = True

    def read(self, size: int) -> bytes:
        while not self._decrypted:
            self._receive()
        data, self._decrypted = self._decrypted[:size], self._decrypted[size:]
        return data

    def _receive(self) -> None:
        """Take in a record. Whoever has none yet wants to read."""
        size = int.from_bytes(self._in[:2])
        while len(self._in) < 2 + size or not self._in:
            try:
                self._in += self._sock.recv(2 + size - len(self._in))
            except BlockingIOError:
                raise WantReadError
            size = int.from_bytes(self._in[:2])
        self._decrypted += self._in[2:][::-1]
        self._in = b""
        self.greeted = True


class TlsTransport:
    """A transport over `Tls`. All that is different about TLS is dealt with in here."""

    def __init__(self, sock: gevent.socket.socket) -> None:
        self.tls = Tls(sock)
        self._hub = sock.hub
        self._readable = sock._read_event
        self._writable = sock._write_event
        self._answers = sock.hub.loop.io(sock.fileno(), 1)  # the client's greenlet may wait for the other
        self._send_needs = self._writable

    def send(self, data: bytes | memoryview) -> int:
        try:
            sent = self.tls.write(data)
        except WantReadError:
            self._send_needs = self._answers
            raise BlockingIOError
        except WantWriteError:
            self._send_needs = self._writable
            raise BlockingIOError
        self._send_needs = self._writable
        return sent

    def recv(self, size: int) -> bytes:
        try:
            return self.tls.read(size)
        except WantReadError:
            raise BlockingIOError

    def wait_readable(self) -> None:
        if not self.tls.pending():
            self._hub.wait(self._readable)

    def wait_writable(self) -> None:
        self._hub.wait(self._send_needs)

    def unsent(self) -> int:
        return 0

    def reset(self) -> None:
        pass
