"""The SQLite database in which history is kept: where it is, what is in it, and the one connection that writes to it.

One file, `history.db`, in the data directory, and a lock beside it. Everything here blocks: it is for native threads.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Any

import apsw
import msgspec

from ..errors import StoreError
from ..events import Said

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ..events import Event

FILE = "history.db"
APPLICATION_ID = 0x67636861  # "gcha", which SQLite keeps in the file's header

FTS_COLUMNS = "text, tokenize = 'unicode61 remove_diacritics 2'"
"""Words are what letters and digits make, in any script, case and accents aside."""

SCHEMA = (
    f"""
    create table events(
        id integer primary key autoincrement,  -- only grows, and is never used again
        at integer not null,                   -- milliseconds since 1970, UTC
        event text not null,                   -- all the rest of it, as JSON
        room text as (event ->> 'room')
    );
    create index events_by_room on events(room);
    create view spoken(id, text) as select id, event ->> 'text' from events;
    create virtual table words using fts5(
        {FTS_COLUMNS}, content = 'spoken', content_rowid = 'id'
    );
    create trigger events_trimmed before delete on events
    when old.id <= (select coalesce(max(id), 0) from words_docsize)
    begin
        insert into words(words, rowid, text) values('delete', old.id, old.event ->> 'text');
    end;
    """,  # noqa: S608
    """
    alter table events add column kind text as (event ->> 'event');
    alter table events add column line integer as (event ->> 'line');  -- what an edit or a deletion is about
    create index changes on events(line) where line is not null;
    drop index events_by_room;
    create index lines_by_room on events(room) where kind = 'said';
    create index notes on events(at) where kind not in ('said', 'edited', 'deleted');
    drop view spoken;
    create view spoken(id, text) as select id, case when kind = 'said' then
        case when exists(select 1 from events change where change.line = events.id)
        then (select event ->> 'text' from events change where change.line = events.id order by change.id desc limit 1)
        else event ->> 'text' end end from events;
    create view lines(id, at, room, event, text) as select id, at, room, event, coalesce(
        (select event ->> 'text' from events change where change.line = events.id order by change.id desc limit 1),
        event ->> 'text'
    ) from events where kind = 'said'
        and not exists(select 1 from events change where change.line = events.id and change.kind = 'deleted');
    drop trigger events_trimmed;
    create trigger events_trimmed before delete on events
    when old.id <= (select coalesce(max(id), 0) from words_docsize)
    begin
        insert into words(words, rowid, text) select 'delete', id, text from spoken where id = old.id;
    end;
    create trigger line_changed after insert on events
    when exists(
        select 1 from words_docsize join events using (id) where id = new.event ->> 'line' and kind = 'said'
    )
    begin
        insert into words(words, rowid, text) select 'delete', id, coalesce(
            (select event ->> 'text' from events change
                where change.line = said.id and change.id < new.id order by change.id desc limit 1),
            said.event ->> 'text'
        ) from events said where id = new.event ->> 'line';
        insert into words(rowid, text) select id, text from spoken where id = new.event ->> 'line';
    end;
    create trigger line_changed_often after insert on events when new.event ->> 'event' = 'edited'
    begin
        delete from events where line = new.event ->> 'line' and id < coalesce((
            select id from events where line = new.event ->> 'line' order by id desc limit 1 offset 9
        ), 0);
    end;
    create table states(  -- how the rooms are: the last event of each kind that says so
        room text not null,
        kind text not null,
        id integer not null,
        event text not null,
        primary key (room, kind)
    ) without rowid;
    create trigger state_changed after insert on events when new.event ->> 'event' in ('topicset', 'madeprivate')
    begin
        insert or replace into states values(new.event ->> 'room', new.event ->> 'event', new.id, new.event);
    end;
    create trigger room_vanished after insert on events when new.event ->> 'event' = 'vanished'
    begin
        delete from states where room = new.event ->> 'room';
    end;
    """,
)
"""How to come from each version of the schema to the next; the first makes it. `words` is the index for searching: it
keeps no second copy of the text, and `Writer.index` brings it up to date. What was said stands in `events` as it was
said, and how it reads now in `lines`: an edit and a deletion are events of their own, which name the line."""

CHECKPOINT_PAGES = 1000
"""Pages in the write-ahead log (WAL) from which on they are copied into the database: 4 MiB, as is SQLite's default."""

TRIM_STEP = 100
"""Lines that are deleted at a time: a few milliseconds' worth, in which nothing else can be written."""

NOTES_KEPT_SECONDS = 3600
"""How long events are kept that only say how a room is: `states` knows, but a failed commit is taken back by them."""

BUSY_MS = 5000
"""How long to wait for somebody else who has locked the database; no part of gchat does."""

PAGE_BYTES = 4096
_STATES = ("topicset", "madeprivate")
_WAL_LIMIT = 16 * 2**20  # bytes that an emptied write-ahead log may keep on the disk


class Lock:
    """The right to write into a data directory: an flock, which the system releases when the process has ended."""

    def __init__(self, directory: Path) -> None:
        """Take the lock; make the directory when it is missing. Raises StoreError if another process has it."""
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(reason(error)) from None
        os.set_inheritable(self._file, True)  # so that a program that takes over from this one can take it over, too
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise StoreError(f"in use by another gchat, process {pid or '(just starting)'}") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        os.close(self._file)


class Writer:
    """The connection that writes. Belongs to the thread that made it; one at a time, under a `Lock`."""

    def __init__(self, directory: Path, sync: str) -> None:
        """Open the database, with `sync` normal or full; make it when it is missing, migrate it when it is older.

        Raises StoreError. A database that is not gchat's, or is newer than this program, stays as it is.
        """
        path = directory / FILE
        with complaining(path):
            # Never opened and closed beside SQLite: that would drop the locks of this process (fcntl(2)).
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            version = _version_on_disk(path)
            self._db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            self._db.set_busy_timeout(BUSY_MS)
            self._db.pragma("journal_mode", "wal")
            self._db.pragma("journal_size_limit", _WAL_LIMIT)
            self._db.pragma("synchronous", sync)
            self._db.set_wal_hook(self._note_wal)
            self._checkpointed = self.wal_pages = 0
            """Pages in the write-ahead log: when it was last copied, and after the last commit."""
            if 0 < version < len(SCHEMA):
                _copy_whole(self._db, path.with_name(f"history-schema{version}.db"))
            bring_up_to_date(self._db, version)
            self.last_id: int = value(
                self._db, "select coalesce(max(seq), 0) from sqlite_sequence where name = 'events'"
            )
            """The highest id that was ever given."""
            first_id = value(self._db, "select min(id) from events") or self.last_id + 1
            self._indexed: int = max(first_id - 1, value(self._db, "select max(id) from words_docsize") or 0)
            self._counts = self._count()
            # A room in which nothing was said did not outlive the server that it was in.
            with self._db:
                self._db.execute(
                    "delete from states where not exists"
                    "(select 1 from events where events.room = states.room and kind = 'said')"
                )

    def close(self) -> None:
        self._db.close()

    def append(self, events: Sequence[Event], at: int) -> int:
        """Add events, all at that time, in one transaction, and give the id of the first; the others' follow.

        Raises apsw.Error; then none of them is in. It is one statement for all of them: each statement gives Python's
        interpreter lock away and has to get it back, which a busy hub may make it wait for.
        """
        first_id = self.last_id + 1
        self._db.execute(
            "insert into events(id, at, event) select ? + key, ?, value from json_each(?)",
            (
                first_id,
                at,
                msgspec.json.encode([msgspec.structs.replace(event, origin=0) for event in events]).decode(),
            ),
        )
        self.last_id += len(events)
        for event in events:
            if isinstance(event, Said):
                self._counts[event.room] = self._counts.get(event.room, 0) + 1
        return first_id

    @property
    def unindexed(self) -> int:
        """How many lines cannot be searched for yet, at most."""
        return self.last_id - self._indexed

    def index(self, most: int) -> None:
        """Let so many of the lines that were added be found by searching. Raises apsw.Error."""
        upto = min(self.last_id, self._indexed + most)
        self._db.execute(
            "insert into words(rowid, text) select id, text from spoken where id > ? and id <= ?", (self._indexed, upto)
        )
        self._indexed = upto

    def checkpoint_when_due(self) -> None:
        """Copy a write-ahead log that has grown into the database, as far as nobody reads older pages.

        Raises apsw.Error. (SQLite would do it by itself, within a commit, and say nothing of a failure.)
        """
        self._checkpointed = min(self._checkpointed, self.wal_pages)  # it has begun anew
        if self.wal_pages - self._checkpointed >= CHECKPOINT_PAGES:
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._checkpointed = self.wal_pages

    def check(self) -> None:
        """Raise StoreError unless the database is sound."""
        result = value(self._db, "pragma quick_check(1)")
        if result != "ok":
            raise StoreError(f"{self._db.filename}: damaged: {result}")

    def take_back_after(self, id: int) -> None:
        """Delete what got into the database though its commit had failed. Ids are not used again. Raises apsw.Error."""
        with self._db:
            changed = "select id, text from spoken where id in (select line from events where id > ?)"
            texts = rows(self._db, changed, id)
            vanished = rows(self._db, "select distinct room from events where id > ? and kind = 'vanished'", id)
            self._db.execute("delete from events where id > ?", (id,))
            for line, text in texts:
                if value(self._db, "select 1 from words_docsize where id = ?", line):
                    self._db.execute("insert into words(words, rowid, text) values('delete', ?, ?)", (line, text))
                    self._db.execute("insert into words(rowid, text) select id, text from spoken where id = ?", (line,))
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

    def trim(self, days: float, lines_per_room: int) -> bool:
        """Delete a few lines that are older than `days` or too many in their room. Raises apsw.Error.

        Tells whether there may be more to delete.
        """
        now = time.time() * 1000
        oldest_kept = now - days * 86_400_000
        first = "select id, room, at, kind from events order by id limit ?"
        old = f"select id, room from ({first}) where at < ? and kind = 'said'"  # noqa: S608
        doomed = rows(self._db, old, TRIM_STEP, oldest_kept)
        for room, count in self._counts.items():
            if not doomed and count > lines_per_room:
                most = min(TRIM_STEP, count - lines_per_room)
                of_room = "select id, room from events where room = ? and kind = 'said' order by id limit ?"
                doomed = rows(self._db, of_room, room, most)
        if doomed:
            ids = msgspec.json.encode([id for id, _ in doomed]).decode()
            with self._db:  # an edit or a deletion goes with its line, which else would read as it did before
                for what in ("id", "line"):
                    self._db.execute(f"delete from events where {what} in (select value from json_each(?))", (ids,))  # noqa: S608
            for _, room in doomed:
                self._counts[room] -= 1
        return bool(doomed) or self._trim_notes(now - NOTES_KEPT_SECONDS * 1000, oldest_kept)

    def _trim_notes(self, settled: float, oldest_kept: float) -> bool:
        """Delete a few events that are of no use any more. Tells whether there may be more to delete."""
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


def bring_up_to_date(db: apsw.Connection, version: int) -> None:
    """Take a database from a version of the schema to today's, in one transaction."""
    with db:
        for step in SCHEMA[version:]:
            db.execute(step)
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", len(SCHEMA))


def _version_on_disk(path: Path) -> int:
    """Give the version of a database's schema, 0 for an empty file, without changing anything. Raises StoreError."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        db.set_busy_timeout(BUSY_MS)
        empty = not value(db, "select count(*) from sqlite_schema")
        return 0 if empty and not value(db, "pragma application_id") else version_of(db)
    finally:
        db.close()


def version_of(db: apsw.Connection) -> int:
    """Give the version of the schema of a database of gchat's. Raises StoreError if it is none, or is too new."""
    if value(db, "pragma application_id") != APPLICATION_ID:
        raise StoreError("not a gchat database")
    version: int = value(db, "pragma user_version")
    if version > len(SCHEMA):
        raise StoreError(f"written by a newer gchat: its schema is {version}, this one knows {len(SCHEMA)}")
    return version


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


def rows(db: apsw.Connection, statement: str, *values: Any) -> list[Any]:
    """Give all the rows that a statement gives."""
    return db.execute(statement, values).fetchall()


def value(db: apsw.Connection, statement: str, *values: Any) -> Any:
    """Give the first column of the first row, or None."""
    row: Any = db.execute(statement, values).fetchone()
    return row[0] if row else None


@contextlib.contextmanager
def complaining(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong with a database into a StoreError that names it."""
    try:
        yield
    except (apsw.Error, OSError, StoreError) as error:
        raise StoreError(f"{path}: {reason(error)}") from None


def reason(error: Exception) -> str:
    """Say in a few words, in lower case, what went wrong."""
    if isinstance(error, apsw.NotADBError):
        return "not a gchat database"
    if isinstance(error, apsw.FullError):
        return "the disk is full"
    if isinstance(error, apsw.IOError):
        return "the disk has failed (I/O error)"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return str(error) or type(error).__name__
