"""How bytes get to one client and back: over a plain socket; over TLS in tls.py.

An outbox sends through a transport, a door reads through it, and nobody else touches the socket. Knows nothing of what
the bytes mean, nor of what waits to be sent.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import sys
import termios
from socket import SHUT_RDWR, SHUT_WR, SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from gevent.hub import Hub as EventLoop

_RESET = struct.pack("ii", 1, 0)  # closing then frees the megabytes that the kernel may hold for a slow reader

_poll = select.poll()


class Transport(Protocol):
    """A connection to one client. Its owner closes it; a transport only uses it.

    At most one greenlet waits until it is readable and one until it is writable, at the same time. Only the two waits
    switch.
    """

    @property
    def encrypted(self) -> bool:
        """Whether nobody on the way can read along, for the log."""
        ...

    @property
    def send(self) -> Callable[[bytes | memoryview], int]:
        """Send what the client takes just now, and return how many bytes that was: maybe fewer than it would take.

        A property, so that fan-out can call what it returns without a Python function in between. Raises
        BlockingIOError if the client takes nothing just now: the same bytes are then the next to be sent, as TLS
        demands. Raises any other OSError if the connection is lost. TLS's own "want read" and "want write" are
        OSErrors and no BlockingIOErrors: a transport translates them.
        """
        ...

    def recv(self, size: int) -> bytes:
        """Return up to `size` bytes that the client sent; none if it will send no more.

        Raises BlockingIOError if there are none just now, any other OSError if the connection is lost.
        """
        ...

    def unread(self, data: bytes) -> None:
        """Let `recv` return these bytes once more, before anything else. Whoever has them looked at what came first."""
        ...

    def wait_readable(self) -> None:
        """Wait until `recv` is worth a try, which may give nothing all the same. Switches, unless it is so already.

        What a transport has received and decrypted makes no socket readable, but it does make the transport readable;
        and where `recv` has to send something first, this waits until it can. Raises OSError if the socket is closed,
        before or meanwhile.
        """
        ...

    def wait_writable(self) -> None:
        """Wait until `send` is worth a try. Switches; raises OSError as `wait_readable` does."""
        ...

    def has_hung_up(self) -> bool:
        """Whether the client will send no more than what has come already, as far as the kernel knows (0.5 us)."""
        ...

    def unsent(self) -> int:
        """How many bytes the kernel still holds for the client; 0 if the connection is closed."""
        ...

    def end_sending(self) -> None:
        """Tell the client that nothing more will come; what was sent still arrives. Raises OSError if that fails."""
        ...

    def reset(self) -> None:
        """Stop both ways, and let closing throw away what the kernel holds for the client. Raises nothing.

        What the client sent before can still be read; then `recv` gives nothing, and nobody waits for that.
        """
        ...


class Socket(Protocol):
    """What is used of a `gevent.socket.socket`, or of a `doors.accepting.ClientSocket`, under the names of the former.

    `_sock` is the non-blocking socket inside: its `send` takes 1.2 us, where gevent's takes 2 and `sendall` 4. The two
    events are watchers of the event loop's: waiting for them is what the methods of a gevent socket do.
    """

    hub: EventLoop
    _sock: socket.socket
    _read_event: Any  # None once it is closed, as is the other
    _write_event: Any


class PlainTransport:
    """A transport that is a TCP connection and nothing else. What it promises stands at `Transport`."""

    __slots__ = ("_sock", "_unread")

    encrypted = False

    def __init__(self, sock: Socket) -> None:
        self._sock = sock
        self._unread = b""

    @property
    def send(self) -> Callable[[bytes | memoryview], int]:
        return self._sock._sock.send

    def recv(self, size: int) -> bytes:
        if not self._unread:
            return self._sock._sock.recv(size)
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    def unread(self, data: bytes) -> None:
        self._unread = data + self._unread

    def wait_readable(self) -> None:
        if self._unread:
            return
        self._sock.hub.wait(self._sock._read_event or _closed())

    def wait_writable(self) -> None:
        self._sock.hub.wait(self._sock._write_event or _closed())

    def has_hung_up(self) -> bool:
        descriptor = self._sock._sock.fileno()
        if descriptor < 0:  # closed here
            return True
        _poll.register(descriptor, select.POLLRDHUP)
        try:
            return bool(_poll.poll(0))
        finally:
            _poll.unregister(descriptor)

    def unsent(self) -> int:
        try:  # see tcp(7), SIOCOUTQ
            return int.from_bytes(fcntl.ioctl(self._sock._sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        except (OSError, ValueError):  # it is being closed; or it is closed, and has no descriptor any more
            return 0

    def end_sending(self) -> None:
        self._sock._sock.shutdown(SHUT_WR)

    def reset(self) -> None:
        try:
            self._sock._sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
            self._sock._sock.shutdown(SHUT_RDWR)  # gevent's own would also throw away what the client sent before
        except OSError:
            pass  # the peer was faster


def _closed() -> NoReturn:
    """Raise what a closed socket raises."""
    raise OSError(errno.EBADF, os.strerror(errno.EBADF))
