"""What waits for a client whose socket is full, closed or broken. Sockets, but no server."""

from __future__ import annotations

import gevent
import gevent.socket
import pytest
from people import PATIENCE

from gchatd.delivery.outbox import Outbox, SlowReaders

MUCH = b"x" * 10_000_000  # more than any kernel takes


@pytest.fixture
def rules():
    return SlowReaders(sendq=100_000_000, stalled_seconds=-1)


@pytest.fixture
def unexpected(monkeypatch):
    """What was raised in greenlets, and nobody caught."""
    raised: list[object] = []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *args: raised.append(args))
    return raised


def full(rules: SlowReaders) -> tuple[Outbox, gevent.socket.socket, gevent.socket.socket]:
    """An outbox in which something waits, its socket, and the client's."""
    ours, theirs = gevent.socket.socketpair()
    outbox = Outbox(ours, rules)
    outbox.put(MUCH)
    gevent.sleep(0)  # its writer waits now
    assert outbox in rules.behind
    assert outbox.size < len(MUCH)  # the kernel has the rest
    return outbox, ours, theirs


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


def test_a_socket_that_is_closed_while_its_writer_waits_ends_the_writer(rules, unexpected):
    outbox, ours, theirs = full(rules)
    ours.close()
    with gevent.Timeout(PATIENCE):
        outbox.flush()
    assert outbox.failed.startswith("connection lost")
    assert not unexpected
    outbox.put(b"y")  # nowhere
    assert outbox.size == 0
    theirs.close()


def test_what_waits_is_sent_in_order_and_then_nothing_waits(rules):
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


def test_past_sendq_a_client_is_closed_and_one_byte_before_it_is_not(rules):
    outbox, ours, theirs = full(rules)
    rules.sendq = outbox.size + 10
    outbox.put(b"y" * 10)
    assert not outbox.failed
    outbox.put(b"y")
    assert "limits.sendq" in outbox.failed
    assert rules.closed == 1
    ours.close()
    theirs.close()


def test_a_client_is_given_up_once_and_what_finds_room_beside_its_line_is_let_go(rules):
    outbox, ours, theirs = full(rules)
    outbox.show_around(bytes.upper)
    outbox.fail("one reason")
    outbox.lose(ConnectionResetError("another"))
    assert outbox.failed == "one reason"
    assert outbox.around is None  # it may know the outbox, and would make a cycle with it
    outbox.show(b"z")
    assert outbox.size == 0
    ours.close()
    theirs.close()


def test_fan_out_is_told_which_of_the_last_outboxes_changed_and_of_older_ones_that_it_cannot_know():
    rules = SlowReaders(0, 0)
    for number in range(10_000):
        rules.note_change(number)
    assert rules.changed_since(9_998) == [9_998, 9_999]
    assert rules.changed_since(10_000) == []
    assert rules.changed_since(0) is None
