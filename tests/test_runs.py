"""The number of each run of a journal: no other run has it, whatever becomes of the database."""

from __future__ import annotations

import apsw
import pytest
from stored import NOW, close, delete_history, says, take, texts, wait_until

from gchatd.chat.events import Said
from gchatd.errors import StoreError
from gchatd.journal import MemoryJournal, SqliteJournal, schema, sqlite
from gchatd.journal.folder import FILE
from gchatd.journal.reader import Reader, copy
from gchatd.journal.store import Writer
from gchatd.settings import History


def run(directory) -> int:
    """Start a journal and stop it; return the number of that run."""
    journal = SqliteJournal(directory, History())
    incarnation = journal.incarnation
    close(journal)
    return incarnation


def on_disk(directory) -> int:
    """Return the highest number so far, as another program reads it."""
    db = apsw.Connection(str(directory / FILE), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return schema.value(db, "select incarnation from runs")
    finally:
        db.close()


def say(journal, text: str = "hello"):
    journal.append(Said(room="lobby", name="Ann", text=text))
    return take(journal, 1)[0]


@pytest.fixture
def running(tmp_path, monkeypatch):
    """A journal in tmp_path, in its fourth run, that soon notices when its files are gone."""
    monkeypatch.setattr(sqlite, "TRIM_SECONDS", 0.01)
    monkeypatch.setattr(sqlite, "RETRY_SECONDS", 0.05)
    assert [run(tmp_path) for _ in range(3)] == [1, 2, 3]
    journal = SqliteJournal(tmp_path, History())
    yield journal
    close(journal)


def test_without_a_disk_each_run_is_the_first():
    assert [MemoryJournal().incarnation for _ in range(2)] == [1, 1]


def test_each_run_has_a_number_above_those_before(tmp_path):
    assert [run(tmp_path) for _ in range(4)] == [1, 2, 3, 4]


def test_the_number_is_on_the_disk_before_anybody_knows_it(running, tmp_path):
    assert on_disk(tmp_path) == running.incarnation == 4


def test_not_even_a_power_cut_makes_two_runs_have_the_same_number(tmp_path):
    writer = Writer(tmp_path, "normal")
    full = []
    writer._db.set_wal_hook(lambda db, *_: full.append(db.pragma("synchronous") == 2) or apsw.SQLITE_OK)
    writer.begin_run()
    says(writer, "hello")
    assert full[0]
    assert not any(full[1:])  # which costs an fsync each
    writer.close()


def test_a_run_whose_number_cannot_be_kept_does_not_begin(tmp_path):
    writer = Writer(tmp_path, "normal")
    writer._db.execute("create trigger no before update on runs begin select raise(abort, 'no room'); end")
    writer.close()
    with pytest.raises(StoreError, match=r"history\.db: .*no room"):
        run(tmp_path)
    writer = Writer(tmp_path, "normal")
    writer._db.execute("drop trigger no")
    writer.close()
    assert run(tmp_path) == 1


def test_numbers_go_on_where_they_were_when_the_database_is_deleted(running, tmp_path, caplog):
    say(running)
    delete_history(tmp_path)
    wait_until(lambda: "history is written again" in caplog.messages)
    assert on_disk(tmp_path) == running.incarnation == 4
    close(running)
    assert run(tmp_path) == 5


@pytest.mark.parametrize(("theirs", "then"), [(1, 5), (9, 10)])
def test_numbers_go_on_above_both_when_the_database_is_replaced(running, tmp_path, caplog, theirs, then):
    other = tmp_path / "other"
    assert [run(other) for _ in range(theirs)][-1] == theirs
    say(running)
    (other / FILE).rename(tmp_path / FILE)
    wait_until(lambda: "history is written again" in caplog.messages)
    assert running.incarnation == 4
    close(running)
    assert run(tmp_path) == then


def test_numbers_go_on_also_when_nobody_noticed_that_the_database_is_another(running, tmp_path, monkeypatch, caplog):
    (tmp_path / "other").mkdir()
    other = Writer(tmp_path / "other", "normal")
    says(other, *"abc")
    other.close()
    monkeypatch.setattr(Writer, "missing", lambda writer: None)
    append, trouble = Writer.append, [apsw.IOError("disk I/O error")]

    def fails_once(writer, *args):
        while trouble:
            (tmp_path / "other" / FILE).rename(tmp_path / FILE)
            raise trouble.pop()
        return append(writer, *args)

    monkeypatch.setattr(Writer, "append", fails_once)
    say(running, "refused")
    wait_until(lambda: isinstance(say(running), Said))
    assert on_disk(tmp_path) == 4


def test_a_failure_leaves_the_number_as_it_is(running, tmp_path, monkeypatch):
    append, trouble = Writer.append, [apsw.IOError("disk I/O error")] * 3

    def fails(writer, *args):
        while trouble:
            raise trouble.pop()
        return append(writer, *args)

    monkeypatch.setattr(Writer, "append", fails)
    wait_until(lambda: isinstance(say(running), Said))
    assert on_disk(tmp_path) == running.incarnation == 4


@pytest.mark.parametrize("version", range(1, len(schema.SCHEMA)))
def test_the_first_run_on_an_older_database_is_the_first(tmp_path, monkeypatch, version):
    with monkeypatch.context() as then:
        then.setattr(schema, "SCHEMA", schema.SCHEMA[:version])
        db = apsw.Connection(str(tmp_path / FILE))
        schema.bring_up_to_date(db, 0)
        line = '{"event": "said", "room": "lobby", "name": "Ann", "text": "hello"}'
        db.execute("insert into events(at, event) values(?, ?)", (NOW, line))
        db.close()
    assert [run(tmp_path), run(tmp_path)] == [1, 2]
    look = Reader(tmp_path)
    assert texts(look.page("lobby", 5)) == ["hello"]
    look.close()


def test_a_copy_goes_on_where_the_original_was(running, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    copy(tmp_path, tmp_path / "elsewhere" / FILE)
    assert run(tmp_path / "elsewhere") == 5
