"""Rooms over HTTP that scripts follow: what they hear, and what they do not get to hear."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import gevent
import pytest
from people import PATIENCE
from roomtalk import LOBBY, makes, says
from web import frame
from webhouse import Caller, House, opened

from gchatd.delivery.pace import Pace
from gchatd.doors.web import rooms, visitor
from gchatd.doors.web.rooms import accepted
from gchatd.errors import Refused
from gchatd.journal import History, MemoryJournal, SqliteJournal
from gchatd.journal.refusals import HistoryUnreadable
from gchatd.settings import History as HistorySettings

if TYPE_CHECKING:
    from collections.abc import Iterator

NDJSON, EVENTS = "application/x-ndjson", "text/event-stream"


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


# Following a room.


def test_a_room_is_followed_as_lines_of_text(house):
    ann, curl = house.enters("Ann"), house.calls()
    headers = curl.follows(LOBBY).headers
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    says(ann, "hello", "漢字\nand more")
    assert [curl.reads_line() for _ in range(3)] == ["Ann : hello", "Ann : 漢字", "    and more"]


def test_a_room_is_followed_as_json_a_line(house):
    ann, curl = house.enters("Ann"), house.calls()
    assert curl.follows(LOBBY, Accept=NDJSON).headers["content-type"] == NDJSON
    (line,) = says(ann, "hello")
    ann.asks("edit", line=line, text="hallo")
    house.enters("Bob")
    heard = [json.loads(curl.reads_line()) for _ in range(3)]
    assert [one["event"] for one in heard] == ["said", "edited", "arrived"]
    assert heard[0]["id"] == heard[1]["line"] == line
    assert not any({"origin", "place", "label"} & one.keys() for one in heard)


def test_a_room_is_followed_as_server_sent_events_which_have_ids_and_comments(house, monkeypatch):
    monkeypatch.setattr(rooms, "ALIVE_SECONDS", 0.0)
    ann, curl = house.enters("Ann"), house.calls()
    assert curl.follows(LOBBY, Accept=EVENTS).headers["content-type"] == "text/event-stream; charset=utf-8"
    (line,) = says(ann, "two\nlines")
    assert curl.reads_line() == f"id: {line}"
    assert json.loads(curl.reads_line().removeprefix("data: "))["text"] == "two\nlines"
    assert curl.reads_line() == ""
    house.door.keep_alive()
    assert [curl.reads_line(), curl.reads_line()] == [":", ""]


def test_who_follows_is_seen_by_nobody_and_is_not_in_the_chat(house):
    ann, curl = house.enters("Ann"), house.calls()
    curl.follows(LOBBY)
    ann.asks("members", room="lobby")
    assert [one["name"] for one in ann.hears(answer="members")["people"]] == ["Ann"]
    curl.hangs_up()
    house.comes_to(lambda: len(house.sessions.by_id) == 1)
    assert not house.sessions.visitors
    ann.has_heard_all()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("text/*", "text/plain"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/plain"),
        ("image/png, application/x-ndjson", NDJSON),
        ("Text/Event-Stream; q=1", EVENTS),
        ("image/png", None),
        (",", "text/plain"),
    ],
)
def test_a_stream_is_of_the_first_kind_that_a_client_takes(accept, kind):
    assert accepted(accept) == kind


@pytest.mark.parametrize(
    ("target", "headers", "status", "told"),
    [
        (LOBBY, {"Accept": "image/png"}, 406, "can be read as text/plain, text/event-stream, application/x-ndjson"),
        (f"{LOBBY}?since=x", {}, 400, "expected the id of a line"),
        (f"{LOBBY}?since=-1", {}, 400, "expected the id of a line"),
        (f"{LOBBY}?since=%D9%A3", {}, 400, "expected the id of a line"),
        (f"{LOBBY}?since=%00%E2%80%AE%0d%0aX:1", {}, 400, "expected the id of a line"),
        (f"{LOBBY}?since=" + "9" * 5000, {}, 400, "expected the id of a line"),
        (LOBBY, {"Last-Event-ID": "1e9"}, 400, "expected the id of a line"),
        (f"{LOBBY}?since=1", {}, 400, "keeps no history"),
        ("/rooms/nowhere", {}, 404, "no room called nowhere"),
        ("/rooms/a%20b", {}, 400, "a space"),
        ("/rooms/lobby%00", {}, 400, "U+0000"),
    ],
)
def test_what_cannot_be_followed_is_told_in_one_sentence(house, target, headers, status, told):
    answer = house.calls().gets(target, **headers)
    assert answer.status == status
    assert told in answer.sentence
    assert answer.sentence.isprintable()


def test_head_tells_whether_a_room_can_be_followed_and_the_connection_goes_on(house):
    curl = house.calls()
    assert curl.gets(LOBBY, "HEAD").status == 200
    assert curl.gets("/rooms/nowhere", "HEAD").status == 404
    assert curl.gets("/healthz").status == 200


def test_a_private_room_is_followed_with_its_key_only(house):
    ann, curl = house.enters("Ann"), house.calls()
    key = makes(ann, "den", private=True).replace(" ", "%20")
    assert curl.gets("/rooms/den").status == 404
    assert curl.gets("/rooms/den?key=wrong").status == 403
    curl.follows(f"/rooms/den?key={key}")
    says(ann, "psst", room="den")
    assert curl.reads_line() == "Ann : psst"


@pytest.mark.parametrize("accept", ["", NDJSON, EVENTS])
def test_who_follows_a_room_hears_nothing_more_once_it_is_private_and_not_its_key(house, accept):
    ann, curl = house.enters("Ann"), house.calls()
    makes(ann, "den")
    curl.follows("/rooms/den", Accept=accept)
    says(ann, "open", room="den")
    ann.asks("private", room="den")
    key = ann.hears(event="madeprivate")["key"]
    says(ann, "secret", room="den")
    heard = curl.reads_to_the_end().decode()
    assert "open" in heard
    assert "secret" not in heard
    assert key not in heard
    assert heard.endswith(ENDED[accept])
    assert not house.sessions.visitors


ENDED = {
    "": "server: den is private now, or gone.\n",
    NDJSON: '{"answer":"ended","room":"den"}\n',
    EVENTS: 'data: {"answer":"ended","room":"den"}\n\n',
}


def test_what_was_said_just_before_a_room_became_private_is_still_followed(house):
    ann, curl = house.enters("Ann"), house.calls()
    makes(ann, "den")
    curl.follows("/rooms/den")
    ann.sends(b"".join(frame(1, one) for one in (
        b'{"do":"say","room":"den","text":"open"}',
        b'{"do":"private","room":"den"}',
        b'{"do":"say","room":"den","text":"secret"}',
    )))  # fmt: skip
    assert curl.reads_to_the_end().decode() == "Ann : open\n" + ENDED[""]


def test_who_reads_slowly_is_sent_all_that_was_said_before_a_room_became_private(house):
    ann, curl = house.enters("Ann"), house.calls(buffer=4096)
    makes(ann, "den")
    curl.follows("/rooms/den")
    said = [f"{number} {'x' * 8000}" for number in range(20)]
    for one in said:
        says(ann, one, room="den")
    ann.asks("private", room="den")
    ann.hears(event="madeprivate")
    house.comes_to(lambda: not house.sessions.visitors)
    assert curl.reads_to_the_end().decode() == "".join(f"Ann : {one}\n" for one in said) + ENDED[""]


def test_a_past_that_cannot_be_read_on_ends_the_stream_and_nothing_else_is_put_into_it(kept, monkeypatch):
    ann, curl = kept.enters("Ann"), kept.calls()
    says(ann, *map(str, range(10)))
    monkeypatch.setattr(visitor, "_PAGE", 5)
    after_line, pages = kept.hub.history.after_line, []

    def fails_then(*args):
        pages.append(args)
        if len(pages) == 2:
            raise Refused(HistoryUnreadable("disk I/O error"))
        return after_line(*args)

    monkeypatch.setattr(kept.hub.history, "after_line", fails_then)
    curl.follows(f"{LOBBY}?since=0")
    assert b"HTTP" not in curl.reads_to_the_end()
    kept.comes_to(lambda: not kept.sessions.visitors)


def test_a_room_that_becomes_private_while_one_waits_to_follow_it_is_not_followed(tmp_path):
    history, journal = History(tmp_path), SqliteJournal(tmp_path, HistorySettings())
    with opened(journal, history, flood=True, questions=1, questions_per_minute=60 / (0.1 * PATIENCE)) as house:
        ann, first, second = house.enters("Ann"), house.calls(), house.calls()
        makes(ann, "den")
        first.follows(f"{LOBBY}?since=0")
        asking = gevent.spawn(second.gets, "/rooms/den?since=0")  # has to wait a little: it is the second
        house.comes_to(lambda: len(house.sessions.by_id) == 3)
        ann.asks("private", room="den")
        ann.hears(event="madeprivate")
        assert asking.get().status == 404
        assert [room.name for room in house.sessions.visitors.values()] == ["lobby"]
    history.let_go(PATIENCE)


def test_who_follows_a_room_that_vanishes_is_told_its_end_and_the_lobby_goes_on():
    with opened(MemoryJournal(), most_rooms=2) as house:
        ann, den, lobby = house.enters("Ann"), house.calls(), house.calls()
        makes(ann, "den")
        den.follows("/rooms/den")
        lobby.follows(LOBBY)
        ann.asks("leave", room="den")
        ann.hears(event="left")
        makes(ann, "attic")
        assert den.reads_to_the_end().decode().endswith("server: den is private now, or gone.\n")
        says(ann, "still here")
        assert lobby.reads_line() == "Ann : still here"


def test_everybody_who_follows_is_told_when_the_server_shuts_down(house):
    streams = {accept: house.calls() for accept in ("", NDJSON)}
    for accept, one in streams.items():
        one.follows(LOBBY, Accept=accept)
    house.closes()
    assert streams[""].reads_line() == "server: The server is shutting down."
    assert json.loads(streams[NDJSON].reads_line()) == {"answer": "farewell", "lost": False}


# Going on from a line.


def test_since_an_id_comes_what_was_said_after_it_and_then_what_is_said(kept):
    ann, curl = kept.enters("Ann"), kept.calls()
    ids = says(ann, "one", "two", "three")
    curl.follows(f"{LOBBY}?since={ids[0]}")
    says(ann, "four")
    assert [curl.reads_line() for _ in range(3)] == ["Ann : two", "Ann : three", "Ann : four"]


def test_a_stream_goes_on_where_its_last_event_says(kept):
    ann, curl = kept.enters("Ann"), kept.calls()
    ids = says(ann, "one", "two")
    curl.follows(LOBBY, Accept=EVENTS, Last_Event_ID=str(ids[0]))
    assert curl.reads_line() == f"id: {ids[1]}"


def test_a_long_past_comes_in_pages_and_is_whole(kept, monkeypatch):
    monkeypatch.setattr("gchatd.doors.web.visitor._PAGE", 3)
    ann, curl = kept.enters("Ann"), kept.calls()
    says(ann, *map(str, range(10)))
    curl.follows(f"{LOBBY}?since=0")
    says(ann, "10")
    assert [curl.reads_line() for _ in range(11)] == [f"Ann : {number}" for number in range(11)]


def test_nothing_is_missing_and_nothing_comes_twice_even_while_people_talk(kept, monkeypatch):
    monkeypatch.setattr(Pace, "breathe", lambda self: gevent.sleep(0.0005))  # others run wherever they may
    monkeypatch.setattr("gchatd.doors.web.visitor._PAGE", 7)
    ann, ids, followers = kept.enters("Ann"), [], []
    count = 100

    def talk() -> None:
        for number in range(count):
            ann.asks("say", room="lobby", text=str(number))
            ids.append(ann.hears(event="said", text=str(number))["id"])

    talking = gevent.spawn(talk)
    while len(ids) < count:
        gevent.sleep(0.0003)
        if len(followers) < 60:
            since = ids[-1] if ids and len(followers) % 3 else 0
            followers.append((since, kept.calls()))
            gevent.spawn(Caller.follows, followers[-1][1], f"{LOBBY}?since={since}", Accept=NDJSON)
    talking.join()
    kept.comes_to(lambda: len(kept.sessions.visitors) == len(followers))
    kept.comes_to(lambda: all(visitor.outbox.around is None for visitor in kept.sessions.visitors))
    ids += says(ann, "last")
    for since, one in followers:
        heard = []
        while not heard or heard[-1] != ids[-1]:
            heard.append(json.loads(one.reads_line())["id"])
        assert heard == [id for id in ids if id > since]
