"""Storing what has its ids and times already, and where that leaves the database."""

from __future__ import annotations

import apsw
import pytest
from people import PATIENCE
from remembered import gchat, history
from replicas import GAP, line
from stored import DAY, NOW, close, take, texts, wait_until

from gchatd.chat.events import Deleted, Edited, MadePrivate, Origin, Said, TopicSet, Vanished
from gchatd.journal import SqliteJournal, schema
from gchatd.journal.reader import Reader
from gchatd.journal.replica import Replica
from gchatd.journal.store import Writer
from gchatd.settings import History as Settings

# Storing what has ids already.


def test_what_is_stored_is_read_as_it_was_with_the_id_and_time_that_it_had(writer, look):
    said = Said(room="lobby", name="Ágnes", text='"quoted" \\ ünï ☃\n', action=True, place=9, id=9, at=NOW + 5, user=2)
    writer.store([said, Said(room="lobby", name="Bob", text="x", place=12, id=12, at=NOW + 7, origin=Origin(1, 7))])
    assert look.page("lobby", 10).lines == [
        Said(room="lobby", name="Ágnes", text='"quoted" \\ ünï ☃\n', action=True, id=9, at=NOW + 5),
        Said(room="lobby", name="Bob", text="x", id=12, at=NOW + 7),
    ]
    (kept, _) = schema.rows(writer._db, "select event from events order by id")
    assert not {"id", "at", "place", "user", "origin"} & set(
        schema.rows(writer._db, "select key from json_each(?)", *kept)
    )
    assert (
        schema.value(writer._db, "select group_concat(key) from json_each(?)", *kept) == "event,room,name,text,action"
    )


def test_what_is_there_already_is_not_stored_twice(writer, look, stream):
    stream.say(*"abc")
    writer.store(stream.events)
    stream.say("d")
    writer.store([*stream.events[1:], *stream.events[2:]])
    writer.store(stream.events)
    writer.store([])
    assert texts(look.page("lobby", 10)) == [*"abcd"]
    assert (writer.last_id, writer.unindexed) == (4, 4)
    while writer.trim(30, 2):
        pass
    assert texts(look.page("lobby", 10)) == [*"cd"]  # it has counted right
    writer.index(100)
    assert writer.unindexed == 0


def test_what_is_appended_later_gets_ids_above_those_that_were_stored(tmp_path, stream):
    writer = Writer(tmp_path, "normal")
    writer.store(stream.say("a", gap=GAP))
    assert writer.append([line("b")], NOW) == GAP + 1
    stream.place += 1
    writer.store(stream.say("c", gap=GAP))
    writer.close()
    writer = Writer(tmp_path, "normal")
    assert writer.append([line("d")], NOW) == 2 * GAP + 2
    writer.close()


def test_what_cannot_be_stored_is_not_stored_at_all(writer, look, stream):
    pages = writer._db.pragma("page_count")
    writer._db.pragma("max_page_count", pages)
    events = stream.say(*["x" * 5000] * 10, room="new")
    with pytest.raises(apsw.FullError):
        writer.store(events)
    assert (writer.last_id, writer.unindexed, look.named("new")) == (0, 0, None)
    writer._db.pragma("max_page_count", 10_000)
    writer.store(events)
    assert len(look.page("new", 20).lines) == 10
    assert look.named("new") == "new"


def test_ids_that_jump_do_not_keep_lines_from_being_indexed(tmp_path, stream):
    writer = Writer(tmp_path, "normal")
    writer.store(stream.say(*(f"word{number}" for number in range(30)), gap=GAP))
    steps = 0
    while writer.unindexed:
        assert writer.unindexed == 30 - 7 * steps
        writer.index(7)
        steps += 1
    assert steps == 5
    writer.store(stream.say("one", "more", gap=GAP))
    writer.close()
    writer = Writer(tmp_path, "normal")
    assert writer.unindexed == 2
    writer.index(2)
    writer.index(2)
    assert writer.unindexed == 0
    look = Reader(tmp_path)
    for word in ("word0", "word29", "one", "more"):
        assert len(look.search("lobby", word, 5).lines) == 1
    assert len(look.search("lobby", "word*", 50).lines) == 30
    assert next(look.everything(since=look.first_id_since(NOW + 3))).text == "word3"
    look.close()
    writer._db.execute("insert into words(words, rank) values('integrity-check', 1)")
    writer.close()


def test_topics_keys_edits_and_deletions_work_as_they_do_where_they_were_appended(tmp_path, stream):
    happens = [
        line("hello", "Dev"),
        TopicSet(room="Dev", name="Ann", topic="old"),
        line("psst", "Den"),
        TopicSet(room="Dev", name="Ann", topic="new"),
        MadePrivate(room="Den", name="Ann", key="k"),
        Edited(room="Dev", name="Ann", line=1, text="hello all", was="hello"),
        line("oops", "Dev"),
        Deleted(room="Dev", name="Ann", line=7),
        TopicSet(room="Attic", name="Ann", topic="dust"),
        Vanished(room="Attic"),
        TopicSet(room="Cellar", name="Ann", topic="wine"),
        *(Edited(room="Den", name="Ann", line=3, text=f"psst {number}") for number in range(12)),
    ]
    stored, appended = tmp_path / "stored", tmp_path / "appended"
    for directory in (stored, appended):
        directory.mkdir()
        writer = Writer(directory, "normal")
        if directory == stored:
            writer.store(stream.add(*happens))
            writer.index(100)
        else:
            writer.append(happens, NOW)
            writer.index(100)
        writer.close()
    one, other = Reader(stored), Reader(appended)
    same_but_times = "select id, event from events order by id"
    assert schema.rows(one._db, same_but_times) == schema.rows(other._db, same_but_times)
    for table in ("states", "rooms", "words_docsize"):
        assert schema.rows(one._db, f"select * from {table}") == schema.rows(other._db, f"select * from {table}")
    assert texts(one.search("Dev", "all", 5)) == ["hello \2all\3"]
    assert one.search("Dev", "oops", 5).lines == []
    assert texts(one.page("Den", 5)) == ["psst 11"]
    _, (topic, said) = one.restored("Dev", 5)
    assert (topic.topic, said.text, said.edited) == ("new", "hello all", True)
    assert [state.key for state in one.restored("Den", 0)[1]] == ["k"]
    assert one.restored("Attic", 0)[1] == []
    one.close()
    other.close()


# The same directory without a cluster.


def test_a_server_of_its_own_goes_on_above_what_a_cluster_left(node, stream, tmp_path):
    stream.say("a", "b", gap=GAP)
    node.deliver()
    node.replica.note_run(6)
    node.close()
    journal = SqliteJournal(tmp_path, Settings())
    assert journal.incarnation == 7
    journal.append(line("c"))
    assert take(journal, 1)[0].id == 2 * GAP + 1
    close(journal)
    again = Replica(tmp_path, Settings())
    assert (again.incarnation, again.last_id, again.identity) == (7, 2 * GAP + 1, node.replica.identity)
    again.close(PATIENCE)


def test_its_history_is_printed_and_backed_up_like_any_other_also_while_it_is_written(node, stream, tmp_path):
    stream.say("hello", "hello again", gap=GAP)
    node.deliver()
    wait_until(lambda: not node.replica.unstored)
    status, out, _ = history(tmp_path, "--format", "jsonl")
    assert (status, out.count("\n"), f'"id":{2 * GAP}' in out) == (0, 2, True)
    status, out, _ = gchat("backup", "--data", tmp_path, tmp_path / "copy.db")
    assert (status, out.split(",")[0]) == (0, f"{tmp_path}/copy.db: 2 lines")


def test_a_room_in_which_nothing_was_said_keeps_its_key_as_it_lives_on_elsewhere(node, start_node, stream, tmp_path):
    stream.add(MadePrivate(room="den", name="Ann", key="k"))
    node.deliver()
    wait_until(lambda: not node.replica.unstored)
    node.close()
    node = start_node()
    stream.say("psst", room="den")
    node.deliver()
    node.catch_up()
    wait_until(lambda: node.past.room("den", 0) is not None)
    assert [state.key for state in node.past.room("den", 0)[1]] == ["k"]


def test_what_is_old_or_too_much_is_trimmed_and_not_wanted_again(start_node, stream):
    stream.say(*"abc")
    stream.events[0] = Said(room="lobby", name="Ann", text="a", id=1, place=1, at=NOW - 40 * DAY)
    node = start_node(lines_per_room=1)
    node.catch_up()
    wait_until(lambda: node.ids() == [3])
    node.close()
    assert start_node().replica.wants() == 3


def test_lines_are_found_soon_without_anybody_searching(node, stream, tmp_path):
    stream.say("hello", "there", gap=GAP)
    node.deliver()
    look = Reader(tmp_path)
    wait_until(lambda: schema.value(look._db, "select max(id) from words_docsize") == 2 * GAP)
    look.close()
