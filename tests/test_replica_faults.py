"""The history of a node of a cluster: whatever happens to its disk, it has all of the stream in the end."""

from __future__ import annotations

import logging
import resource
import shutil
import signal

import apsw
import gevent
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from people import PATIENCE
from replicas import Node
from stored import delete_history, texts, wait_until

from gchatd.chat.events import Joined, MadePrivate
from gchatd.errors import StoreError
from gchatd.journal import replica
from gchatd.journal.folder import FILE
from gchatd.journal.reader import copy
from gchatd.journal.replica import Replica
from gchatd.settings import History as Settings

# Failures.


@pytest.mark.parametrize("too_late", [False, True], ids=["before", "after it was written"])
@pytest.mark.parametrize("trouble", [apsw.IOError("disk I/O error"), apsw.FullError("database or disk is full")])
def test_what_was_delivered_while_the_disk_fails_is_stored_later_and_the_log_says_so_once(
    node, stream, storing_disk, caplog, trouble, too_late
):
    with caplog.at_level(logging.INFO, "gchatd"):
        storing_disk.trouble, storing_disk.too_late = trouble, too_late and isinstance(trouble, apsw.IOError)
        stream.say("a", "b")
        node.deliver()
        wait_until(lambda: not node.replica.live)
        assert node.replica.unstored == 0
        stream.say("c")
        node.deliver()
        wait_until(lambda: node.fill() or storing_disk.tries > 2)
        storing_disk.trouble = None
        node.catch_up()
        wait_until(lambda: len(caplog.messages) == 2)
    assert node.ids() == [1, 2, 3]
    told = "the disk has failed (I/O error)" if isinstance(trouble, apsw.IOError) else "the disk is full"
    assert caplog.messages == [f"history cannot be written: {told}", "history is written again"]


def test_for_a_moment_after_a_failure_it_wants_nothing(node, stream, storing_disk, monkeypatch):
    monkeypatch.setattr(replica, "RETRY_SECONDS", PATIENCE)
    other = Node(node.directory.parent / "other", stream)
    other.catch_up()
    storing_disk.trouble = apsw.FullError("database or disk is full")
    stream.say("a")
    other.deliver()
    wait_until(lambda: not other.replica.live)
    assert other.replica.wants() is None
    other.close()


def test_what_waits_behind_something_that_fails_is_not_stored_before_it(node, stream, storing_disk):
    storing_disk.thawed.clear()
    stream.say("a")
    node.deliver()
    wait_until(lambda: storing_disk.tries)
    stream.say("b")
    node.deliver()
    storing_disk.trouble = apsw.FullError("database or disk is full")
    storing_disk.thawed.set()
    wait_until(lambda: not node.replica.live)
    storing_disk.trouble = None
    wait_until(lambda: node.replica.wants() is not None)
    assert (node.replica.last_id, node.ids(), storing_disk.tries) == (0, [], 1)
    node.replica.store([])
    node.catch_up()
    assert node.ids() == [1, 2]


def test_what_was_asked_for_before_a_failure_is_not_stored_after_it(start_node, stream, caplog):
    stream.say(*"abcd")
    node = start_node(chunk=2)
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


def test_whatever_happens_it_has_all_of_the_stream_once_in_the_end(start_node, stream, storing_disk):
    node = start_node(queue=3)

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
                for file in node.directory.glob(f"{FILE}*"):
                    file.unlink(missing_ok=True)  # SQLite may be tidying up
            else:
                full = apsw.FullError("database or disk is full")
                storing_disk.trouble = {"works": None, "full": full}.get(act, apsw.IOError("disk I/O error"))
                storing_disk.too_late = act == "too late"
        storing_disk.trouble = None
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
