"""The history of a node of a cluster: it has what the stream says, once."""

from __future__ import annotations

import gevent
import pytest
from people import PATIENCE
from replicas import GAP
from stored import texts, wait_until

from gchatd.chat.events import Joined
from gchatd.errors import StoreError
from gchatd.journal.folder import FILE, NODE
from gchatd.journal.replica import Replica
from gchatd.settings import History as Settings

# Filling, and being live.


def test_what_is_delivered_is_stored_and_found(node, stream):
    stream.say("hello", "hello again")
    node.deliver()
    wait_until(lambda: not node.replica.unstored)
    assert (node.replica.last_id, node.replica.live, node.replica.wants()) == (2, True, None)
    assert texts(node.past.last("lobby", 5)) == ["hello", "hello again"]
    assert texts(node.past.search("lobby", "again", 5)) == ["hello \2again\3"]


def test_it_is_not_live_before_it_has_what_was_said_before(start_node, stream):
    stream.say(*(str(number) for number in range(10)))
    node = start_node(chunk=3)
    assert not node.replica.live
    stream.say("during")
    node.deliver()  # nobody asked for that yet
    steps = []
    wait_until(lambda: steps.append(node.replica.wants()) or node.fill())
    assert sorted({place for place in steps if place is not None}) == [0, 3, 6, 9]
    wait_until(lambda: not node.replica.unstored)
    assert node.ids() == [*range(1, 12)]


def test_one_chunk_is_stored_before_it_wants_the_next(start_node, stream, storing_disk):
    stream.say(*"abc")
    node = start_node()
    storing_disk.thawed.clear()
    assert node.replica.wants() == 0
    node.replica.store(stream.events[:2])
    wait_until(lambda: storing_disk.tries)
    assert node.replica.wants() is None
    node.replica.store(stream.events[2:])  # nobody asked for that
    storing_disk.thawed.set()
    wait_until(lambda: node.replica.wants() == 2)
    assert node.ids() == [1, 2]


def test_a_stretch_of_the_stream_without_history_is_passed(start_node, stream):
    stream.say("a")
    stream.add(*(Joined(room="lobby", name=f"a{number}") for number in range(50)))
    stream.say("b")
    stream.add(Joined(room="lobby", name="b"))
    node = start_node(chunk=4)
    node.catch_up()
    assert node.ids() == [1, 52]
    stream.add(Joined(room="lobby", name="c"))
    node.deliver()
    assert node.replica.unstored == 0


def test_after_a_restart_it_goes_on_where_it_was(start_node, stream):
    stream.say("a", "b")
    node = start_node()
    node.catch_up()
    node.close()
    stream.say("c", gap=GAP)
    node = start_node()
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


def test_closing_takes_no_longer_than_it_may(node, stream, storing_disk):
    storing_disk.thawed.clear()
    stream.say("a")
    node.deliver()
    with gevent.Timeout(PATIENCE):
        node.replica.close(0.01)
    with pytest.raises(StoreError, match="in use by another gchat"):
        Replica(node.directory, Settings())
    storing_disk.thawed.set()
    node.replica.close(PATIENCE)
    Replica(node.directory, Settings()).close(PATIENCE)


def test_when_too_much_waits_it_drops_that_and_asks_for_it_again(start_node, stream, storing_disk):
    node = start_node(queue=5)
    node.catch_up()
    storing_disk.thawed.clear()
    stream.say("first")
    node.deliver()
    wait_until(lambda: storing_disk.tries)
    for number in range(5):
        assert (node.replica.live, node.replica.unstored) == (True, number + 1)
        stream.say(str(number))
        node.deliver()
    assert (node.replica.live, node.replica.unstored, node.replica.wants()) == (False, 0, None)
    stream.say("later")
    node.deliver()
    storing_disk.thawed.set()
    wait_until(lambda: node.replica.wants() == 1)
    node.catch_up()
    assert node.ids() == [*range(1, 8)]


def test_what_is_delivered_twice_does_not_count_twice(start_node, stream, storing_disk):
    node = start_node(queue=3)
    node.catch_up()
    storing_disk.thawed.clear()
    stream.say("a", "b")
    node.deliver()
    node.replica.store(stream.events)
    assert (node.replica.live, node.replica.unstored) == (True, 2)
    storing_disk.thawed.set()
    wait_until(lambda: not node.replica.unstored)
    assert node.ids() == [1, 2]
