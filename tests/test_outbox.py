"""What waits for a client whose connection is full, closed or broken. No server; sockets only where they matter."""

from __future__ import annotations

import time
from functools import partial

import gevent
import gevent.socket
import pytest
from people import PATIENCE
from transports import FakeTransport

from gchatd.delivery.outbox import CHANGES_KEPT, Outbox, SlowReaders
from gchatd.delivery.transport import PlainTransport

MUCH = b"x" * 10_000_000  # more than any kernel takes


@pytest.fixture
def rules():
    return SlowReaders(sendq=100_000_000, stalled_seconds=-1)


@pytest.fixture
def client():
    """A connection that takes nothing until it is told to."""
    return FakeTransport()


@pytest.fixture
def outbox(client, rules):
    outbox = Outbox(client, rules)
    outbox.session = 7
    return outbox


@pytest.fixture
def unexpected(monkeypatch):
    """What was raised in greenlets, and nobody caught."""
    raised: list[object] = []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *args: raised.append(args))
    return raised


def full(rules: SlowReaders) -> tuple[Outbox, gevent.socket.socket, gevent.socket.socket]:
    """An outbox in which something waits, its socket, and the client's."""
    ours, theirs = gevent.socket.socketpair()
    outbox = Outbox(PlainTransport(ours), rules)
    outbox.put(MUCH)
    gevent.sleep(0)  # its writer waits now
    assert outbox in rules.behind
    assert outbox.size < len(MUCH)  # the kernel has the rest
    return outbox, ours, theirs


# Order, and what waits.


def test_what_a_client_takes_at_once_never_waits(client, outbox, rules):
    client.room = 100
    outbox.put(b"one ")
    outbox.put(b"two")
    assert client.seen == b"one two"
    assert (outbox.size, rules.behind, rules.changes) == (0, set(), 0)


def test_what_was_sent_in_part_goes_on_where_it_stopped_before_all_that_came_later(client, outbox):
    client.room = 3
    for word in (b"one two ", b"three ", b"four"):
        outbox.put(word)
    assert (client.seen, outbox.size) == (b"one", 15)
    seen = [b"one"]
    for _ in range(8):
        client.takes(2)
        seen.append(client.seen)
    assert seen == [b"one two three four"[:end] for end in (3, 5, 7, 9, 11, 13, 15, 17, 18)]


def test_what_waits_is_sent_all_at_once_to_a_client_that_takes_it(client, outbox, rules):
    for word in (b"one ", b"two ", b"three"):
        outbox.put(word)
    client.takes(100)
    assert (client.seen, outbox.size, rules.behind) == (b"one two three", 0, set())
    outbox.put(b" four")
    assert client.seen == b"one two three four"


def test_a_client_that_falls_behind_again_and_again_gets_everything_once_and_in_order(client, outbox):
    lines = [b"%d\n" % number for number in range(200)]
    for number, line in enumerate(lines):
        outbox.put(line)
        if number % 7 == 0:
            client.takes(number % 40)
    client.takes(10_000)
    assert client.seen == b"".join(lines)


def test_a_socket_gets_what_waits_in_order_and_then_nothing_waits(rules):
    outbox, ours, theirs = full(rules)
    outbox.put(b"y" * 1000)
    assert outbox.size > 1000
    seen = 0
    while seen < len(MUCH):
        seen += len(theirs.recv(min(1 << 16, len(MUCH) - seen)))
    assert theirs.recv(2000) == b"y" * 1000
    with gevent.Timeout(PATIENCE):
        outbox.flush()
    assert (outbox.size, outbox in rules.behind) == (0, False)
    outbox.put(b"z")
    assert theirs.recv(10) == b"z"
    ours.close()
    theirs.close()


def test_flushing_waits_until_the_last_byte_has_gone(client, outbox):
    outbox.flush()  # there is nothing to wait for
    outbox.put(b"one two")
    flushing = [gevent.spawn(outbox.flush) for _ in range(2)]
    client.takes(6)
    assert not any(one.dead for one in flushing)
    client.takes(1)
    assert all(one.dead for one in flushing)


def test_flushing_waits_only_so_long(outbox):
    outbox.put(b"one")
    with gevent.Timeout(PATIENCE):
        outbox.flush(0.001)
    assert outbox.size == 3


# Slow readers.


def test_past_sendq_a_client_is_closed_and_one_byte_before_it_is_not(client, outbox, rules):
    rules.sendq = 10
    client.room = 5
    outbox.put(b"x" * 15)
    assert (outbox.size, outbox.failed, rules.closed) == (10, "", 0)
    outbox.put(b"x")
    assert outbox.failed == "slow reader: 11 bytes wait (limits.sendq)"
    assert (outbox.size, rules.closed, rules.behind, client.was_reset) == (0, 1, set(), True)


def test_a_client_that_takes_nothing_is_closed_with_the_reason(client, outbox, rules):
    rules.stalled_seconds = 0.0
    outbox.put(b"one")
    until = time.monotonic()
    while time.monotonic() <= until:
        pass
    rules.close_stalled()
    assert outbox.failed == "slow reader: read nothing for 0 s (limits.stalled_seconds)"
    assert (rules.closed, rules.behind) == (1, set())


def test_a_client_is_stalled_only_if_it_has_taken_nothing_since(client, outbox):
    outbox.put(b"one two")
    assert outbox.is_stalled(time.monotonic() + 1)
    before = time.monotonic()
    client.takes(1)
    assert not outbox.is_stalled(before)
    assert outbox.is_stalled(time.monotonic() + 1)


def test_a_client_that_takes_what_the_kernel_holds_is_not_stalled(client, outbox, rules):
    client.in_kernel = 1000
    outbox.put(b"one")
    client.in_kernel = 999
    before = time.monotonic()
    rules.close_stalled()
    assert not outbox.failed
    assert not outbox.is_stalled(before)  # so it has all the time again
    rules.close_stalled()
    assert outbox.failed


def test_what_the_writer_gave_to_the_kernel_is_what_a_client_has_to_take_from(client, outbox):
    client.in_kernel = 1000
    outbox.put(b"one two")
    client.in_kernel = 500
    client.takes(1)
    assert outbox.is_stalled(time.monotonic() + 1)


def test_a_client_for_which_nothing_waits_is_not_stalled(client, outbox, rules):
    outbox.put(b"one")
    client.takes(3)
    assert not outbox.is_stalled(time.monotonic() + 1)
    rules.close_stalled()
    assert not outbox.failed


# Clients that are given up.


def test_a_client_is_given_up_once_and_what_puts_things_above_its_line_is_let_go(client, outbox):
    outbox.put(b"one")
    outbox.display_with(bytes.upper)
    outbox.fail("one reason")
    outbox.lose(ConnectionResetError("another"))
    assert outbox.failed == "one reason"
    assert outbox.around is None  # it may know the outbox, and would make a cycle with it
    outbox.display(b"z")
    outbox.put(b"z")
    assert outbox.send(b"zz") == 2  # as if it had gone
    assert (outbox.size, client.seen) == (0, b"")
    outbox.display_with(bytes.upper)
    assert (outbox.around, outbox.send) == (None, len)


def test_giving_up_while_the_writer_waits_ends_the_writer_and_lets_those_go_on_who_flush(client, outbox, unexpected):
    outbox.put(b"one")
    flushing = gevent.spawn(outbox.flush)
    gevent.idle()
    outbox.fail("a reason")
    gevent.idle()
    assert flushing.dead
    assert (outbox.failed, unexpected) == ("a reason", [])


@pytest.mark.parametrize("sent", [1, 3])
def test_giving_up_while_the_writer_writes_sends_no_more_and_keeps_the_reason(
    client, outbox, unexpected, sent, monkeypatch
):
    def sends_and_fails(data: bytes | memoryview) -> int:
        outbox.fail("a reason")
        return sent

    outbox.put(b"one")
    monkeypatch.setattr(client, "send", sends_and_fails)
    client.takes(1)
    assert (outbox.failed, outbox.size, outbox.send, unexpected) == ("a reason", 0, len, [])


@pytest.mark.parametrize("is_behind", [False, True])
def test_a_lost_connection_gives_the_client_up_whoever_notices(client, outbox, rules, unexpected, is_behind):
    if is_behind:
        outbox.put(b"one")
    gevent.idle()
    client.breaks(BrokenPipeError(32, "Broken pipe"))
    if not is_behind:
        outbox.put(b"two")
    gevent.idle()
    assert (outbox.failed, outbox.size) == ("connection lost: Broken pipe", 0)
    assert (rules.closed, rules.behind, unexpected) == (0, set(), [])


def test_hundreds_of_slow_readers_whose_sockets_are_closed_raise_nothing(rules, unexpected):
    pairs = [full(rules) for _ in range(200)]
    for _, ours, _ in pairs:
        ours.close()
    rules.close_stalled()  # asks the kernel how much they have not read
    for outbox, _, _ in pairs:
        outbox.flush(PATIENCE)
    assert not rules.behind
    assert not unexpected
    assert all(outbox.failed and outbox.size == 0 for outbox, _, _ in pairs)
    for _, _, theirs in pairs:
        theirs.close()


@pytest.mark.parametrize("waits", [False, True])
def test_a_socket_that_is_closed_before_or_while_its_writer_waits_ends_the_writer(rules, unexpected, waits):
    ours, theirs = gevent.socket.socketpair()
    outbox = Outbox(PlainTransport(ours), rules)
    outbox.put(MUCH)
    if waits:
        gevent.sleep(0)
    ours.close()
    with gevent.Timeout(PATIENCE):
        outbox.flush()
    assert outbox.failed.startswith("connection lost")
    assert not unexpected
    outbox.put(b"y")  # nowhere
    assert outbox.size == 0
    theirs.close()


# What is displayed above the line being typed.


def test_what_is_displayed_goes_above_the_line_and_what_is_put_does_not(client, outbox):
    client.room = 100
    outbox.display_with(bytes.upper)
    outbox.display(b"one ")
    outbox.put(b"two ")
    assert outbox.send(b"three ") == 6  # fan-out's way
    outbox.display_with(None)
    outbox.display(b"four")
    assert client.seen == b"ONE two THREE four"


def test_who_begins_to_type_while_something_waits_gets_everything_in_order(client, outbox):
    outbox.put(b"one ")
    outbox.display_with(bytes.upper)
    assert outbox.send(b"two ") == 4
    outbox.display_with(None)
    assert outbox.send(b"three ") == 0  # for fan-out to keep
    outbox.keep(b"three ", 0)
    outbox.display_with(bytes.upper)
    client.room = 100  # but the writer has not noticed yet
    outbox.put(b"four ")
    client.takes(0)
    assert outbox.send(b"five") == 4
    assert client.seen == b"one TWO three four FIVE"


# Handing a client over.


def test_another_outbox_goes_on_where_one_stopped(client, outbox, rules):
    client.room = 5
    for word in (b"one two ", b"three ", b"four "):
        outbox.put(word)
    state = outbox.state()
    assert (client.seen, state) == (b"one t", b"wo three four ")
    after = FakeTransport(room=3)
    successor = Outbox(after, rules)
    successor.restore(state)
    successor.put(b"five")
    after.takes(100)
    assert client.seen + after.seen == b"one two three four five"


def test_of_a_client_for_which_nothing_waits_there_is_nothing_to_hand_over(client, outbox, rules):
    client.room = 100
    outbox.put(b"one")
    assert outbox.state() == b""
    outbox.restore(b"")
    assert (outbox.size, rules.behind) == (0, set())


# What fan-out is told.


def test_fan_out_is_told_whenever_an_outbox_sends_another_way(client, outbox, rules):
    def changed_by(act: partial[None]) -> list[int]:
        before, way = rules.changes, outbox.send
        act()
        assert (rules.changes != before) == (outbox.send != way)
        return list(rules.changed_since(before))

    assert changed_by(partial(outbox.put, b"one")) == [7]  # it falls behind
    assert outbox.send(b"two") == 0
    assert changed_by(partial(outbox.put, b"two")) == []
    assert changed_by(partial(client.takes, 4)) == []
    assert changed_by(partial(client.takes, 2)) == [7]  # it has caught up
    assert changed_by(partial(client.takes, 9)) == []
    assert changed_by(partial(outbox.put, b"three")) == []
    assert changed_by(partial(outbox.display_with, bytes.upper)) == [7]
    assert changed_by(partial(outbox.display, b"four")) == []
    assert changed_by(partial(outbox.display_with, None)) == [7]
    assert changed_by(partial(outbox.fail, "a reason")) == [7]
    assert changed_by(partial(outbox.fail, "another")) == []


def test_fan_out_is_told_which_of_the_last_outboxes_changed_and_of_older_ones_that_it_cannot_know():
    rules = SlowReaders(0, 0)
    for session in range(10_000):
        rules.note_change(session)
        if session >= CHANGES_KEPT:
            assert len(rules.changed_since(session - CHANGES_KEPT + 1)) == CHANGES_KEPT
    assert rules.changed_since(9_998) == [9_998, 9_999]
    assert rules.changed_since(10_000) == []
    assert rules.changed_since(0) is None
