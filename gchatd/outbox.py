"""What one client has still to be sent, and what happens when it does not read.

Almost always the kernel takes a line at once and nothing is kept here. What it does not take waits as references to
the bytes that everybody got, and a writer greenlet is started for it, which ends when nothing waits any more.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from socket import SHUT_RDWR, SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any, Protocol

import gevent
import gevent.event

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

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


_RESET = struct.pack("ii", 1, 0)  # closing then frees the megabytes that the kernel may hold for a slow reader


class SlowReaders:
    """What is allowed to clients that do not read, and which outboxes are behind just now.

    `sendq` is in bytes, `stalled_seconds` in seconds; `closed` counts the clients that were closed for either.
    """

    def __init__(self, sendq: int, stalled_seconds: float) -> None:
        self.sendq = sendq
        self.stalled_seconds = stalled_seconds
        self.behind: set[Outbox] = set()
        self.closed = 0

    def close_stalled(self) -> None:
        """Close every client whose kernel buffer took nothing for `stalled_seconds`. Never switches."""
        long_ago = time.monotonic() - self.stalled_seconds
        for outbox in list(self.behind):
            if outbox.progress_at < long_ago:
                self.close(outbox, f"read nothing for {self.stalled_seconds:g} s (limits.stalled_seconds)")

    def close(self, outbox: Outbox, why: str) -> None:
        """Close one client that does not read."""
        self.closed += 1
        outbox.fail(f"slow reader: {why}")


class Outbox:
    """The way to one client. `put` keeps order, loses nothing, and never waits for the client.

    When the client cannot be sent any more, `failed` says why, its socket is shut down (its own greenlet then reads
    what it had said, comes to the end of the stream and says goodbye), and whatever is put goes nowhere.
    """

    __slots__ = ("_done", "_queue", "_rules", "_send", "_sent", "_sock", "failed", "progress_at", "size")

    def __init__(self, sock: Socket, rules: SlowReaders) -> None:
        self._sock = sock
        self._send: Callable[[bytes | memoryview], int] = sock._sock.send  # TLS will need its own
        self._rules = rules
        self._queue: deque[bytes] | None = None  # made when something waits
        self._sent = 0  # bytes of the first in the queue that have gone
        self._done: gevent.event.Event | None = None  # made when somebody waits for the queue to be empty
        self.size = 0  # bytes that wait
        self.progress_at = 0.0  # monotonic seconds; only means something while something waits
        self.failed = ""

    def put(self, data: bytes) -> None:
        """Send data to this client after all that was put before. Never blocks, never copies.

        Past `limits.sendq` bytes the client is closed: see "slow readers" in config.ini.
        """
        if self._queue is not None:
            self._keep(data)
            return
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.fail(_lost(error))
            return
        if sent < len(data):
            self._queue = deque()
            self._sent = sent
            self.size = -sent
            self.progress_at = time.monotonic()
            self._rules.behind.add(self)
            gevent.spawn_raw(self._write)  # ours; ends when the queue is empty or this outbox has failed
            self._keep(data)

    def flush(self, seconds: float | None = None) -> bool:
        """Wait until nothing waits to be sent, at most so long; tell whether that is so. Switches."""
        if self._queue is not None:
            self._done = self._done or gevent.event.Event()
            self._done.wait(seconds)
        return self._queue is None

    def fail(self, why: str) -> None:
        """Give this client up, for a reason that the log will show. Never switches; only the first reason counts."""
        if self.failed:
            return
        self.failed = why
        self._send = len  # all that comes now counts as sent
        self._finish()
        try:
            self._sock._sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
            self._sock._sock.shutdown(SHUT_RDWR)  # gevent's own would also throw away what the client sent before
        except OSError:
            pass  # the peer was faster

    def _keep(self, data: bytes) -> None:
        assert self._queue is not None
        self._queue.append(data)
        self.size += len(data)
        if self.size > self._rules.sendq:
            self._rules.close(self, f"{self.size} bytes wait (limits.sendq)")

    def _write(self) -> None:
        """Send what waits, as the client takes it: the body of the writer greenlet."""
        try:
            while self._queue:
                self._sock.hub.wait(self._sock._write_event)
                self._write_some()
        except OSError as error:  # the peer is gone, or our socket was closed
            self.fail(_lost(error))

    def _write_some(self) -> None:
        """Send until the kernel takes no more."""
        while self._queue:
            first = self._queue[0]
            try:
                sent = self._send(memoryview(first)[self._sent :] if self._sent else first)
            except BlockingIOError:
                return
            self.size -= sent
            self._sent += sent
            self.progress_at = time.monotonic()
            if self._sent < len(first):
                return
            self._queue.popleft()
            self._sent = 0
        self._finish()

    def _finish(self) -> None:
        """Nothing waits any more."""
        self._queue = None
        self.size = self._sent = 0
        self._rules.behind.discard(self)
        if self._done is not None:
            self._done.set()
            self._done = None


def _lost(error: OSError) -> str:
    return f"connection lost: {error.strerror or error}"
