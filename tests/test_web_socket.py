"""Browsers, from hello to goodbye: requests and labels, limits, lost connections, and those who do not read."""

from __future__ import annotations

import json
import time
import types
from typing import TYPE_CHECKING

import gevent
import msgspec
import pytest
from people import PATIENCE, SECOND
from web import frame
from webhouse import House, opened

from gchatd import __version__
from gchatd.doors import due
from gchatd.doors.web import asking, link
from gchatd.doors.web.link import WebLink, WebLinks
from gchatd.journal import History, MemoryJournal, SqliteJournal
from gchatd.link import Request
from gchatd.session import Session, SessionState
from gchatd.settings import History as HistorySettings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def house() -> Iterator[House]:
    with opened(MemoryJournal()) as house:
        yield house


def test_hello_says_what_a_client_has_to_know(house):
    ann, bob = house.knocks(), house.knocks()
    expected = {"answer": "hello", "version": __version__, "history": False, "message": 8192, "lines": 100}
    assert ann.hello == expected | {"session": ann.hello["session"]}
    assert ann.hello["session"] != bob.hello["session"]
    assert len(ann.hello["session"]) > 30


def test_nobody_is_named_before_they_have_come_and_a_stranger_is_told_so_in_a_sentence(house):
    stranger = house.knocks()
    stranger.asks("say", room="lobby", text="x", label="1")
    stranger.hears(refusal="nothere", sentence="You are not in the chat.", label="1")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("hello", None),
        ("[]", None),
        ("", None),
        ("null", None),
        ('{"do": "fly", "label": "1"}', "1"),
        ('{"label": "1"}', "1"),
        ('{"do": 7, "label": "1"}', "1"),
        ('{"do": "say", "room": "lobby", "text": 7, "label": "1"}', "1"),
        ('{"do": "say", "room": "lobby", "label": "1"}', "1"),
        ('{"do": "say", "text": "\\ud800"}', None),
        ('{"do": "ping", "label": "' + 65 * "x" + '"}', None),
        ('{"do": "ping", "label": 7}', None),
        ('{"do": "history", "room": "lobby", "count": 0, "label": "1"}', "1"),
        ('{"do": "history", "room": "lobby", "count": 201, "label": "1"}', "1"),
        ('{"do": "history", "room": "lobby", "count": 1e300, "label": "1"}', "1"),
        ('{"do": "edit", "line": -1, "text": "x", "label": "1"}', "1"),
        ('{"do": "edit", "line": 9007199254740992, "text": "x", "label": "1"}', "1"),
        ('{"do": "ping", "x": ' + 3000 * "[" + 3000 * "]" + "}", None),
        ('{"do": "ping"', None),
    ],
)
def test_what_is_no_request_is_refused_with_its_label_and_the_next_one_is_done(house, text, label):
    ann = house.enters("Ann")
    ann.writes(text)
    heard = ann.reads()
    assert (heard["refusal"], heard.get("label")) == ("malformed", label), heard
    assert heard["sentence"].isprintable()
    assert len(heard["sentence"]) < 300
    ann.has_heard_all()


def test_too_long_a_text_or_one_of_too_many_lines_is_refused_with_the_label(house):
    ann, bob = house.enters("Ann"), house.enters("Bob")
    ann.hears(event="arrived")
    for text in (4097 * "é", 101 * "x\n"):
        ann.asks("say", room="lobby", text=text, label="1")
        heard = ann.hears(refusal="sorry", label="1")
        assert "at most 8,192 bytes and 100 lines" in heard["sentence"]
    ann.asks("say", room="lobby", text=4096 * "é")
    bob.hears(event="said", text=4096 * "é")


def test_a_message_of_the_longest_text_that_json_makes_longest_is_taken(house):
    ann = house.enters("Ann")
    ann.writes('{"do": "say", "room": "lobby", "text": "' + 8192 * "\\u0041" + '"}')
    ann.hears(event="said", text=8192 * "A")


def test_long_lists_come_in_pieces_with_one_label(house, monkeypatch):
    monkeypatch.setattr(asking, "MOST_LISTED", 3)
    people = [house.enters(f"p{number}") for number in range(7)]
    last = people[-1]
    last.asks("members", room="lobby", label="m")
    heard = [last.hears(answer="members", room="lobby", label="m") for _ in range(3)]
    assert [one["more"] for one in heard] == [True, True, False]
    assert [person["name"] for one in heard for person in one["people"]] == [f"p{number}" for number in range(7)]
    for number in range(3):
        last.asks("join", room=f"r{number}")
        last.hears(event="joined")
        last.hears(answer="welcome")
    last.asks("rooms", label="r")
    heard = [last.hears(answer="rooms", label="r") for _ in range(2)]
    assert [len(one["rooms"]) for one in heard] == [3, 1]
    assert [one["more"] for one in heard] == [True, False]
    last.has_heard_all()


def test_who_comes_back_asks_for_what_was_said_and_what_was_changed_since(tmp_path):
    history, journal = History(tmp_path), SqliteJournal(tmp_path, HistorySettings())
    journal.on_loss = history.let_go
    with opened(journal, history) as house:
        ann = house.enters("Ann")
        ids = []
        for text in ("one", "two", "three"):
            ann.asks("say", room="lobby", text=text)
            ids.append(ann.hears(event="said", text=text)["id"])
        ann.asks("edit", line=ids[0], text="ONE")
        ann.hears(event="edited")
        ann.asks("delete", line=ids[1])
        ann.hears(event="deleted")
        ann.asks("edit", line=ids[2], text="THREE")
        ann.hears(event="edited")
        ann.asks("history", room="lobby", after_line=ids[1], label="1")
        past = ann.hears(answer="past", more=False, label="1")
        assert [(one["id"], one["text"], one["edited"]) for one in past["lines"]] == [(ids[2], "THREE", True)]
        assert [(one["event"], one["line"]) for one in past["changes"]] == [("edited", ids[0]), ("deleted", ids[1])]
        ann.asks("history", room="lobby", after_line=0, count=1)
        past = ann.hears(answer="past", more=True, changes=[])
        assert [one["id"] for one in past["lines"]] == ids[:1]
    history.let_go(PATIENCE)


# Coming back.


def test_who_has_lost_a_connection_takes_their_name_back_from_it(house):
    bob, lost = house.enters("Bob"), house.enters("Ann")
    bob.hears(event="arrived", name="Ann")
    ann = house.knocks()
    ann.asks("come", name="Ann", label="1")
    ann.hears(refusal="nametaken", label="1")
    ann.comes("Ann", instead=lost.hello["session"])
    assert lost.reads_to_the_end() == b""
    assert ann.user != lost.user
    bob.hears(event="departed", user=lost.user)
    bob.hears(event="arrived", user=ann.user)


@pytest.mark.parametrize("instead", ["x", "1.", "2", "2." + 32 * "0", "9" * 40, "-1.x", "٣.x", "2.\ud7ff", ""])
def test_nobody_ends_a_connection_that_they_cannot_name(house, instead):
    ann, eve = house.enters("Ann"), house.knocks()
    assert ann.hello["session"].startswith("1.") or ann.hello["session"]
    eve.asks("come", name="Ann", instead=instead)
    eve.hears(refusal="nametaken")
    ann.has_heard_all()


def test_ones_own_connection_and_one_that_is_gone_are_nothing_to_wait_for(house):
    gone = house.enters("Ann")
    gone.hangs_up()
    house.comes_to(lambda: not house.sessions.by_id)
    ann = house.knocks()
    ann.comes("Ann", instead=gone.hello["session"])
    bob = house.knocks()
    bob.comes("Bob", instead=bob.hello["session"])


# Leaving.


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(2, b"x"), 1003),
        (frame(1, 60_000 * b"x"), 1009),
        (frame(1, b"\xff"), 1007),
        (frame(0, b"x"), 1002),
        (b"\x81\x01x", 1002),
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
    ],
)
def test_what_no_browser_sends_ends_that_connection_with_a_code_and_no_other(house, data, code):
    ann, eve = house.enters("Ann"), house.enters("Eve")
    ann.hears(event="arrived")
    eve.sends(data)
    eve.is_closed(code)
    ann.hears(event="departed", name="Eve")
    ann.has_heard_all()


def test_who_closes_is_answered_with_their_code_and_hung_up_on(house):
    ann, bob = house.enters("Ann"), house.enters("Bob")
    ann.hears(event="arrived")
    bob.sends(frame(8, (1001).to_bytes(2)))
    bob.is_closed(1001)
    ann.hears(event="departed", name="Bob")


def test_what_is_said_right_before_closing_is_heard_and_the_close_frame_is_the_last_that_comes(house):
    ann, bob = house.enters("Ann"), house.enters("Bob")
    ann.hears(event="arrived")
    since = time.monotonic()
    saying = json.dumps({"do": "say", "room": "lobby", "text": "bye"}).encode()
    bob.sends(frame(1, saying) + frame(8, (1000).to_bytes(2)))
    while (heard := bob.reads_frame())[0] == 0x81:
        assert json.loads(heard[1])["text"] == "bye"
    assert heard == (0x88, (1000).to_bytes(2))
    ann.hears(event="said", text="bye")
    ann.hears(event="departed", name="Bob")
    assert time.monotonic() - since < SECOND  # the server hangs up, and does not wait for the client to


def test_a_ping_is_answered_and_one_is_sent_now_and_then(house, monkeypatch):
    ann = house.enters("Ann")
    ann.sends(frame(9, b"are you there?"))
    assert ann.reads_frame() == (0x8A, b"are you there?")
    house.door.keep_alive()
    ann.has_heard_all()  # no ping yet
    clock = time.monotonic() + link.PING_SECONDS
    monkeypatch.setattr(due, "time", types.SimpleNamespace(monotonic=lambda: clock))
    house.door.keep_alive()
    house.door.keep_alive()  # once is enough
    assert ann.reads_frame() == (0x89, b"")
    ann.sends(frame(10, b""))
    ann.has_heard_all()


def test_pings_are_due_in_the_order_of_the_last_ones_and_end_with_the_connection(house, monkeypatch):
    monkeypatch.setattr(link, "PING_SECONDS", 0.0)
    people = [house.enters(name) for name in ("Ann", "Bob", "Carl")]
    for _ in range(3):
        house.door.keep_alive()
    for one in people:
        pings = 0
        while pings < 3:
            pings += one.reads_frame() == (0x89, b"")
    people[1].hangs_up()
    house.comes_to(lambda: len(house.sessions.by_id) == 2)
    assert len(house.door._links.due) == 2


# Limits.


def test_who_asks_for_much_is_delayed_and_loses_nothing():
    with opened(MemoryJournal(), flood=True, burst=3, lines_per_second=20) as house:
        ann = house.enters("Ann")
        since = time.monotonic()
        ann.sends(b"".join(frame(1, json.dumps({"do": "ping", "label": str(n)}).encode()) for n in range(8)))
        assert [ann.hears(answer="pong", label=str(n))["label"] for n in range(8)] == [str(n) for n in range(8)]
        assert time.monotonic() - since >= 0.25


def test_who_floods_is_told_and_muted(monkeypatch):
    monkeypatch.setattr("gchatd.intake.MUTED_SECONDS", 0.1)
    with opened(MemoryJournal(), flood=True, burst=1, lines_per_second=50, flood_seconds=0.1) as house:
        ann = house.enters("Ann")
        ann.sends(40 * frame(1, b'{"do": "ping"}'))
        heard = [ann.reads() for _ in range(41)]
        assert "flooding" in {one.get("refusal") for one in heard}


def test_a_browser_that_does_not_read_is_closed_and_the_others_go_on():
    with opened(MemoryJournal(), sendq=100_000, stalled_seconds=10 * PATIENCE) as house:
        ann, lazy = house.enters("Ann"), house.enters("Lazy", buffer=4096)
        ann.hears(event="arrived")
        while "Lazy" in {user.name.shown for user in house.hub.users.values()}:
            ann.asks("say", room="lobby", text="x" * 8000)
            while (heard := ann.reads())["event"] != "said":
                assert heard["event"] == "departed"
        assert len(lazy.reads_to_the_end()) < 5_000_000


def test_a_follower_that_does_not_read_is_closed_too():
    with opened(MemoryJournal(), sendq=100_000, stalled_seconds=10 * PATIENCE) as house:
        ann, lazy = house.enters("Ann"), house.calls(buffer=4096)
        lazy.follows("/rooms/lobby")
        while house.sessions.visitors:
            ann.asks("say", room="lobby", text="x" * 8000)
            ann.hears(event="said")


def test_a_browser_that_asks_and_does_not_read_waits_and_costs_nothing():
    with opened(MemoryJournal()) as house:
        eve = house.enters("Eve", buffer=4096)
        asking = gevent.spawn(eve.sends, 20_000 * frame(1, b'{"do": "version"}'))
        with gevent.Timeout(0.2 * SECOND, False):
            asking.join()
        (session,) = house.sessions.by_id.values()
        assert session.outbox.size < 20_000
        asking.kill()


# Upgrades.


def test_a_session_that_is_written_down_goes_on_with_its_labels(house):
    ann = house.enters("Ann")
    (session,) = house.sessions.by_id.values()
    session._requests = [Request('{"do": "settopic", "room": "lobby", "text": "x", "label": "7"}', "7")]
    session._link._messages.feed(frame(1, b'{"do": "say", "ro', fin=False) + frame(0, b'om": "lobby"', fin=False)[:5])
    written = msgspec.json.encode(session.state())
    link = WebLink(WebLinks(house.sessions, house.limits), session.outbox, "here")
    again = Session.restore(house.hub, house.sessions, link, msgspec.json.decode(written, type=SessionState))
    house.sessions.remove(session)
    again.handle(again._requests.pop())
    ann.hears(event="topicset", topic="x", label="7")
    found = link._messages.feed(frame(0, b'om": "lobby"', fin=False)[5:] + frame(0, b', "text": "hi"}'))
    again.handle(Request(*found))
    ann.hears(event="said", text="hi")
