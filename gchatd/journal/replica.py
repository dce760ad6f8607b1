"""The history of a node of a cluster: it stores what the stream of the cluster brings. One native thread writes.

In a cluster the stream has the order, and ids, of everything; what is said is committed when it is in the stream. Each
node keeps a history of its own, from which its people look back, and fills it from the stream.

1. It takes events in the order of the stream. Whatever happens, it has all of the stream up to `last_id` that is
   history (as far back as it was ever given), or has trimmed it; nothing twice.
2. Either it is *live*, and is given what is delivered as it is delivered; or it is given what is missing, a chunk at a
   time, whenever `wants` says from where on.
3. After a failure, and when it cannot keep up, it forgets what waits to be stored, and is not live any more. That holds
   nobody up: it asks for what is missing once the disk works again.
4. So every event that it was given belongs to one attempt to keep up, and is stored only while that attempt lasts.
   Attempts are told apart by how often the disk failed, which one thread counts, and how often too much waited, which
   the other does: no thread ever waits for another.
"""

from __future__ import annotations

import contextlib
import math
import queue
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import gevent.event

from ..errors import StoreError
from .clock import CautiousClock
from .folder import NODE, Lock, node_identity, note_identity
from .keeper import INDEX_SECONDS, RETRY_SECONDS, TRIM_SECONDS, Keeper, Pauses
from .reports import Reports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..chat.events import Event
    from ..settings import History

_MOST_AT_ONCE = 1000  # events to a commit
_LOOK_SECONDS = 0.1  # how often whoever waits for the thread looks whether it has ended


class _Attempt(NamedTuple):
    """One attempt to keep up with the stream."""

    failures: int
    overflows: int


class _Standing(NamedTuple):
    """How the database stands: how often it failed, its highest id, and from when on it can be written."""

    failures: int
    last_id: int
    ready_at: float


class Replica:
    """See above. Made on the hub's thread."""

    identity: str
    """16 hex digits that name this data directory for ever, and no other."""

    def __init__(self, directory: Path, settings: History) -> None:
        """Open the database in a data directory, and start the thread.

        Blocks until the database is open. Raises StoreError.
        """
        lock = Lock(directory)
        self._directory = directory
        self._most_waiting = settings.queue
        self._in: queue.SimpleQueue[tuple[_Attempt | None, list[Event]] | None] = queue.SimpleQueue()  # None: the end
        self._runs: queue.SimpleQueue[tuple[int, queue.SimpleQueue[str | None]]] = queue.SimpleQueue()
        self._given = self._done = 0  # events to the thread; and those that are stored, or were dropped
        self._overflows = 0
        self._asked: _Attempt | None = None  # the attempt that `wants` last asked for something in
        self._awaits = self._went_live = False  # whether what it asked for has not come yet; whether that was the last
        self._queued = self._reached = 0  # highest id that was given; the place up to which events were
        self._standing = _Standing(0, 0, 0.0)
        self._closed = self._finished = False
        self._ended = gevent.event.Event()
        self.on_loss: Callable[[], None] = lambda: None
        """Called on the hub's thread when the files were deleted or replaced: whoever has them open must close them.

        It may switch.
        """
        self._reports = Reports(lambda: self.on_loss(), self._on_news)
        opened: queue.SimpleQueue[StoreError | None] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._run, args=(directory, settings, lock, opened), name="replica", daemon=True
        )
        self._thread.start()
        error = opened.get()
        if error is not None:
            lock.close()
            raise error

    # On any thread.

    @property
    def incarnation(self) -> int:
        """The highest number that a run on this directory had. Being a replica begins no run: see `note_run`."""
        return self._keeper.incarnation

    @property
    def last_id(self) -> int:
        """The highest id that is stored. It is lower than before when the files were lost."""
        return self._standing.last_id

    @property
    def live(self) -> bool:
        """Whether it is given what is delivered, and nothing is missing."""
        return self._went_live and self._asked == self._attempt

    def note_run(self, incarnation: int) -> None:
        """Give no later run this incarnation, or a lower one. Blocks until it is on the disk. Raises StoreError."""
        answer: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._runs.put((incarnation, answer))
        self._in.put((None, []))  # wakes the thread
        while True:
            try:
                trouble = answer.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                trouble = None if self._thread.is_alive() else "closed"
                if trouble is None:
                    continue
            if trouble is not None:
                raise StoreError(f"{self._directory}: the number of this run cannot be kept: {trouble}")
            return

    # On the thread that reads the stream.

    def store(self, events: list[Event]) -> None:
        """Store what is history of these events, which are as the stream has them. Returns at once.

        While it is live: what is delivered. Otherwise: the events that follow the place that `wants` has given last,
        without a gap; anything else is dropped.
        """
        if self._closed or not events or not (self._awaits or self.live):
            return
        self._awaits = False
        history = []
        for event in events:
            if event.kept and event.id > self._queued:
                self._queued = event.id
                history.append(event)
        self._reached = max(self._queued, events[-1].place)
        if self._went_live and self._given - self._done + len(history) > self._most_waiting:
            self._overflows += 1
        elif history and self._asked is not None:
            self._given += len(history)
            self._in.put((self._asked, history))

    def wants(self) -> int | None:
        """Return the place after which it needs the events of the stream, if it is not live and can store more of them.

        None while a chunk is being stored, and for RETRY_SECONDS after a failure, or until the database is open again.
        If there is nothing after that place, call `go_live`; else `store`, with as many events as is convenient.
        """
        if self._closed or self._given != self._done:
            return None
        standing = self._standing  # not before: it knows of everything that is done
        attempt = _Attempt(standing.failures, self._overflows)
        if (self._went_live and self._asked == attempt) or time.monotonic() < standing.ready_at:
            return None
        if self._asked != attempt:
            self._asked, self._went_live = attempt, False
            self._queued = self._reached = standing.last_id
        self._awaits = True
        return self._reached

    def go_live(self) -> None:
        """Take what is delivered from now on. Call it when what `wants` asked for has reached what is delivered.

        Does nothing if that has failed meanwhile.
        """
        if self._asked == self._attempt:
            self._awaits, self._went_live = False, True

    # On the hub's thread.

    @property
    def unstored(self) -> int:
        """How many events it was given while live that are not in the database yet."""
        return self._given - self._done if self.live else 0

    def index_soon(self) -> None:
        """Make searchable at once what was stored: somebody searches. Returns at once."""
        self._keeper.index_soon()
        self._in.put((None, []))  # wakes the thread

    def close(self, seconds: float) -> None:
        """Store what it has, close the database, release the lock. Switches, for so long at most.

        If that is not enough, it goes on until the process ends.
        """
        if not self._closed:
            self._closed = True
            self._in.put(None)
        self._ended.wait(seconds)

    def _on_news(self) -> None:
        if self._finished:
            self._ended.set()

    # On its own thread.

    def _run(
        self, directory: Path, settings: History, lock: Lock, opened: queue.SimpleQueue[StoreError | None]
    ) -> None:
        """Store until it is closed."""
        pauses = Pauses(TRIM_SECONDS, RETRY_SECONDS, INDEX_SECONDS)
        reports = self._reports
        try:
            self.identity = node_identity(directory)
            self._keeper = Keeper(
                directory, settings, lock, CautiousClock(), pauses, reports.remark, reports.lose, refilled=True
            )
        except StoreError as error:
            opened.put(error)
            return
        self._note_standing()
        opened.put(None)
        closing = False
        while not closing:
            events, given, closing = self._gather()
            if events:
                self._store(events)
            self._done += given
            self._note_runs()
            self._keeper.do_what_can_wait(len(events))
            self._note_standing()
        self._keeper.close()
        self._finished = True
        reports.news()

    def _gather(self) -> tuple[list[Event], int, bool]:
        """Wait for events, or until something else is due.

        Return those to store, how many were given, and whether they are the last.
        """
        try:
            some = self._in.get(timeout=max(0.0, self._keeper.due - time.monotonic()))
        except queue.Empty:
            return [], 0, False
        self._keeper.space_commits()
        events: list[Event] = []
        given = 0
        while some is not None:
            attempt, more = some
            given += len(more)
            if attempt == self._attempt:
                events += more
            if len(events) >= _MOST_AT_ONCE or self._in.empty():
                break
            some = self._in.get()
        return events, given, some is None

    def _store(self, events: list[Event]) -> None:
        self._keeper.write(lambda writer: writer.store(events))
        self._note_standing()

    def _note_runs(self) -> None:
        """Answer those who wait in `note_run`."""
        while not self._runs.empty():
            incarnation, answer = self._runs.get()
            self._keeper.note_run(incarnation)
            self._note_standing()
            answer.put(None if self._keeper.works else self._keeper.why)

    def _note_standing(self) -> None:
        """Let the other threads know how the database stands. If it was opened anew, name the directory again."""
        keeper, was_closed = self._keeper, self._standing.ready_at == math.inf
        if was_closed and keeper.ready_at < math.inf and not (self._directory / NODE).exists():
            with contextlib.suppress(StoreError):  # then it will be another node when it starts next
                note_identity(self._directory, self.identity)
        self._standing = _Standing(keeper.failures, keeper.last_id, keeper.ready_at)

    @property
    def _attempt(self) -> _Attempt:
        return _Attempt(self._standing.failures, self._overflows)
