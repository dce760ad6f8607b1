"""A journal that keeps what is said, in SQLite. One native thread writes; the hub's thread never waits for a disk.

1. The hub gives events by a queue, and gets batches back by another and a watcher of the event loop.
2. Whatever gathered during the last commit is the next batch: the busier, the more lines share a commit.
3. Nothing is handed back before it is committed. What cannot be committed comes back as `NotSent`, for its author.
4. After a failure nothing is committed until the database was opened anew and found sound (`keeper.py`), and whatever
   of the failed commit had got into it was taken back. If its files are lost, ids and incarnations go on where they
   were.
5. What is not history goes through the same queue, in order; while the hub has everything back from the thread, past
   it. So what passed came before everything that the thread has: order of append is order of take, and an event's
   place is known when it is appended. It is stamped together with its time: copying an event costs 0.2 us.

What can wait is done after a batch was handed back: making it searchable, trimming, copying the write-ahead log into
the database.
"""

from __future__ import annotations

import collections
import itertools
import queue
import threading
import time
from typing import TYPE_CHECKING

import gevent
import gevent.event
import msgspec

from ..chat.events import NotSent
from ..errors import StoreError
from ..text import times
from .clock import CautiousClock
from .folder import Lock
from .keeper import INDEX_SECONDS, RETRY_SECONDS, TRIM_SECONDS, Keeper, Pauses
from .reports import Reports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..chat.events import Event
    from ..meters import Histogram
    from ..settings import History

FEW_EVENTS = 128
"""A turn of fan-out to 1,000 people costs 3 ms for one event and not twice that for so many: so fewer wait for others
that are being committed (at 16 talkers that makes for 1.35 times the deliveries; waiting with more makes for fewer)."""

GATHER_SECONDS = 0.001
"""How long they do."""

STUCK_SECONDS = 5.0
"""How long a disk may take for a commit before that counts as trouble."""

RECALL_SECONDS = 30.0
"""How long a commit that has failed counts as trouble, if no other is tried: who is told of it sends nobody here who
would try."""

_MOST_AT_ONCE = 1000  # events to a commit


class SqliteJournal:
    """See the contract in `gchatd.journal`."""

    shared = False
    fenced = ""
    unstored = 0

    incarnation: int
    """See the contract. The journal's thread sets it while the journal is made."""

    def __init__(self, directory: Path, settings: History, after: int = 0) -> None:
        """Open the database in a data directory, and start the thread. Places begin at `after` + 1.

        Blocks until the database is open. Raises StoreError.
        """
        lock = Lock(directory)
        self._last_place = after  # of what was appended
        self._given = self._taken = self._committed = 0  # events to the thread, from the thread, and done by the thread
        self._passed: list[Event] = []  # what went past the thread
        self._gathered: list[Event] = []  # for the thread, in this iteration of the event loop
        self._in: queue.SimpleQueue[tuple[int, list[Event]] | None] = queue.SimpleQueue()  # the first's place; the end
        self._out: collections.deque[list[Event]] = collections.deque()
        self._closed = self._ended = False
        self.on_loss: Callable[[], None] = lambda: None
        """Called on the hub's thread when the files were deleted or replaced: whoever has them open must close them.

        It may switch.
        """
        self.commit_seconds: Histogram | None = None
        """Where to count how long commits take, if somebody wants to know."""
        self._busy_since = 0.0  # monotonic; since when something waits to be committed and nothing was
        self._failed_at = float("-inf")  # monotonic; when a commit failed, if none has worked since
        self._news = gevent.event.Event()
        self._loop = gevent.get_hub().loop
        self._reports = Reports(lambda: self.on_loss(), self._news.set)
        opened: queue.SimpleQueue[StoreError | None] = queue.SimpleQueue()
        threading.Thread(
            target=self._run, args=(directory, settings, lock, opened), name="journal", daemon=True
        ).start()
        error = opened.get()
        if error is not None:
            lock.close()
            raise error

    # On the hub's thread.

    @property
    def uncommitted(self) -> int:
        return self._given - self._committed

    @property
    def trouble(self) -> str:
        now = time.monotonic()
        if self._given > self._committed and now - self._busy_since > STUCK_SECONDS:
            return f"the disk has not answered for {now - self._busy_since:.0f} s"
        return self._keeper.why if now - self._failed_at < RECALL_SECONDS else ""

    def append(self, event: Event) -> None:
        if self._closed:
            return
        self._last_place += 1
        if event.kept or self._given > self._taken:
            if self._given == self._committed:
                self._busy_since = time.monotonic()
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
        self._keeper.index_soon()
        self._in.put((0, []))  # wakes the thread

    def _give(self) -> None:
        """Hand the thread everything that clients said in this iteration of the event loop, together."""
        if self._gathered:  # nothing has passed the thread since the first of them, so their places are the last
            self._in.put((self._last_place - len(self._gathered) + 1, self._gathered))
            self._gathered = []

    # On the journal's own thread.

    def _run(
        self, directory: Path, settings: History, lock: Lock, opened: queue.SimpleQueue[StoreError | None]
    ) -> None:
        """Commit until the journal is closed, then hand back an empty batch."""
        pauses = Pauses(TRIM_SECONDS, RETRY_SECONDS, INDEX_SECONDS)
        try:
            self._keeper = Keeper(
                directory, settings, lock, CautiousClock(), pauses, self._reports.remark, self._reports.lose
            )
            self.incarnation = self._keeper.begin_run()
        except StoreError as error:
            opened.put(error)
            return
        opened.put(None)
        closing = False
        while not closing:
            place, events, closing = self._gather()
            if events:
                self._hand_back(self._commit(place, events))
            self._keeper.do_what_can_wait(len(events))
        self._keeper.close()
        self._hand_back([])

    def _gather(self) -> tuple[int, list[Event], bool]:
        """Wait for events, or until something else is due.

        Return the first one's place (the others' follow), what there is, and whether it is the last.
        """
        try:
            some = self._in.get(timeout=max(0.0, self._keeper.due - time.monotonic()))
        except queue.Empty:
            return 0, [], False
        place, events = some or (0, [])
        self._keeper.space_commits()
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
        first_id = self._write(history, now) if history else 0
        if first_id is None:
            return [
                _not_sent(event, now, place, self._keeper.why)
                if event.kept
                else msgspec.structs.replace(event, at=now, place=place)
                for place, event in enumerate(batch, first_place)
            ]
        ids = itertools.count(first_id)
        return [
            msgspec.structs.replace(event, id=next(ids) if event.kept else 0, at=now, place=place)
            for place, event in enumerate(batch, first_place)
        ]

    def _write(self, history: list[Event], now: int) -> int | None:
        """Commit some history; return the first one's id, None if it cannot be."""
        begun = time.monotonic()
        first_id = self._keeper.write(lambda writer: writer.append(history, now))
        ended = time.monotonic()
        self._failed_at = ended if first_id is None else float("-inf")
        if self.commit_seconds is not None:
            self.commit_seconds.observe(ended - begun)
        return first_id

    def _hand_back(self, batch: list[Event]) -> None:
        self._busy_since = time.monotonic()
        self._committed += len(batch)
        self._out.append(batch)
        self._reports.news()


def _not_sent(event: Event, at: int, place: int, why: str) -> NotSent:
    return NotSent(room=event.room, user=event.user, name=event.name, at=at, place=place, origin=event.origin, why=why)
