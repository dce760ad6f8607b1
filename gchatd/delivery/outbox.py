"""What a client has yet to be sent, and what happens when it does not read.

Almost always the kernel takes a line at once and nothing is kept here. What it does not take waits as references to
the bytes that everybody got, and a writer greenlet is started for it, which ends when nothing waits any more.
"""

from __future__ import annotations

import fcntl
import struct
import sys
import termios
import time
from collections import deque
from socket import SHUT_RDWR, SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any, Protocol

import gevent
import gevent.event

from ..text.phrases import plainly

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from gevent.hub import Hub as EventLoop


class Socket(Protocol):
    """What is used of a `gevent.socket.socket`, under the names it has there.

    `_sock` is the non-blocking socket inside: its `send` takes 1.2 us, where gevent's takes 2 and `sendall` 4. The two
    events are the watchers that every gevent socket has already: waiting for them is what its own methods do.
    """

    hub: EventLoop
    _sock: socket.socket
    _read_event: Any
    _write_event: Any

    def settimeout(self, seconds: float, /) -> None: ...

    def recv(self, size: int, /) -> bytes: ...


CHANGES_KEPT = 4096
"""How many of the latest changes to outboxes are remembered one by one."""

_RESET = struct.pack("ii", 1, 0)  # closing then frees the megabytes that the kernel may hold for a slow reader


class SlowReaders:
    """What is allowed to clients that do not read, and which outboxes are behind just now. One for all outboxes.

    `sendq` is in bytes, `stalled_seconds` in seconds; `closed` counts the clients that were closed for either;
    `changes` counts how often any outbox got another `send`, so that fan-out knows when to look again, and at whose.
    """

    def __init__(self, sendq: int, stalled_seconds: float) -> None:
        self.sendq = sendq
        self.stalled_seconds = stalled_seconds
        self.behind: set[Outbox] = set()
        self.closed = 0
        self.changes = 0
        self._changed: list[int] = []  # sessions, the last of `changes`

    def note_change(self, session: int) -> None:
        """Note that a session's outbox has another `send`."""
        self.changes += 1
        self._changed.append(session)
        if len(self._changed) > 2 * CHANGES_KEPT:
            del self._changed[:CHANGES_KEPT]

    def changed_since(self, changes: int) -> Sequence[int] | None:
        """Give the sessions whose outboxes changed since there were so many changes; None if that is too long ago."""
        count = self.changes - changes
        return self._changed[len(self._changed) - count :] if count <= len(self._changed) else None

    def close_stalled(self) -> None:
        """Close every client that took nothing for `stalled_seconds`. Never switches."""
        long_ago = time.monotonic() - self.stalled_seconds
        for outbox in list(self.behind):
            if outbox.progress_at < long_ago and not outbox.has_progressed():
                self.close(outbox, f"read nothing for {plainly(self.stalled_seconds)} s (limits.stalled_seconds)")

    def close(self, outbox: Outbox, why: str) -> None:
        """Close one client that does not read."""
        self.closed += 1
        outbox.fail(f"slow reader: {why}")


class Outbox:
    """The way to one client. `put` keeps order, loses nothing, and never waits for the client.

    `send` is what takes bytes just now, and gives how many it took: the kernel, while nothing waits; nobody, while
    something does (what comes is kept behind it); and nowhere, once the client cannot be sent to any more. Then
    `failed` says why, and the socket is shut down: the client's own greenlet reads what it had said, comes to the end
    of the stream and says goodbye.
    """

    __slots__ = (
        "_done",
        "_queue",
        "_rules",
        "_sent",
        "_sock",
        "_unread",
        "around",
        "failed",
        "progress_at",
        "send",
        "session",
        "size",
    )

    def __init__(self, sock: Socket, rules: SlowReaders) -> None:
        self._sock = sock
        self._rules = rules
        self._queue: deque[bytes] | None = None  # made when something waits
        self._sent = 0  # bytes of the first in the queue that have gone
        self._done: gevent.event.Event | None = None  # made when somebody waits for the queue to be empty
        self.around: Callable[[bytes], bytes] | None = None  # see `show_around`
        self.send: Callable[[bytes], int] = sock._sock.send  # TLS will need its own
        self._unread = 0  # bytes that the kernel held when it was last asked
        self.session = 0  # the number of the session that this is the outbox of
        self.size = 0  # bytes that wait
        self.progress_at = 0.0  # monotonic seconds; only means something while something waits
        self.failed = ""

    def show_around(self, around: Callable[[bytes], bytes] | None) -> None:
        """Pass what is shown from now on through a function, which puts it above the line being typed; None: no more.

        With a function the outbox is part of a reference cycle: set None before you drop it.
        """
        self.around = around
        if not self.failed:
            self._switch_to(self._way())

    def show(self, data: bytes) -> None:
        """Send what others said, or the server has to say: see `put`."""
        self.put(data if self.around is None else self.around(data))

    def put(self, data: bytes) -> None:
        """Send data to this client after all that was put before. Never blocks, never copies.

        Past `limits.sendq` bytes the client is closed: see "slow readers" in config.ini.
        """
        send = self.send if self.around is None else self._plain_way()
        try:
            sent = send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.lose(error)
            return
        if sent < len(data):
            self.keep(data, sent)

    def keep(self, data: bytes, sent: int) -> None:
        """Send the rest of data, of which so many bytes have gone, as soon as the client takes it. Never blocks."""
        if self._queue is None:
            self._queue = deque()
            self._sent = sent
            self.size = -sent
            self.progress_at = time.monotonic()
            self._unread = self._in_kernel()
            self._rules.behind.add(self)
            self._switch_to(self._way())
            gevent.spawn_raw(self._write)  # ours; ends when the queue is empty or this outbox has failed
        self._queue.append(data)
        self.size += len(data)
        if self.size > self._rules.sendq:
            self._rules.close(self, f"{self.size} bytes wait (limits.sendq)")

    def has_progressed(self) -> bool:
        """Tell whether the client has taken some of what the kernel holds for it since this was last asked.

        The kernel asks for more only when a third of its buffer is free: 20 seconds for a reader of 2 KB/s.
        """
        before, self._unread = self._unread, self._in_kernel()
        if self._unread < before:
            self.progress_at = time.monotonic()
        return self._unread < before

    def _in_kernel(self) -> int:
        """Bytes that the kernel has taken and the client has not (tcp(7), SIOCOUTQ)."""
        try:
            return int.from_bytes(fcntl.ioctl(self._sock._sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        except (OSError, ValueError):  # it is being closed; or it is closed, and has no descriptor any more
            return 0

    def flush(self, seconds: float | None = None) -> None:
        """Wait until nothing waits to be sent, at most so long. Switches."""
        if self._queue is not None:
            self._done = self._done or gevent.event.Event()
            self._done.wait(seconds)

    def lose(self, error: OSError) -> None:
        """Give this client up: sending to it, or reading from it, gave this error."""
        self.fail(f"connection lost: {error.strerror or error}")

    def fail(self, why: str) -> None:
        """Give this client up, for a reason that the log will show. Never switches; only the first reason counts."""
        if self.failed:
            return
        self.failed = why
        self.around = None
        self._switch_to(send_nowhere)
        self._nothing_waits()
        try:
            self._sock._sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
            self._sock._sock.shutdown(SHUT_RDWR)  # gevent's own would also throw away what the client sent before
        except OSError:
            pass  # the peer was faster

    def _write(self) -> None:
        """Send what waits, as the client takes it: the body of the writer greenlet."""
        try:
            while self._queue:
                self._sock.hub.wait(self._sock._write_event)
                self._write_some(self._sock._sock.send)
                if self._queue:
                    self._unread = self._in_kernel()
        except OSError as error:  # the peer is gone, or our socket was closed
            self.lose(error)

    def _write_some(self, send: Callable[[bytes | memoryview], int]) -> None:
        """Send until the kernel takes no more."""
        while self._queue:
            first = self._queue[0]
            try:
                sent = send(memoryview(first)[self._sent :] if self._sent else first)
            except BlockingIOError:
                return
            self.size -= sent
            self._sent += sent
            self.progress_at = time.monotonic()
            if self._sent < len(first):
                return
            self._queue.popleft()
            self._sent = 0
        if not self.failed:
            self._nothing_waits()
            self._switch_to(self._way())

    def _way(self) -> Callable[[bytes], int]:
        return self._plain_way() if self.around is None else self._show_all

    def _plain_way(self) -> Callable[[bytes], int]:
        if self.failed:
            return send_nowhere
        return self._sock._sock.send if self._queue is None else _take_nothing

    def _show_all(self, data: bytes) -> int:
        """The `send` of a client that has something half typed."""
        self.show(data)
        return len(data)

    def _nothing_waits(self) -> None:
        self._queue = None
        self.size = self._sent = 0
        self._rules.behind.discard(self)
        if self._done is not None:
            self._done.set()
            self._done = None

    def _switch_to(self, send: Callable[[bytes], int]) -> None:
        self.send = send
        self._rules.note_change(self.session)


def _take_nothing(data: bytes) -> int:
    """The `send` of an outbox in which something waits."""
    return 0


send_nowhere = len
"""The `send` that says that all was sent, and sends nothing."""
