"""Whose database it is, and of which time: another server's, no gchat's, a newer one, an older one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import apsw
import pytest
from stored import says, texts

from gchatd.errors import StoreError
from gchatd.journal import schema
from gchatd.journal.folder import FILE, Lock
from gchatd.journal.reader import Reader, copy
from gchatd.journal.store import Writer

if TYPE_CHECKING:
    from pathlib import Path


def test_a_second_server_is_refused_with_the_pid_of_the_first(tmp_path):
    first = Lock(tmp_path)
    with pytest.raises(StoreError, match=f"^in use by another gchat, process {os.getpid()}$"):
        Lock(tmp_path)
    first.close()
    Lock(tmp_path).close()


def foreign(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute("create table mine(x)")
    db.close()


def newer(path: Path) -> None:
    Writer(path.parent, "normal").close()
    db = apsw.Connection(str(path))
    db.pragma("user_version", 99)
    db.close()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.write_bytes(b"not a database at all" * 500), "not a gchat database"),
        (foreign, "not a gchat database"),
        (newer, f"written by a newer gchat: its schema is 99, this one knows {len(schema.SCHEMA)}"),
    ],
    ids=["garbage", "foreign", "newer"],
)
def test_what_is_not_ours_is_refused_and_left_as_it_is(tmp_path, make, told):
    path = tmp_path / FILE
    make(path)
    before = path.read_bytes()
    for attempt in (
        lambda: Writer(tmp_path, "normal"),
        lambda: Reader(tmp_path),
        lambda: copy(tmp_path, tmp_path / "c"),
    ):
        with pytest.raises(StoreError) as trouble:
            attempt()
        assert str(trouble.value) == f"{path}: {told}"
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if "history.db" not in file.name] == []


def test_where_nothing_is_kept_nothing_can_be_read(tmp_path):
    for attempt in (lambda: Reader(tmp_path), lambda: copy(tmp_path, tmp_path / "c")):
        with pytest.raises(StoreError, match=r"history.db: no history is kept here$"):
            attempt()
    assert not list(tmp_path.iterdir())


NEXT = "alter table events add column mood text;"


def test_an_older_database_is_brought_up_to_date_and_kept_as_it_was_beside(tmp_path, monkeypatch):
    writer = Writer(tmp_path, "normal")
    says(writer, "hello")
    writer.close()
    monkeypatch.setattr(schema, "SCHEMA", (*schema.SCHEMA, NEXT))
    with pytest.raises(StoreError, match="older gchat: start the server once"):
        Reader(tmp_path)
    writer = Writer(tmp_path, "normal")
    assert schema.value(writer._db, "pragma user_version") == len(schema.SCHEMA)
    assert schema.value(writer._db, "select mood from events") is None
    writer.close()
    look = Reader(tmp_path)
    assert texts(look.page("lobby", 5)) == ["hello"]
    look.close()
    older = len(schema.SCHEMA) - 1
    before = tmp_path / f"history-schema{older}.db"
    assert before.stat().st_mode & 0o777 == 0o600
    db = apsw.Connection(str(before))
    assert (schema.value(db, "pragma user_version"), schema.value(db, "select count(*) from events")) == (older, 1)
    db.close()


def test_a_migration_that_fails_changes_nothing(tmp_path, monkeypatch):
    writer = Writer(tmp_path, "normal")
    says(writer, "hello")
    writer.close()
    monkeypatch.setattr(schema, "SCHEMA", (*schema.SCHEMA, NEXT + "select no_such_function();"))
    with pytest.raises(StoreError, match="no such function"):
        Writer(tmp_path, "normal")
    monkeypatch.undo()
    writer = Writer(tmp_path, "normal")
    assert schema.value(writer._db, "select count(*) from pragma_table_info('events') where name = 'mood'") == 0
    assert (writer.last_id, schema.value(writer._db, "pragma user_version")) == (1, len(schema.SCHEMA))
    writer.close()
