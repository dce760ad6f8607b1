"""What a client has yet to be sent, and what happens when it does not read. Knows no sockets: see transport.py.

Almost always the kernel takes a line at once and nothing is kept here. What it does not take waits as references to
the bytes that everybody got, and a writer greenlet is started for it, which ends when nothing waits any more.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import gevent
import gevent.event

from ..text.phrases import plainly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .transport import Transport


CHANGES_KEPT = 4096
"""How many of the latest changes to outboxes are remembered one by one."""


class SlowReaders:
    """What clients that do not read are allowed, and which outboxes are behind just now. One for all outboxes.

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
        """Return the sessions whose outboxes have changed since `changes` was this; None if that is too long ago."""
        count = self.changes - changes
        return self._changed[len(self._changed) - count :] if count <= len(self._changed) else None

    def close_stalled(self) -> None:
        """Close every client that took nothing for `stalled_seconds`. Never switches."""
        long_ago = time.monotonic() - self.stalled_seconds
        for outbox in list(self.behind):
            if outbox.is_stalled(long_ago):
                self.close(outbox, f"read nothing for {plainly(self.stalled_seconds)} s (limits.stalled_seconds)")

    def close(self, outbox: Outbox, why: str) -> None:
        """Close one client that does not read."""
        self.closed += 1
        outbox.fail(f"slow reader: {why}")


class Outbox:
    """The bytes on their way to one client. `put` keeps their order, loses none, and never waits for the client.

    `send` takes bytes and tells how many went. While nothing waits it is the kernel's; while something waits it takes
    none, so that what comes is kept behind it; and once the client is given up it takes all of them and sends none.
    `failed` then says why, and the connection is reset: the client's own greenlet reads what the client had said, comes
    to the end and says goodbye.
    """

    __slots__ = ("_backlog", "_slow_readers", "around", "failed", "send", "session", "transport")

    def __init__(self, transport: Transport, slow_readers: SlowReaders) -> None:
        self.transport = transport
        self._slow_readers = slow_readers
        self._backlog: _Backlog | None = None  # None while nothing waits: an idle client then costs 32 bytes less
        self.around: Callable[[bytes], bytes] | None = None  # see `display_with`
        self.send: Callable[[bytes], int] = transport.send
        self.session = 0  # which session this is the outbox of
        self.failed = ""

    @property
    def size(self) -> int:
        """How many bytes wait."""
        return self._backlog.size if self._backlog is not None else 0

    def display_with(self, around: Callable[[bytes], bytes] | None) -> None:
        """Pass whatever is displayed through a function, which puts it above the line being typed; None: as it is.

        With a function the outbox is part of a reference cycle: set None before you drop it. Does nothing for a client
        that was given up.
        """
        if not self.failed:
            self.around = around
            self._switch_to(self._way())

    def display(self, data: bytes) -> None:
        """Send what others said, or what the server has to say: see `put`."""
        if self.around is not None:
            data = self.around(data)
        if data:
            self.put(data)

    def put(self, data: bytes) -> None:
        """Send data to this client after everything that was put before. Never blocks, never copies.

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
        """Send the rest of data, of which `sent` bytes have gone, as soon as the client takes it. Never blocks."""
        if self._backlog is None:
            self._backlog = _Backlog(data, sent, self.transport.unsent())
            self._slow_readers.behind.add(self)
            self._switch_to(self._way())
            gevent.spawn_raw(self._write)  # ours; ends when nothing waits or this outbox has failed
        else:
            self._backlog.add(data)
        if self.size > self._slow_readers.sendq:
            self._slow_readers.close(self, f"{self.size} bytes wait (limits.sendq)")

    def state(self) -> bytes:
        """Return what was put and has not been sent: what a process that takes over this connection has to send.

        Right only until the next switch, because the writer goes on. Copies.
        """
        return self._backlog.rest() if self._backlog is not None else b""

    def restore(self, state: bytes) -> None:
        """Go on where another outbox stopped, whose `state` this is. Call it before anything is put. Never blocks."""
        self.put(state)

    def is_stalled(self, since: float) -> bool:
        """Return whether the client has taken nothing since then (monotonic seconds), though something waits for it.

        The kernel asks for more only when a third of its buffer is free, which takes a reader of 2 KB/s 20 seconds: so
        look at what it holds, too, and compare with the last look.
        """
        backlog = self._backlog
        if backlog is None or backlog.progress_at >= since:
            return False
        return not backlog.has_progressed(self.transport.unsent())

    def flush(self, seconds: float | None = None) -> None:
        """Wait until nothing waits to be sent, at most so long. Switches."""
        if self._backlog is not None:
            self._backlog.gone = self._backlog.gone or gevent.event.Event()
            self._backlog.gone.wait(seconds)

    def lose(self, error: OSError) -> None:
        """Give this client up: sending to it, or reading from it, gave this error."""
        self.fail(f"connection lost: {error.strerror or error}")

    def close_slow(self, why: str) -> None:
        """Give this client up because it does not read. Never switches."""
        self._slow_readers.close(self, why)

    def fail(self, why: str) -> None:
        """Give this client up, for a reason that the log will show. Never switches; only the first reason counts."""
        if self.failed:
            return
        self.failed = why
        self.around = None
        self._switch_to(send_nowhere)
        self._nothing_waits()
        self.transport.reset()

    def _write(self) -> None:
        """Send what waits, as the client takes it: the body of the writer greenlet."""
        try:
            while self._backlog is not None:
                self.transport.wait_writable()
                if self._backlog is not None:  # else it was given up meanwhile
                    self._write_some(self._backlog)
        except OSError as error:  # the peer is gone, or our socket was closed
            self.lose(error)

    def _write_some(self, backlog: _Backlog) -> None:
        """Send until the client takes no more. Never switches."""
        send = self.transport.send
        while backlog.pieces:
            first = backlog.first()
            try:
                sent = send(first)
            except BlockingIOError:
                break
            backlog.took(sent)
            if sent < len(first):
                break
        if backlog.pieces:
            backlog.in_kernel = self.transport.unsent()
        else:
            self._nothing_waits()
            self._switch_to(self._way())

    def _way(self) -> Callable[[bytes], int]:
        return self._plain_way() if self.around is None else self._display_all

    def _plain_way(self) -> Callable[[bytes], int]:
        if self.failed:
            return send_nowhere
        return self.transport.send if self._backlog is None else _take_nothing

    def _display_all(self, data: bytes) -> int:
        """The `send` of a client that has something half typed."""
        self.display(data)
        return len(data)

    def _nothing_waits(self) -> None:
        backlog, self._backlog = self._backlog, None
        self._slow_readers.behind.discard(self)
        if backlog is not None and backlog.gone is not None:
            backlog.gone.set()

    def _switch_to(self, send: Callable[[bytes], int]) -> None:
        self.send = send
        self._slow_readers.note_change(self.session)


class _Backlog:
    """What waits for one client, and how it gets on. Made when something has to wait."""

    __slots__ = ("gone", "in_kernel", "pieces", "progress_at", "sent", "size")

    def __init__(self, data: bytes, sent: int, in_kernel: int) -> None:
        self.pieces = deque((data,))
        self.sent = sent  # bytes of the first piece that have gone
        self.size = len(data) - sent  # bytes that wait
        self.progress_at = time.monotonic()  # when some of it was sent, or the kernel was seen to have got rid of some
        self.in_kernel = in_kernel  # bytes that the kernel held for the client when we last looked
        self.gone: gevent.event.Event | None = None  # made when somebody waits until nothing waits

    def add(self, data: bytes) -> None:
        self.pieces.append(data)
        self.size += len(data)

    def first(self) -> bytes | memoryview:
        """What is to be sent next. The same until some of it has gone."""
        return memoryview(self.pieces[0])[self.sent :] if self.sent else self.pieces[0]

    def rest(self) -> bytes:
        """All that waits."""
        return b"".join(self.pieces)[self.sent :]

    def took(self, sent: int) -> None:
        """Note that `sent` bytes of the first piece have gone."""
        self.progress_at = time.monotonic()
        self.size -= sent
        self.sent += sent
        if self.sent == len(self.pieces[0]):
            self.pieces.popleft()
            self.sent = 0

    def has_progressed(self, in_kernel: int) -> bool:
        """Note how many bytes the kernel holds; tell whether that is fewer than before."""
        progressed = in_kernel < self.in_kernel
        self.in_kernel = in_kernel
        if progressed:
            self.progress_at = time.monotonic()
        return progressed


def _take_nothing(data: bytes) -> int:
    """The `send` of an outbox in which something waits."""
    return 0


send_nowhere = len
"""The `send` that says that all was sent, and sends nothing."""
