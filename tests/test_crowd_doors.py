"""A crowd of browsers: how it comes in over WebSockets, and what it makes of what it hears there."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
from people import Person, Server
from show import Crowd

from gchatd.crowd.checking import Listener, Stream
from gchatd.crowd.doors import Browser, Step, Terminal, TurnedAwayError
from gchatd.crowd.lines import Script
from gchatd.doors.web.frames import PING, Messages, close_frame, text_frame

NAME = "ada-0-ab12"
ACCEPTED = b"HTTP/1.1 101 \r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"


@pytest.fixture
def browser():
    return Browser("127.0.0.1", 1337)


def message(**fields: object) -> bytes:
    return text_frame(json.dumps(fields).encode())


def said(name: str, text: str, **more: object) -> bytes:
    fields = {"event": "said", "room": "lobby", "user": 1, "name": name, "id": 7, "at": 1790000000000, "text": text}
    return message(**fields | more)


def arrived(name: str = NAME, **more: object) -> bytes:
    return message(event="arrived", room="lobby", user=1, name=name, at=1, **more)


def read(data: bytes) -> list[dict]:
    """What the server makes of what somebody sends."""
    return [json.loads(text) for text in Messages(1000).feed(data)]


# From end to end.


def test_a_crowd_of_200_browsers_talks_for_3_seconds_and_nothing_is_lost(tmp_path):
    report = tmp_path / "report"
    arguments = ("--clients", "200", "--seconds", "3", "--door", "web", "--json", "--report", str(report))
    with Crowd(*arguments, home=tmp_path) as show:
        board = show.shows(r"A crowd of .*")[0]
        port = int(show.shows(r"in a browser:  http://127\.0\.0\.1:(\d+)/")[1])
        show.shows("talking")
        eve = Person(SimpleNamespace(port=port), "eve")
        eve.says("hello, everybody #1")
        assert re.fullmatch(r"[a-z]+-\d+ : .* #\d+", eve.reads_line())
        facts = show.reports()
        eve.hangs_up()
    assert board.startswith("A crowd of 200 browsers in one room: 20 talk")
    assert (facts["connected"], facts["lines"], facts["verdict"]) == (200, 15, "nothing lost")
    assert facts["deliveries"] == 15 * 200  # they hear themselves, too
    assert facts["plan"]["door"] == "web"
    assert 0 < facts["latency_ms"]["p50"] <= facts["latency_ms"]["p99"]
    page = (report / "report.html").read_text()
    assert "Simulated people with browsers in one room" in page
    assert "--door web" in page


def test_browsers_come_and_go_and_nothing_is_lost(tmp_path):
    arguments = ("--clients", "200", "--seconds", "3", "--rate", "50", "--style", "churn", "--door", "web", "--json")
    with Crowd(*arguments, home=tmp_path) as show:
        facts = show.reports()
    assert facts["verdict"] == "nothing lost"
    assert 26 <= facts["left"] <= 30
    assert facts["came_later"] == facts["left"]
    assert facts["deliveries"] > 0.9 * facts["lines"] * 200


def test_browsers_that_find_no_room_say_what_they_were_told(tmp_path):
    server = Server(limits__exempt="", limits__per_address=10, server__greet_after=1)
    try:
        arguments = ("--clients", "20", "--seconds", "0.5", "--door", "web", "--json")
        with Crowd(*arguments, "--connect", f"127.0.0.1:{server.port}", home=tmp_path) as show:
            facts = show.reports(status=1)
        assert facts["connected"] == 10
        assert facts["errors"] == {"server: There are too many connections from your address.": 10}
    finally:
        server.close()


# Coming in.


def test_a_browser_asks_for_a_websocket_waits_for_hello_says_its_name_and_is_in(browser):
    assert browser.hello.startswith(b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:1337\r\n")
    assert browser.hello.endswith(b"\r\n\r\n")
    hello = message(answer="hello", version="1", session="1.x", history=True, message=8192, lines=100)
    assert browser.enter(NAME, ACCEPTED) == Step(False, b"", b"")
    is_in, reply, rest = browser.enter(NAME, hello)
    [come] = read(reply)
    assert (is_in, rest) == (False, b"")
    assert (come["do"], come["name"]) == ("come", NAME)
    after = arrived("bob-1") + said("bob-1", "hi")
    own = arrived(label=come["label"])
    assert browser.enter(NAME, arrived("bob-1") + own + after) == Step(True, b"", after)
    everything = ACCEPTED + hello + own
    held = b""
    for at in range(len(everything)):
        is_in, reply, held = browser.enter(NAME, held + everything[at : at + 1])
        assert is_in == (at == len(everything) - 1)
        assert bool(reply) == (at == len(ACCEPTED + hello) - 1)


def test_somebody_else_who_arrives_and_ones_own_name_without_the_label_let_nobody_in(browser):
    assert not browser.enter(NAME, arrived("bob-1", label="in")).is_in
    assert not browser.enter(NAME, arrived()).is_in
    assert not browser.enter(NAME, said(NAME, "hi")).is_in


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403 Forbidden"),
        (ACCEPTED.replace(b"s3p", b"abc"), "101"),
        (ACCEPTED + message(refusal="nametaken", name="x", sentence="That username is taken: x."), "is taken: x"),
        (ACCEPTED + message(answer="farewell", lost=False) + close_frame(1001), "shutting down"),
    ],
)
def test_a_browser_that_is_turned_away_knows_why(browser, data, why):
    with pytest.raises(TurnedAwayError, match=why):
        browser.enter(NAME, data)


# Talking and hearing.


def test_what_a_browser_says_is_a_request_in_a_masked_frame(browser):
    assert read(browser.say(b'the "kettle" is on #1')) == [
        {"do": "say", "room": "lobby", "text": 'the "kettle" is on #1'}
    ]
    assert read(browser.quit) == [{"do": "quit"}]
    assert Terminal().say(b"hello") == b"hello\n"


def test_frames_make_the_same_lines_wherever_they_are_cut(browser):
    data = said(NAME, "one #1") + arrived("bob-1") + said("bob-1", "x" * 200 + " #2") + said(NAME, "\u00e9 #3")
    data += said("bob-1", "y" * 70_000)
    lines = f"{NAME} : one #1\nbob-1 : {'x' * 200} #2\n{NAME} : \u00e9 #3\nbob-1 : {'y' * 70_000}\n".encode()
    assert browser.hear(data) == (lines, b"", b"")
    for size in (50, 131, 70_001):
        heard, held = b"", b""
        for at in range(0, len(data), size):
            more, reply, held = browser.hear(held + data[at : at + size])
            heard += more
            assert reply == b""
        assert (heard, held) == (lines, b"")


def test_a_ping_is_answered_and_is_no_line(browser):
    lines, reply, rest = browser.hear(PING + said(NAME, "one #1") + PING[:1])
    assert (lines, rest) == (f"{NAME} : one #1\n".encode(), PING[:1])
    assert (reply[0], reply[1]) == (0x8A, 0x80)


def test_the_past_other_rooms_actions_and_what_is_no_json_are_no_lines(browser):
    past = message(answer="replay", room="lobby", lines=[{"event": "said", "name": NAME, "text": "one #1"}])
    others = said(NAME, "one #1", room="dev") + said(NAME, "one #1", action=True) + text_frame(b"not JSON")
    assert browser.hear(past + others) == (b"", b"", b"")


@pytest.mark.parametrize(
    ("wrong", "counts"),
    [
        (lambda script: b"", (1, 0, 0)),
        (lambda script: 2 * framed_line(script, 1), (0, 1, 0)),
        (lambda script: framed_line(script, 1).replace(b" #2", b"?#2"), (1, 0, 0)),
        (lambda script: framed_line(script, 1), (0, 0, 0)),
        (lambda script: said(script.name(0), script.line(0, 1).decode().replace(" ", "  ", 1)), (1, 0, 1)),
    ],
    ids=["lost", "twice", "not ours any more", "as it is", "altered"],
)
def test_what_is_wrong_in_frames_is_found(browser, wrong, counts):
    script = Script("ab12", 1)
    stream = Stream(script, 1)
    people = [Listener(), Listener(), Listener()]
    for number in range(4):
        for place, person in enumerate(people):
            data = wrong(script) if (number, place) == (1, 1) else framed_line(script, number)
            if lines := browser.hear(data).lines:
                stream.hear(person, lines, 0)
    missed = sum(stream.missed(person, [4]) for person in people)
    assert (missed, stream.duplicated, stream.altered) == counts


def framed_line(script: Script, number: int) -> bytes:
    return said(script.name(0), script.line(0, number).decode())
