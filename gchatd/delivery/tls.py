"""TLS, as a transport over another one. Knows no sockets, and nothing of what the bytes mean.

OpenSSL works on two buffers in memory (`ssl.MemoryBIO`), and what it puts there is sent through the transport below.
What the kernel does not take of it waits here: at most one record. The line of which it is a part then counts as not
sent, so an outbox keeps it, and accounts for it as it does without TLS.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .transport import Transport

RECORD = 16_384
"""How many bytes are encrypted, and sent, at a time. TLS allows no more (RFC 8446 section 5.1)."""

_MOST_ANSWERS = 65_536  # bytes that TLS itself may have to say to a client that does not read them


class Certificate:
    """A certificate with its key, and how TLS is spoken with them. Never changes."""

    def __init__(self, certificate: str, key: str) -> None:
        """Read two files in PEM; an empty key is in the certificate's file. Raises OSError (ssl.SSLError included)."""
        self._context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0  # people stay for hours; a ticket would only be one more thing to send
        context.load_cert_chain(certificate, key or None, password=lambda: b"")  # and do not ask the operator for it

    def secure(self, transport: Transport) -> TlsTransport:
        """Return a transport that speaks TLS over this one, as soon as it has shaken hands."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        return TlsTransport(transport, self._context.wrap_bio(incoming, outgoing, True), incoming, outgoing)


class TlsTransport:
    """What it promises stands at `Transport`. TLS 1.3's new keys are agreed to in between, renegotiation is refused."""

    __slots__ = ("_below", "_encrypted", "_ended", "_incoming", "_outgoing", "_taken", "_tls", "_unread")

    encrypted = True

    def __init__(self, below: Transport, tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        self._below = below
        self._tls = tls
        self._incoming = incoming
        self._outgoing = outgoing
        self._encrypted = b""  # what the kernel has not taken
        self._unread = b""
        self._ended = False  # whether the client has said goodbye: it may go on listening
        self._taken = 0  # bytes that `send` was given, and will be given again, that are encrypted already

    def shake_hands(self, wait: Callable[[Callable[[], None]], bool]) -> None:
        """Agree with the client on how to encrypt. Switches, by calling `wait` with a function that waits.

        Raises TimeoutError once `wait` returns False, and any other OSError if there is nothing to agree on.
        """
        while True:
            agreed = self._agrees()
            while not self._sends_all():
                _in_time(wait(self._below.wait_writable))
            if agreed:
                return
            try:
                data = self._below.recv(RECORD)
            except BlockingIOError:
                _in_time(wait(self._below.wait_readable))
                continue
            if not data:
                raise ConnectionError("hung up during the TLS handshake")
            self._incoming.write(data)

    def _agrees(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError:
            with contextlib.suppress(OSError):
                self._push()  # TLS's own word for why not
            raise
        return True

    def _sends_all(self) -> bool:
        try:
            self._push()
        except BlockingIOError:
            return False
        return True

    def send(self, data: bytes | memoryview) -> int:
        if self._encrypted:
            self._push()
        sent, self._taken = self._taken, 0
        while sent < len(data):
            piece = data if not sent and len(data) <= RECORD else memoryview(data)[sent : sent + RECORD]
            size = self._tls.write(piece)
            try:
                self._push()
            except BlockingIOError:
                self._taken = size
                if not sent:
                    raise
                break
            sent += size
        return sent

    def _push(self) -> None:
        """Send what is encrypted. Raises BlockingIOError if the client does not take all of it just now."""
        if self._outgoing.pending:
            self._encrypted += self._outgoing.read()
        if self._encrypted:
            self._encrypted = self._encrypted[self._below.send(self._encrypted) :]
            if self._encrypted:
                raise BlockingIOError

    def recv(self, size: int) -> bytes:
        if self._unread:
            data, self._unread = self._unread[:size], self._unread[size:]
            return data
        if self._ended:
            return b""
        if not self._has_more():
            data = self._below.recv(RECORD)
            if not data:  # without TLS's own goodbye: a line that was cut off is dropped anyway
                return b""
            self._incoming.write(data)
        try:
            data = self._tls.read(size)
            self._ended = not data
            return data
        except ssl.SSLWantReadError:
            raise BlockingIOError from None
        except ssl.SSLZeroReturnError:  # both have said goodbye
            self._ended = True
            return b""
        finally:
            self._answer()

    def _answer(self) -> None:
        """Send what TLS itself has to say, if anything. Raises OSError for a client that does not read any of it."""
        if self._outgoing.pending:
            with contextlib.suppress(BlockingIOError):
                self._push()
            if len(self._encrypted) > _MOST_ANSWERS:
                raise ConnectionError("asks for more than it reads")

    def _has_more(self) -> bool:
        """Whether something has been received that was not read, of which the socket knows nothing any more."""
        return bool(self._unread or self._ended or self._tls.pending() or self._incoming.pending)

    def unread(self, data: bytes) -> None:
        self._unread = data + self._unread

    def wait_readable(self) -> None:
        if not self._has_more():
            self._below.wait_readable()

    def wait_writable(self) -> None:
        self._below.wait_writable()

    def has_hung_up(self) -> bool:
        return self._below.has_hung_up()

    def unsent(self) -> int:
        return self._below.unsent() + len(self._encrypted)

    def end_sending(self) -> None:
        self.say_goodbye()
        self._below.end_sending()

    def say_goodbye(self) -> None:
        """Tell the client, in TLS's own way, that nothing more will come. Never waits; raises nothing."""
        with contextlib.suppress(OSError):
            while more := self._tls.read(RECORD):  # what `unwrap` would stumble over
                self._unread += more
        with contextlib.suppress(OSError):
            self._tls.unwrap()  # which cannot read the client's own goodbye yet: ssl.SSLWantReadError
        with contextlib.suppress(OSError):
            self._push()

    def reset(self) -> None:
        self._below.reset()


def _in_time(is_in_time: bool) -> None:
    if not is_in_time:
        raise TimeoutError("no TLS handshake in time")
