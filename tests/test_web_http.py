"""HTTP on the chat's port: requests, in order and within limits; the page; anything else a status and a sentence."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import gevent
import pytest
from front import sends
from fuzz import web as fuzz_web
from hypothesis import given, settings
from hypothesis import strategies as st
from web import HANDSHAKE, next_answer, request
from webhouse import House, opened

from gchatd.delivery.outbox import Outbox, SlowReaders
from gchatd.doors.patience import Patience
from gchatd.doors.web.files import POLICY
from gchatd.doors.web.http import MOST_HEAD, BadRequestError, HttpConnection, Response
from gchatd.journal import MemoryJournal
from gchatd.settings import Origin, Web

if TYPE_CHECKING:
    from collections.abc import Iterator

    from web import Answer

LAST = request("GET", "/healthz", Connection="close")
brief = settings(max_examples=200, deadline=None)


@pytest.fixture
def house() -> Iterator[House]:
    with opened(MemoryJournal()) as house:
        yield house


def answers(data: bytes) -> list[Answer]:
    """Responses one after the other, of which only the last may have no length."""
    found = []
    while data:
        answer, data = next_answer(lambda: b"", data)
        found.append(answer)
    return found


def statuses(house: House, data: bytes) -> list[int]:
    return [answer.status for answer in answers(sends(house.port, data))]


# The page.


def test_the_page_comes_with_a_policy_and_a_tag_and_only_once(house):
    browser = house.calls()
    page = browser.gets("/")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["cache-control"] == "no-cache"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.body
    tag = page.headers["etag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = browser.gets("/", If_None_Match=known)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert browser.gets("/", If_None_Match='"other"').status == 200
    assert browser.gets("/", If_None_Match=tag, method="HEAD").status == 304


def test_head_has_the_headers_of_get_and_no_body(house):
    browser = house.calls()
    got, asked = browser.gets("/"), browser.gets("/", "HEAD")
    assert asked.body == b""
    assert asked.headers | {"date": ""} == got.headers | {"date": ""}


def test_the_page_has_the_terminals_commands(house):
    commands = json.loads(house.calls().gets("/commands.json").body)
    assert {"me", "join", "help"} <= {command["name"] for command in commands}


@pytest.mark.parametrize(
    "path", ["/../config.ini", "/%2e%2e/config.ini", "/index.html/", "/page/", "//", "/.", "/ws/", "/x"]
)
def test_there_is_nothing_else(house, path):
    answer = house.calls().gets(path)
    assert answer.status == 404
    assert answer.sentence == "There is nothing here."


def test_whoever_watches_over_the_server_is_told_how_it_is(house, monkeypatch):
    watcher = house.calls()
    assert watcher.gets("/healthz").body == b"ok\n"
    monkeypatch.setattr(house.door, "_trouble", lambda: "the disk is full")
    answer = watcher.gets("/healthz")
    assert (answer.status, answer.sentence) == (503, "the disk is full")


# Requests.


def test_a_connection_takes_one_request_after_the_other_also_all_at_once(house):
    data = request("GET", "/x") + request("POST", "/rooms/x?name=a", b"GET /healthz HTTP/1.1\r\n\r\n") + LAST
    assert statuses(house, data) == [404, 404, 200]


def test_http_1_0_is_answered_and_closed_and_needs_no_host(house):
    assert statuses(house, b"GET /healthz HTTP/1.0\r\n\r\n" + LAST) == [200]


def test_the_address_may_be_absolute(house):
    assert statuses(house, request("GET", "http://localhost/healthz?x#y", Connection="close")) == [200]


def test_who_waits_to_be_told_to_go_on_is_told_so(house):
    script = house.calls()
    script.sends(request("POST", "/rooms/lobby?name=CI", Content_Length="2", Expect="100-continue"))
    assert script.reads_answer().status == 100
    script.sends(b"hi")
    assert script.reads_answer().body == b"CI : hi\n"


def test_a_body_in_chunks_is_one(house):
    script = house.calls()
    script.sends(request("POST", "/rooms/lobby?name=CI", Transfer_Encoding="chunked"))
    script.sends(b"1;x=y\r\nh\r\n2\r\ni!\r\n0\r\nTrailer: x\r\n\r\n")
    assert script.reads_answer().body == b"CI : hi!\n"
    assert script.gets("/healthz").status == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", "GET, HEAD"),
        ("PUT", "/rooms/lobby", "GET, HEAD, POST"),
        ("OPTIONS", "/ws", "GET, HEAD"),
        ("DELETE", "/healthz", "GET, HEAD"),
        ("get", "/", "GET, HEAD"),
    ],
)
def test_what_cannot_be_done_somewhere_is_told_with_what_can(house, method, path, allowed):
    answer = house.calls().gets(path, method)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert answer.sentence == f"Here you can use {allowed}."


@pytest.mark.parametrize("method", ["POST", "PUT", "get"])
def test_where_there_is_nothing_nothing_can_be_done_either(house, method):
    assert house.calls().gets("/nowhere", method).status == 404


@pytest.mark.parametrize(("method", "path"), [("HEAD", "/rooms/lobby"), ("GET", "/rooms/nowhere"), ("GET", "/")])
def test_no_header_comes_twice(house, method, path):
    head = sends(house.port, request(method, path, Connection="close")).partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0].lower() for line in head.splitlines()[1:]]
    assert b"x-content-type-options" in names
    assert len(names) == len(set(names))


CL_TE = b"POST /rooms/lobby?name=CI HTTP/1.1\r\nHost: x\r\n%b\r\n%b"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA\x00: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc: d\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET //[ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /?" + b"&".join([b"a=b"] * 21) + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + 2 * MOST_HEAD * b"x" + b"\r\n\r\n", 431),
        (b"GET /" + 2 * MOST_HEAD * b"x" + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (CL_TE % (b"Content-Length: 8195\r\n", b""), 413),
        (CL_TE % (b"Content-Length: " + b"9" * 20 + b"\r\n", b""), 413),
        (CL_TE % (b"Content-Length: " + b"9" * 5000 + b"\r\n", b""), 400),
        (CL_TE % (b"Content-Length: -1\r\n", b""), 400),
        (CL_TE % (b"Content-Length: +1\r\n", b"x"), 400),
        (CL_TE % (b"Content-Length: 1_0\r\n", b"x"), 400),
        (CL_TE % (b"Content-Length: 1\r\nContent-Length: 2\r\n", b"xx"), 400),
        (CL_TE % (b"Content-Length: 1, 2\r\n", b"xx"), 400),
        (CL_TE % (b"Transfer-Encoding: gzip\r\n", b"x"), 501),
        (CL_TE % (b"Transfer-Encoding: chunked, identity\r\n", b"x"), 501),
        (CL_TE % (b"Transfer-Encoding: chunked\r\n", b"ffffffffffffffff\r\n" + 9000 * b"x"), 413),
        (CL_TE % (b"Transfer-Encoding: chunked\r\n", b"fffffffffffffffffffffffff\r\n"), 400),
        (CL_TE % (b"Transfer-Encoding: chunked\r\n", b"-1\r\nx\r\n"), 400),
        (CL_TE % (b"Transfer-Encoding: chunked\r\n", b"1\r\nxx\r\n0\r\n\r\n"), 400),
        (CL_TE % (b"Transfer-Encoding: chunked\r\n", b"1;" + 2 * MOST_HEAD * b"x" + b"\r\n"), 431),
        (CL_TE % (b"Transfer-Encoding: chunked\r\n", b"1\r\nx\r\n0\r\nA: " + 2 * MOST_HEAD * b"x" + b"\r\n\r\n"), 431),
        (CL_TE % (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400),
        (CL_TE % (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"), 400),
        (b"POST /rooms/lobby HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ],
    ids=lambda value: f"{value[:75]}" if isinstance(value, bytes) else None,
)
def test_what_is_no_request_is_told_so_and_nothing_behind_it_is_looked_at(house, data, status):
    ann = house.enters("Ann")
    (answer,) = answers(sends(house.port, data + request("POST", "/rooms/lobby?name=Eve", b"hello") + LAST))
    assert answer.status == status
    assert answer.headers["connection"] == "close"
    assert answer.sentence.isprintable()
    ann.has_heard_all()


def test_nothing_that_is_asked_for_comes_back_in_a_header(house):
    evil = "%0d%0aSet-Cookie:%20x=y"
    for target in (f"/{evil}", f"/rooms/{evil}", f"/rooms/lobby?since={evil}", f"/rooms/lobby?name={evil}"):
        for method in ("GET", "HEAD", "POST") if "name" not in target else ("POST",):
            answer = house.calls().gets(target, method)
            assert 400 <= answer.status < 500
            assert "set-cookie" not in answer.headers


class Tape:
    """A transport on which everything has come already."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.sent = b""

    def recv(self, size: int) -> bytes:
        if not self.pieces:
            return b""
        data, self.pieces[0] = self.pieces[0][:size], self.pieces[0][size:]
        if not self.pieces[0]:
            self.pieces.pop(0)
        return data

    def send(self, data: bytes) -> int:
        self.sent += data
        return len(data)


def played(*pieces: bytes) -> tuple[list[tuple[str, str, bytes]], bytes]:
    """The requests in these pieces, each of which is answered, and the answers."""
    tape = Tape(*filter(None, pieces))
    connection, found = HttpConnection(Outbox(tape, SlowReaders(10**6, 10)), Patience(10), 50), []
    try:
        while (request := connection.read()) is not None:
            found.append((request.method, request.path, request.body))
            connection.answer(Response(200, b"ok"), request.method == "HEAD")
    except BadRequestError as error:
        connection.answer(error.response, last=True)
    return found, b"".join(line for line in tape.sent.splitlines(True) if not line.startswith(b"Date"))


requests = st.sampled_from(
    [
        request("GET", "/a"),
        request("POST", "/b%20c", b"body"),
        request("POST", "/c", b"GET / HTTP/1.1\r\n\r\n"),
        request("HEAD", "/", version="1.0"),
        request("POST", "/d", Transfer_Encoding="chunked") + b"3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n",
        request("POST", "/e", b"x" * 60),
        request("GET", "/f", Upgrade="h2c", Connection="upgrade"),
        b"nonsense\r\n\r\n",
    ]
)


@brief
@given(st.lists(requests, max_size=4), st.lists(st.integers(0, 400), max_size=5))
def test_however_requests_are_cut_they_and_their_answers_are_the_same(sent, cuts):
    data = b"".join(sent)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert played(*(data[start:end] for start, end in itertools.pairwise(places))) == played(data)


@brief
@given(st.lists(requests, max_size=2), st.binary(max_size=80))
def test_whatever_comes_is_answered_without_an_error(sent, data):
    found, said = played(b"".join(sent) + data)
    heads = said.count(b"HTTP/1.1 200 OK")
    assert heads == len(found)
    assert said.count(b"HTTP/1.1 ") <= heads + 1 + said.count(b"HTTP/1.1 100 ")


@brief
@given(st.binary(max_size=80) | st.lists(requests, max_size=2).map(lambda sent: b"\0\x40\x80\xc0" + b"".join(sent)))
def test_random_bytes_get_what_is_promised(data):
    fuzz_web.check(data)


# Time.


def test_a_request_that_takes_too_long_is_told_so_however_it_drips():
    with opened(MemoryJournal(), login_seconds=0.2) as house:
        for begun in (b"GET / HT", request("POST", "/rooms/lobby?name=CI", Content_Length="5000") + b"x"):
            script = house.calls()
            script.sends(begun)
            dripping = gevent.spawn(drips, script)
            assert script.reads_answer().status == 408
            dripping.kill()


def drips(script) -> None:
    while True:
        script.sends(b"x")
        gevent.sleep(0.05)


def test_a_connection_that_is_kept_for_nothing_is_closed_without_a_word():
    with opened(MemoryJournal(), login_seconds=0.2) as house:
        script = house.calls()
        assert script.gets("/healthz").status == 200
        assert script.reads_to_the_end() == b""


def test_who_hangs_up_half_way_is_let_go_at_once(house):
    for begun in (b"", b"GET / HT", request("POST", "/rooms/lobby", Content_Length="5") + b"x"):
        script = house.calls()
        script.sends(begun)
        script.says_no_more()
        script.reads_to_the_end()


# WebSockets, as far as they are HTTP.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upgrade": None}, 426),
        ({"Sec-WebSocket-Key": None}, 400),
        ({"Sec-WebSocket-Version": "8"}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_handshake_that_cannot_be_is_refused_with_a_status(house, headers, status):
    answer = house.calls().gets("/ws", **HANDSHAKE | headers)
    assert answer.status == status
    assert answer.body


def test_pages_of_the_origins_in_the_settings_may_come_in_and_so_may_those_of_the_same_host():
    with opened(MemoryJournal(), web=Web(origins=(Origin("https://chat.example"),))) as house:
        for origin, status in (("https://chat.example", 101), ("http://chat.example", 403), ("http://localhost", 101)):
            assert house.calls().gets("/ws", **HANDSHAKE | {"Origin": origin}).status == status


def test_what_comes_right_behind_a_handshake_is_read_as_frames_and_garbage_is_the_end_of_it(house):
    ann, eve = house.enters("Ann"), house.calls()
    eve.sends(request("GET", "/ws", **HANDSHAKE) + request("POST", "/rooms/lobby?name=Eve", b"hello"))
    assert eve.reads_answer().status == 101
    assert b"\x03\xea" in eve.reads_to_the_end()
    ann.has_heard_all()
