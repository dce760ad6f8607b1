"""A journal that keeps what is said, in SQLite. One native thread writes; the hub's thread never waits for a disk.

1. The hub gives events by a queue, and gets batches back by another and a watcher of the event loop.
2. Whatever gathered during the last commit is the next batch: the busier, the more lines share a commit.
3. Nothing is handed back before it is committed. What cannot be committed comes back as `NotSent`, for its author.
4. After a failure nothing is committed until the database was opened anew and found sound, and whatever of the failed
   commit had got into it was taken back. That its files were deleted or replaced is noticed within TRIM_SECONDS and
   is a failure, too; then a new database is made, or the one used that is there now, and ids and incarnations go on
   where they were.
5. What is not history goes through the same queue, in order; while the hub has everything back from the thread, past
   it. So what passed came before everything that the thread has: order of append is order of take, and an event's
   place is known when it is appended. It is stamped together with its time: copying an event costs 0.2 us.

What can wait is done after a batch was handed back: making it searchable, trimming, copying the write-ahead log into
the database.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import logging
import math
import queue
import threading
import time
from typing import TYPE_CHECKING

import apsw
import gevent
import gevent.event
import msgspec

from ..chat.events import NotSent
from ..errors import StoreError
from ..text import times
from .clock import CautiousClock
from .folder import FILE, Lock, reason
from .store import PAGE_BYTES, TRIM_STEP, Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..chat.events import Event
    from ..settings import History

logger = logging.getLogger(__name__)

TRIM_SECONDS = 1.0
"""How often to look for what is too old or too much, and whether the files are still there. As long as something is too
old or too much, it is trimmed step by step."""

RETRY_SECONDS = 1.0
"""How long after a failure what is said is refused without trying the disk again."""

LARGE_WAL_PAGES = 16 * 2**20 // PAGE_BYTES
"""Somebody else's reader keeps the write-ahead log from being emptied, and every commit adds the same few pages to it
again. From this size on commits are spaced, so that more lines share one."""

SPACED_SECONDS = 0.1
"""How far apart they are then."""

SPARSE_INDEX_SECONDS = 1.0
"""How far apart lines are made searchable then."""

INDEX_SECONDS = 0.1
"""How soon lines are made searchable, unless somebody searches. One by one costs 80 us, 200 together 4 us each."""

INDEX_LINES = 500
"""From how many lines on they are made searchable at once."""

FEW_EVENTS = 128
"""A turn of fan-out to 1,000 people costs 3 ms for one event and not twice that for so many: so fewer wait for others
that are being committed (at 16 talkers that makes for 1.35 times the deliveries; waiting with more makes for fewer)."""

GATHER_SECONDS = 0.001
"""How long they do."""

_MOST_AT_ONCE = 1000  # events to a commit
_INDEX_AT_ONCE = 2000  # lines: some 4 ms


class LostError(StoreError):
    """A file of the database was deleted or replaced."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"{file} was deleted or replaced. What was said before is lost, unless the {FILE} that is there now "
            "has it; if there is none, a new one is made"
        )


class SqliteJournal:
    """See the contract in `gchatd.journal`."""

    shared = False
    unstored = 0

    incarnation: int
    """See the contract. The journal's thread sets it while the journal is made."""

    def __init__(self, directory: Path, settings: History, after: int = 0) -> None:
        """Open the database in a data directory, and start the thread. Places begin at `after` + 1.

        Blocks until the database is open. Raises StoreError.
        """
        self._lock = Lock(directory)
        self._directory = directory
        self._settings = settings
        self._last_place = after  # of what was appended
        self._given = self._taken = self._committed = 0  # events to the thread, from the thread, and done by the thread
        self._passed: list[Event] = []  # what went past the thread
        self._gathered: list[Event] = []  # for the thread, in this iteration of the event loop
        self._in: queue.SimpleQueue[tuple[int, list[Event]] | None] = queue.SimpleQueue()  # the first's place; the end
        self._searched = False  # whether somebody has searched who waits for the index
        self._out: collections.deque[list[Event]] = collections.deque()
        self._remarks: collections.deque[tuple[int, str]] = collections.deque()  # for the log, which is the hub's
        self._closed = self._ended = False
        self.on_loss: Callable[[], None] = lambda: None
        """Called on the hub's thread when the files were deleted or replaced: whoever has them open must close them."""
        self._loss = threading.Event()
        self._news = gevent.event.Event()
        self._loop = gevent.get_hub().loop
        self._wake = self._loop.async_()
        self._wake.start(self._on_wake)
        opened: queue.SimpleQueue[StoreError | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(opened,), name="journal", daemon=True).start()
        error = opened.get()
        if error is not None:
            self._lock.close()
            raise error

    # On the hub's thread.

    @property
    def uncommitted(self) -> int:
        return self._given - self._committed

    def append(self, event: Event) -> None:
        if self._closed:
            return
        self._last_place += 1
        if event.kept or self._given > self._taken:
            self._given += 1
            self._gathered.append(event)
            if len(self._gathered) == 1:
                self._loop.run_callback(self._give)
        else:
            self._passed.append(msgspec.structs.replace(event, at=times.now(), place=self._last_place))
            self._news.set()

    def take(self) -> list[Event]:
        while not (self._passed or self._out or self._ended):
            self._news.clear()
            self._news.wait()
        if self._passed:
            batch, self._passed = self._passed, []
            return batch
        if self.uncommitted and sum(map(len, self._out)) < FEW_EVENTS:
            self._news.clear()
            self._news.wait(GATHER_SECONDS)
        batch = []
        while self._out:
            part = self._out.popleft()
            self._ended = not part
            batch += part
        self._taken += len(batch)
        return batch

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._give()
            self._in.put(None)

    def index_soon(self) -> None:
        """Make searchable at once what was committed: somebody searches. Returns at once."""
        self._searched = True
        self._in.put((0, []))  # wakes the thread

    def _give(self) -> None:
        """Hand the thread everything that clients said in this iteration of the event loop, together."""
        if self._gathered:  # nothing has passed the thread since the first of them, so their places are the last
            self._in.put((self._last_place - len(self._gathered) + 1, self._gathered))
            self._gathered = []

    def _on_wake(self) -> None:
        while self._remarks:
            logger.log(*self._remarks.popleft())
        if self._loss.is_set():
            self._loss.clear()
            gevent.spawn(self.on_loss)  # it may switch
        self._news.set()

    # On the journal's own thread.

    def _run(self, opened: queue.SimpleQueue[StoreError | None]) -> None:
        """Commit until the journal is closed, then hand back an empty batch."""
        try:
            writer = Writer(self._directory, self._settings.sync)
            self.incarnation = writer.begin_run()
        except StoreError as error:
            opened.put(error)
            return
        opened.put(None)
        self._writer: Writer | None = writer
        self._clock = CautiousClock()
        self._last_id = self._writer.last_id  # of what was handed back
        self._trouble = ""  # what was logged when what is said was first refused; nothing, while it is not
        self._why = ""  # what their authors are told
        self._lost: list[tuple[str, str, int, str]] | None = None  # of a database that is lost: how the rooms were
        self._works = True  # whether the last thing that was written was
        self._retry_at = self._trim_at = 0.0
        self._index_at = math.inf  # monotonic seconds
        closing = False
        while not closing:
            place, events, closing = self._gather()
            if events:
                self._hand_back(self._commit(place, events))
            self._do_what_can_wait(len(events))
        if self._writer is not None:
            with contextlib.suppress(apsw.Error, OSError):  # what is committed is safe
                self._writer.index(_INDEX_AT_ONCE)
                self._writer.close()
        self._lock.close()
        self._hand_back([])

    def _gather(self) -> tuple[int, list[Event], bool]:
        """Wait for events, or until something else is due.

        Return the first one's place (the others' follow), what there is, and whether it is the last.
        """
        due = min(self._trim_at, self._index_at)
        try:
            some = self._in.get(timeout=max(0.0, due - time.monotonic()))
        except queue.Empty:
            return 0, [], False
        place, events = some or (0, [])
        if self._wal_is_large():
            time.sleep(SPACED_SECONDS)
        while some is not None and len(events) < _MOST_AT_ONCE and not self._in.empty():
            some = self._in.get()
            if some is not None:
                place = place or some[0]
                events += some[1]
        return place, events, some is None

    def _commit(self, first_place: int, batch: list[Event]) -> list[Event]:
        """Write what is history; return what may be delivered: everything as it was committed, or as not sent."""
        now = times.now()
        history = [event for event in batch if event.kept]
        ids = itertools.count(self._write(history, now) if history else 0)
        if history and not self._works:
            return [
                _not_sent(event, now, place, self._why)
                if event.kept
                else msgspec.structs.replace(event, at=now, place=place)
                for place, event in enumerate(batch, first_place)
            ]
        return [
            msgspec.structs.replace(event, id=next(ids) if event.kept else 0, at=now, place=place)
            for place, event in enumerate(batch, first_place)
        ]

    def _write(self, history: list[Event], at: int) -> int:
        """Write events and return the id of the first; `_works` tells whether that worked."""
        first_id = 0
        if self._writer is not None or time.monotonic() >= self._retry_at:
            try:
                writer = self._writer = self._writer or self._opened_anew()
                first_id = writer.append(history, at)
                self._last_id = writer.last_id
                self._works = True
            except Exception as error:
                self._fail(error)
        return first_id

    def _hand_back(self, batch: list[Event]) -> None:
        self._committed += len(batch)
        self._out.append(batch)
        self._wake.send()

    def _opened_anew(self) -> Writer:
        """Open the database after a failure, check it, and take back what was refused.

        Raises StoreError, apsw.Error.
        """
        if not self._lock.is_there:
            lock = Lock(self._directory)
            self._lock.close()
            self._lock = lock
        writer = Writer(self._directory, self._settings.sync)
        try:
            writer.check()
            writer.note_run(self.incarnation)
            if self._lost is None and writer.last_id >= self._last_id:
                writer.take_back_after(self._last_id)
            else:  # it is another database: what is in it is not ours to take back
                writer.go_on_after(self._last_id, self._lost or [])
                self._last_id, self._lost = writer.last_id, None
        except BaseException:  # whatever it was is handled further up; nobody else would close this
            writer.close()
            raise
        return writer

    def _do_what_can_wait(self, events: int) -> None:
        """Make lines searchable, empty the write-ahead log, trim: a little of each, if it is due."""
        now = time.monotonic()
        try:
            if self._writer is None and self._lost is not None and now >= self._retry_at:
                self._writer = self._opened_anew()
                self._works = True
            if self._writer is None:
                self._trim_at, self._index_at = now + TRIM_SECONDS, math.inf
                return
            self._index(self._writer, now)
            self._writer.checkpoint_when_due()
            if now >= self._trim_at:
                self._trim(self._writer, now, events)
        except Exception as error:
            self._fail(error)
        if self._trouble and self._works:
            self._trouble = ""
            self._remark(logging.WARNING, "history is written again")

    def _index(self, writer: Writer, now: float) -> None:
        searched = self._searched
        if searched:
            self._searched = False
            searched = writer.unindexed > 0 and not self._wal_is_large()
        if searched or writer.unindexed >= INDEX_LINES or now >= self._index_at:
            writer.index(_INDEX_AT_ONCE)
        if not writer.unindexed:
            self._index_at = math.inf
        elif self._index_at == math.inf:
            self._index_at = now + (SPARSE_INDEX_SECONDS if self._wal_is_large() else INDEX_SECONDS)

    def _trim(self, writer: Writer, now: float, events: int) -> None:
        """Check that the files are still there, then trim a little. Raises LostError, apsw.Error, OSError."""
        missing = writer.missing()
        if missing is not None:
            raise LostError(self._directory / missing)
        days, lines, moment = self._settings.days, self._settings.lines_per_room, self._clock.now() * 1000
        steps = range(1 + events // TRIM_STEP)  # so that more goes than comes
        if not all(writer.trim(days, lines, moment) for _ in steps):
            self._trim_at = now + TRIM_SECONDS

    def _fail(self, error: Exception) -> None:
        """Note a failure, in the log if it is the first. After all but a full disk the database is opened anew."""
        trouble = f"history cannot be written, so what people say is refused: {reason(error)}"
        if isinstance(error, LostError):
            self._why = "the file of its history was deleted"
            self._lost = []
            if self._writer is not None:
                with contextlib.suppress(apsw.Error):
                    self._lost = self._writer.states()
                    self._writer.checkpoint()  # if only its log is gone, all is in the file with that
        elif self._lost is None:
            self._why = reason(error) if isinstance(error, apsw.Error) else "the history cannot be used"
        if not self._trouble or (self._lost is not None and trouble != self._trouble):
            self._trouble = trouble
            self._remark(logging.ERROR, self._trouble)
        self._works = False
        self._retry_at = self._trim_at = self._index_at = time.monotonic() + RETRY_SECONDS
        if self._writer is not None and not isinstance(error, apsw.FullError):
            with contextlib.suppress(apsw.Error, OSError):
                self._writer.close()
            self._writer = None
        if isinstance(error, LostError):  # and closed here
            self._loss.set()
            self._wake.send()

    def _wal_is_large(self) -> bool:
        return self._writer is not None and self._writer.wal_pages > LARGE_WAL_PAGES

    def _remark(self, level: int, text: str) -> None:
        """Let the hub's thread log something, so that the two never wait for each other."""
        self._remarks.append((level, text))
        self._wake.send()


def _not_sent(event: Event, at: int, place: int, why: str) -> NotSent:
    return NotSent(room=event.room, user=event.user, name=event.name, at=at, place=place, origin=event.origin, why=why)
