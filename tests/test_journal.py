"""The journals: the contract that both keep, and what the one with a disk does when the disk does not."""

from __future__ import annotations

import logging
import threading
import time
from types import SimpleNamespace

import apsw
import gevent
import gevent.event
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from people import PATIENCE
from stored import close, take, wait_until

from gchatd.chat.events import Joined, NotSent, Origin, Said
from gchatd.errors import StoreError
from gchatd.journal import MemoryJournal, SqliteJournal, keeper, sqlite
from gchatd.journal.reader import Reader
from gchatd.journal.store import Writer
from gchatd.settings import History


def said(text: str, origin: int = 5) -> Said:
    return Said(room="lobby", name="Ann", text=text, origin=Origin(1, origin))


def joined(name: str) -> Joined:
    return Joined(room="lobby", name=name, origin=Origin(1, 7))


@pytest.fixture
def kept(tmp_path):
    """A journal that keeps what is said in tmp_path."""
    journal = SqliteJournal(tmp_path, History())
    yield journal
    close(journal)


@pytest.fixture(params=["memory", "sqlite"])
def journal(request):
    return MemoryJournal() if request.param == "memory" else request.getfixturevalue("kept")


# The contract.


def test_what_comes_out_is_what_went_in_in_that_order_with_ids_and_times(journal):
    before = time.time_ns() // 1_000_000
    for number in range(5):
        journal.append(said(str(number)))
    events = take(journal, 5)
    assert [event.id for event in events] == [1, 2, 3, 4, 5]
    assert [event.text for event in events] == ["0", "1", "2", "3", "4"]
    assert all(before <= event.at <= time.time_ns() // 1_000_000 for event in events)
    assert all(event.origin == Origin(1, 5) for event in events)
    assert journal.uncommitted == 0


def test_what_is_not_history_comes_out_in_order_and_gets_no_id(journal):
    journal.append(joined("a"))
    journal.append(said("1"))
    journal.append(joined("b"))
    journal.append(said("2"))
    events = take(journal, 4)
    assert [(type(event), event.id) for event in events] == [(Joined, 0), (Said, 1), (Joined, 0), (Said, 2)]
    assert all(event.at for event in events)
    journal.append(joined("c"))
    assert [event.name for event in take(journal, 1)] == ["c"]


def test_places_grow_from_event_to_event_whatever_they_are(journal):
    journal.append(joined("a"))
    journal.append(said("1"))
    journal.append(joined("b"))
    events = take(journal, 3)
    journal.append(joined("c"))
    events += take(journal, 1)
    journal.append(said("2"))
    journal.append(said("3"))
    events += take(journal, 2)
    assert [event.place for event in events] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("first", [joined("a"), said("1")], ids=["not kept", "kept"])
def test_places_begin_after_the_one_that_was_taken_over(tmp_path, first):
    for journal in (MemoryJournal(after=41), SqliteJournal(tmp_path, History(), after=41)):
        journal.append(first)
        journal.append(said("2"))
        assert [event.place for event in take(journal, 2)] == [42, 43]
        close(journal)


ACTS = st.sampled_from(
    ["append kept", "append other", "loop", "rest", "stop taking", "take", "disk full", "disk frozen", "disk works"]
)


def test_whenever_events_are_appended_and_taken_their_order_is_the_same_and_places_grow(journal, disk):
    gate, taken = gevent.event.Event(), []

    def takes() -> None:
        while gate.wait() and (batch := journal.take()):
            taken.extend(batch)

    taker, last_place = gevent.spawn(takes), 0

    @given(st.lists(ACTS, min_size=30, max_size=90))
    @settings(max_examples=100, deadline=None, phases=[Phase.generate], report_multiple_bugs=False)
    def holds(acts):
        nonlocal last_place
        taken.clear()
        kept = []
        for act in acts:
            if act.startswith("append"):
                kept.append(act == "append kept")
                origin = len(kept)
                journal.append(
                    said("x", origin) if kept[-1] else Joined(room="lobby", name="a", origin=Origin(1, origin))
                )
            elif act in ("loop", "rest"):
                gevent.sleep(0.001 if act == "rest" else 0)
            elif act in ("take", "stop taking"):
                gate.set() if act == "take" else gate.clear()
            elif act == "disk frozen":
                disk.thawed.clear()
            else:
                disk.trouble = apsw.FullError("database or disk is full") if act == "disk full" else None
                disk.thawed.set()
        disk.thawed.set()
        gate.set()
        wait_until(lambda: len(taken) >= len(kept))
        assert [event.origin.session for event in taken] == [*range(1, len(kept) + 1)]
        assert [isinstance(event, (Said, NotSent)) for event in taken] == kept
        places = [last_place, *(event.place for event in taken)]
        last_place = max(places)
        assert places == sorted(set(places))

    try:
        holds()
    finally:
        taker.kill()


def test_a_closed_journal_gives_what_it_had_and_then_nothing(journal):
    journal.append(said("in time"))
    journal.append(joined("in time"))
    journal.close()
    journal.append(said("too late"))
    assert len(take(journal, 2)) == 2
    assert journal.take() == journal.take() == []


def test_whoever_waits_is_woken(journal):
    waiting = gevent.spawn(take, journal, 1)
    gevent.idle()
    journal.append(said("hello"))
    assert waiting.get(timeout=PATIENCE)[0].text == "hello"
    waiting = gevent.spawn(journal.take)
    gevent.idle()
    journal.close()
    assert waiting.get(timeout=PATIENCE) == []


# History.


def test_what_was_handed_out_is_on_the_disk_already(kept, tmp_path):
    kept.append(said("hello"))
    (event,) = take(kept, 1)
    look = Reader(tmp_path)
    (line,) = look.page("lobby", 5).lines
    assert line == Said(room="lobby", name="Ann", text="hello", id=event.id, at=event.at)  # and no place, no origin
    look.close()


def test_ids_go_on_after_a_restart(tmp_path):
    for expected in (1, 2, 3):
        journal = SqliteJournal(tmp_path, History())
        journal.append(said("hello"))
        assert take(journal, 1)[0].id == expected
        close(journal)


def test_a_folder_that_cannot_be_used_is_told(tmp_path, kept):
    with pytest.raises(StoreError, match="in use by another gchat"):
        SqliteJournal(tmp_path, History())
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file exists"):
        SqliteJournal(tmp_path / "file", History())


def test_lines_are_trimmed_while_more_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "TRIM_SECONDS", 0.01)
    journal = SqliteJournal(tmp_path, History(lines_per_room=10))
    for number in range(500):
        journal.append(said(str(number)))
    take(journal, 500)
    look = Reader(tmp_path)
    wait_until(lambda: len(look.page("lobby", 1000).lines) == 10)
    assert look.page("lobby", 1).lines[0].text == "499"
    look.close()
    close(journal)


# A disk that fails.


class Disk:
    """What the disk does when somebody writes: `trouble` is raised while there is any, `thawed` is waited for."""

    def __init__(self, monkeypatch) -> None:
        self.trouble: Exception | None = None
        self.thawed = threading.Event()
        self.thawed.set()
        self.opened = self.checked = 0
        for name in ("append", "__init__", "check"):
            monkeypatch.setattr(Writer, name, self.wrapped(name, getattr(Writer, name)))

    def wrapped(self, name, method):
        def call(writer, *args, **how):
            self.opened += name == "__init__"
            self.checked += name == "check"
            if name == "append":
                self.thawed.wait(PATIENCE)
            if name == "append" and isinstance(self.trouble, apsw.FullError):
                raise self.trouble
            result = method(writer, *args, **how)
            if name == "append" and self.trouble:
                raise self.trouble  # what was written is there, as after an fsync that failed
            return result

        return call


@pytest.fixture
def disk(monkeypatch):
    monkeypatch.setattr(sqlite, "RETRY_SECONDS", 0.05)
    return Disk(monkeypatch)


def test_what_cannot_be_kept_comes_back_to_its_author_alone_and_the_log_says_so_once(disk, kept, caplog):
    disk.trouble = apsw.IOError("disk I/O error")
    with caplog.at_level(logging.INFO, "gchatd"):
        for text in ("one", "two"):
            kept.append(said(text))
            kept.append(joined("b"))
            refused, other = take(kept, 2)
            assert isinstance(refused, NotSent)
            assert other.place == refused.place + 1
            last_place = other.place
            assert (refused.origin, refused.why) == (Origin(1, 5), "the disk has failed (I/O error)")
            assert isinstance(other, Joined)
        assert last_place == 4
        disk.trouble = None
        wait_until(lambda: isinstance(say(kept, "again"), Said))
        say(kept, "and again")
        wait_until(lambda: len(caplog.messages) == 2)
    assert caplog.messages == [
        "history cannot be written, so what people say is refused: the disk has failed (I/O error)",
        "history is written again",
    ]


def say(journal, text: str):
    journal.append(said(text))
    return take(journal, 1)[0]


def test_after_a_failure_nothing_is_committed_before_the_database_was_opened_anew_and_checked(
    disk, kept, tmp_path, monkeypatch
):
    first = say(kept, "first")
    disk.trouble = apsw.IOError("disk I/O error")
    with monkeypatch.context() as moment:
        now = time.monotonic()
        moment.setattr(keeper, "time", SimpleNamespace(monotonic=lambda: now))
        assert isinstance(say(kept, "lost"), NotSent)
        assert isinstance(say(kept, "refused without a try"), NotSent)
        assert (disk.opened, disk.checked) == (1, 0)
    disk.trouble = None
    wait_until(lambda: isinstance(say(kept, "later"), Said))
    assert (disk.opened, disk.checked) == (2, 1)
    look = Reader(tmp_path)
    lines = list(look.everything())
    look.close()
    assert [line.text for line in lines] == ["first", "later"]  # what was refused is not history after all
    assert lines[0].id == first.id
    assert lines[1].id > first.id + 1  # its id is not used again


def test_a_database_that_is_not_sound_stays_refused(disk, kept, monkeypatch):
    disk.trouble = apsw.IOError("disk I/O error")
    say(kept, "lost")
    disk.trouble = None

    def check(self):
        raise StoreError("history.db: damaged: page 7 is not used")

    monkeypatch.setattr(Writer, "check", check)
    told = set()
    wait_until(lambda: told.add(say(kept, "still lost").why) or len(told) == 2)
    assert told == {"the disk has failed (I/O error)", "the history cannot be used"}


def test_a_full_disk_refuses_until_there_is_room(disk, kept):
    disk.trouble = apsw.FullError("database or disk is full")
    assert [say(kept, "x").why for _ in range(3)] == ["the disk is full"] * 3
    disk.trouble = None
    assert isinstance(say(kept, "x"), Said)
    assert disk.opened == 1


def test_what_fails_after_a_commit_harms_nobody(kept, monkeypatch, caplog):
    monkeypatch.setattr(sqlite, "RETRY_SECONDS", 0.01)
    trouble = [apsw.IOError("disk I/O error")]

    def checkpoint(self):
        while trouble:
            raise trouble.pop()

    monkeypatch.setattr(Writer, "checkpoint_when_due", checkpoint)
    assert isinstance(say(kept, "hello"), Said)
    wait_until(lambda: isinstance(say(kept, "again"), Said))
    wait_until(lambda: "history is written again" in caplog.messages)


def test_a_frozen_disk_holds_up_nothing_but_what_it_is_to_keep(disk, kept):
    disk.thawed.clear()
    kept.append(said("one"))
    kept.append(joined("b"))
    wait_until(lambda: not kept._gathered and kept._in.empty())
    assert kept.uncommitted == 2
    kept.append(said("two"))
    assert kept.uncommitted == 3
    kept.close()
    disk.thawed.set()
    assert [type(event) for event in take(kept, 3)] == [Said, Joined, Said]
