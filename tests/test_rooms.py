"""Several rooms, private words and what else happens between people, without a socket."""

from __future__ import annotations

import types

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import PATIENCE
from room import FakeSession, Stage, is_told

from gchatd.chat import folding
from gchatd.chat.events import (
    Edited,
    Ignored,
    Invited,
    Joined,
    Left,
    MadePrivate,
    Told,
    TopicSet,
)
from gchatd.chat.state import LOBBY
from gchatd.doors.terminal.look import Look
from gchatd.text.names import parse_room


@pytest.fixture
def stage():
    return Stage()


def turn_and_forget(stage: Stage, *sessions: FakeSession) -> None:
    """Deliver a turn, and drop what everybody was sent."""
    stage.turn()
    for session in sessions:
        session.screen()


def tells(session: FakeSession, other: FakeSession, text: str) -> None:
    session.causes(Told, to=other.name, text=text, target=other.claimed)


def test_who_is_in_several_rooms_hears_all_of_them_in_the_order_in_which_it_happened(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    for session in (ann, bob):
        session.causes(Joined, room="dev")
    turn_and_forget(stage, ann, bob)
    for number in range(3):
        ann.says(f"lobby {number}")
        ann.says(f"dev {number}", "dev")
        tells(ann, bob, f"secret {number}")
    stage.turn()
    assert bob.screen() == [
        line
        for number in range(3)
        for line in (f"[lobby] Ann : lobby {number}", f"Ann : dev {number}", f"Ann -> you : secret {number}")
    ]
    assert ann.screen() == []


def test_people_who_are_in_the_same_rooms_are_given_the_same_bytes_object(stage):
    ann, bob, carl = (stage.enters(name) for name in ("Ann", "Bob", "Carl"))
    for session in (ann, bob, carl):
        session.causes(Joined, room="dev")
    turn_and_forget(stage, ann, bob, carl)
    ann.says("one")
    ann.says("two", "dev")
    stage.turn()
    assert bob.outbox.pieces == [b"[lobby] Ann : one\r\nAnn : two\r\n"]
    assert bob.outbox.pieces[0] is carl.outbox.pieces[0]


def test_who_leaves_a_room_within_a_turn_hears_what_was_said_before_and_nothing_after(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    for session in (ann, bob):
        session.causes(Joined, room="dev")
    turn_and_forget(stage, ann, bob)
    ann.says("before", "dev")
    bob.causes(Left, room="dev")
    ann.says("after", "dev")
    ann.says("in the lobby")
    stage.turn()
    assert bob.screen() == ["[dev] Ann : before", "server: You left dev.", "Ann : in the lobby"]


def test_who_leaves_and_comes_back_within_a_turn_misses_what_was_said_between(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    for session in (ann, bob):
        session.causes(Joined, room="dev")
    turn_and_forget(stage, ann, bob)
    ann.says("one", "dev")
    bob.causes(Left, room="dev")
    ann.says("two", "dev")
    bob.causes(Joined, room="dev")
    ann.says("three", "dev")
    stage.turn()
    seen = bob.screen()
    assert seen == ["Ann : one", "server: You left dev.", "server: You are in dev with Ann.", "Ann : three"]


def test_a_room_that_becomes_private_first_lets_nobody_in_who_was_on_the_way(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    ann.causes(Joined, room="den")
    turn_and_forget(stage, ann, bob)
    ann.causes(MadePrivate, room="den", key="k")
    bob.causes(Joined, room="den")
    ann.says("a secret", "den")
    stage.turn()
    assert bob.screen() == ["server: den is private. Ask someone in it to /invite you."]
    assert list(stage.hub.rooms["den"].members.values()) == [ann.user]
    assert bob.terminal.room is stage.hub.rooms[LOBBY]


def test_what_follows_a_room_that_became_private_meanwhile_is_said_nowhere(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    ann.causes(Joined, room="den")
    turn_and_forget(stage, ann, bob)
    ann.causes(MadePrivate, room="den", key="k")
    moving = gevent.spawn(bob.terminal.join, parse_room("den"), "")
    gevent.idle()
    stage.turn()
    moving.get(timeout=PATIENCE)
    with is_told("Not sent: you are still in lobby, not in den"):
        bob.terminal.say("for den")


def test_a_room_that_becomes_private_tells_its_key_also_to_those_who_ignore_its_founder(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    for one in (ann, bob):
        one.causes(Joined, room="den")
    bob.causes(Ignored, whom="Ann")
    turn_and_forget(stage, ann, bob)
    ann.says("unheard", "den")
    ann.causes(MadePrivate, room="den", key="k")
    stage.turn()
    assert bob.screen() == ["server: Ann made den private. To come back: /join den k"]


def test_an_invitation_is_for_the_person_and_not_for_the_name(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    ann.causes(Joined, room="den")
    stage.turn()
    ann.causes(MadePrivate, room="den", key="k")
    ann.causes(Invited, room="den", to="Bob", target=bob.user.id)
    stage.turn()
    room = stage.hub.rooms["den"]
    assert room.admits(bob.user)
    bob.leaves()
    stage.turn()
    impostor = stage.enters("Bob")
    stage.turn()
    assert not room.admits(impostor.user)
    assert room.admits(impostor.user, "k")


def test_who_was_told_something_and_has_left_is_not_told_and_the_teller_is(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    turn_and_forget(stage, ann, bob)
    bob.leaves()
    tells(ann, bob, "hello")
    stage.turn()
    assert ann.screen() == ["server: Not sent: Bob has left."]


def test_what_is_told_finds_its_way_to_somebody_who_takes_another_name_meanwhile(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    turn_and_forget(stage, ann, bob)
    bob.becomes("Rob")
    stage.enters("Bob")
    tells(ann, bob, "hello")
    stage.turn()
    assert bob.screen() == ["server: Your username is Rob.", "Ann -> you : hello"]


def test_nothing_of_somebody_who_is_ignored_is_heard_in_any_room(stage):
    ann, bob, carl = (stage.enters(name) for name in ("Ann", "Bob", "Carl"))
    for session in (ann, bob, carl):
        session.causes(Joined, room="dev")
    ann.causes(Ignored, whom="BOB")
    turn_and_forget(stage, ann, bob, carl)
    bob.says("one")
    carl.says("two")
    bob.says("three", "dev")
    bob.causes(Edited, room="dev", line=3, text="four")
    tells(bob, ann, "five")
    stage.turn()
    assert ann.screen() == ["[lobby] Carl : two"]
    assert ann.told_by is None


def test_ignoring_leaves_nothing_behind_when_either_has_gone(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    ann.causes(Ignored, whom="Bob")
    stage.turn()
    bob.leaves()
    stage.turn()
    assert set(stage.hub.state.ignorers) == {"bob"}
    assert ann.user.ignoring == {"bob": "Bob"}
    ann.leaves()
    stage.turn()
    assert stage.hub.state.ignorers == {}


def test_a_room_is_known_by_the_name_that_its_first_member_gave_it(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    ann.causes(Joined, room="Dev")
    bob.causes(Joined, room="dEV")
    turn_and_forget(stage, ann, bob)
    assert ann.terminal.room is bob.terminal.room
    ann.says("hello", ann.terminal.room.name)
    stage.turn()
    assert bob.screen() == ["Ann : hello"]


def test_who_joins_a_room_that_they_are_in_misses_nothing_there(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    bob.causes(Joined, room=LOBBY)  # typed before the coming in has happened
    turn_and_forget(stage, ann, bob)
    ann.says("one")
    bob.causes(Joined, room=LOBBY)
    ann.says("two")
    stage.turn()
    assert bob.screen() == ["Ann : one", "server: You are now talking in lobby.", "Ann : two"]


def test_an_event_that_cannot_happen_or_be_shown_takes_no_other_with_it(stage, monkeypatch):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    turn_and_forget(stage, ann, bob)
    monkeypatch.setitem(folding.FOLDS, TopicSet, lambda *args: 1 / 0)
    monkeypatch.setattr(Look, "render_own", lambda self, event: 1 / 0)
    ann.causes(TopicSet, room=LOBBY, topic="x")
    ann.says("hello")
    ann.causes(Joined, room="dev")
    stage.turn()
    assert bob.screen() == ["Ann : hello"]
    assert ann.wait_for_effect(0)
    assert ann.terminal.room.name == "dev"


def test_who_leaves_right_after_they_chose_another_look_leaves_nothing_behind(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    stage.turn()
    audience = stage.sessions.audiences[stage.hub.rooms[LOBBY]]
    audience.restyled(ann)
    ann.leaves()
    stage.turn()
    assert not audience._restyled
    assert [group.sessions for group in audience.groups(LOBBY).values()] == [[bob]]


def test_people_whom_many_ignore_leave_together_and_the_others_have_their_turn_in_between(stage, monkeypatch):
    leaving, staying = ([stage.enters(f"{kind}{number}") for number in range(64)] for kind in "ab")
    for session in staying:
        for other in (*leaving, staying[0]):
            session.causes(Ignored, whom=other.name)
    stage.turn()
    ignoring = [session.user.ignoring for session in staying]
    for session in leaving:
        session.leaves()
    breaths: list[int] = []
    monkeypatch.setattr(stage.fanout, "_pace", types.SimpleNamespace(breathe=lambda: breaths.append(1)))
    stage.turn()
    assert len(breaths) >= len(leaving) // 16  # as many as it applies between two
    assert all(session.user.ignoring is one for session, one in zip(staying, ignoring, strict=True))  # no copies
    assert set(stage.hub.state.ignorers) == {str(session.user) for session in leaving} | {"b0", staying[0].user.id}


def test_comings_and_goings_are_told_once_to_those_who_share_several_rooms(stage):
    ann, bob = stage.enters("Ann", notices=True), stage.enters("Bob")
    for session in (ann, bob):
        session.causes(Joined, room="dev")
    turn_and_forget(stage, ann, bob)
    bob.becomes("Rob")
    bob.leaves("bye")
    stage.turn()
    assert ann.screen() == ["server: Bob is now Rob.", "server: Rob left: bye"]


class Model:
    """Who hears what, as simply as it can be said."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.present: dict[str, FakeSession] = {}
        self.where: dict[str, set[str]] = {}
        self.expected: dict[str, list[str]] = {}

    def enter(self, name: str, room: str, line: str) -> None:
        self.present[name] = self.stage.enters(name)
        self.where[name], self.expected[name] = {LOBBY}, []

    def say(self, name: str, room: str, line: str) -> None:
        if room in self.where[name]:
            self.present[name].says(line, room)
            for other in self.present.keys() - {name}:
                if room in self.where[other]:
                    self.expected[other].append(f"{name} : {line}")

    def tell(self, name: str, room: str, line: str) -> None:
        for other in sorted(self.present.keys() - {name})[:1]:
            tells(self.present[name], self.present[other], line)
            self.expected[other].append(f"{name} -> you : {line}")

    def move(self, name: str, room: str, line: str) -> None:
        self.present[name].causes(Left if room in self.where[name] else Joined, room=room)
        self.where[name] ^= {room}

    def go(self, name: str, room: str, line: str) -> None:
        self.stage.catch_up()
        if self.present[name].user.rooms:
            self.present[name].terminal.talk_in(self.present[name].user.rooms[0])

    def depart(self, name: str, room: str, line: str) -> None:
        self.present.pop(name).leaves()
        del self.where[name]

    def wait(self, name: str, room: str, line: str) -> None:
        self.stage.catch_up()


STEPS = [getattr(Model, name) for name in ["say", "say", "say", "tell", "move", "move", "go", "depart", "wait"]]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 4), st.sampled_from([LOBBY, "a", "b"])), max_size=80))
def test_wherever_people_go_each_hears_what_was_said_where_they_were_once_and_in_order(steps):
    model = Model()
    for at, (step, who, room) in enumerate(steps):
        name = f"p{who}"
        (step if name in model.present else Model.enter)(model, name, room, f"line {at}")
    model.stage.catch_up()
    for name, session in model.present.items():
        heard = [line.rpartition("] ")[2] for line in session.screen() if not line.startswith("server: ")]
        assert heard == model.expected[name]
        assert {room.name for room in session.user.rooms} == model.where[name]
        assert session.wait_for_effect(0)
    assert model.stage.sessions.by_id == {session.id: session for session in model.present.values()}


def test_the_prompt_names_the_room_where_one_is_heard_unless_that_is_the_lobby_alone(stage):
    ann = stage.enters("Ann")
    stage.turn()
    seen = [ann.terminal.telnet.prompt]
    for event, room in (
        (Joined, "dev"),
        (Joined, "docs"),
        (None, LOBBY),
        (Left, "dev"),
        (Left, "docs"),
        (Left, LOBBY),
        (Joined, "dev"),
    ):
        if event is None:
            ann.terminal.talk_in(stage.hub.rooms[room])
        else:
            ann.causes(event, room=room)
            stage.turn()
        seen.append(ann.terminal.telnet.prompt)
    assert seen == ["", "dev", "docs", "lobby", "lobby", "", "", "dev"]
