"""A web page can have its visitor's browser send anything to the port. No word of HTTP is ever run as chat."""

from __future__ import annotations

import socket

import pytest
from front import sends
from people import GREETING, PATIENCE
from web import Answer, Script, asks, next_answer, request

from gchatd.wire import http

POST = request("POST", "/", b"Mallory\r\nhello everybody\r\n", Connection="close")
ANSWERS = (200, 400, 404, 405, 413, 414, 431, 501, 505)


@pytest.fixture
def server(start):
    """A server at which nobody is greeted before they have said what they are."""
    return start(server__greet_after=10 * PATIENCE)


@pytest.fixture
def bob(server, enter):
    """Somebody who would notice."""
    bob = enter(server)
    bob.says("Bob")
    bob.sees(GREETING, "server: Your username is Bob.")
    return bob


def whole(data: bytes) -> list[Answer]:
    """Responses, each with a length, and nothing between them."""
    answers = []
    while data:
        answer, data = next_answer(lambda: b"", data)
        answers.append(answer)
    return answers


@pytest.mark.parametrize(
    "request_",
    [
        POST,
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nMallory\r\nhello everybody\r\n\r\n",
        b"OPTIONS * HTTP/1.1\nHost: x\nConnection: close\n\nMallory\nhello everybody\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nMallory\r\nhello everybody\r\n",
        b"made-up http://localhost:1337/x HTTP/2.0\r\nMallory\r\nhello everybody\r\n\r\n",
        b"CONNECT localhost:1337 HTTP/1.1\r\nHost: x\r\n\r\nMallory\r\nhello everybody\r\n",
        b"POST /" + 9000 * b"x" + b" HTTP/1.1\r\nMallory\r\nhello everybody\r\n\r\n",
        b"POST /" + 20_000 * b"x" + b" HTTP/1.1\r\nMallory\r\nhello everybody\r\n",
        request("POST", "/rooms/lobby", b"hello", Content_Length="3000000000") + b"Mallory\r\nhello\r\n",
        request("GET", "/ws", Connection="Upgrade", Upgrade="websocket") + b"Mallory\r\nhello everybody\r\n",
    ],
    ids=lambda data: f"{len(data)} {data[:12].decode()}",
)
def test_whatever_is_sent_is_answered_and_nothing_of_it_is_run_as_chat(server, bob, request_):
    answers = whole(asks(server.port, request_))
    assert answers
    assert all(answer.status in (*ANSWERS, 426) for answer in answers)
    assert "content-length" in answers[-1].headers
    bob.says("/names")
    bob.sees("server: 1 in lobby: Bob")
    assert "Mallory" not in server.log()


def test_however_a_request_is_cut_it_is_one(server, bob):
    for at in range(1, len(POST), 7):
        (answer,) = whole(sends(server.port, POST[:at], POST[at:]))
        assert answer.status == 405
    bob.says("/names")
    bob.sees("server: 1 in lobby: Bob")


def test_a_request_at_the_name_prompt_gets_its_answer_behind_the_greeting(start):
    server = start(server__greet_after=0)
    for cut in (3, 9, 18, len(POST) - 1):
        script = Script(server)
        script.sees(GREETING)
        script.sends(POST[:cut])
        script.sends(POST[cut:])
        assert script.reads_answer().status == 405
        assert script.reads_to_the_end() == b""
        script.hangs_up()
    assert "Mallory" not in server.log()


def test_a_long_request_at_the_name_prompt_is_answered_too(start):
    server = start(server__greet_after=0)
    script = Script(server)
    script.sees(GREETING)
    script.sends(b"GET /" + 3000 * b"x")
    script.sends(6000 * b"x" + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert script.reads_answer().status == 404
    script.hangs_up()


def test_a_request_after_something_else_is_refused_and_nothing_more_is_looked_at(start):
    server = start(server__greet_after=0)
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
        sock.sendall(b"\r\n" + POST)
        data = b""
        while more := sock.recv(65536):
            data += more
    assert data.endswith(http.ANSWER)
    assert b"\xff" not in data
    assert "Mallory" not in server.log()


def test_a_request_later_on_is_something_that_somebody_says(server, enter, bob):
    alice = enter(server)
    alice.sends(b"Alice\nGET / HTTP/1.1\n")
    bob.sees("Alice : GET / HTTP/1.1")


@pytest.mark.parametrize(
    "line", ["Alice", "GET", "", "hello there", "/help me", "say /help", "a b HTTP", "GET HTTP/1.1"]
)
def test_what_people_type_first_is_none(line):
    assert not http.is_request(line)
