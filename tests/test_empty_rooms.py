"""Rooms that are left, make way for others, and come back from history, without a socket."""

from __future__ import annotations

import types

import pytest
from room import FakeSession, Stage

from gchatd.chat import rules
from gchatd.chat.answers import NotFounder
from gchatd.chat.events import Deleted, Edited, Joined, Left, MadePrivate, Said, TopicSet, Vanished
from gchatd.chat.state import LOBBY, Room
from gchatd.text.names import parse_room


@pytest.fixture
def stage():
    return Stage()


def turn_and_forget(stage: Stage, *sessions: FakeSession) -> None:
    """Deliver a turn, and drop what everybody was sent."""
    stage.turn()
    for session in sessions:
        session.screen()


def test_a_room_is_gone_when_it_is_empty_and_the_journal_forgets_its_topic(stage):
    ann = stage.enters("Ann")
    ann.causes(Joined, room="Dev")
    ann.causes(TopicSet, room="Dev", topic="x")
    stage.turn()
    assert stage.hub.rooms["dev"].name == "Dev"
    ann.causes(Left, room="Dev")
    stage.turn()
    assert set(stage.hub.rooms) == {LOBBY}
    assert [type(event) for event in stage.journal.take()] == [Vanished]


def test_an_empty_private_room_stays_until_another_needs_its_place():
    stage = Stage(most_rooms=2)
    ann = stage.enters("Ann")
    ann.causes(Joined, room="Den")
    ann.causes(MadePrivate, room="Den", key="k")
    ann.causes(Left, room="Den")
    turn_and_forget(stage, ann)
    ann.causes(Joined, room="Den", key="k")
    ann.causes(Left, room="Den")
    stage.turn()
    assert ann.screen()[0] == "server: You are in Den, alone."
    ann.causes(Joined, room="dev")
    stage.turn()
    assert set(stage.hub.rooms) == {LOBBY, "dev"}
    assert [(type(event), event.room) for event in stage.journal.take()] == [(Vanished, "Den")]


def test_who_left_the_room_that_they_created_cannot_make_it_private_when_they_are_back(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    for session in (ann, bob):
        session.causes(Joined, room="dev")
    stage.turn()
    private = MadePrivate(room="dev", user=ann.claimed, name="Ann", key="k")
    assert rules.check(stage.hub.state, private) is None
    ann.causes(Left, room="dev")
    ann.causes(Joined, room="dev")
    stage.turn()
    assert rules.check(stage.hub.state, private) == NotFounder("dev")


def test_the_lobby_stays_when_it_is_empty_and_makes_way_for_no_other_room():
    stage = Stage(most_rooms=2)
    ann = stage.enters("Ann")
    ann.causes(Joined, room="dev")
    ann.causes(Left, room=LOBBY)
    ann.causes(Joined, room="docs")
    turn_and_forget(stage, ann)
    assert set(stage.hub.rooms) == {LOBBY, "dev"}


def test_there_are_only_so_many_rooms():
    stage = Stage(most_rooms=2)
    ann = stage.enters("Ann")
    ann.causes(Joined, room="one")
    ann.causes(Joined, room="two")
    stage.turn()
    assert ann.screen()[-1] == "server: This server can have 2 rooms, and there are people in all of them."


def recalls(stage: Stage, session: FakeSession, name: str, found: object) -> Room | None:
    """Bring a room back in somebody's name, with what history knows of it."""
    stage.hub.history = types.SimpleNamespace(room=lambda compared, lines: found if compared == name else None)
    session.recall(parse_room(name))
    stage.catch_up()
    return stage.hub.rooms.get(name)


def test_a_room_that_is_empty_makes_way_for_another_and_comes_back_from_history():
    stage = Stage(most_rooms=2)
    ann = stage.enters("Ann")
    ann.causes(Joined, room="old")
    ann.says("hello", "old")
    ann.causes(Left, room="old")
    ann.causes(Joined, room="new")
    stage.turn()
    assert set(stage.hub.rooms) == {LOBBY, "new"}
    ann.causes(Left, room="new")
    stage.turn()
    room = recalls(stage, ann, "old", ("Old", [TopicSet(room="Old", name="Ann", topic="x")]))
    assert (room.name, room.topic, room.spoken) == ("Old", "x", True)
    stage.hub.history = types.SimpleNamespace(room=lambda compared, lines: None)
    ann.recall(parse_room("other"))
    assert not stage.journal._committed


def test_what_was_edited_or_deleted_is_so_for_those_who_come_in_later():
    stage = Stage(replay=5)
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    stage.turn()
    for text in ("one", "two", "three"):
        ann.says(text)
    stage.turn()
    ann.causes(Edited, room=LOBBY, line=1, text="uno")
    ann.causes(Deleted, room=LOBBY, line=2)
    stage.turn()
    assert bob.screen()[-2:] == ["* Ann edited: uno", "* Ann deleted a message."]
    carl = stage.enters("Carl")
    stage.turn()
    assert [line[8:] for line in carl.screen()[1:-1]] == ["Ann : uno (edited)", "Ann : three"]


def test_what_was_deleted_does_not_come_back_when_a_room_is_recalled_from_history():
    stage = Stage(replay=5, most_rooms=2)
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    for event in (Joined, Left):
        ann.causes(event, room="dev")
        ann.says("a secret", "dev")
        bob.causes(event, room="dev")  # is shown the secret
    stage.turn()
    assert any("a secret" in line for line in bob.screen())
    ann.causes(Deleted, room="dev", line=1)
    ann.causes(Deleted, room="dev", line=2)
    ann.says("hello", "dev")
    ann.causes(Joined, room="other")
    ann.causes(Left, room="other")
    stage.turn()
    for text in ("hello", "hello again"):
        assert "dev" not in stage.hub.rooms
        was = "dev", [Said(room="dev", name="Ann", text=text, id=3)]
        assert recalls(stage, bob, "dev", was) is not None
        for event, room in ((Joined, "dev"), (Left, "dev"), (Joined, "other"), (Left, "other")):
            bob.causes(event, room=room)
        bob.screen()
        stage.turn()
        seen = bob.screen()
        assert seen[2].endswith(f"Ann : {text}")
        assert not any("a secret" in line for line in seen)
