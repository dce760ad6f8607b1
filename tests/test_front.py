"""The front door: every client finds the door for what it speaks, and nobody else's words are run as chat."""

from __future__ import annotations

import socket
import time

import gevent
import gevent.socket
import pytest
from front import reads, sends, with_server
from people import GREETING, PATIENCE, SECOND, Person, eventually

from gchatd.wire import http, irc

LATE = 0.25
"""How many seconds somebody may say nothing before they are greeted (server.greet_after)."""


@pytest.mark.parametrize(
    ("data", "answer"),
    [(b"POST / HTTP/1.1\r\n", b"web"), (b"CAP LS 302\r\n", irc.ANSWER), (b"PASS x\r\n", irc.ANSWER)],
    ids=["http", "cap", "pass"],
)
def test_however_the_first_bytes_are_cut_browsers_and_irc_clients_get_their_answer_and_nothing_else(
    house, data, answer
):
    port, door = house(with_server(greet_after=10 * PATIENCE))
    cuts = [(data,), *((data[:at], data[at:]) for at in range(1, len(data))), tuple(bytes([one]) for one in data)]
    answers = [gevent.spawn(sends, port, *cut) for cut in cuts]
    assert {one.get() for one in answers} == {answer}
    assert not door.served
    assert all(data.startswith(heard) and heard for heard, _ in door.web.served)
    assert len(door.web.served) == (len(cuts) if answer == b"web" else 0)


@pytest.mark.parametrize("data", [b"Ann\r\nhello\r\n", b"\r\nAnn\r\n", b"\xff\xfd\x03Ann\r\n", "Zoë\n".encode()])
def test_however_they_are_cut_a_terminal_is_given_its_first_bytes(house, data):
    port, door = house(with_server(greet_after=10 * PATIENCE))
    for at in range(1, len(data)):
        assert sends(port, data[:at], data[at:]) == b"in"
        heard = door.served.pop()[0]
        assert data.startswith(heard)  # the rest was still on its way
        assert heard


def test_who_has_said_nothing_is_a_terminal_after_a_moment_and_so_is_who_stops_in_the_middle_of_a_line(house):
    port, door = house(with_server(greet_after=0.1))
    for begun in (b"", b"GET / HT", b"\r\n\r\n\0", b"\x16", b"NICK ann"):
        since = time.monotonic()
        assert sends(port, begun) == b"in"
        assert time.monotonic() - since >= 0.09
        assert door.served.pop()[0] == begun


def test_who_comes_later_is_greeted_later(house):
    port, _ = house(with_server(greet_after=0.3))
    first = gevent.spawn(sends, port)
    gevent.sleep(0.15)
    since = time.monotonic()
    assert sends(port) == b"in"
    assert time.monotonic() - since >= 0.29
    assert first.dead


def test_who_drips_bytes_is_greeted_no_later(house):
    port, _ = house(with_server(greet_after=0.1))
    with gevent.socket.create_connection(("127.0.0.1", port)) as sock:
        since = time.monotonic()
        dripping = gevent.spawn(drips, sock)
        assert sock.recv(10) == b"in"
        assert time.monotonic() - since < 0.1 + SECOND
        dripping.kill()


def drips(sock) -> None:
    while True:
        sock.sendall(b"x")
        gevent.sleep(0.01)


def test_who_says_no_more_is_a_terminal_at_once(house):
    port, door = house(with_server(greet_after=10 * PATIENCE))
    with gevent.socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"Ann")
        sock.shutdown(socket.SHUT_WR)
        assert reads(sock) == b"in"
    assert door.served == [(b"Ann", door.served[0][1])]


def test_many_who_say_nothing_are_greeted_together_and_leave_nothing_behind(house):
    port, door = house(with_server(greet_after=0.1))
    quick = [gevent.spawn(sends, port, b"Ann\n") for _ in range(50)]
    silent = [gevent.spawn(sends, port) for _ in range(200)]
    assert {one.get() for one in quick + silent} == {b"in"}
    assert len(door.served) == 250


def test_a_tls_hello_is_told_where_there_is_no_tls(house):
    port, door = house(with_server(greet_after=10 * PATIENCE))
    assert sends(port, b"\x16", b"\x03\x01\x02\x00\x01") == b"\x15\x03\x01\x00\x02\x02\x28"
    assert not door.served


# A whole server.


def test_the_greeting_comes_to_who_says_nothing_and_the_session_is_the_classic_one(start, enter):
    server = start(server__greet_after=LATE)
    since = time.monotonic()
    alice = enter(server)
    alice.sees(GREETING)
    assert time.monotonic() - since >= LATE - 0.01
    alice.says("Alice")
    alice.sees("server: Your username is Alice.")


def test_what_comes_along_with_the_connection_is_answered_in_one_packet_with_the_greeting(start):
    server = start(server__greet_after=10 * PATIENCE)
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
        sock.sendall(b"Ann\n")
        assert sock.recv(65536) == b"server: Input username.\r\nserver: Your username is Ann.\r\n"


@pytest.mark.parametrize(
    ("late", "before", "answer", "why"),
    [
        ("NICK Mallory", [], irc.ANSWER, "speaks IRC"),
        ("CAP LS", ["", "1234"], irc.ANSWER, "speaks IRC"),
        ("GET / HTTP/1.1", [], b"HTTP/1.1 400 ", "speaks HTTP"),
        ("GET / HTTP/1.1", ["not a name"], http.ANSWER, "sent an HTTP request"),
        ("GET / HTTP/1.1", ["", "1234"], http.ANSWER, "sent an HTTP request"),
    ],
)
def test_who_speaks_irc_or_http_at_the_prompt_still_finds_its_door(server, enter, late, answer, why, before):
    bob = enter(server, "Bob")
    mallory = enter(server)
    mallory.sees(GREETING)
    for line in before:
        mallory.says(line)
        assert "server: " in mallory.reads_line()
        mallory.sees(GREETING)
    mallory.sends(f"{late}\r\nMallory\r\nhello everybody\r\n\r\n".encode())
    assert mallory.reads_to_the_end().startswith(answer)
    bob.says("/names")
    bob.sees("server: 1 in lobby: Bob")
    assert why in server.logs("left: s")


def test_a_request_after_a_line_in_the_same_packet_is_one_too(server, enter):
    bob = enter(server, "Bob")
    mallory = enter(server)
    mallory.sends(b"\r\nPOST / HTTP/1.1\r\n\r\nMallory\r\nhello everybody\r\n")
    assert mallory.reads_to_the_end().endswith(http.ANSWER)
    bob.says("/names")
    bob.sees("server: 1 in lobby: Bob")


def test_who_has_a_name_may_say_what_they_like(server, enter):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    for line in ("NICK bob", "GET / HTTP/1.1", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2"):
        ann.says(line)
        bob.sees(f"Ann : {line}")


@pytest.mark.parametrize("name", ["Nick", "Cap", "USER", "PASS", "PROXY", "GET"])
def test_a_name_may_be_a_word_of_theirs(start, enter, name):
    server = start(server__greet_after=LATE)
    someone = enter(server)
    someone.says(name)
    someone.sees(GREETING, f"server: Your username is {name}.")


def test_no_client_that_was_turned_away_stays(start):
    server = start()
    before = server.descriptors()
    for _ in range(20):
        someone = Person(server)
        someone.says("NICK ann")
        someone.reads_to_the_end()
        someone.hangs_up()
    eventually(lambda: server.descriptors() == before)
