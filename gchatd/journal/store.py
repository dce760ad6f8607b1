"""The one connection that writes to the database of history. Blocks: it is for native threads."""

from __future__ import annotations

import collections
import contextlib
import os
import time
from typing import TYPE_CHECKING

import apsw
import msgspec

from ..chat.events import Said
from ..errors import StoreError
from ..text.names import compared
from . import schema
from .folder import FILE, Files, complaining
from .schema import rows, transaction, value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..chat.events import Event

CHECKPOINT_PAGES = 1000
"""Pages in the write-ahead log (WAL) from which on they are copied into the database: 4 MiB, as is SQLite's default."""

TRIM_STEP = 100
"""Lines that are deleted at a time: a few milliseconds' worth, in which nothing else can be written."""

NOTES_KEPT_SECONDS = 3600
"""How long events are kept that only say how a room is: `states` has it, but taking back a failed commit needs them."""

PAGE_BYTES = 4096
_STATES = ("topicset", "madeprivate")
_FORGET_ROOMS = "delete from rooms where not exists(select 1 from events where kind = 'said' and room = shown)"
_WAL_LIMIT = 16 * 2**20  # bytes that an emptied write-ahead log may keep on the disk


class Writer:
    """The connection that writes. Used by the thread that made it; one at a time, under a `Lock`."""

    def __init__(self, directory: Path, sync: str, forgets: bool = True) -> None:
        """Open the database, with `sync` normal or full; create it if it is missing, migrate it if it is older.

        A room in which nothing was said did not outlive the server that it was in, so its topic and key are forgotten,
        unless `forgets` is false: then it is still in some server's memory.
        Raises StoreError. A database that is not gchat's, or is newer than this program, is left as it is.
        """
        self._path = path = directory / FILE
        with complaining(path):
            # Never opened and closed beside SQLite: that would drop the locks of this process (fcntl(2)).
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            version = schema.version_on_disk(path)
            self._db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            self._db.set_busy_timeout(schema.BUSY_MS)
            self._db.pragma("journal_mode", "wal")
            self._db.pragma("journal_size_limit", _WAL_LIMIT)
            self._sync = sync
            self._db.pragma("synchronous", sync)
            self._db.set_wal_hook(self._note_wal)
            self._checkpointed = self.wal_pages = 0
            """Pages in the write-ahead log: when it was last copied, and after the last commit."""
            if 0 < version < len(schema.SCHEMA):
                _copy_whole(self._db, path.with_name(f"history-schema{version}.db"))
            schema.bring_up_to_date(self._db, version)
            self.last_id: int = value(
                self._db, "select coalesce(max(seq), 0) from sqlite_sequence where name = 'events'"
            )
            """The highest id that was ever given."""
            self._indexed: int = value(self._db, "select max(id) from words_docsize") or 0
            self.unindexed: int = value(self._db, "select count(*) from events where id > ?", self._indexed)
            """How many lines cannot be searched for yet, at most."""
            self.last_run: int = value(self._db, "select incarnation from runs")
            """The highest incarnation that a run had."""
            self._counts = self._count()
            self._files = Files(directory)
            if forgets:
                with transaction(self._db):
                    self._db.execute(
                        "delete from states where not exists"
                        "(select 1 from events where events.room = states.room and kind = 'said')"
                    )

    def close(self) -> None:
        """Close the database, and clear away what is left beside one that was deleted. Raises apsw.Error, OSError."""
        self._db.close()
        self._files.clear_away()

    def begin_run(self) -> int:
        """Begin a run: return its incarnation, one above all so far, when it is on the disk. Raises StoreError."""
        with complaining(self._path):
            self.note_run(self.last_run + 1)
        return self.last_run

    def note_run(self, incarnation: int) -> None:
        """Give no later run this incarnation, or a lower one. Raises apsw.Error.

        It is on the disk then. Even a power cut does not make two runs have the same one, whatever `sync` says: that
        costs one fsync.
        """
        self._db.pragma("synchronous", "full")
        try:
            with transaction(self._db):
                self._db.execute("update runs set incarnation = ?1 where incarnation < ?1", (incarnation,))
        finally:
            self._db.pragma("synchronous", self._sync)
        self.last_run = max(self.last_run, incarnation)

    def missing(self) -> str | None:
        """Return the name of a file of the database that was deleted or replaced, if one was. Raises OSError."""
        return self._files.missing()

    def states(self) -> list[tuple[str, str, int, str]]:
        """Return how the rooms are, for the next database. Raises apsw.Error."""
        return rows(self._db, "select room, kind, id, event from states")

    def go_on_after(self, id: int, states: Sequence[tuple[str, str, int, str]]) -> None:
        """Go on where a lost database ended: use no id up to its last one again, and keep private rooms private.

        Raises apsw.Error.
        """
        with transaction(self._db):
            self._db.executemany("insert or replace into states values(?, ?, ?, ?)", states)
            if id > self.last_id:
                self._db.execute("delete from sqlite_sequence where name = 'events'")
                self._db.execute("insert into sqlite_sequence values('events', ?)", (id,))
        self.last_id = max(self.last_id, id)

    def append(self, events: Sequence[Event], at: int) -> int:
        """Add events, all at that time, in one transaction; return the id of the first (the others' follow).

        Raises apsw.Error; then none of them is added. One statement adds them all: each statement releases Python's
        interpreter lock and has to get it back, which a busy hub may make it wait for.
        """
        first_id = self.last_id + 1
        batch = msgspec.json.encode([_as_kept(event) for event in events]).decode()
        self._add(
            events,
            "insert into events(id, at, event) select ? + key, ?, value from json_each(?)",
            (first_id, at, batch),
        )
        self.last_id += len(events)
        return first_id

    def store(self, events: Sequence[Event]) -> None:
        """Add events that have their ids and times already, in one transaction, as `append` does.

        Ids need not follow each other, but they only grow: an event whose id is not above those before it is there
        already, and skipped. Raises apsw.Error; then none of them is added.
        """
        last_id, new = self.last_id, []
        for event in events:
            if event.id > last_id:
                last_id = event.id
                new.append(event)
        if new:
            batch = msgspec.json.encode([(event.id, event.at, _as_stored(event)) for event in new]).decode()
            self._add(
                new,
                "insert into events(id, at, event) select value ->> 0, value ->> 1, value -> 2 from json_each(?)",
                (batch,),
            )
            self.last_id = last_id

    def _add(self, events: Sequence[Event], statement: str, values: tuple[object, ...]) -> None:
        """Add events by one statement, and the rooms that are new with them, in one transaction."""
        new = {event.room for event in events if isinstance(event, Said) and event.room not in self._counts}
        if new:
            with transaction(self._db):
                self._db.execute(statement, values)
                rooms = msgspec.json.encode([(compared(room), room) for room in new]).decode()
                self._db.execute(
                    "insert or replace into rooms select value ->> 0, value ->> 1 from json_each(?)", (rooms,)
                )
        else:
            self._db.execute(statement, values)
        self.unindexed += len(events)
        for event in events:
            if isinstance(event, Said):
                self._counts[event.room] = self._counts.get(event.room, 0) + 1

    def index(self, most: int) -> None:
        """Add up to so many new lines to the search index. Raises apsw.Error."""
        self._db.execute(
            "insert into words(rowid, text) select id, text from spoken where id > ? order by id limit ?",
            (self._indexed, most),
        )
        added = self._db.changes()
        if added < most:
            self._indexed, self.unindexed = self.last_id, 0
        else:
            self._indexed = value(self._db, "select max(id) from words_docsize")
            self.unindexed = max(0, self.unindexed - added)

    def checkpoint_when_due(self) -> None:
        """Copy a write-ahead log that has grown into the database, as far as nobody reads older pages.

        Raises apsw.Error. (SQLite would do it by itself, within a commit, and say nothing of a failure.)
        """
        self._checkpointed = min(self._checkpointed, self.wal_pages)  # it has begun anew
        if self.wal_pages - self._checkpointed >= CHECKPOINT_PAGES:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Copy the write-ahead log into the database, as far as nobody reads older pages. Raises apsw.Error."""
        self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._checkpointed = self.wal_pages

    def check(self) -> None:
        """Raise StoreError unless the database is sound."""
        result = value(self._db, "pragma quick_check(1)")
        if result != "ok":
            raise StoreError(f"{self._db.filename}: damaged: {result}")

    def take_back_after(self, id: int) -> None:
        """Delete what a failed commit left in the database. Its ids are not used again. Raises apsw.Error."""
        with transaction(self._db):
            vanished = rows(self._db, "select distinct room from events where id > ? and kind = 'vanished'", id)
            self._db.execute("delete from events where id > ?", (id,))
            self._db.execute(_FORGET_ROOMS)
            touched = rows(self._db, "delete from states where id > ? returning room, kind", id)
            for room, kind in {*touched, *((room, kind) for (room,) in vanished for kind in _STATES)}:
                self._db.execute(
                    "insert or replace into states "
                    "select room, kind, id, event from events where room = ?1 and kind = ?2 "
                    "and id > (select coalesce(max(id), 0) from events where room = ?1 and kind = 'vanished') "
                    "order by id desc limit 1",
                    (room, kind),
                )
            self._counts = self._count()

    def trim(self, days: float, lines_per_room: int, now: float | None = None) -> bool:
        """Delete a few lines that are older than `days` or too many in their room. Raises apsw.Error.

        `now` is the current time in milliseconds since 1970 (default: the clock's). Return whether there may be more to
        delete.
        """
        now = time.time() * 1000 if now is None else now
        oldest_kept = now - days * 86_400_000
        first = "select id, room, at, kind from events order by id limit ?"
        old = f"select id, room from ({first}) where at < ? and kind = 'said'"  # noqa: S608
        doomed = rows(self._db, old, TRIM_STEP, oldest_kept)
        full = None if doomed else next((room for room, count in self._counts.items() if count > lines_per_room), None)
        if full is not None:
            most = min(TRIM_STEP, self._counts[full] - lines_per_room)
            of_room = "select id, room from events where room = ? and kind = 'said' order by id limit ?"
            doomed = rows(self._db, of_room, full, most)
        if doomed:
            ids = msgspec.json.encode([id for id, _ in doomed]).decode()
            with transaction(self._db):  # changes go with their line, which else would read as it did before them
                for what in ("id", "line"):
                    self._db.execute(f"delete from events where {what} in (select value from json_each(?))", (ids,))  # noqa: S608
                counts = collections.Counter(room for _, room in doomed)
                silent = [room for room, count in counts.items() if count >= self._counts[room]]
                if silent:
                    rooms = msgspec.json.encode(silent).decode()
                    self._db.execute(f"{_FORGET_ROOMS} and shown in (select value from json_each(?))", (rooms,))  # noqa: S608
            for room, count in counts.items():
                self._counts[room] -= count
                if room in silent:
                    del self._counts[room]
        return bool(doomed) or self._trim_notes(now - NOTES_KEPT_SECONDS * 1000, oldest_kept)

    def _trim_notes(self, settled: float, oldest_kept: float) -> bool:
        """Delete a few events that are no longer needed. Return whether there may be more to delete."""
        notes = "select id from events where kind not in ('said', 'edited', 'deleted') and at < ? limit ?"
        orphans = (
            "select id from (select id, at, line from events order by id limit 100) old where at < ? "
            "and line is not null and not exists(select 1 from events said where said.id = old.line) limit ?"
        )
        deleted = 0
        for which, before in ((notes, settled), (orphans, oldest_kept)):
            self._db.execute(f"delete from events where id in ({which})", (before, TRIM_STEP))  # noqa: S608
            deleted += self._db.changes()
        return deleted > 0

    def _count(self) -> dict[str, int]:
        """Count the lines of each room."""
        return dict(rows(self._db, "select room, count(*) from events where kind = 'said' group by room"))

    def _note_wal(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self.wal_pages = pages
        return apsw.SQLITE_OK


def _as_kept(event: Event) -> Event:
    """Return an event without what means something to one run of the server only."""
    return msgspec.structs.replace(event, place=0, user=0, origin=None)


def _as_stored(event: Event) -> Event:
    """Return an event as it is kept, without the id and the time that stand beside it."""
    return msgspec.structs.replace(event, id=0, at=0, place=0, user=0, origin=None)


def _copy_whole(db: apsw.Connection, file: Path) -> None:
    """Copy a database that nobody else writes to, all at once."""
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    copy = apsw.Connection(str(part))
    with copy.backup("main", db, "main") as backup:
        backup.step()
    copy.close()
    part.rename(file)
