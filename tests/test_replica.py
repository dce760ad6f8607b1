"""The history of a node of a cluster: whatever happens to its disk, it is what the stream says, once."""

from __future__ import annotations

import errno
import logging
import os
import resource
import shutil
import signal
import threading
from types import SimpleNamespace

import apsw
import gevent
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from people import PATIENCE
from remembered import gchat, history
from stored import DAY, NOW, close, delete_history, says, take, texts, wait_until

from gchatd.chat.events import Deleted, Edited, Joined, MadePrivate, Origin, Said, TopicSet, Vanished
from gchatd.errors import StoreError
from gchatd.journal import History, SqliteJournal, replica, schema
from gchatd.journal import folder as folders
from gchatd.journal.folder import FILE, NODE, node_identity
from gchatd.journal.reader import Reader, copy
from gchatd.journal.replica import Replica
from gchatd.journal.store import Writer
from gchatd.settings import History as Settings

GAP = 2**20
"""What ids may jump by from one event to the next."""


# The stream of a cluster, and one who reads it.


class Stream:
    """All that was committed so far, in order."""

    def __init__(self) -> None:
        self.events = []
        self.place = 0

    def add(self, *events, gap: int = 1):
        """Let something happen; return it as it was committed."""
        for event in events:
            self.place += gap
            stamp = {"place": self.place, "at": NOW + len(self.events), "id": self.place if event.kept else 0}
            self.events.append(type(event)(**{**as_dict(event), **stamp}))
        return self.events[-len(events) :]

    def say(self, *texts: str, room: str = "lobby", gap: int = 1):
        return self.add(*(line(text, room) for text in texts), gap=gap)

    def after(self, place: int, most: int):
        return [event for event in self.events if event.place > place][:most]


def as_dict(event) -> dict:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def line(text: str, room: str = "lobby") -> Said:
    return Said(room=room, name="Ann", text=text, user=7, origin=Origin(3, 4))


class Node:
    """A replica, with what reads the stream for it: one step at a time."""

    def __init__(self, directory, stream: Stream, chunk: int = 4, **settings) -> None:
        self.replica = Replica(directory, Settings(**settings))
        self.past = History(directory)
        self.replica.on_loss, self.past.on_search = self.past.let_go, self.replica.index_soon
        self.stream, self.chunk, self.delivered = stream, chunk, stream.place

    def deliver(self) -> None:
        """Deliver what is new in the stream."""
        self.replica.store(self.stream.after(self.delivered, 10**6))
        self.delivered = self.stream.place

    def fill(self) -> bool:
        """Give it a chunk if it wants one; return whether it is live."""
        after = self.replica.wants()
        if after is not None:
            chunk = [event for event in self.stream.after(after, self.chunk) if event.place <= self.delivered]
            self.replica.store(chunk)
            if not chunk or chunk[-1].place == self.delivered:
                self.replica.go_live()
        return self.replica.live

    def catch_up(self) -> None:
        """Fill until all that was delivered is stored."""
        wait_until(lambda: self.fill() and not self.replica.unstored)

    def ids(self):
        look = Reader(self.directory)
        found = [id for (id,) in schema.rows(look._db, "select id from events order by id")]
        look.close()
        return found

    @property
    def directory(self):
        return self.replica._directory

    def close(self) -> None:
        self.past.let_go(PATIENCE)
        self.replica.close(PATIENCE)


@pytest.fixture
def stream():
    return Stream()


@pytest.fixture
def start(tmp_path, stream, monkeypatch):
    """Start nodes, which notice soon what happens to their files, and try again soon."""
    monkeypatch.setattr(replica, "TRIM_SECONDS", 0.01)
    monkeypatch.setattr(replica, "RETRY_SECONDS", 0.01)
    nodes = []

    def start(directory=tmp_path, **settings) -> Node:
        nodes.append(Node(directory, stream, **settings))
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()


@pytest.fixture
def node(start):
    node = start()
    node.catch_up()
    return node


class Disk:
    """What happens when a replica stores something: `trouble` is raised, `thawed` is waited for."""

    def __init__(self, monkeypatch) -> None:
        self.trouble: Exception | None = None
        self.too_late = False
        self.thawed = threading.Event()
        self.thawed.set()
        self.tries = 0
        store = Writer.store

        def stores(writer, events):
            self.tries += 1
            self.thawed.wait(PATIENCE)
            if self.trouble and not self.too_late:
                raise self.trouble
            store(writer, events)
            if self.trouble:
                raise self.trouble  # what was written is there, as after an fsync that failed

        monkeypatch.setattr(Writer, "store", stores)


@pytest.fixture
def disk(monkeypatch):
    disk = Disk(monkeypatch)
    yield disk
    disk.thawed.set()


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


# Filling, and being live.


def test_what_is_delivered_is_stored_and_found(node, stream):
    stream.say("hello", "hello again")
    node.deliver()
    wait_until(lambda: not node.replica.unstored)
    assert (node.replica.last_id, node.replica.live, node.replica.wants()) == (2, True, None)
    assert texts(node.past.last("lobby", 5)) == ["hello", "hello again"]
    assert texts(node.past.search("lobby", "again", 5)) == ["hello \2again\3"]


def test_it_is_not_live_before_it_has_what_was_said_before(start, stream):
    stream.say(*(str(number) for number in range(10)))
    node = start(chunk=3)
    assert not node.replica.live
    stream.say("during")
    node.deliver()  # nobody asked for that yet
    steps = []
    wait_until(lambda: steps.append(node.replica.wants()) or node.fill())
    assert sorted({place for place in steps if place is not None}) == [0, 3, 6, 9]
    wait_until(lambda: not node.replica.unstored)
    assert node.ids() == [*range(1, 12)]


def test_one_chunk_is_stored_before_it_wants_the_next(start, stream, disk):
    stream.say(*"abc")
    node = start()
    disk.thawed.clear()
    assert node.replica.wants() == 0
    node.replica.store(stream.events[:2])
    wait_until(lambda: disk.tries)
    assert node.replica.wants() is None
    node.replica.store(stream.events[2:])  # nobody asked for that
    disk.thawed.set()
    wait_until(lambda: node.replica.wants() == 2)
    assert node.ids() == [1, 2]


def test_a_stretch_of_the_stream_without_history_is_passed(start, stream):
    stream.say("a")
    stream.add(*(Joined(room="lobby", name=f"a{number}") for number in range(50)))
    stream.say("b")
    stream.add(Joined(room="lobby", name="b"))
    node = start(chunk=4)
    node.catch_up()
    assert node.ids() == [1, 52]
    stream.add(Joined(room="lobby", name="c"))
    node.deliver()
    assert node.replica.unstored == 0


def test_after_a_restart_it_goes_on_where_it_was(start, stream):
    stream.say("a", "b")
    node = start()
    node.catch_up()
    node.close()
    stream.say("c", gap=GAP)
    node = start()
    assert node.replica.wants() == node.replica.last_id == 2
    node.catch_up()
    assert node.ids() == [1, 2, GAP + 2]


def test_what_was_delivered_before_it_is_closed_is_stored(node, stream):
    stream.say(*(str(number) for number in range(3000)))
    node.deliver()
    node.close()
    assert {file.name for file in node.directory.iterdir()} == {FILE, NODE, "lock"}
    stream.say("too late")
    node.deliver()
    assert node.replica.wants() is None
    assert len(node.ids()) == 3000


def test_closing_takes_no_longer_than_it_may(node, stream, disk):
    disk.thawed.clear()
    stream.say("a")
    node.deliver()
    with gevent.Timeout(PATIENCE):
        node.replica.close(0.01)
    with pytest.raises(StoreError, match="in use by another gchat"):
        Replica(node.directory, Settings())
    disk.thawed.set()
    node.replica.close(PATIENCE)
    Replica(node.directory, Settings()).close(PATIENCE)


def test_when_too_much_waits_it_drops_that_and_asks_for_it_again(start, stream, disk):
    node = start(queue=5)
    node.catch_up()
    disk.thawed.clear()
    stream.say("first")
    node.deliver()
    wait_until(lambda: disk.tries)
    for number in range(5):
        assert (node.replica.live, node.replica.unstored) == (True, number + 1)
        stream.say(str(number))
        node.deliver()
    assert (node.replica.live, node.replica.unstored, node.replica.wants()) == (False, 0, None)
    stream.say("later")
    node.deliver()
    disk.thawed.set()
    wait_until(lambda: node.replica.wants() == 1)
    node.catch_up()
    assert node.ids() == [*range(1, 8)]


# Failures.


@pytest.mark.parametrize("too_late", [False, True], ids=["before", "after it was written"])
@pytest.mark.parametrize("trouble", [apsw.IOError("disk I/O error"), apsw.FullError("database or disk is full")])
def test_what_was_delivered_while_the_disk_fails_is_stored_later_and_the_log_says_so_once(
    node, stream, disk, caplog, trouble, too_late
):
    with caplog.at_level(logging.INFO, "gchatd"):
        disk.trouble, disk.too_late = trouble, too_late and isinstance(trouble, apsw.IOError)
        stream.say("a", "b")
        node.deliver()
        wait_until(lambda: not node.replica.live)
        assert node.replica.unstored == 0
        stream.say("c")
        node.deliver()
        wait_until(lambda: node.fill() or disk.tries > 2)
        disk.trouble = None
        node.catch_up()
        wait_until(lambda: len(caplog.messages) == 2)
    assert node.ids() == [1, 2, 3]
    told = "the disk has failed (I/O error)" if isinstance(trouble, apsw.IOError) else "the disk is full"
    assert caplog.messages == [f"history cannot be written: {told}", "history is written again"]


def test_for_a_moment_after_a_failure_it_wants_nothing(node, stream, disk, monkeypatch):
    monkeypatch.setattr(replica, "RETRY_SECONDS", PATIENCE)
    other = Node(node.directory.parent / "other", stream)
    other.catch_up()
    disk.trouble = apsw.FullError("database or disk is full")
    stream.say("a")
    other.deliver()
    wait_until(lambda: not other.replica.live)
    assert other.replica.wants() is None
    other.close()


def test_what_waits_behind_something_that_fails_is_not_stored_before_it(node, stream, disk):
    disk.thawed.clear()
    stream.say("a")
    node.deliver()
    wait_until(lambda: disk.tries)
    stream.say("b")
    node.deliver()
    disk.trouble = apsw.FullError("database or disk is full")
    disk.thawed.set()
    wait_until(lambda: not node.replica.live)
    disk.trouble = None
    wait_until(lambda: node.replica.wants() is not None)
    assert (node.replica.last_id, node.ids(), disk.tries) == (0, [], 1)
    node.replica.store([])
    node.catch_up()
    assert node.ids() == [1, 2]


def test_what_was_asked_for_before_a_failure_is_not_stored_after_it(start, stream, caplog):
    stream.say(*"abcd")
    node = start(chunk=2)
    assert node.replica.wants() == 0
    node.replica.store(stream.events[:2])
    wait_until(lambda: node.replica.wants() == 2)
    delete_history(node.directory)
    wait_until(lambda: node.replica.last_id == 0)
    node.replica.store(stream.events[2:])  # an answer to what it wanted before it was lost
    node.replica.go_live()
    assert not node.replica.live
    wait_until(lambda: node.replica.wants() == 0)
    node.catch_up()
    assert node.ids() == [1, 2, 3, 4]


def test_a_file_that_may_not_grow_costs_nothing_that_was_said(node, stream, caplog):
    stream.say("a")
    node.deliver()
    wait_until(lambda: not node.replica.unstored)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((node.directory / f"{FILE}-wal").stat().st_size, unlimited[1]))
    try:
        stream.say(*["x" * 5000] * 10)
        node.deliver()
        wait_until(lambda: not node.replica.live)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        signal.signal(signal.SIGXFSZ, ignored)
    node.catch_up()
    assert node.ids() == [*range(1, 12)]


def test_when_its_files_are_deleted_it_is_filled_again_from_the_beginning(node, stream, caplog):
    stream.say(*"abc")
    stream.add(MadePrivate(room="lobby", name="Ann", key="k"))
    node.deliver()
    wait_until(lambda: texts(node.past.last("lobby", 5)) == [*"abc"])
    del stream.events[:1]  # the stream does not go back for ever
    with caplog.at_level(logging.INFO, "gchatd"):
        delete_history(node.directory)
        wait_until(lambda: not node.replica.live)
        stream.say("d")
        node.deliver()
        node.catch_up()
        wait_until(lambda: len(caplog.messages) == 2)
    assert caplog.messages == [
        f"history cannot be written: {node.directory}/{FILE} was deleted or replaced. "
        "It is filled again, as far back as the stream of the cluster goes",
        "history is written again",
    ]
    wait_until(lambda: texts(node.past.last("lobby", 5)) == [*"bcd"])
    assert node.ids() == [2, 3, 4, 5]


def test_a_private_room_stays_private_when_the_stream_no_longer_has_its_key(node, stream):
    stream.say("psst", room="den")
    stream.add(MadePrivate(room="den", name="Ann", key="k"))
    node.deliver()
    wait_until(lambda: not node.replica.unstored)
    stream.events.clear()
    delete_history(node.directory)
    wait_until(lambda: not node.replica.live)
    stream.say("psst again", room="den")
    node.deliver()
    node.catch_up()
    wait_until(lambda: node.past.room("den", 0) is not None)
    assert [state.key for state in node.past.room("den", 0)[1]] == ["k"]


def test_an_older_copy_that_was_put_in_its_place_is_filled_up(node, stream, tmp_path_factory):
    stream.say(*"abc")
    node.deliver()
    wait_until(lambda: not node.replica.unstored)
    backup = tmp_path_factory.mktemp("backup") / FILE
    assert copy(node.directory, backup) == 3
    stream.say(*"de")
    node.deliver()
    wait_until(lambda: not node.replica.unstored)
    backup.rename(node.directory / FILE)
    wait_until(lambda: not node.replica.live)
    wait_until(lambda: node.replica.wants() == 3)
    node.catch_up()
    assert node.ids() == [*range(1, 6)]


def test_when_the_folder_is_deleted_it_is_the_same_node_in_a_new_one(node, stream):
    node.replica.note_run(4)
    identity = node.replica.identity
    stream.say("a")
    node.deliver()
    wait_until(lambda: not node.replica.unstored)
    shutil.rmtree(node.directory)
    wait_until(lambda: not node.replica.live)
    node.catch_up()
    assert node.ids() == [1]
    node.close()
    again = Replica(node.directory, Settings())
    assert (again.identity, again.incarnation, again.last_id) == (identity, 4, 1)
    again.close(PATIENCE)


ACTS = st.sampled_from(
    ["say", "say more", "join", "deliver", "fill", "loop", "rest", "full", "broken", "too late", "lost", "works"]
)


def test_whatever_happens_it_has_all_of_the_stream_once_in_the_end(start, stream, disk):
    node = start(queue=3)

    @given(st.lists(ACTS, min_size=10, max_size=60))
    @settings(max_examples=60, deadline=None, phases=[Phase.generate], report_multiple_bugs=False)
    def holds(acts):
        node.chunk = 2
        for act in acts:
            if act.startswith("say"):
                stream.say(*["x"] * (4 if act == "say more" else 1), gap=3)
            elif act == "join":
                stream.add(Joined(room="lobby", name="a"))
            elif act == "deliver":
                node.deliver()
            elif act == "fill":
                node.fill()
            elif act in ("loop", "rest"):
                gevent.sleep(0.002 if act == "rest" else 0)
            elif act == "lost":
                delete_history(node.directory)
            else:
                full = apsw.FullError("database or disk is full")
                disk.trouble = {"works": None, "full": full}.get(act, apsw.IOError("disk I/O error"))
                disk.too_late = act == "too late"
        disk.trouble = None
        node.deliver()
        node.chunk = 1000
        history = [event.id for event in stream.events if event.kept]
        wait_until(lambda: node.fill() and not node.replica.unstored and stored(node) == history)

    holds()


def stored(node: Node):
    try:
        return node.ids()
    except (StoreError, apsw.Error):  # it is just being made
        return None


# Which node it is, and in which run.


def test_a_directory_has_one_identity_for_ever_and_another_one_than_all_others(start, tmp_path):
    node, other = start(), start(tmp_path / "other")
    assert node.replica.identity != other.replica.identity
    for one in (node, other):
        assert len(one.replica.identity) == 16
        assert int(one.replica.identity, 16) >= 0
    node.close()
    delete_history(tmp_path)
    assert start().replica.identity == node.replica.identity
    assert (tmp_path / NODE).stat().st_mode & 0o777 == 0o600


def test_no_copy_has_the_identity_of_the_original(node, start, stream, tmp_path):
    stream.say(*"ab")
    node.deliver()
    wait_until(lambda: not node.replica.unstored)
    for name in ("backup", "cp -r"):
        (tmp_path / name).mkdir()
        copy(tmp_path, tmp_path / name / FILE)
    shutil.copy(tmp_path / NODE, tmp_path / "cp -r" / NODE)
    copies = [start(tmp_path / name) for name in ("backup", "cp -r")]
    assert [one.replica.last_id for one in copies] == [2, 2]
    assert len({one.replica.identity for one in (node, *copies)}) == 3


@pytest.mark.parametrize("garbage", [b"", b"abc", b"0123456789abcdef", b"\xff" * 200, b"0123456789abcdef 5x\n"])
def test_an_identity_that_makes_no_sense_is_replaced(tmp_path, garbage):
    (tmp_path / NODE).write_bytes(garbage)
    identity = node_identity(tmp_path)
    assert len(identity) == 16
    assert identity != "0123456789abcdef"
    assert node_identity(tmp_path) == identity
    assert [file.name for file in tmp_path.iterdir()] == [NODE]


def test_an_identity_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    (tmp_path / f"{NODE}.part").write_text("half of an earlier one")
    synced = []

    def fsync(file: int, fsync=os.fsync) -> None:
        synced.append((os.path.realpath(f"/proc/self/fd/{file}"), (tmp_path / NODE).exists()))
        fsync(file)

    monkeypatch.setattr(os, "fsync", fsync)
    node_identity(tmp_path)
    assert synced == [(str(tmp_path / f"{NODE}.part"), False), (str(tmp_path), True)]


def test_a_directory_that_cannot_be_named_or_used_is_told(tmp_path, node, monkeypatch):
    with pytest.raises(StoreError, match="in use by another gchat"):
        Replica(tmp_path, Settings())
    (tmp_path / "a" / NODE).mkdir(parents=True)
    with pytest.raises(StoreError, match=r"a/node: is a directory$"):
        Replica(tmp_path / "a", Settings())
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / FILE).write_bytes(b"not a database at all" * 500)
    for _ in range(2):  # the lock was released
        with pytest.raises(StoreError, match="not a gchat database"):
            Replica(tmp_path / "b", Settings())

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folders.os, "fsync", full)
    with pytest.raises(StoreError, match=r"node: no space left on device$"):
        Replica(tmp_path / "c", Settings())


def test_no_later_run_gets_a_number_that_was_noted_or_a_lower_one(node, tmp_path):
    assert node.replica.incarnation == 0
    node.replica.note_run(7)
    look = Reader(tmp_path)
    assert schema.value(look._db, "select incarnation from runs") == node.replica.incarnation == 7
    look.close()
    node.replica.note_run(5)
    assert node.replica.incarnation == 7
    delete_history(tmp_path)
    wait_until(lambda: not node.replica.live)
    node.catch_up()
    node.close()
    again = Replica(tmp_path, Settings())
    assert again.incarnation == 7
    again.close(PATIENCE)
    with pytest.raises(StoreError, match="the number of this run cannot be kept: closed"):
        again.note_run(9)


def test_a_number_is_on_the_disk_when_it_has_been_noted(tmp_path):
    writer, full = Writer(tmp_path, "normal"), []
    writer._db.set_wal_hook(lambda db, *_: full.append(db.pragma("synchronous") == 2) or apsw.SQLITE_OK)
    writer.note_run(3)
    says(writer, "hello")
    assert full[0]
    assert not any(full[1:])
    writer.close()


def test_a_number_that_cannot_be_kept_is_told(node, monkeypatch):
    def fails(*_):
        raise apsw.FullError("database or disk is full")

    with monkeypatch.context() as then:
        then.setattr(Writer, "note_run", fails)
        with pytest.raises(StoreError, match="the number of this run cannot be kept: the disk is full"):
            node.replica.note_run(9)
    assert node.replica.incarnation == 0
    node.replica.note_run(9)
    assert node.replica.incarnation == 9


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


def test_a_room_in_which_nothing_was_said_yet_keeps_its_topic_as_it_lives_on_elsewhere(node, start, stream, tmp_path):
    stream.add(MadePrivate(room="den", name="Ann", key="k"))
    node.deliver()
    wait_until(lambda: not node.replica.unstored)
    node.close()
    node = start()
    stream.say("psst", room="den")
    node.deliver()
    node.catch_up()
    wait_until(lambda: node.past.room("den", 0) is not None)
    assert [state.key for state in node.past.room("den", 0)[1]] == ["k"]


def test_what_is_old_or_too_much_is_trimmed_and_not_wanted_again(start, stream):
    stream.say(*"abc")
    stream.events[0] = Said(room="lobby", name="Ann", text="a", id=1, place=1, at=NOW - 40 * DAY)
    node = start(lines_per_room=1)
    node.catch_up()
    wait_until(lambda: node.ids() == [3])
    node.close()
    assert start().replica.wants() == 3


def test_lines_are_found_soon_without_anybody_searching(node, stream, tmp_path):
    stream.say("hello", "there", gap=GAP)
    node.deliver()
    look = SimpleNamespace(reader=Reader(tmp_path))
    wait_until(lambda: schema.value(look.reader._db, "select max(id) from words_docsize") == 2 * GAP)
    look.reader.close()
