"""Keeps a database of history in health: opens it, opens it anew after failures, and does what can wait in between.

Used on the one native thread that writes (`sqlite.py`, `replica.py`), which alone knows what to write. What the rest of
the program has to hear, remarks for the log and that the files are gone, goes through the callables it is given.

1. After a failure nothing is written until the database was opened anew and found sound.
2. That its files were deleted or replaced is noticed within TRIM_SECONDS and is a failure, too; then a new database is
   made, or the one used that is there now.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import apsw

from ..errors import StoreError
from .folder import FILE, Lock, reason
from .store import PAGE_BYTES, TRIM_STEP, Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..settings import History
    from .clock import CautiousClock

    Result = TypeVar("Result")

TRIM_SECONDS = 1.0
"""How often to look for what is too old or too much, and whether the files are still there. As long as something is too
old or too much, it is trimmed step by step."""

RETRY_SECONDS = 1.0
"""How long after a failure nothing is written, without trying the disk again."""

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

_INDEX_AT_ONCE = 2000  # lines: some 4 ms


class Pauses(NamedTuple):
    """How long, in seconds, until something is done again: TRIM_SECONDS, RETRY_SECONDS and INDEX_SECONDS say what."""

    trimming: float
    retrying: float
    indexing: float


class LostError(StoreError):
    """A file of the database was deleted or replaced."""

    def __init__(self, file: Path, refilled: bool) -> None:
        what_now = (
            f"What was said before is lost, unless the {FILE} that is there now has it; if there is none, a new one is "
            "made"
        )
        if refilled:
            what_now = "It is filled again, as far back as the stream of the cluster goes"
        super().__init__(f"{file} was deleted or replaced. {what_now}")


class Keeper:
    """A database of history that is open, or will be again. Everything here blocks."""

    def __init__(
        self,
        directory: Path,
        settings: History,
        lock: Lock,
        clock: CautiousClock,
        pauses: Pauses,
        remark: Callable[[int, str], None],
        lost: Callable[[], None],
        refilled: bool = False,
    ) -> None:
        """Open the database in a data directory whose lock we have. Raises StoreError; the lock is held then, too.

        `remark` is called with a level and a text for the log, `lost` when the files were deleted or replaced: whoever
        has them open must close them. `refilled` says who makes up for a failure. By itself, what a failed commit left
        in the database is taken back, since nobody was told of it, and no id up to the last of a lost database is used
        again. If it is refilled, all that comes is so, and comes again, from `last_id` on.
        """
        self.works = True
        """Whether the last thing that was written was."""
        self.why = ""
        """Why not, in a few words for people who said something."""
        self.failures = 0
        """How often something has failed so far."""
        self._directory = directory
        self._settings = settings
        self._lock = lock
        self._clock = clock
        self._pauses = pauses
        self._remark = remark
        self._lose = lost
        self._refilled = refilled
        self._writer: Writer | None = Writer(directory, settings.sync, forgets=not refilled)
        self.last_id = self._writer.last_id
        """The highest id that was committed."""
        self.incarnation = self._writer.last_run
        """The highest number that a run on this directory had."""
        self._searched = False  # whether somebody has searched who waits for the index
        self._trouble = ""  # what was logged when nothing could be written first; nothing, while it can
        self._lost: list[tuple[str, str, int, str]] | None = None  # of a database that is lost: how the rooms were
        self._retry_at = self._trim_at = 0.0
        self._index_at = math.inf  # monotonic seconds

    @property
    def ready_at(self) -> float:
        """From when on something can be written, in monotonic seconds; endless while the database is not open."""
        return math.inf if self._writer is None else self._retry_at

    @property
    def due(self) -> float:
        """When to call `do_what_can_wait` again, in monotonic seconds, if nothing else happens before."""
        return min(self._trim_at, self._index_at)

    def begin_run(self) -> int:
        """Begin a run: see `Writer.begin_run`. Raises StoreError. Call it before anything else can have failed."""
        assert self._writer is not None
        self.incarnation = self._writer.begin_run()
        return self.incarnation

    def note_run(self, incarnation: int) -> None:
        """Give no later run this incarnation, or a lower one: see `Writer.note_run`. `works` tells whether it did."""
        self.write(lambda writer: writer.note_run(incarnation))
        if self.works:
            self.incarnation = max(self.incarnation, incarnation)

    def index_soon(self) -> None:
        """Make lines searchable when `do_what_can_wait` is called next. May be called on any thread."""
        self._searched = True

    def space_commits(self) -> None:
        """Wait a little, if the write-ahead log has become large."""
        if self._wal_is_large():
            time.sleep(SPACED_SECONDS)

    def write(self, writes: Callable[[Writer], Result]) -> Result | None:
        """Write something, and return what `writes` does. `works` tells whether that worked; None if it did not."""
        result = None
        if self._writer is not None or time.monotonic() >= self._retry_at:
            try:
                writer = self._writer = self._writer or self._opened_anew()
                result = writes(writer)
                self.last_id = writer.last_id
                self.works = True
            except Exception as error:
                self._fail(error)
        return result

    def do_what_can_wait(self, events: int) -> None:
        """Make lines searchable, empty the write-ahead log, trim: a little of each, if it is due.

        `events` is how many were written since the last time.
        """
        now = time.monotonic()
        try:
            if self._writer is None and (self._refilled or self._lost is not None) and now >= self._retry_at:
                self._writer = self._opened_anew()
                self.works = True
            if self._writer is None:
                self._trim_at, self._index_at = now + self._pauses.trimming, math.inf
                return
            self._index(self._writer, now)
            self._writer.checkpoint_when_due()
            if now >= self._trim_at:
                self._trim(self._writer, now, events)
        except Exception as error:
            self._fail(error)
        if self._trouble and self.works:
            self._trouble = ""
            self._remark(logging.WARNING, "history is written again")

    def close(self) -> None:
        """Make searchable what is not yet, close the database, and release the lock."""
        if self._writer is not None:
            with contextlib.suppress(apsw.Error, OSError):  # what is committed is safe
                self._writer.index(_INDEX_AT_ONCE)
                self._writer.close()
        self._lock.close()

    def _opened_anew(self) -> Writer:
        """Open the database after a failure, check it, and take back what was refused, or see what is there.

        Raises StoreError, apsw.Error.
        """
        if not self._lock.is_there:
            lock = Lock(self._directory)
            self._lock.close()
            self._lock = lock
        writer = Writer(self._directory, self._settings.sync, forgets=False)
        try:
            writer.check()
            writer.note_run(self.incarnation)
            self.incarnation = writer.last_run
            if self._refilled:
                writer.go_on_after(0, self._lost or [])
                self.last_id, self._lost = writer.last_id, None
            elif self._lost is None and writer.last_id >= self.last_id:
                writer.take_back_after(self.last_id)
            else:  # it is another database: what is in it is not ours to take back
                writer.go_on_after(self.last_id, self._lost or [])
                self.last_id, self._lost = writer.last_id, None
        except BaseException:  # whatever it was is handled further up; nobody else would close this
            writer.close()
            raise
        return writer

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
            self._index_at = now + (SPARSE_INDEX_SECONDS if self._wal_is_large() else self._pauses.indexing)

    def _trim(self, writer: Writer, now: float, events: int) -> None:
        """Check that the files are still there, then trim a little. Raises LostError, apsw.Error, OSError."""
        missing = writer.missing()
        if missing is not None:
            raise LostError(self._directory / missing, self._refilled)
        days, lines, moment = self._settings.days, self._settings.lines_per_room, self._clock.now() * 1000
        steps = range(1 + events // TRIM_STEP)  # so that more goes than comes
        if not all(writer.trim(days, lines, moment) for _ in steps):
            self._trim_at = now + self._pauses.trimming

    def _fail(self, error: Exception) -> None:
        """Note a failure, in the log if it is the first. After all but a full disk the database is opened anew."""
        consequence = "" if self._refilled else ", so what people say is refused"
        trouble = f"history cannot be written{consequence}: {reason(error)}"
        if isinstance(error, LostError):
            self.why = "the file of its history was deleted"
            self._lost = []
            if self._writer is not None:
                with contextlib.suppress(apsw.Error):
                    self._lost = self._writer.states()
                    self._writer.checkpoint()  # if only its log is gone, all is in the file with that
        elif self._lost is None:
            self.why = reason(error) if isinstance(error, apsw.Error) else "the history cannot be used"
        if not self._trouble or (self._lost is not None and trouble != self._trouble):
            self._trouble = trouble
            self._remark(logging.ERROR, self._trouble)
        self.works = False
        self.failures += 1
        self._retry_at = self._trim_at = self._index_at = time.monotonic() + self._pauses.retrying
        if self._writer is not None and not isinstance(error, apsw.FullError):
            with contextlib.suppress(apsw.Error, OSError):
                self._writer.close()
            self._writer = None
        if isinstance(error, LostError):  # and closed here
            self._lose()

    def _wal_is_large(self) -> bool:
        return self._writer is not None and self._writer.wal_pages > LARGE_WAL_PAGES
