"""Lines that scripts say over HTTP, in passing: what is said, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent
import pytest
from people import PATIENCE
from roomtalk import LOBBY, makes
from webhouse import House, opened

from gchatd.journal import History, MemoryJournal, SqliteJournal
from gchatd.settings import History as HistorySettings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def house() -> Iterator[House]:
    with opened(MemoryJournal()) as house:
        yield house


@pytest.fixture
def kept(tmp_path) -> Iterator[House]:
    """A house that keeps its history."""
    history, journal = History(tmp_path), SqliteJournal(tmp_path, HistorySettings())
    journal.on_loss = history.let_go
    with opened(journal, history) as house:
        yield house
    history.let_go(PATIENCE)


def test_what_is_posted_is_said_under_that_name_and_the_answer_is_the_line(house):
    ann, tom, ci = house.enters("Ann"), house.telnet("Tom"), house.calls()
    ann.hears(event="arrived", name="Tom")
    answer = ci.posts(f"{LOBBY}?name=CI", b"Build passed\n")
    assert (answer.status, answer.body) == (200, b"CI : Build passed\n")
    said = ann.hears(event="said", room="lobby", name="CI", text="Build passed")
    assert "user" not in said
    tom.sees("CI : Build passed")
    assert ci.posts("/rooms/LOBBY?name=CI", b"again", Connection="close").status == 200
    tom.sees("CI : again")
    assert ci.reads_to_the_end() == b""


def test_what_is_posted_is_cleaned_as_everything_is_and_may_have_lines(house):
    ann, ci = house.enters("Ann"), house.calls()
    answer = ci.posts(f"{LOBBY}?name=CI", "one\r\ntwo\x1b[2J\tthree \u202e".encode())
    said = ann.hears(event="said")
    assert said["text"] == answer.body.decode().removeprefix("CI : ").removesuffix("\n")
    assert "\x1b" not in said["text"]
    assert said["text"].split("\n")[0] == "one"


@pytest.mark.parametrize(
    ("target", "body", "status", "told"),
    [
        (LOBBY, b"x", 400, "Add ?name=NAME to the address: A username cannot be empty."),
        (f"{LOBBY}?name=", b"x", 400, "username cannot be empty"),
        (f"{LOBBY}?name=a%20b", b"x", 400, "a space"),
        (f"{LOBBY}?name=server", b"x", 400, "reserved"),
        (f"{LOBBY}?name=a%00b", b"x", 400, r"U+0000"),
        (f"{LOBBY}?name=%E2%80%AEevil", b"x", 400, r"U+202E"),
        (f"{LOBBY}?name=a%0d%0aSet-Cookie:x", b"x", 400, r"U+000D"),
        (f"{LOBBY}?name=%ff", b"x", 400, "not written in UTF-8"),
        (f"{LOBBY}?name=" + "x" * 100, b"x", 400, "at most"),
        (f"{LOBBY}?name=ann", b"x", 409, "username is taken"),
        (f"{LOBBY}?name=CI", b"", 400, "nothing to send"),
        (f"{LOBBY}?name=CI", b" \n", 400, "nothing to send"),
        (f"{LOBBY}?name=CI", b"ok \xff", 400, "not UTF-8 at byte 3"),
        (f"{LOBBY}?name=CI", b"x\n" * 101, 413, "lines"),
        (f"{LOBBY}?name=CI", b"x" * 8195, 413, "8192 bytes"),
        (f"{LOBBY}?name=CI", b"x" * 8193, 413, "8192 bytes"),
        (f"{LOBBY}?name=CI", "ä".encode() * 4096 + b"x\n", 413, "8192 bytes"),
        ("/rooms/nowhere?name=CI", b"x", 404, "There is no room called nowhere. Somebody has to join it first."),
        ("/rooms/?name=CI", b"x", 400, "room name cannot be empty"),
        ("/rooms/a%0d%0ab?name=CI", b"x", 400, r"U+000D"),
        ("/rooms/%E2%80%AEx?name=CI", b"x", 400, r"U+202E"),
    ],
)
def test_what_cannot_be_said_is_told_in_one_sentence_and_nobody_hears_it(house, target, body, status, told):
    ann, ci = house.enters("Ann"), house.calls()
    answer = ci.posts(target, body)
    assert answer.status == status, answer
    assert told in answer.sentence
    assert answer.sentence.isprintable()
    assert not answer.headers.keys() & {"set-cookie", "location"}
    ann.has_heard_all()


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_the_longest_message_may_have_a_line_end_besides(house, end):
    ann, ci = house.enters("Ann"), house.calls()
    assert ci.posts(f"{LOBBY}?name=CI", b"x" * 8192 + end).status == 200
    assert ann.hears(event="said")["text"] == "x" * 8192


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "null", "Host": None, "version": "1.0"}, 403),
        ({"Origin": "http://localhost:8080"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "https://localhost.evil.example"}, 403),
        ({"Origin": "garbage"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://LOCALHOST"}, 200),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ],
)
def test_a_page_of_another_site_says_nothing_in_its_visitors_name(house, headers, status):
    ann, ci = house.enters("Ann"), house.calls()
    answer = ci.posts(f"{LOBBY}?name=CI", b"x", **headers)
    assert answer.status == status
    if status == 403:
        assert "other sites" in answer.sentence
        ann.has_heard_all()
    else:
        ann.hears(event="said", name="CI")


def test_a_line_in_a_private_room_takes_its_key_and_without_one_there_is_no_such_room(house):
    ann, ci = house.enters("Ann"), house.calls()
    key = makes(ann, "den", private=True).replace(" ", "%20")
    assert ci.posts("/rooms/den?name=CI", b"x").status == 404
    assert ci.posts("/rooms/den?name=CI&key=wrong", b"x").status == 403
    assert ci.posts(f"/rooms/den?name=CI&key={key}", b"psst").status == 200
    ann.hears(event="said", room="den", name="CI", text="psst")


def test_a_room_that_became_private_while_a_line_waited_does_not_get_it(house, monkeypatch):
    ann, ci = house.enters("Ann"), house.calls()
    makes(ann, "den")
    waiting, go_on = gevent.event.Event(), gevent.event.Event()

    def wait_to_talk() -> None:
        waiting.set()
        go_on.wait()

    monkeypatch.setattr(house.hub, "wait_to_talk", wait_to_talk)
    posting = gevent.spawn(ci.posts, "/rooms/den?name=CI", b"x")
    waiting.wait()
    monkeypatch.undo()
    ann.asks("private", room="den")
    ann.hears(event="madeprivate")
    go_on.set()
    assert posting.get().status == 404
    ann.has_heard_all()


def test_who_posts_too_much_waits_and_is_then_told_when_to_come_back(tmp_path):
    with opened(MemoryJournal(), flood=True, burst=2, lines_per_second=0.01) as house:
        ci = house.calls()
        assert [ci.posts(f"{LOBBY}?name=CI", b"x").status for _ in range(2)] == [200, 200]
        answer = ci.posts(f"{LOBBY}?name=CI", b"x")
        assert answer.status == 429
        assert 90 <= int(answer.headers["retry-after"]) <= 100
        assert f"in {answer.headers['retry-after']} seconds" in answer.sentence
