"""Hub, rooms and fan-out together, without a socket: who hears what, and which bytes they share."""

from __future__ import annotations

import re
import types

import gevent
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import PATIENCE
from room import FakeSession, Stage

from gchatd.chat.events import Joined
from gchatd.chat.state import LOBBY
from gchatd.delivery.fanout import TURN_BYTES
from gchatd.doors.terminal.look import Look
from gchatd.hub import MOST_UNDELIVERED
from gchatd.wire.lineedit import ERASE


@pytest.fixture
def stage():
    return Stage()


def test_everybody_hears_a_line_but_the_one_who_said_it(stage):
    ann, bob, carl = (stage.enters(name) for name in ("Ann", "Bob", "Carl"))
    stage.turn()
    ann.says("hello")
    stage.turn()
    assert (ann.screen(), bob.screen(), carl.screen()) == ([], ["Ann : hello"], ["Ann : hello"])


def test_people_with_the_same_format_are_given_the_same_bytes_object(stage):
    ann, bob, carl = (stage.enters(name) for name in ("Ann", "Bob", "Carl"))
    stage.turn()
    ann.says("one")
    ann.says("two")
    stage.turn()
    assert bob.outbox.pieces == [b"Ann : one\r\nAnn : two\r\n"]
    assert bob.outbox.pieces[0] is carl.outbox.pieces[0]


def test_who_has_a_window_wide_enough_for_a_line_shares_its_bytes_however_wide_it_is(stage):
    ann = stage.enters("Ann")
    widths = [80, 100, 200, 200, 40]
    sessions = [stage.enters(name, rich=True, columns=width) for name, width in zip("bcdef", widths, strict=True)]
    stage.turn()
    for session in sessions:
        session.screen()
    ann.says("word " * 14)
    ann.says("a short one")
    stage.turn()
    pieces = [session.outbox.pieces[0] for session in sessions]
    assert all(piece is pieces[0] for piece in pieces[:4])
    rows = pieces[4].removeprefix(ERASE).decode().split("\r\n")
    assert max(map(len, rows)) < 40
    assert " ".join(rows).split() == ["Ann", ":", *["word"] * 14, "Ann", ":", "a", "short", "one", ">"]


def test_who_is_named_has_the_name_marked(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob", rich=True)
    stage.turn()
    bob.screen()
    ann.says("ask bob, or BOB's brother")
    stage.turn()
    assert b"ask \x1b[1mbob\x1b[0m, or \x1b[1mBOB\x1b[0m's brother" in bob.outbox.pieces[0]


@pytest.mark.parametrize(("names", "marked"), [(20, True), (21, False)])
def test_a_line_that_names_very_many_is_shown_to_all_alike(stage, names, marked):
    ann = stage.enters("Ann")
    named = [stage.enters(f"N{number}x", rich=True) for number in range(names)]
    stage.turn()
    for session in named:
        session.screen()
    ann.says(" ".join(f"N{number}x" for number in range(names)))
    stage.turn()
    assert [b"\x1b[1m" in session.outbox.pieces[0] for session in named] == [marked] * names
    assert (named[0].outbox.pieces[0] is named[1].outbox.pieces[0]) is not marked


def test_a_turn_with_many_talkers_leaves_each_their_own_lines_out(stage):
    ann, bob, carl = (stage.enters(name) for name in ("Ann", "Bob", "Carl"))
    stage.turn()
    ann.says("1")
    bob.says("2")
    ann.says("3")
    stage.turn()
    assert ann.screen() == ["Bob : 2"]
    assert bob.screen() == ["Ann : 1", "Ann : 3"]
    assert carl.screen() == ["Ann : 1", "Bob : 2", "Ann : 3"]


def test_who_comes_in_during_a_turn_hears_what_was_said_after(stage):
    ann = stage.enters("Ann")
    stage.turn()
    ann.says("before")
    bob = stage.enters("Bob", notices=True)
    ann.says("after")
    carl = stage.enters("Carl")
    stage.turn()
    assert bob.screen() == ["Ann : after", "server: Carl joined."]
    assert carl.screen() == []


def test_who_falls_behind_while_others_are_sent_a_line_is_sent_it_as_suits_them_then(stage, monkeypatch):
    ann, *others = [stage.enters(f"p{number}") for number in range(200)]
    stage.turn()
    late: list[bytes] = []

    def breathe() -> None:
        if others[0].outbox.pieces and not late:
            others[-1].outbox.send = lambda data: late.append(data) or len(data)
            stage.fanout._slow_readers.note_change(others[-1].id)

    monkeypatch.setattr(stage.fanout, "_pace", types.SimpleNamespace(breathe=breathe))
    ann.says("hello")
    stage.turn()
    assert late == [b"p0 : hello\r\n"]
    assert not others[-1].outbox.pieces


def test_who_cannot_be_sent_to_is_given_up_and_the_others_hear_what_was_said(stage):
    ann, bob, carl = (stage.enters(name) for name in ("Ann", "Bob", "Carl"))

    def broken(data: bytes) -> int:
        raise ConnectionResetError("gone")

    stage.turn()
    bob.outbox.send = broken
    stage.fanout._slow_readers.note_change(bob.id)
    ann.says("hello")
    stage.turn()
    assert carl.screen() == ["Ann : hello"]
    assert bob.outbox.failed == "gone"


def test_what_a_line_looks_like_is_worked_out_once_for_all_who_only_see_another_time(stage, monkeypatch):
    ann, *others = [stage.enters(f"p{number}", time="hh:mm", offset=number - 500) for number in range(1000)]
    stage.turn()
    count, line = [], Look._line
    monkeypatch.setattr(Look, "_line", lambda *args: count.append(1) or line(*args))
    ann.says("hello")
    stage.turn()
    assert len(count) < 5
    seen = [session.screen()[0] for session in others]
    assert len(set(seen)) == 999
    assert all(re.fullmatch(r"\d\d:\d\d p0 : hello", one) for one in seen)


def test_each_line_of_a_turn_has_the_time_when_it_was_said(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob", time="full")
    stage.turn()
    for text in ("one", "two", "three"):
        ann.says(text)
    times = (0, 1999, 86_400_000)
    stage.fanout.deliver(
        [msgspec.structs.replace(event, at=at) for event, at in zip(stage.journal.take(), times, strict=True)]
    )
    assert bob.screen() == [
        "1970-01-01 00:00:00 Ann : one",
        "1970-01-01 00:00:01 Ann : two",
        "1970-01-02 00:00:00 Ann : three",
    ]


def test_who_comes_back_among_the_listeners_is_sent_what_is_for_them_and_the_others_what_is_for_all(stage):
    sessions = [stage.enters(name) for name in ("Ann", "Bob", "Carl")]
    ann, bob, _ = sessions
    stage.turn()
    bob.says("one")
    ann.causes(Joined, room="dev")
    stage.turn()
    bob.says("two")
    stage.turn()
    ann.terminal.talk_in(stage.hub.rooms[LOBBY])  # they stand first among the listeners, not last
    for session in sessions:
        session.screen()
    ann.says("three")
    stage.turn()
    assert [session.screen() for session in sessions] == [[], ["Ann : three"], ["Ann : three"]]


def test_who_is_in_a_room_changes_when_the_journal_says_so_and_not_before(stage):
    ann = stage.enters("Ann")
    room = stage.hub.rooms[LOBBY]
    assert not room.members
    stage.turn()
    assert list(room.members.values()) == [ann.user]
    ann.leaves()
    assert list(room.members.values()) == [ann.user]
    stage.turn()
    assert not room.members


def test_what_fails_after_a_turn_keeps_nothing_from_anybody_else(stage, caplog):
    ann, called = stage.enters("Ann"), []
    stage.turn()

    def fails() -> None:
        called.append(ann.unheard)
        raise SystemExit

    ann.says("hello")
    stage.sessions.begin_turn()
    stage.sessions.between_turns(fails)
    stage.sessions.between_turns(fails)
    stage.turn()
    assert called == [1, 1]
    assert ann.unheard == 0
    assert caplog.messages == ["cannot let a visitor come or go"] * 2
    stage.sessions.between_turns(lambda: called.append("now"))
    assert called[2:] == ["now"]


def test_who_takes_the_name_they_have_is_not_announced(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob", notices=True)
    stage.turn()
    bob.screen()
    ann.becomes("Ann")
    ann.says("still me")
    stage.turn()
    assert bob.screen() == ["Ann : still me"]


def test_who_talks_waits_while_too_much_is_still_to_be_delivered(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    stage.hub.wait_to_talk()
    for number in range(MOST_UNDELIVERED):
        ann.says(str(number))
    talking = gevent.spawn(stage.hub.wait_to_talk)
    gevent.idle()
    assert not talking.dead
    stage.journal.close()
    stage.fanout.run()
    talking.join(PATIENCE)
    assert talking.dead
    assert len(bob.screen()) == MOST_UNDELIVERED


def test_who_waited_in_vain_for_what_they_did_waits_once_and_again_for_what_they_do_next(stage, monkeypatch):
    ann = stage.enters("Ann")
    waits, wait_for = [], FakeSession.wait_for_effect
    monkeypatch.setattr(FakeSession, "wait_for_effect", lambda *args: waits.append(1) or wait_for(*args))
    for _ in range(3):
        ann.settle()  # in vain
    assert len(waits) == 1
    stage.turn()
    ann.says("hello")
    waiting = gevent.spawn(ann.settle)
    gevent.idle()
    assert not waiting.dead
    stage.turn()
    waiting.join(PATIENCE)
    assert waiting.dead


def test_who_waits_for_what_they_did_waits_for_the_last_of_it(stage):
    ann = stage.enters("Ann")
    first = stage.journal.take()
    ann.says("hello")
    waiting = gevent.spawn(ann.wait_for_effect)
    gevent.idle()
    stage.fanout.take_turn(first)
    gevent.idle()
    assert not waiting.dead
    stage.turn()
    assert waiting.get(timeout=PATIENCE)


def test_no_turn_brings_much_more_than_64_kb_to_anybody(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    for _ in range(1000):
        ann.says("x" * 4000)
    stage.journal.close()
    stage.fanout.run()
    assert max(map(len, bob.outbox.pieces)) < TURN_BYTES + 5000
    assert len(bob.screen()) == 1000


def test_one_may_change_the_case_of_ones_own_name(stage):
    ann = stage.enters("ann")
    ann.becomes("Ann")
    stage.turn()
    assert stage.hub.users == {"ann": ann.user}
    assert str(ann.user) == "Ann"


def test_a_name_that_changes_hands_within_one_turn_mixes_nobody_up(stage):
    first, bob = stage.enters("Ann"), stage.enters("Bob")
    stage.turn()
    first.says("I am the first")
    first.leaves()
    second = stage.enters("Ann")
    second.says("I am the second")
    stage.turn()
    assert bob.screen() == ["Ann : I am the first", "Ann : I am the second"]
    assert second.screen() == []
    assert list(stage.hub.rooms[LOBBY].members.values()) == [bob.user, second.user]


def test_notices_go_to_those_who_want_them_and_not_to_whom_they_are_about(stage):
    ann, bob = stage.enters("Ann", notices=True), stage.enters("Bob")
    stage.turn()
    ann.screen()
    carl = stage.enters("Carl", notices=True)
    carl.becomes("Karl")
    stage.turn()
    assert ann.screen() == ["server: Carl joined.", "server: Carl is now Karl."]
    carl.becomes("Carla")
    carl.leaves("bye")
    stage.turn()
    assert ann.screen() == ["server: Karl is now Carla.", "server: Carla left: bye"]
    assert bob.screen() == []
    assert carl.screen() == ["server: Your username is Karl."]


@pytest.mark.parametrize(("size", "told"), [(2, 1), (3, 1), (4, 0)])
def test_comings_and_goings_are_told_in_rooms_of_at_most_announce_up_to(size, told):
    stage = Stage(announce_up_to=3)
    ann, *others = [stage.enters(f"p{number}", notices=True) for number in range(size)]
    stage.turn()
    assert sum(line == f"server: p{size - 1} joined." for line in ann.screen()) == told
    others[-1].leaves()
    stage.turn()
    assert len(ann.screen()) == told


def test_an_event_of_somebody_who_is_gone_is_still_heard_and_leaves_nothing_behind(stage):
    ann = stage.enters("Ann")
    stage.turn()
    ghost = stage.enters("Ghost")
    ghost.says("boo")
    ghost.leaves()
    stage.turn()
    assert ann.screen() == ["Ghost : boo"]
    assert list(stage.sessions.by_id.values()) == [ann]
    assert ghost.user.rooms == stage.sessions.of(ghost.user.id) == ()


def test_a_stranger_who_leaves_is_forgotten_at_once(stage):
    stage.connects().leaves()
    assert not stage.sessions.by_id


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["enter", "say", "leave", "turn"]), st.integers(0, 5)), max_size=60))
def test_however_people_come_talk_and_go_each_sees_what_was_said_while_they_were_there(steps):
    stage = Stage()
    present, expected = {}, {}
    for at, (step, who) in enumerate(steps):
        name = f"p{who}"
        if step == "turn":
            if stage.journal._committed:
                stage.turn()
        elif step == "enter" and name not in present:
            present[name] = stage.enters(name)
            expected[name] = []
        elif step == "say" and name in present:
            present[name].says(f"line {at}")
            for other in present.keys() - {name}:
                expected[other].append(f"{name} : line {at}")
        elif step == "leave" and name in present:
            present.pop(name).leaves()
    if stage.journal._committed:
        stage.turn()
    assert {name: session.screen() for name, session in present.items()} == {name: expected[name] for name in present}
    assert stage.hub.users == {name: session.user for name, session in present.items()}
    assert stage.sessions.by_id == {session.id: session for session in present.values()}
