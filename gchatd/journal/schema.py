"""The tables of the database, and the steps that bring an older one up to date. Blocks, as all of SQLite does."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import apsw

from ..errors import StoreError
from ..text.names import compared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

APPLICATION_ID = 0x67636861  # "gcha", which SQLite keeps in the file's header

BUSY_MS = 5000
"""How long to wait for somebody else who has locked the database; no part of gchat does."""

FTS_COLUMNS = "text, tokenize = 'unicode61 remove_diacritics 2'"
"""Words are what letters and digits make, in any script, case and accents aside."""

FILL_ROOMS = """
    with recursive names(room) as (
        select min(room) from events where kind = 'said' union all
        select (select min(room) from events where kind = 'said' and room > names.room) from names
            where room is not null
    )  -- one step in the index for each room
    insert or replace into rooms select compared(room), room from names where room is not null
        order by (select max(id) from events where kind = 'said' and room = names.room)
"""
"""Makes the table of rooms from what was said."""


def _text(without: str = "0") -> str:
    """Return SQL for the last text of the line `said`, leaving out the event with one id."""
    changes = f"from events change where change.line = said.id and change.id is not {without}"
    return f"coalesce((select event ->> 'text' {changes} order by change.id desc limit 1), said.event ->> 'text')"


def _reads(without: str = "0") -> str:
    """Return SQL for how the line `said` reads, leaving out the event with one id. Nothing, once it is deleted."""
    changes = f"from events change where change.line = said.id and change.id is not {without}"
    deleted = f"exists(select 1 {changes} and change.kind = 'deleted')"
    return f"case when said.kind = 'said' and not {deleted} then {_text(without)} end"


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
    f"""
    drop trigger line_changed;
    drop trigger line_changed_often;
    drop view spoken;
    drop view lines;
    create view spoken(id, text) as select id, {_reads()} from events said;
    create view lines(id, at, room, event, text, edited) as
        select id, at, room, event, {_text()}, exists(select 1 from events change where change.line = said.id)
        from events said where kind = 'said'
        and not exists(select 1 from events change where change.line = said.id and change.kind = 'deleted');
    create trigger line_changed after insert on events
    when exists(
        select 1 from words_docsize join events using (id) where id = new.event ->> 'line' and kind = 'said'
    )
    begin
        insert into words(words, rowid, text)
            select 'delete', id, {_reads("new.id")} from events said where id = new.event ->> 'line';
        insert into words(rowid, text) select id, text from spoken where id = new.event ->> 'line';
    end;
    create trigger line_changed_often after insert on events when new.event ->> 'event' = 'edited'
    begin
        delete from events where line = new.event ->> 'line' and kind = 'edited' and id < coalesce((
            select id from events where line = new.event ->> 'line' and kind = 'edited'
            order by id desc limit 1 offset 9
        ), 0);
    end;
    create trigger change_taken_back before delete on events  -- only if the line reads otherwise without it
    when exists(
        select 1 from events said join words_docsize using (id)
        where id = old.event ->> 'line' and kind = 'said' and {_reads()} is not {_reads("old.id")}
    )
    begin
        insert into words(words, rowid, text) select 'delete', id, text from spoken where id = old.event ->> 'line';
        insert into words(rowid, text) select id, {_reads("old.id")} from events said where id = old.event ->> 'line';
    end;
    insert into words(words) values('rebuild');  -- earlier triggers could damage it
    create table rooms(  -- those in which something was said: as names are compared, and as they are shown
        compared text primary key,
        shown text not null
    ) without rowid;
    {FILL_ROOMS};
    """,  # noqa: S608
    """
    create table runs(incarnation integer not null);  -- one row: the highest that a run had
    insert into runs values(0);
    """,
)
"""The steps from each version of the schema to the next; the first makes it. `words` is the index for searching: it
keeps no second copy of the text, and `Writer.index` brings it up to date. What was said stands in `events` as it was
said, and how it reads now in `lines`: an edit and a deletion are events of their own, which name the line."""


def bring_up_to_date(db: apsw.Connection, version: int) -> None:
    """Bring a database from a version of the schema to today's, in one transaction."""
    if 0 < version < len(SCHEMA):
        logger.info(
            "bringing the history up to date (schema %d to %d): a million lines take 10 s", version, len(SCHEMA)
        )
    db.create_scalar_function("compared", compared, 1, deterministic=True)
    with transaction(db):
        for step in SCHEMA[version:]:
            db.execute(step)
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", len(SCHEMA))


def version_on_disk(path: Path) -> int:
    """Return the version of a database's schema, 0 for an empty file, without changing anything. Raises StoreError."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        db.set_busy_timeout(BUSY_MS)
        empty = not value(db, "select count(*) from sqlite_schema")
        return 0 if empty and not value(db, "pragma application_id") else version_of(db)
    finally:
        db.close()


def version_of(db: apsw.Connection) -> int:
    """Return the version of a gchat database's schema. Raises StoreError if it is no such database, or is too new."""
    if value(db, "pragma application_id") != APPLICATION_ID:
        raise StoreError("not a gchat database")
    version: int = value(db, "pragma user_version")
    if version > len(SCHEMA):
        raise StoreError(f"written by a newer gchat: its schema is {version}, this one knows {len(SCHEMA)}")
    return version


def rows(db: apsw.Connection, statement: str, *values: Any) -> list[Any]:
    """Run a statement; return all its rows."""
    return db.execute(statement, values).fetchall()


def value(db: apsw.Connection, statement: str, *values: Any) -> Any:
    """Run a statement; return the first column of its first row, or None."""
    row: Any = db.execute(statement, values).fetchone()
    return row[0] if row else None


@contextlib.contextmanager
def transaction(db: apsw.Connection) -> Iterator[None]:
    """Commit all that is done in here, or nothing. (apsw's own hides that a disk is full behind what happens next.)"""
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:  # whatever it was, nothing of it is kept; and it is raised again
        if db.in_transaction:  # SQLite ends it by itself after most failures of a disk
            db.execute("rollback")
        raise
