"""People who do not say who they are, or say nothing for long; and machines that are gone."""

from __future__ import annotations

import socket
import time

from people import GREETING, SECOND

from gchatd.doors import listening

TOLD = b"server: There was no username for 1 s. Goodbye.\r\n"


def test_who_gives_no_name_in_time_is_told_and_closed_however_slowly_it_types(start, enter):
    server = start(limits__login_seconds=1)
    ann = enter(server, "Ann")
    silent, drips = enter(server), enter(server)
    silent.sees(GREETING)
    drips.sees(GREETING)
    begun = time.monotonic()
    for byte in b"\nsl":
        drips.sends(bytes((byte,)))
    drips.sees("server: A username cannot be empty.", GREETING)
    assert silent.reads_to_the_end() == drips.reads_to_the_end() == TOLD
    assert 0.5 < time.monotonic() - begun < 1 + SECOND
    server.logs("left: gave no name for 1 s .limits.login_seconds")
    ann.says("/uptime")
    assert "1 person is here" in ann.reads_line()


def test_without_a_deadline_nobody_is_closed_for_being_silent(start, enter):
    server = start(limits__login_seconds=0, limits__idle=0)
    bob = enter(server)
    enter(server, "Ann").says_no_more()
    server.logs("Ann. left")
    bob.sees(GREETING)
    bob.says("Bob")
    bob.sees("server: Your username is Bob.")


def test_who_sends_much_before_a_name_is_told_and_closed(server, enter):
    stranger = enter(server)
    stranger.sees(GREETING)
    stranger.sends(b"x" * 4096)
    stranger.sends(b"x")
    assert stranger.reads_to_the_end() == b"server: That is too much for a username. Goodbye.\r\n"
    server.logs("left: sent more than 4096 bytes before a name")


def test_many_names_that_cannot_be_had_are_too_much_too(server, enter):
    stranger = enter(server)
    stranger.sends(b"not a name\n" * 400)
    assert b"That is too much for a username" in stranger.reads_to_the_end()


def test_after_a_name_as_much_may_come_as_there_is(server, enter):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    ann.sends(b"".join(b"%d %s\n" % (number, b"x" * 1000) for number in range(20)))
    bob.sees(*(f"Ann : {number} {'x' * 1000}" for number in range(20)))


def test_who_says_nothing_for_too_long_is_told_and_closed(start, enter):
    server = start(limits__idle=2)
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    begun = time.monotonic()
    for number in range(15):
        bob.says(f"line {number}")
        ann.sees(f"Bob : line {number}")
        bob.waits(0.1)
    rest = ann.reads_to_the_end()
    assert rest == b"server: You typed nothing for 2 s. Goodbye.\r\n"
    assert 1.5 < time.monotonic() - begun < 3.5 + SECOND
    server.logs("Ann. left: typed nothing for 2 s .limits.idle")
    bob.says("/uptime")
    assert "1 person is here" in bob.reads_line()


def test_the_kernel_notices_machines_that_are_gone():
    listener = listening._socket(socket.AF_INET, shared=False)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    client = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    for option, value in {"KEEPIDLE": 120, "KEEPINTVL": 15, "USER_TIMEOUT": 150_000}.items():
        assert accepted.getsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_{option}")) == value
    for one in (listener, client, accepted):
        one.close()
