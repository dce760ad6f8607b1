"""How a line reads now, and how rooms are: what edits, deletions, topics and privacy leave in the database."""

from __future__ import annotations

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import DAY, NOW, said, says, texts

from gchatd.chat.events import Deleted, Edited, MadePrivate, TopicSet, Vanished
from gchatd.journal import schema
from gchatd.journal.folder import FILE
from gchatd.journal.reader import Reader, copy
from gchatd.journal.store import Writer
from gchatd.text.names import compared


def edited(line: int, text: str) -> Edited:
    return Edited(room="lobby", name="Ann", line=line, text=text)


def deleted(line: int) -> Deleted:
    return Deleted(room="lobby", name="Ann", line=line)


def topic(room: str, words: str) -> TopicSet:
    return TopicSet(room=room, name="Ann", topic=words)


def known(look: Reader) -> dict[str, list]:
    """The rooms, and the events that say how they are."""
    return dict(look.restored(name, 0) for name in look.rooms(100))


def check_index(writer: Writer) -> None:
    """Raises apsw.CorruptError unless the index is that of what the lines read now."""
    writer._db.execute("insert into words(words, rank) values('integrity-check', 1)")


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed before", "indexed after"])
def test_history_and_search_show_how_a_line_reads_now(writer, look, indexed):
    writer.append(said("hello one", "hello two", "hello three"), NOW)
    if indexed:
        writer.index(100)
    writer.append([edited(3, "goodbye three"), deleted(2), edited(3, "farewell three")], NOW)
    writer.index(100)
    assert texts(look.page("lobby", 10)) == ["hello one", "farewell three"]
    assert [event.text for event in look.everything()] == ["hello one", "farewell three"]
    found = [word for word in ("hello", "two", "goodbye", "fare*") if look.search("lobby", word, 5).lines]
    assert found == ["hello", "fare*"]
    check_index(writer)


def test_a_page_counts_lines_and_not_what_happened_to_them(writer, look):
    says(writer, *"abcdef")
    writer.append([deleted(5), edited(1, "A"), *[edited(2, text) for text in "uvwxyz"]], NOW)
    page = look.page("lobby", 3)
    assert (texts(page), page.more) == (["c", "d", "f"], True)
    assert texts(look.page("lobby", 3, page.lines[0].id)) == ["A", "z"]


def test_of_many_edits_of_a_line_the_last_few_are_kept(writer, look):
    says(writer, "hello", "again")
    for number in range(50):
        writer.append([edited(1, f"version {number}"), edited(2, f"wording {number}")], NOW)
    assert schema.value(writer._db, "select count(*) from events where line = 1") == 10
    assert texts(look.page("lobby", 5)) == ["version 49", "wording 49"]
    writer.index(1000)
    check_index(writer)


@pytest.mark.parametrize("second", [edited(1, "x"), deleted(1)], ids=["edited", "deleted"])
@pytest.mark.parametrize("indexed", [0, 1, 2, 3])
def test_a_second_change_to_a_deleted_line_leaves_it_deleted_and_the_index_sound(writer, look, indexed, second):
    for number, event in enumerate((*said("hello"), deleted(1), second)):
        writer.append([event], NOW)
        writer.index(100) if number < indexed else None
    writer.index(100)
    check_index(writer)
    assert look.page("lobby", 5).lines == look.search("lobby", "hello OR x", 5).lines == []


def test_a_line_stays_deleted_however_often_it_is_edited_afterwards(writer, look):
    says(writer, "hello")
    writer.append([deleted(1), *[edited(1, f"version {number}") for number in range(20)]], NOW)
    assert look.page("lobby", 5).lines == []
    writer.index(100)
    check_index(writer)


def test_a_line_reads_as_before_when_its_changes_are_taken_back(writer, look):
    says(writer, "hello", "again")
    writer.append([edited(1, "goodbye"), deleted(2)], NOW)
    writer.take_back_after(2)
    assert [(line.text, line.edited) for line in look.page("lobby", 5).lines] == [("hello", False), ("again", False)]
    assert len(look.search("lobby", "hello", 5).lines) == 1
    check_index(writer)


def test_lines_that_were_taken_back_do_not_count_when_a_room_is_trimmed(writer, look):
    says(writer, "one", "two", "three")
    says(writer, *"abcde")
    writer.take_back_after(3)
    trim(writer, 1000, 3)
    assert texts(look.page("lobby", 10)) == ["one", "two", "three"]


def test_a_line_tells_that_it_was_edited(writer, look):
    says(writer, "hello", "again", "three")
    writer.append([edited(1, "goodbye"), deleted(3)], NOW)
    expected = [("goodbye", True), ("again", False)]
    assert [(line.text, line.edited) for line in look.page("lobby", 5).lines] == expected
    assert [(line.text, line.edited) for line in look.everything()] == expected
    assert [line.edited for line in look.search("lobby", "goodbye", 5).lines] == [True]


def test_an_edit_of_what_is_not_there_any_more_changes_nothing(writer, look):
    says(writer, "hello")
    writer.append([edited(7, "boo"), deleted(8)], NOW)
    writer.index(100)
    assert texts(look.page("lobby", 5)) == ["hello"]
    check_index(writer)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["say", "edit", "delete", "index", "take back", "trim"]), st.integers(1, 9))))
def test_whatever_happens_to_lines_the_index_is_that_of_how_they_read(tmp_path_factory, steps):
    directory = tmp_path_factory.mktemp("store")
    writer = Writer(directory, "normal")
    for step, number in steps:
        if step == "say":
            writer.append(said(f"word{number} spoken"), NOW)
        elif step == "edit":
            writer.append([edited(number, f"edited{number}")], NOW)
        elif step == "delete":
            writer.append([deleted(number)], NOW)
        elif step == "index":
            writer.index(number)
        elif step == "take back":
            writer.take_back_after(max(0, writer.last_id - number))
        else:
            writer.trim(1, 3)
        check_index(writer) if not writer.unindexed else None
    writer.index(1000)
    check_index(writer)
    writer.close()
    reader = Reader(directory)
    for line in reader.page("lobby", 100).lines:
        assert line.id in [found.id for found in reader.search("lobby", line.text, 100).lines]
    reader.close()


def trim(writer: Writer, days: float, lines: int) -> None:
    """Trim until there is nothing left to trim."""
    while writer.trim(days, lines):
        pass


def test_what_is_deleted_stays_so_whatever_is_trimmed(writer, look):
    says(writer, "one", "two")
    writer.append([deleted(1)], NOW - 5 * DAY)  # by a clock that was set back
    trim(writer, 1, 1000)
    assert texts(look.page("lobby", 5)) == ["two"]


def test_what_happened_to_lines_takes_none_of_their_places_and_goes_with_them(writer, look):
    says(writer, *(f"line {number}" for number in range(10)))
    writer.append([edited(1, "changed"), *[edited(10, f"version {number}") for number in range(50)]], NOW)
    writer.append([topic("lobby", "x")] * 50, NOW)
    trim(writer, 1000, 10)
    assert len(look.page("lobby", 100).lines) == 10
    trim(writer, 1000, 2)
    assert texts(look.page("lobby", 100)) == ["line 8", "version 49"]
    assert schema.value(writer._db, "select count(*) from events where line = 1") == 0
    writer.index(1000)
    check_index(writer)


def test_events_that_only_say_how_a_room_is_are_not_kept_for_long(writer, look):
    writer.append([*said("hello"), topic("lobby", "one"), topic("lobby", "two")], NOW - DAY)
    trim(writer, 1000, 1000)
    assert schema.value(writer._db, "select count(*) from events") == 1
    assert [event.topic for event in known(look)["lobby"]] == ["two"]


def test_rooms_are_known_with_their_topics_as_long_as_something_is_kept_that_was_said_there(tmp_path):
    writer = Writer(tmp_path, "normal")
    writer.append([topic("silent", "x"), *said("hello", room="dev"), topic("dev", "old"), topic("dev", "new")], NOW)
    private = MadePrivate(room="den", name="Ann", key="k")
    writer.append([*said("psst", room="den"), private], NOW)
    writer.close()
    writer = Writer(tmp_path, "normal")
    reader = Reader(tmp_path)
    states = known(reader)
    assert list(states) == ["den", "dev"]  # the last first
    assert reader.rooms(1) == ["den"]
    assert [reader.named(name) for name in ("dev", "den", "silent")] == ["dev", "den", None]
    assert states["den"] == [private]
    assert [event.topic for event in states["dev"]] == ["new"]
    assert schema.value(writer._db, "select count(*) from states where room = 'silent'") == 0
    reader.close()
    writer.close()


def test_a_room_is_found_by_its_compared_name_as_long_as_something_is_kept_that_was_said_there(writer, look, tmp_path):
    writer.append([*said("one", room="Büro"), *said("two", room="DEV"), *said("three", "four", room="Büro")], NOW)
    writer.append(said("five", room="ÑANDÚ"), NOW)
    assert [look.named(name) for name in ("büro", "dev", "ñandú", "Büro")] == ["Büro", "DEV", "ÑANDÚ", None]
    assert look.rooms(9) == ["ÑANDÚ", "Büro", "DEV"]
    writer.take_back_after(4)
    assert [look.named(name) for name in ("büro", "ñandú")] == ["Büro", None]
    writer.append(said("five", room="ñandú"), NOW)
    copy(tmp_path, tmp_path / "copy")
    (tmp_path / "other").mkdir()
    (tmp_path / "copy").rename(tmp_path / "other" / FILE)
    other = Reader(tmp_path / "other")
    assert (other.named("büro"), other.named("ñandú"), other.rooms(9)) == ("Büro", "ñandú", ["ñandú", "Büro", "DEV"])
    other.close()
    trim(writer, 1000, 0)
    assert (look.rooms(9), look.named("dev")) == ([], None)
    writer.append(said("again", room="Dev"), NOW)
    assert look.named("dev") == "Dev"


def test_finding_a_room_takes_one_look_however_many_there_are(writer, look):
    names = [f"räum{number}" for number in range(3000)]
    writer.append([line for name in names for line in said("one", room=name)], NOW)
    assert look.named("räum0") == "räum0"  # the first question reads the schema as well
    steps = []
    look._db.set_progress_handler(lambda: bool(steps.append(1)), 1)
    assert (look.named("räum2999"), look.named("räum3000")) == ("räum2999", None)
    assert len(steps) < 1000


def test_what_is_known_of_a_room_outlives_the_trimming_of_the_event_that_said_it(writer, look, tmp_path):
    writer.append([*said("psst", room="den"), MadePrivate(room="den", name="Ann", key="k")], NOW)
    writer.append(said("one", "two", room="den"), NOW)
    trim(writer, 1000, 1)
    assert [event.key for event in known(look)["den"]] == ["k"]
    copy(tmp_path, tmp_path / "copy")
    (tmp_path / "other").mkdir()
    (tmp_path / "copy").rename(tmp_path / "other/history.db")
    other = Reader(tmp_path / "other")
    assert [event.key for event in known(other)["den"]] == ["k"]
    other.close()


def test_a_room_that_vanished_leaves_nothing_to_the_next_of_its_name(writer, look):
    writer.append([topic("dev", "x"), Vanished(room="dev", name="Ann"), *said("hello", room="dev")], NOW)
    assert known(look) == {"dev": []}


def test_a_topic_that_was_refused_is_taken_back(writer, look):
    writer.append([*said("hello"), topic("lobby", "first")], NOW)
    writer.append([topic("lobby", "second")], NOW)
    writer.take_back_after(2)
    assert [event.topic for event in known(look)["lobby"]] == ["first"]


def test_a_topic_that_is_taken_back_does_not_bring_back_that_of_a_room_that_vanished(writer, look):
    writer.append([topic("dev", "old"), Vanished(room="dev", name="Ann"), *said("hello", room="dev")], NOW)
    writer.append([topic("dev", "new")], NOW)
    writer.take_back_after(3)
    assert known(look) == {"dev": []}


def test_a_vanishing_that_is_taken_back_never_was(writer, look):
    writer.append([*said("hello", room="dev"), topic("dev", "old")], NOW)
    writer.append([Vanished(room="dev", name="Ann")], NOW)
    writer.take_back_after(2)
    assert [event.topic for event in known(look)["dev"]] == ["old"]


def test_rooms_whose_lines_are_trimmed_while_they_are_asked_for_are_no_trouble(writer, look):
    writer.append([*said("hello", room="dev"), topic("dev", "x")], NOW)
    trim(writer, 1000, 0)
    assert known(look) == {}


def older(directory, version: int, *events: str) -> apsw.Connection:
    """Make a database of an older schema, with these events (JSON) in it."""
    db = apsw.Connection(str(directory / FILE))
    db.pragma("journal_mode", "wal")
    db.create_scalar_function("compared", compared, 1, deterministic=True)
    for step in schema.SCHEMA[:version]:
        db.execute(step)
    db.pragma("application_id", schema.APPLICATION_ID)
    db.pragma("user_version", version)
    db.executemany("insert into events(at, event) values(1, ?)", [(event,) for event in events])
    db.execute("insert into words(rowid, text) select id, text from spoken")
    if version >= 3:
        db.execute(schema.FILL_ROOMS)
    return db


HELLO = '{"event":"said","room":"Büro","name":"Ann","text":"hello"}'


@pytest.mark.parametrize("version", range(1, len(schema.SCHEMA)))
def test_an_older_database_is_brought_up_to_date(tmp_path, version):
    older(tmp_path, version, HELLO, HELLO.replace("hello", "again")).close()
    writer = Writer(tmp_path, "normal")
    writer.append([edited(1, "goodbye")], NOW)
    writer.index(10)
    check_index(writer)
    reader = Reader(tmp_path)
    assert texts(reader.search("Büro", "goodbye", 5)) == ["\2goodbye\3"]
    assert reader.search("Büro", "hello", 5).lines == []
    assert (reader.rooms(9), reader.named("büro")) == (["Büro"], "Büro")
    reader.close()
    writer.close()


def test_an_index_that_an_older_gchat_damaged_is_made_anew(tmp_path):
    db = older(tmp_path, 2, HELLO, HELLO.replace("hello", "again"))
    for _ in range(2):
        db.execute("""insert into events(at, event) values(1, '{"event":"deleted","name":"Ann","line":1}')""")
    with pytest.raises(apsw.CorruptError):
        db.execute("insert into words(words, rank) values('integrity-check', 1)")
    db.close()
    writer = Writer(tmp_path, "normal")
    check_index(writer)
    reader = Reader(tmp_path)
    assert texts(reader.search("Büro", "again", 5)) == ["\2again\3"]
    reader.close()
    writer.close()
