"""Accepts connections, as many as there may be, even when descriptors run out. Knows no protocol and no people."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import resource
import socket as plain
import time
from socket import SOCK_STREAM, SocketType
from typing import TYPE_CHECKING, Any

import gevent
from gevent.server import StreamServer

if TYPE_CHECKING:
    from ..delivery.sessions import Sessions
    from ..limits.addresses import Addresses

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.1
"""How long to wait before accepting again after a failure."""

REMARK_SECONDS = 60.0
"""How often the log mentions that, at most."""

RESERVE = 64
"""So many descriptors are not for clients: for history's files, and for telling one more that there are none."""


LIMIT_SECONDS = 0.1
"""How often it is looked at how many descriptors there may be: that takes 2.5 us, as long as 4 % of all that a client
who comes in takes.
"""


_READ, _WRITE = 1, 2  # what a watcher of the event loop's looks for


class ClientSocket:
    """An accepted connection: what a transport uses of a `gevent.socket.socket`, and no more.

    The watcher for writing is made when it is needed, which is seldom (docs/performance.md says what both save).
    """

    __slots__ = ("_read_event", "_sock", "_writing", "hub")

    def __init__(self, family: int, descriptor: int) -> None:
        self._sock: Any = SocketType(family, SOCK_STREAM, 0, descriptor)
        self._sock.setblocking(False)
        self.hub = gevent.get_hub()
        self._read_event: Any = self.hub.loop.io(descriptor, _READ)  # None once it is closed
        self._writing: Any = None

    @property
    def _write_event(self) -> Any:
        if self._writing is None and self._read_event is not None:
            self._writing = self.hub.loop.io(self._sock.fileno(), _WRITE)
        return self._writing

    def close(self) -> None:
        """Close the connection, and let whoever waits for it raise OSError. Does nothing the second time."""
        watchers = self._read_event, self._writing
        if self._read_event is not None:
            self._read_event = self._writing = None
            closed = OSError(errno.EBADF, os.strerror(errno.EBADF))
            self.hub.cancel_waits_close_and_then(watchers, closed, self._sock.close)


class PatientServer(StreamServer):
    """A `StreamServer` that turns away whom `addresses` refuses, and waits a moment if it cannot accept.

    (gevent's own would log a traceback each time.)
    """

    _remarked_at = float("-inf")

    _polls = -1
    _most = 0  # descriptors
    _looked_at = float("-inf")

    def __init__(self, listener: Any, door: Any, addresses: Addresses, sessions: Sessions, **more: Any) -> None:
        super().__init__(listener, door, **more)
        self._addresses = addresses
        self._repeats = sessions.repeats
        self._pace = sessions.pace

    def do_read(self) -> tuple[ClientSocket, Any] | None:  # type: ignore[override]
        """Accept a connection, if one can be accepted. Never switches.

        While others wait who leave, the event loop polls for each: 18,000 of them hold as many descriptors.
        """
        if self._pace.is_crowded():
            polls, self._polls = self._polls, self.loop.iteration
            if polls == self._polls:
                return None
        for _ in range(self.max_accept):
            try:
                descriptor, address = self.socket._accept()  # type: ignore[attr-defined]
            except BlockingIOError:
                return None
            except OSError as error:
                if self.is_fatal_error(error):  # the listener is closed
                    raise
                self._wait_after(error)
                return None
            refusal = self._refusal(descriptor, address[0])
            if not refusal:
                return ClientSocket(self.family, descriptor), address
            self._turn_away(descriptor, refusal)
            self._repeats.log(address[0], f"turned away: {refusal}", f"[{address[0]}] turned away: {refusal}")
        return None

    def do_close(self, sock: ClientSocket, address: Any) -> None:  # type: ignore[override]
        """Close a connection that was accepted, once its client is gone."""
        sock.close()
        self._addresses.leave(address[0])

    def _refusal(self, descriptor: int, host: str) -> str:
        """Return why somebody who was accepted cannot stay, as a sentence; nothing if they can."""
        now = time.monotonic()
        if now - self._looked_at >= LIMIT_SECONDS:
            self._looked_at, self._most = now, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if descriptor >= self._most - RESERVE:  # it is the lowest that was free
            have = f"it has {self._most} descriptors (ulimit -n), {RESERVE} of them in reserve"
            self._remark(f"this server is full: {have}")
            self._addresses.turned_away["descriptors"] += 1
            return "This server is full. Try again later."
        return self._addresses.refusal(host)

    def _turn_away(self, descriptor: int, refusal: str) -> None:
        """Tell somebody why they cannot come in, and hang up. Never waits."""
        with plain.socket(self.family, SOCK_STREAM, 0, descriptor) as sock:
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.send(f"server: {refusal}\r\n".encode())
                sock.shutdown(plain.SHUT_WR)
                sock.recv(4096)  # what is not read would make closing a reset

    def _wait_after(self, error: OSError) -> None:
        """Leave new connections in the kernel's backlog for a while."""
        self.stop_accepting()
        gevent.spawn_later(PAUSE_SECONDS, self._go_on)  # ours; ends at once
        self._remark(f"cannot accept connections just now: {(error.strerror or str(error)).lower()}")

    def _remark(self, trouble: str) -> None:
        """Log what keeps newcomers out, at most every REMARK_SECONDS."""
        now = time.monotonic()
        if now - self._remarked_at >= REMARK_SECONDS:
            self._remarked_at = now
            logger.warning("%s", trouble)

    def _go_on(self) -> None:
        if self.started:
            self.start_accepting()
