"""Files that are deleted or replaced under a running server, disks that are full, and clocks that are wrong."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import time
from types import SimpleNamespace

import apsw
import gevent
import pytest
from people import PATIENCE
from stored import DAY, NOW, close, delete_history, said, says, texts, wait_until

from gchatd.chat.events import MadePrivate, NotSent, Said
from gchatd.errors import Refused, StoreError
from gchatd.journal import History, SqliteJournal, sqlite, store
from gchatd.journal import history as asking
from gchatd.journal.clock import CautiousClock
from gchatd.journal.folder import FILE, Files, Lock, complaining
from gchatd.journal.reader import Reader
from gchatd.journal.refusals import HistoryUnreadable, NothingToSearchFor, TooManySearches, TooManyWords
from gchatd.journal.store import Writer
from gchatd.settings import History as Settings

# Files that are gone.


@pytest.fixture
def running(tmp_path, monkeypatch):
    """A journal and those who read what it keeps, in tmp_path; it looks for its files all the time."""
    monkeypatch.setattr(sqlite, "TRIM_SECONDS", 0.01)
    monkeypatch.setattr(sqlite, "RETRY_SECONDS", 0.1)
    journal, past = SqliteJournal(tmp_path, Settings()), History(tmp_path)
    journal.on_loss = past.let_go
    yield SimpleNamespace(journal=journal, past=past)
    past.let_go(PATIENCE)
    close(journal)


def say(running, *events):
    """Append events; give what came of the last of them."""
    for event in events:
        running.journal.append(event)
    with gevent.Timeout(PATIENCE):
        while not (batch := running.journal.take()) or running.journal.uncommitted:
            pass
    return batch[-1]


def line(text: str, room: str = "lobby") -> Said:
    return Said(room=room, name="Ann", text=text)


def test_when_the_file_is_deleted_what_is_said_is_refused_until_there_is_a_new_one(running, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "gchatd"):
        last = say(running, line("one"), line("two"))
        delete_history(tmp_path)
        wait_until(lambda: caplog.messages)
        refused = say(running, line("refused"))
        assert isinstance(refused, NotSent)
        assert refused.why == "the file of its history was deleted"
        wait_until(lambda: len(caplog.messages) == 2)
    assert caplog.messages == [
        f"history cannot be written, so what people say is refused: {tmp_path}/{FILE} was deleted or replaced. "
        f"What was said before is lost, unless the {FILE} that is there now has it; if there is none, "
        "a new one is made",
        "history is written again",
    ]
    again = say(running, line("three"))
    assert again.id > last.id
    wait_until(lambda: texts(running.past.last("lobby", 9)) == ["three"])
    wait_until(lambda: texts(running.past.search("lobby", "three", 9)) == ["\2three\3"])


def test_ids_go_on_where_they_were_also_after_a_restart(running, tmp_path):
    last = say(running, line("one"), line("two"))
    delete_history(tmp_path)
    wait_until((tmp_path / FILE).exists)
    wait_until(lambda: isinstance(say(running, line("three")), Said))
    close(running.journal)
    writer = Writer(tmp_path, "normal")
    assert writer.append(said("four"), NOW) > last.id + 1
    writer.close()


def test_ids_go_on_also_when_nothing_was_said_before_the_restart(running, tmp_path):
    last = say(running, line("one"), line("two"))
    delete_history(tmp_path)
    wait_until((tmp_path / FILE).exists)
    wait_until(lambda: not isinstance(say(running, line("x")), NotSent))
    close(running.journal)
    writer = Writer(tmp_path, "normal")
    assert writer.last_id > last.id
    writer.close()


def test_a_private_room_stays_private_in_the_next_database(running, tmp_path, caplog):
    say(running, line("psst", "den"), MadePrivate(room="den", name="Ann", key="k"))
    delete_history(tmp_path)
    wait_until(lambda: "history is written again" in caplog.messages)
    say(running, line("psst again", "den"))
    wait_until(lambda: running.past.room("den", 0) is not None)
    _, (private,) = running.past.room("den", 0)
    assert private.key == "k"


def test_a_room_in_which_nothing_was_said_yet_stays_private_when_the_disk_fails(running, tmp_path, monkeypatch):
    say(running, MadePrivate(room="den", name="Ann", key="k"))
    with monkeypatch.context() as then:
        then.setattr(Writer, "append", failing)
        assert isinstance(say(running, line("refused")), NotSent)
    wait_until(lambda: isinstance(say(running, line("psst", "den")), Said))
    _, (private,) = running.past.room("den", 0)
    assert private.key == "k"


def failing(*_):
    raise apsw.IOError("disk I/O error")


def test_a_file_that_was_put_in_its_place_is_used_and_none_of_the_old_one_gets_into_it(running, tmp_path, caplog):
    (tmp_path / "other").mkdir()
    other = Writer(tmp_path / "other", "normal")
    says(other, *(f"other {number}" for number in range(50)))
    other.close()
    say(running, line("one"))
    (tmp_path / "other" / FILE).rename(tmp_path / FILE)
    wait_until(lambda: "history is written again" in caplog.messages)
    assert say(running, line("two")).id == 51
    wait_until(lambda: texts(running.past.last("lobby", 2)) == ["other 49", "two"])
    running.past.let_go(PATIENCE)
    close(running.journal)
    writer = Writer(tmp_path, "normal")
    writer.check()
    writer._db.execute("insert into words(words, rank) values('integrity-check', 1)")
    writer.close()


def test_a_foreign_file_in_its_place_is_left_alone(running, tmp_path, caplog):
    say(running, line("one"))
    (tmp_path / "foreign").write_bytes(b"not a database at all" * 500)
    (tmp_path / "foreign").rename(tmp_path / FILE)
    wait_until(lambda: any("not a gchat database" in message for message in caplog.messages))
    assert isinstance(say(running, line("two")), NotSent)
    assert (tmp_path / FILE).read_bytes() == b"not a database at all" * 500
    (tmp_path / FILE).unlink()
    wait_until(lambda: "history is written again" in caplog.messages)
    assert len(caplog.messages) == 3


def test_when_only_its_log_is_deleted_nothing_is_lost(running, tmp_path, caplog):
    say(running, line("one"), line("two"))
    running.past.last("lobby", 1)
    (tmp_path / f"{FILE}-wal").unlink()
    wait_until(lambda: "history is written again" in caplog.messages)
    assert caplog.messages[0].startswith(
        f"history cannot be written, so what people say is refused: {tmp_path}/{FILE}-wal was deleted"
    )
    say(running, line("three"))
    wait_until(lambda: texts(running.past.last("lobby", 9)) == ["one", "two", "three"])
    look = Reader(tmp_path)  # as another program sees it
    assert texts(look.page("lobby", 9)) == ["one", "two", "three"]
    look.close()


def test_when_the_folder_is_deleted_it_is_made_again_with_its_lock(running, tmp_path, caplog):
    say(running, line("one"))
    shutil.rmtree(tmp_path)
    wait_until(lambda: "history is written again" in caplog.messages)
    with pytest.raises(StoreError, match="in use by another gchat"):
        Lock(tmp_path)
    say(running, line("two"))
    wait_until(lambda: texts(running.past.last("lobby", 9)) == ["two"])


@pytest.mark.parametrize("deleted", [[FILE], [f"{FILE}-wal"], [FILE, f"{FILE}-wal", f"{FILE}-shm"]])
def test_files_that_are_deleted_in_the_moment_in_which_they_are_opened_are_missed(tmp_path, monkeypatch, deleted):
    class Late(Files):
        def __init__(self, directory):
            for name in deleted:
                (directory / name).unlink()
            super().__init__(directory)

    monkeypatch.setattr(store, "Files", Late)
    writer = Writer(tmp_path, "normal")
    assert writer.missing() == deleted[0]
    writer.close()
    if FILE in deleted:
        assert not list(tmp_path.glob(f"{FILE}*"))


# Those who ask.


def test_nobody_who_pages_back_or_enters_a_room_waits_for_those_who_search(running, monkeypatch):
    say(running, line("hello"))
    slow, search = [], Reader.search
    monkeypatch.setattr(Reader, "search", lambda *args: slow.append(1) or time.sleep(0.3) or search(*args))
    searching = [gevent.spawn(running.past.search, "lobby", "hello", 5) for _ in range(asking.MOST_SEARCHES)]
    wait_until(lambda: slow)
    assert running.past.room("lobby", 1)[0] == "lobby"
    assert texts(running.past.last("lobby", 1)) == ["hello"]
    assert len(slow) == 1
    with pytest.raises(Refused) as told:
        running.past.search("lobby", "hello", 5)
    assert told.value.refusal == TooManySearches()
    gevent.killall(searching[1:])
    searching[0].get(timeout=PATIENCE)


def test_a_refused_question_is_not_trouble_for_the_log(running, capfd, caplog):
    with pytest.raises(Refused) as told:
        running.past.search("lobby", ":-)", 5)
    assert told.value.refusal == NothingToSearchFor(":-)")
    assert (caplog.messages, capfd.readouterr().err) == ([], "")


def test_trouble_with_reading_is_logged_once_and_people_are_told_no_path(tmp_path, caplog):
    past = History(tmp_path)
    for _ in range(3):
        with pytest.raises(Refused) as told:
            past.last("lobby", 1)
        assert told.value.refusal == HistoryUnreadable("no history is kept here")
    assert len(caplog.messages) == 1


def test_what_would_take_too_long_to_look_for_is_refused(writer, look):
    with pytest.raises(Refused) as told:
        look.search("lobby", "a* " * 21, 5)
    assert told.value.refusal == TooManyWords(20)
    assert look.search("lobby", "a* " * 20, 5).lines == []


# Disks that are full.


@pytest.mark.parametrize("room", ["lobby", "a new room"])
def test_a_full_disk_is_named_as_such_also_where_a_room_is_new(writer, room):
    says(writer, "hello")
    pages = writer._db.pragma("page_count")
    writer._db.pragma("max_page_count", pages)
    with pytest.raises(apsw.FullError):
        writer.append(said(*["x" * 5000] * 10, room=room), NOW)
    writer._db.pragma("max_page_count", 10_000)
    assert writer.append(said("x", room=room), NOW) == 2


def test_a_disk_that_is_full_when_the_server_starts_is_named_as_such(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    lock = Lock(tmp_path)  # holds, though nobody is told whose it is
    with pytest.raises(StoreError, match=r"^in use by another gchat, process \(just starting\)$"):
        Lock(tmp_path)
    lock.close()
    room = SimpleNamespace(f_bavail=0, f_files=9, f_favail=9)
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    with pytest.raises(StoreError, match=r"history.db: the disk is full$"), complaining(tmp_path / FILE):
        raise apsw.CantOpenError("unable to open database file")
    room.f_bavail = 1
    with pytest.raises(StoreError, match=r"history.db: unable to open database file$"), complaining(tmp_path / FILE):
        raise apsw.CantOpenError("unable to open database file")


# Clocks that are wrong.


class Clocks:
    """A clock that can be set, and one that cannot."""

    def __init__(self) -> None:
        self.wall = 1_790_000_000.0
        self.steady = 500.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.mark.parametrize("jump", [400 * 86400, -400 * 86400, 2 * 3600])
def test_a_clock_that_was_set_far_ahead_is_believed_after_an_hour_and_one_set_back_at_once(jump):
    clocks = Clocks()
    clock = CautiousClock(lambda: clocks.wall, lambda: clocks.steady)
    clocks.pass_by(100)
    assert clock.now() == clocks.wall
    clocks.wall += jump
    assert clock.now() == min(clocks.wall, clocks.wall - jump)
    clocks.pass_by(3590)
    assert clock.now() == min(clocks.wall, clocks.wall - jump)
    clocks.pass_by(20)
    assert clock.now() == clocks.wall
    assert CautiousClock(lambda: clocks.wall, lambda: clocks.steady).now() == clocks.wall


def test_a_clock_that_is_set_again_and_again_is_not_believed_and_one_that_is_set_right_is_at_once():
    clocks = Clocks()
    clock = CautiousClock(lambda: clocks.wall, lambda: clocks.steady)
    right = clocks.wall
    for _ in range(10):
        clocks.pass_by(1800)
        right += 1800
        clocks.wall += 86400
        assert clock.now() == right
    clocks.wall = right + 5
    assert clock.now() == right + 5


def test_a_clock_that_is_set_a_little_is_believed_at_once():
    clocks = Clocks()
    clock = CautiousClock(lambda: clocks.wall, lambda: clocks.steady)
    for _ in range(5):
        clocks.wall += 1000
        assert clock.now() == clocks.wall


def test_a_clock_that_was_set_far_trims_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "TRIM_SECONDS", 0.01)
    clocks = Clocks()
    monkeypatch.setattr(sqlite, "CautiousClock", lambda: CautiousClock(lambda: clocks.wall, lambda: clocks.steady))
    clocks.wall = time.time()
    trims, trim = [], Writer.trim
    monkeypatch.setattr(Writer, "trim", lambda *args: trims.append(args[-1]) or trim(*args))
    journal = SqliteJournal(tmp_path, Settings())
    journal.append(line("hello"))
    assert journal.take()
    clocks.wall += 400 * 86400
    wait_until(lambda: len(trims) > 3)
    look = Reader(tmp_path)
    assert texts(look.page("lobby", 5)) == ["hello"]
    clocks.pass_by(3700)
    wait_until(lambda: trims[-1] > NOW + 399 * DAY and not look.page("lobby", 5).lines)
    look.close()
    close(journal)


def test_what_is_said_while_the_clock_is_far_behind_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "TRIM_SECONDS", 0.01)
    clocks = Clocks()
    monkeypatch.setattr(sqlite, "CautiousClock", lambda: CautiousClock(lambda: clocks.wall, lambda: clocks.steady))
    clocks.wall = time.time() + 400 * DAY / 1000
    trims, trim = [], Writer.trim
    monkeypatch.setattr(Writer, "trim", lambda *args: trims.append(args[-1]) or trim(*args))
    journal = SqliteJournal(tmp_path, Settings())
    clocks.wall = time.time()  # set back by more than history keeps
    journal.append(line("hello"))
    assert journal.take()
    del trims[:]
    wait_until(lambda: len(trims) > 3)
    look = Reader(tmp_path)
    assert texts(look.page("lobby", 5)) == ["hello"]
    look.close()
    close(journal)
