"""The door for terminals, without a server: what it gives to one terminal, and leaves to the others."""

from __future__ import annotations

import time

from gevent import socket

from gchatd.doors.telnet import REST_SECONDS, TelnetDoor, TelnetLink
from gchatd.hub import Hub
from gchatd.journal.memory import MemoryJournal
from gchatd.outbox import SlowReaders
from gchatd.settings import Limits
from gchatd.wire.lineedit import MOST_WORK, LineEditor
from gchatd.wire.typed import Completions


def test_a_terminal_that_sends_more_than_there_is_time_for_leaves_time_to_others_and_all_of_it_is_read():
    keys = b"\x1bb\x05" * 1000 + b" end\r"
    door = TelnetDoor(Hub(MemoryJournal(), 50), SlowReaders(10**6, 10), Limits())
    theirs, ours = socket.socketpair()
    with theirs, ours:
        link = TelnetLink(door, ours, ("127.0.0.1", 1))
        link._wire.edit(LineEditor(Limits().message))
        link._wire.feed(b"w" * (MOST_WORK // 100))
        theirs.sendall(keys)
        typed, rests = [], 0
        while not typed:
            link.wait()
            typed += link.read(lambda before: Completions.of(len(before), ()))
            since = time.monotonic()
            if link._wire.behind:
                link.wait()
                assert time.monotonic() - since >= REST_SECONDS * 0.9
                rests += 1
    assert rests > 3
    assert typed == ["w" * (MOST_WORK // 100) + " end"]
