"""The door for terminals, without a server: what it gives to one terminal, and leaves to the others."""

from __future__ import annotations

import time

import pytest
from gevent import socket

from gchatd.delivery.outbox import SlowReaders
from gchatd.delivery.transport import PlainTransport
from gchatd.doors.terminal.connection import REST_SECONDS, TelnetConnection, Terminals
from gchatd.settings import Limits
from gchatd.wire.lineedit import LineEditor
from gchatd.wire.typed import Completions

LONG = "w" * 600


@pytest.fixture
def pair():
    """A link to a terminal with a long line, and the terminal's end of the connection."""
    terminals = Terminals(SlowReaders(10**6, 10), Limits())
    theirs, ours = socket.socketpair()
    with theirs, ours:
        link = TelnetConnection(terminals, PlainTransport(ours), ("127.0.0.1", 1))
        link._wire.edit(LineEditor(Limits().message))
        link._wire.feed(LONG.encode())
        yield link, theirs


def complete(before: str) -> Completions:
    return Completions.of(len(before), ())


def test_a_terminal_that_sends_more_than_there_is_time_for_leaves_time_to_others_and_all_of_it_is_read(pair):
    link, theirs = pair
    theirs.sendall(b"\x1bb\x05" * 1000 + b" end\r")
    typed, rests = [], 0
    while not typed:
        link.wait()
        typed += link.read(complete)
        since = time.monotonic()
        if link._wire.behind:
            link.wait()
            assert time.monotonic() - since >= REST_SECONDS * 0.9
            rests += 1
    assert rests > 3
    assert typed == [LONG + " end"]


def test_what_a_terminal_sent_before_it_was_gone_is_not_worked_off_where_there_is_no_time_for_it(pair):
    link, theirs = pair
    theirs.sendall(b"\x1bb\x05" * 10_000)
    link.wait()
    assert link.read(complete) == []
    assert link._wire.behind
    link.outbox.fail("connection lost")
    link.wait()
    assert link.read(complete) is None
