"""What browsers ask for, are told, are refused and hear, beside the terminal's door in one server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from people import PATIENCE
from web import frame
from webhouse import House, opened

from gchatd.journal import MemoryJournal

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def house() -> Iterator[House]:
    with opened(MemoryJournal()) as house:
        yield house


# Coming, talking, leaving.


def test_who_comes_is_told_so_with_the_label_and_others_without(house):
    ann, bob = house.enters("Ann"), house.knocks("Bob")
    bob.asks("come", name="Bob", label="1")
    bob.hears(event="arrived", name="Bob", room="lobby", label="1")
    ann.hears(event="arrived", name="Bob", room="lobby")


def test_an_author_hears_their_own_words_just_as_the_others_do_without_the_label(house):
    ann, bob = house.enters("Ann"), house.enters("Bob")
    ann.hears(event="arrived")
    ann.asks("say", room="lobby", text="hello", label="7")
    ann.asks("say", room="LOBBY", text="waves", action=True)
    mine = [ann.hears(event="said", text="hello", user=ann.user), ann.hears(event="said", text="waves", action=True)]
    assert [bob.hears(event="said", name="Ann", room="lobby") for _ in range(2)] == mine


def test_private_words_are_echoed_with_the_label_after_an_answer_that_says_who_is_away(house):
    ann, bob = house.enters("Ann"), house.enters("Bob")
    ann.hears(event="arrived")
    bob.asks("away", text="lunch", label="b")
    bob.hears(event="wentaway", words="lunch", label="b")
    ann.asks("tell", name="bob", text="psst", label="8")
    ann.hears(answer="isaway", name="Bob", words="lunch", label="8")
    ann.hears(event="told", to="Bob", text="psst", label="8")
    bob.hears(event="told", name="Ann", text="psst")
    bob.asks("back")
    bob.hears(event="cameback")


def test_a_line_is_changed_and_removed_by_its_id_by_its_author_only(house):
    ann, bob = house.enters("Ann"), house.enters("Bob")
    ann.hears(event="arrived")
    ann.asks("say", room="lobby", text="zero")
    ann.asks("say", room="lobby", text="one")
    ann.hears(event="said")
    line = ann.hears(event="said")["id"]
    bob.hears(event="said")
    bob.hears(event="said", id=line)
    bob.asks("edit", line=line, text="two", label="1")
    bob.hears(refusal="cannotchange", label="1")
    ann.asks("edit", line=line, text="two", label="2")
    ann.asks("delete", line=line, label="3")
    ann.asks("delete", line=line, label="4")
    ann.hears(event="edited", line=line, text="two", was="one", label="2")
    ann.hears(event="deleted", line=line, label="3")
    ann.hears(refusal="cannotchange", label="4")
    bob.hears(event="edited", line=line, text="two")
    bob.hears(event="deleted", line=line)


def test_a_rename_is_echoed_with_its_label_also_if_it_changes_nothing(house):
    ann, bob = house.enters("Ann"), house.enters("Bob")
    ann.hears(event="arrived")
    ann.asks("rename", name="Anna", label="1")
    ann.hears(event="renamed", name="Ann", to="Anna", label="1")
    bob.hears(event="renamed", name="Ann", to="Anna")
    ann.asks("rename", name="Anna", label="2")
    ann.hears(refusal="samename", name="Anna", label="2")
    ann.asks("rename", name="bob", label="3")
    ann.hears(refusal="nametaken", name="bob", label="3")
    ann.asks("rename", name="server", label="4")
    ann.hears(refusal="namenotallowed", of="user", why="reserved", label="4")
    bob.has_heard_all()


def test_whoever_quits_is_told_so_and_the_others_hear_the_parting_words(house):
    ann, bob = house.enters("Ann"), house.enters("Bob")
    ann.hears(event="arrived")
    bob.asks("quit", text="bye", label="9")
    bob.hears(answer="goodbye", label="9")
    bob.is_closed(1000)
    ann.hears(event="departed", name="Bob", words="bye")


# Rooms.


def test_what_is_asked_for_in_one_go_is_done_in_order_and_each_answer_knows_what_was_done_before(house, monkeypatch):
    monkeypatch.setattr("gchatd.session.SETTLE_SECONDS", PATIENCE)
    ann = house.enters("Ann")
    requests = [
        {"do": "join", "room": "den"},
        {"do": "say", "room": "den", "text": "hello"},
        {"do": "settopic", "room": "den", "text": "a"},
        {"do": "settopic", "room": "den", "text": "b"},
        {"do": "settopic", "room": "den", "text": "a"},
        {"do": "topic", "room": "den"},
        {"do": "away", "text": "x"},
        {"do": "members", "room": "den"},
        {"do": "back"},
        {"do": "whois", "name": "Ann"},
        {"do": "leave", "room": "den"},
        {"do": "join", "room": "den"},
        {"do": "away"},
        {"do": "back"},
        {"do": "ignore", "name": "Bob"},
        {"do": "ignoring"},
        {"do": "settopic", "room": "den", "text": "b"},
        {"do": "rooms"},
    ]
    ann.sends(b"".join(frame(1, json.dumps(one | {"label": str(n)}).encode()) for n, one in enumerate(requests)))
    ann.hears(event="joined", room="den", label="0")
    ann.hears(answer="welcome", room="den", people=1)
    ann.hears(event="said", text="hello")
    ann.hears(event="topicset", topic="a", label="2")
    ann.hears(event="topicset", topic="b", label="3")
    ann.hears(event="topicset", topic="a", label="4")
    ann.hears(answer="topic", room="den", topic="a", label="5")
    ann.hears(event="wentaway", label="6")
    ann.hears(answer="members", people=[{"name": "Ann", "away": True}], label="7")
    ann.hears(event="cameback", label="8")
    ann.hears(answer="whois", name="Ann", away=None, label="9")
    ann.hears(event="left", room="den", label="10")
    ann.hears(event="joined", room="den", label="11")
    ann.hears(answer="welcome", topic="a")
    ann.hears(event="wentaway", label="12")
    ann.hears(event="cameback", label="13")
    ann.hears(event="ignored", label="14")
    ann.hears(answer="ignoring", names=["Bob"], label="15")
    ann.hears(event="topicset", topic="b", label="16")
    assert {room["topic"] for room in ann.hears(answer="rooms", more=False, label="17")["rooms"]} == {"", "b"}


def test_answers_and_refusals_carry_the_label(house):
    ann, bob = house.enters("Ann"), house.enters("Bob")
    ann.hears(event="arrived")
    ann.asks("rooms", label="1")
    lobby = {"name": "lobby", "people": 2, "topic": "", "private": False, "joined": True}
    ann.hears(answer="rooms", rooms=[lobby], label="1")
    ann.asks("members", room="lobby", label="2")
    ann.hears(answer="members", people=[{"name": name, "away": False} for name in ("Ann", "Bob")], label="2")
    ann.asks("whois", name="Bob", label="3")
    ann.hears(answer="whois", name="Bob", shared=["lobby"], you=False, label="3")
    ann.asks("whois", name="Carl", label="4")
    ann.hears(refusal="nobodycalled", name="Carl", label="4")
    ann.asks("say", room="den", text="x", label="5")
    ann.hears(refusal="notinroom", room="den", label="5")
    ann.asks("say", room="lobby", text="\x1b[2J", label="6")
    ann.hears(refusal="nothingsaid", label="6")
    ann.asks("history", room="lobby", label="7")
    ann.hears(refusal="nohistory", label="7")
    ann.asks("come", name="Ann2", label="8")
    ann.hears(refusal="alreadyhere", label="8")
    ann.asks("members", room="lobby")
    ann.hears(answer="members")
    bob.has_heard_all()


def test_a_stranger_can_do_nothing_but_come_under_a_free_name(house):
    house.enters("Ann")
    stranger = house.knocks()
    for do in ("say", "rooms", "members", "join", "tell", "history"):
        stranger.asks(do, room="lobby", name="Ann", text="x", label=do)
        stranger.hears(refusal="nothere", label=do)
    stranger.asks("come", name="ann", label="1")
    stranger.hears(refusal="nametaken", name="ann", label="1")
    stranger.asks("come", name="Bob", label="2")
    stranger.hears(event="arrived", name="Bob", label="2")


def test_a_private_room_is_entered_by_invitation_or_by_its_key_which_only_its_people_hear(house):
    ann, bob, carl = (house.enters(name) for name in ("Ann", "Bob", "Carl"))
    for one, count in ((ann, 2), (bob, 1)):
        for _ in range(count):
            one.hears(event="arrived")
    ann.asks("join", room="den")
    ann.hears(event="joined")
    ann.hears(answer="welcome")
    ann.asks("private", room="den", label="1")
    key = ann.hears(event="madeprivate", room="den", label="1")["key"]
    bob.asks("join", room="den", key="open sesame", label="2")
    bob.hears(refusal="roomisprivate", room="den", wrong_key=True, label="2")
    bob.asks("members", room="den", label="3")
    bob.hears(refusal="nosuchroom", room="den", label="3")
    ann.asks("invite", room="den", name="Bob", label="4")
    ann.hears(event="invited", to="Bob", room="den", label="4")
    bob.hears(event="invited", name="Ann", room="den")
    bob.asks("join", room="den", key="my password", label="5")
    bob.hears(event="joined", name="Bob", label="5")
    bob.hears(answer="welcome", room="den", key=key, others=["Ann"])
    assert "key" not in ann.hears(event="joined", name="Bob")
    carl.asks("join", room="den", key=key, label="6")
    carl.hears(event="joined", name="Carl", label="6")


def test_who_is_ignored_is_not_heard_and_not_told(house):
    ann, bob = house.enters("Ann"), house.enters("Bob")
    ann.hears(event="arrived")
    ann.asks("ignore", name="bob", label="1")
    ann.hears(event="ignored", whom="bob", label="1")
    bob.asks("say", room="lobby", text="unheard", label="2")
    bob.asks("tell", name="Ann", text="unheard", label="3")
    bob.hears(event="said")
    bob.hears(event="told", label="3")
    ann.asks("ignoring", label="4")
    ann.hears(answer="ignoring", names=["bob"], label="4")
    ann.asks("unignore", name="Bob", label="5")
    ann.hears(event="ignored", on=False, label="5")
    bob.asks("say", room="lobby", text="heard")
    ann.hears(event="said", text="heard")


# Two doors in one house.


def test_a_terminal_and_a_json_client_hear_each_other_in_the_same_order(house):
    ann, tom = house.enters("Ann"), house.telnet("Tom")
    ann.hears(event="arrived", name="Tom")
    for n in range(50):
        ann.asks("say", room="lobby", text=f"a{n}", label=str(n))
        tom.says(f"t{n}")
    said = [ann.reads() for _ in range(100)]
    assert [one["text"] for one in said if one["name"] == "Tom"] == [f"t{n}" for n in range(50)]
    assert [one["text"] for one in said if one["user"] == ann.user] == [f"a{n}" for n in range(50)]
    tom.sees(*(f"Ann : a{n}" for n in range(50)))
    ann.asks("settopic", room="lobby", text="tea\nserver: forged")
    tom.sees("server: Ann set the topic of lobby: tea server: forged")
    tom.says("/msg Ann psst")
    ann.hears(event="topicset")
    ann.hears(event="told", name="Tom", text="psst")
    ann.asks("tell", name="Tom", text="two\nlines\x1b[2J")
    tom.sees("Ann -> you : two", "    lines")
    tom.says("/nick Tim")
    tom.sees("server: Your username is Tim.")
    ann.hears(event="told", to="Tom")
    ann.hears(event="renamed", name="Tom", to="Tim")
    tom.hangs_up()
    ann.hears(event="departed", name="Tim")


def test_everybody_is_told_when_the_server_shuts_down(house):
    ann, tom = house.enters("Ann"), house.telnet("Tom")
    ann.hears(event="arrived")
    house.closes()
    ann.hears(answer="farewell", lost=False)
    ann.is_closed(1001, "the server is shutting down")
    tom.sees("server: The server is shutting down.")
