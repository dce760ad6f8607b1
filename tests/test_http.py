"""A web page can have its visitor's browser send anything to the port, after the first line of an HTTP request."""

from __future__ import annotations

import socket

import pytest
from people import PATIENCE

from gchatd.wire import http

POST = b"POST / HTTP/1.1\r\nHost: localhost:1337\r\nContent-Length: 26\r\n\r\nMallory\r\nhello everybody\r\n"


def asks(server, *pieces: bytes) -> bytes:
    """Connect, send some pieces, and give all that comes until the server hangs up."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = b""
        for piece in pieces:
            sock.sendall(piece)
            if len(pieces) > 1 and not answer:
                answer = sock.recv(65536)  # the greeting: so the first piece was read alone
        while data := sock.recv(65536):
            answer += data
        return answer


def check(answer: bytes) -> None:
    """An answer is a whole HTTP message, perhaps after the greeting, without any telnet option."""
    answer = answer.removeprefix(b"server: Input username.\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 400 Bad Request"
    assert b"Content-Length: %d" % len(body) in lines
    assert b"Connection: close" in lines
    assert body.count(b"\n") == 1
    assert b"\xff" not in answer


@pytest.mark.parametrize(
    "request_",
    [
        POST,
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET /\r\n",
        b"OPTIONS * HTTP/1.1\n\nMallory\nhello everybody\n",
        b"made-up http://localhost:1337/x HTTP/2.0\r\nMallory\r\nhello everybody\r\n",
        b"CONNECT localhost:1337 HTTP/1.1\r\n\r\nMallory\r\nhello everybody\r\n",
        b"POST /" + 9000 * b"x" + b" HTTP/1.1\r\nMallory\r\nhello everybody\r\n",
    ],
    ids=lambda data: data[:12].decode(),
)
def test_a_browser_is_answered_and_nothing_it_sends_is_run_as_chat(server, enter, request_):
    bob = enter(server, "Bob")
    check(asks(server, request_))
    bob.says("/names")
    bob.sees("server: 1 in lobby: Bob")
    assert "HTTP request" in server.logs("left")
    assert "Mallory" not in server.log()


def test_a_request_in_pieces_is_one_too(server, enter):
    bob = enter(server, "Bob")
    check(asks(server, POST[:3], POST[3:9], POST[9:18], POST[18:]))
    check(asks(server, b"GET /" + 3000 * b"x", 6000 * b"x" + b" HTTP/1.1\r\n", b"Mallory\r\nhello\r\n"))
    bob.says("/names")
    bob.sees("server: 1 in lobby: Bob")


def test_a_request_later_on_is_something_that_somebody_says(server, enter):
    alice, bob = enter(server, "Alice"), enter(server, "Bob")
    alice.says("GET / HTTP/1.1")
    bob.sees("Alice : GET / HTTP/1.1")


@pytest.mark.parametrize(
    "line", ["Alice", "GET", "", "hello there", "/help me", "say /help", "a b HTTP", "GET HTTP/1.1"]
)
def test_what_people_type_first_is_none(line):
    assert not http.is_request(line)
