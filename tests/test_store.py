"""The database of history, without a server: what is written is read, found, trimmed and copied."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import DAY, NOW, said, says, texts

from gchatd.chat.events import Origin, Said
from gchatd.errors import Refusal, Refused, StoreError
from gchatd.journal import reader
from gchatd.journal.folder import FILE, Lock
from gchatd.journal.reader import Page, Reader, copy
from gchatd.journal.refusals import NothingToSearchFor, SearchTooSlow
from gchatd.journal.store import Writer

# Writing and reading.


def test_what_is_written_is_read_as_it_was(writer, look):
    events = [Said(room="lobby", name="Ágnes", text='"quoted" \\ ünï ☃', action=True, place=9, origin=Origin(1, 7))]
    assert writer.append(events, NOW) == 1
    assert look.page("lobby", 10).lines == [
        Said(room="lobby", name="Ágnes", text='"quoted" \\ ünï ☃', action=True, id=1, at=NOW)
    ]


def test_ids_follow_each_other_and_are_never_used_again(tmp_path):
    writer = Writer(tmp_path, "normal")
    assert [writer.append(said("a", "b"), NOW), writer.append(said("c"), NOW), writer.last_id] == [1, 3, 3]
    writer.take_back_after(0)
    assert writer.append(said("d"), NOW) == 4
    writer.take_back_after(0)
    writer.close()
    writer = Writer(tmp_path, "full")
    assert (writer.last_id, writer.append(said("e"), NOW)) == (4, 5)
    writer.close()


def test_a_room_is_paged_back_through_without_gap_or_repetition(writer, look):
    for number in range(25):
        says(writer, f"line {number}", room="lobby" if number % 2 else "dev")
    seen, before = [], None
    while True:
        page = look.page("lobby", 5, before)
        seen[:0] = texts(page)
        before = page.lines[0].id
        if not page.more:
            break
    assert seen == [f"line {number}" for number in range(1, 25, 2)]
    assert look.page("empty", 5).lines == []


@given(st.lists(st.integers(0, 50), max_size=30).map(sorted), st.integers(-1, 52))
@settings(max_examples=60, deadline=None)
def test_the_first_line_since_a_moment_is_found(tmp_path_factory, times, moment):
    directory = tmp_path_factory.mktemp("since")
    writer = Writer(directory, "normal")
    for number, at in enumerate(times):
        writer.append(said(str(number)), at)
    if len(times) > 3:
        writer._db.execute("delete from events where id % 3 = 0")  # gaps are allowed
    look = Reader(directory)
    late = [event for event in look.everything() if event.at >= moment]
    assert list(look.everything(since=look.first_id_since(moment))) == late
    look.close()
    writer.close()


def test_everything_is_read_in_pieces_also_while_somebody_writes(writer, look, monkeypatch):
    monkeypatch.setattr(reader, "PIECE", 3)
    says(writer, *(str(number) for number in range(7)))
    says(writer, "elsewhere", room="dev")
    reading = look.everything("lobby")
    seen = [next(reading).text for _ in range(4)]
    says(writer, "7")
    assert seen + [event.text for event in reading] == [str(number) for number in range(8)]
    assert [event.text for event in look.everything("dev")] == ["elsewhere"]


def test_the_folder_and_the_files_are_nobody_elses_business(tmp_path):
    directory = tmp_path / "new" / "data"
    lock, writer = Lock(directory), Writer(directory, "normal")
    writer.append(said("x"), NOW)
    assert directory.stat().st_mode & 0o777 == 0o700
    files = {file.name: file.stat().st_mode & 0o777 for file in directory.iterdir()}
    assert files == dict.fromkeys(["lock", FILE, f"{FILE}-wal", f"{FILE}-shm"], 0o600)
    writer.close()
    assert {file.name for file in directory.iterdir()} == {"lock", FILE}
    lock.close()


# Searching.


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("hello", ["\2HELLO\3 again", "\2hello\3 Alice"]),
        ("hello alice", ["\2hello\3 \2Alice\3"]),
        ("ali*", ["\2Alice\3 and Bob", "hello \2Alice\3"]),
        ('"alice and"', ["\2Alice and\3 Bob"]),
        ('"and alice"', []),
        ('"alice an"*', ["\2Alice and\3 Bob"]),
        ("cafe", ["the \2café\3 at noon"]),
        ("NEAR OR NOT AND", []),
        ("and", ["Alice \2and\3 Bob"]),
        ("text:hello", []),
        ('unfinished" phrase', []),
        ("-at", ["the café \2at\3 noon"]),
        ("nothing-like-it", []),
    ],
)
def test_words_phrases_and_beginnings_are_found_newest_first_and_marked(writer, look, words, found):
    says(writer, "hello Alice", "Alice and Bob", "the café at noon", "HELLO again")
    says(writer, "hello from elsewhere", room="dev")
    assert texts(look.search("lobby", words, 10)) == found


@pytest.mark.parametrize("few", [1, 3, 1000])
@pytest.mark.parametrize("words", ["b*", "b* rare", "rare b*", "wor* b*", '"a b"* rare', "nothing*"])
def test_beginnings_are_found_alike_whether_they_were_said_lately_or_not(writer, look, monkeypatch, few, words):
    says(writer, *(f"word {number} a bee {'rare' if number % 7 == 0 else ''}" for number in range(30)))
    says(writer, *["other words"] * 3)
    pattern = [
        rf"\b{word.rstrip('*')}{'' if word.endswith('*') else chr(92) + 'b'}" for word in words.replace('"', "").split()
    ]
    monkeypatch.setattr(reader, "FEW", few)
    expected = [line.text for line in look.everything() if all(re.search(word, line.text) for word in pattern)][::-1][
        :4
    ]
    page = look.search("lobby", words, 4)
    assert [text.replace("\2", "").replace("\3", "") for text in texts(page)] == expected
    assert page.more == (len(expected) == 4 and words != "nothing*")


def test_a_search_says_whether_there_is_more(writer, look):
    says(writer, "x 1", "x 2", "x 3")
    assert look.search("lobby", "x", 2).more
    assert not look.search("lobby", "x", 3).more


@given(st.text(st.sampled_from('ab "*^():-+{}\\.,\0é😀~')))
@settings(max_examples=200, deadline=None)
def test_whatever_is_searched_for_is_found_or_refused(tmp_path_factory, words):
    directory = tmp_path_factory.getbasetemp() / "fuzz"
    if not directory.exists():
        directory.mkdir()
        Writer(directory, "normal").close()
    look = Reader(directory)
    found: Page | Refusal
    try:
        found = look.search("lobby", words, 5)
    except Refused as error:
        found = error.refusal
    look.close()
    assert found in (Page([], False), NothingToSearchFor(words))


def test_a_search_that_takes_too_long_is_given_up(writer, look, monkeypatch):
    for _ in range(20):
        says(writer, *["one two"] * 1000)
    says(writer, "one two", "three", room="dev")
    monkeypatch.setattr(reader, "SEARCH_SECONDS", 0)
    monkeypatch.setattr(reader, "FEW", 2)
    for words in ("one two", "one t*"):  # the beginning is looked for in an index of some lines, which takes as long
        with pytest.raises(Refused) as told:
            look.search("dev", words, 5)
        assert told.value.refusal == SearchTooSlow()
    monkeypatch.setattr(reader, "FEW", 3)
    for words in ("one two", "one t*"):  # in a small room only its own lines are looked at
        assert len(look.search("dev", words, 5).lines) == 1


def test_a_search_waits_for_what_was_just_said_to_be_indexed_but_not_for_long(writer, look, monkeypatch):
    monkeypatch.setattr(reader, "FEW", 0)  # no room is so small that it is searched without the index
    writer.append(said("hello"), NOW)
    naps = []
    monkeypatch.setattr(time, "sleep", lambda seconds: naps.append(seconds) or writer.index(10))
    assert len(look.search("lobby", "hello", 5).lines) == 1
    assert len(naps) == 1
    writer.append(said("world"), NOW)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    assert look.search("lobby", "world", 5).lines == []


# Trimming.


def test_what_is_old_is_trimmed_in_small_steps(writer, look):
    says(writer, *["old"] * 250, at=NOW - 31 * DAY)
    says(writer, "new")
    steps = 0
    while writer.trim(30, 1000):
        steps += 1
    assert steps == 3
    assert texts(look.page("lobby", 10)) == ["new"]
    assert look.search("lobby", "old", 10).lines == []
    check_index(writer)


def test_a_room_keeps_its_newest_lines_and_another_room_all_its_own(writer, look):
    says(writer, "elsewhere", room="dev")
    says(writer, *(str(number) for number in range(130)))
    while writer.trim(30, 5):
        pass
    assert texts(look.page("lobby", 10)) == ["125", "126", "127", "128", "129"]
    assert texts(look.page("dev", 10)) == ["elsewhere"]
    check_index(writer)


def test_trimming_goes_on_where_it_was_after_the_database_is_opened_anew(tmp_path):
    writer = Writer(tmp_path, "normal")
    writer.append(said(*"abcdef"), NOW)
    writer.close()
    writer = Writer(tmp_path, "normal")
    assert writer.trim(30, 2)
    assert writer.unindexed == 6  # what is trimmed before it was indexed is not looked for
    writer.index(100)
    assert not writer.trim(30, 2)
    check_index(writer)
    writer.close()


def test_everything_may_be_trimmed(tmp_path):
    writer = Writer(tmp_path, "normal")
    says(writer, *"abc", at=NOW - 2 * DAY)
    assert writer.trim(1, 10)
    writer.close()
    writer = Writer(tmp_path, "normal")
    assert (writer.unindexed, writer.last_id) == (0, 3)
    says(writer, "d")
    look = Reader(tmp_path)
    assert [event.id for event in look.search("lobby", "d", 5).lines] == [4]
    check_index(writer)
    look.close()
    writer.close()


def check_index(writer: Writer) -> None:
    """The index says what the lines say."""
    writer._db.execute("insert into words(words, rank) values('integrity-check', 1)")
    assert writer._db.execute("pragma integrity_check").fetchall() == [("ok",)]


# Copying.


def test_a_copy_has_all_there_was_and_is_a_database_like_it(tmp_path, writer, monkeypatch):
    monkeypatch.setattr(reader, "PIECE", 2)
    says(writer, *(f"line {number}" for number in range(30)))
    while writer.trim(30, 25):
        pass
    file = tmp_path / "elsewhere" / FILE
    file.parent.mkdir()
    assert copy(tmp_path, file) == 25
    assert file.stat().st_mode & 0o777 == 0o600
    mine, copied = Reader(tmp_path), Reader(file.parent)
    assert list(copied.everything()) == list(mine.everything())
    assert texts(copied.search("lobby", '"line 29"', 5)) == ["\2line 29\3"]
    mine.close()
    copied.close()
    again = Writer(file.parent, "normal")
    assert again.append(said("one more"), NOW) == 31
    again.index(10)
    check_index(again)
    again.close()


@pytest.mark.parametrize(
    ("name", "told"), [("there", "exists already"), ("no/such/folder", "no such file or directory")]
)
def test_a_copy_that_cannot_be_made_is_told_and_leaves_nothing_behind(tmp_path, writer, name, told):
    (tmp_path / "there").write_text("mine")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StoreError) as trouble:
        copy(tmp_path, tmp_path / name)
    assert str(trouble.value) == f"{tmp_path / name}: {told}"
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there").read_text() == "mine"
