"""What a turn brings to people in several rooms, who read them in formats of their own, in windows of any width."""

from __future__ import annotations

import msgspec
import pytest
from room import FakeSession, Stage

from gchatd.chat.events import Deleted, Edited, Ignored, Joined, Left, Origin, Renamed, Said, TopicSet
from gchatd.chat.folding import Outcome
from gchatd.chat.state import LOBBY
from gchatd.delivery.turn import Turn
from gchatd.doors.terminal.look import Look
from gchatd.wire.lineedit import ERASE, PROMPT


@pytest.fixture
def stage():
    return Stage()


def enter(stage: Stage, *names: str, rooms: tuple[str, ...] = ("dev",), **look: object) -> list[FakeSession]:
    """People who are in the lobby and in these rooms, the last of which is their current one."""
    sessions = [stage.enters(name, **look) for name in names]
    for session in sessions:
        for room in rooms:
            session.causes(Joined, room=room)
    stage.turn()
    for one in stage.sessions.by_id.values():
        one.screen()
    return sessions


def hears(session: FakeSession) -> list[str]:
    """What a rich terminal is sent, without what belongs to the line being typed."""
    data = b"".join(session.outbox.pieces)
    session.outbox.pieces.clear()
    return data.replace(ERASE, b"").replace(PROMPT, b"").decode().splitlines()


# Several rooms, each in a format of its own.


def test_who_talks_in_another_room_reads_the_same_lines_with_other_heads_and_those_alike_share_bytes(stage):
    ann, *others = enter(stage, "Ann", "Bob", "Carl", "Dan", "Eve")
    bob, carl, dan, eve = others
    for session in (dan, eve):
        session.terminal.talk_in(stage.hub.rooms[LOBBY])
    ann.says("one")
    ann.says("two", "dev")
    stage.turn()
    assert bob.outbox.pieces[0] is carl.outbox.pieces[0]
    assert dan.outbox.pieces[0] is eve.outbox.pieces[0]
    assert bob.screen() == ["[lobby] Ann : one", "Ann : two"]
    assert dan.screen() == ["Ann : one", "[dev] Ann : two"]


def test_who_is_in_more_rooms_than_something_happened_in_hears_those_and_shares_them(stage):
    ann, bob = enter(stage, "Ann", "Bob")
    carl, dan = enter(stage, "Carl", "Dan", rooms=("dev", "docs", "den"))
    ann.says("one")
    ann.says("two", "dev")
    stage.turn()
    assert carl.outbox.pieces[0] is dan.outbox.pieces[0]
    assert bob.screen() == ["[lobby] Ann : one", "Ann : two"]
    assert carl.screen() == dan.screen() == ["[lobby] Ann : one", "[dev] Ann : two"]
    carl.says("three", "docs")
    ann.says("four")
    stage.turn()
    assert dan.screen() == ["[docs] Carl : three", "[lobby] Ann : four"]
    assert bob.screen() == ["[lobby] Ann : four"]
    assert (carl.screen(), ann.screen()) == (["[lobby] Ann : four"], [])


def test_people_who_joined_the_same_rooms_one_after_another_in_any_order_share_bytes(stage):
    (ann,) = enter(stage, "Ann", rooms=("docs", "dev"))
    others = [enter(stage, *who, rooms=rooms)[0] for who, rooms in (("B", ("docs", "dev")), ("C", ("dev", "docs")))]
    for session in others:
        session.terminal.talk_in(stage.hub.rooms["dev"])
    for room in ("dev", "docs", LOBBY):
        ann.says(f"in {room}", room)
    stage.turn()
    assert others[0].outbox.pieces[0] is others[1].outbox.pieces[0]
    assert others[0].screen() == ["Ann : in dev", "[docs] Ann : in docs", "[lobby] Ann : in lobby"]


def test_each_line_of_several_rooms_has_its_own_time_and_is_rendered_once_for_all_who_show_one(stage, monkeypatch):
    (ann,) = enter(stage, "Ann")
    watching = [*enter(stage, "Bob"), *enter(stage, "Carl", time="full"), *enter(stage, "Dan", time="full", offset=60)]
    rendered, line = [], Look._line
    monkeypatch.setattr(Look, "_line", lambda *args: rendered.append(1) or line(*args))
    for text, room in (("one", LOBBY), ("two", "dev"), ("three", LOBBY)):
        ann.says(text, room)
    events = zip(stage.journal.take(), (0, 1000, 86_399_999), strict=True)
    stage.fanout.deliver([msgspec.structs.replace(event, at=at) for event, at in events])
    assert [session.screen() for session in watching] == [
        ["[lobby] Ann : one", "Ann : two", "[lobby] Ann : three"],
        [
            "1970-01-01 00:00:00 [lobby] Ann : one",
            "1970-01-01 00:00:01 Ann : two",
            "1970-01-01 23:59:59 [lobby] Ann : three",
        ],
        [
            "1970-01-01 01:00:00 [lobby] Ann : one",
            "1970-01-01 01:00:01 Ann : two",
            "1970-01-02 00:59:59 [lobby] Ann : three",
        ],
    ]
    assert len(rendered) == 3


def test_who_is_named_in_another_room_than_their_current_one_sees_it_marked_with_its_head(stage):
    ann, bob = enter(stage, "Ann", "Bob")
    (carl,) = enter(stage, "Carl", rich=True)
    ann.says("ask carl")
    bob.says("Carl knows", "dev")
    ann.says("thanks, all")
    stage.turn()
    assert hears(carl) == [
        "[lobby] Ann : ask \x1b[1mcarl\x1b[0m",
        "Bob : \x1b[1mCarl\x1b[0m knows",
        "[lobby] Ann : thanks, all",
    ]


def test_another_session_of_an_author_reads_the_line_as_others_do_and_is_not_rung_for_its_own_name(stage):
    (ann, bob), other = enter(stage, "Ann", "Bob", rooms=(), bell="mentions"), stage.connects(bell="mentions")
    stage.sessions.arrive(other, ann.user)
    stage.sessions.enter(other, stage.hub.rooms[LOBBY])
    other.terminal.talk_in(stage.hub.rooms[LOBBY])
    ann.says("I am ann, and you are bob")
    stage.turn()
    assert other.screen() == ["Ann : I am ann, and you are bob"]
    assert bob.screen() == ["Ann : I am ann, and you are bob", "\a"]
    bob.says("hello ann")
    stage.turn()
    assert ann.screen() == other.screen() == ["Bob : hello ann", "\a"]


def test_an_author_in_several_rooms_reads_what_they_did_as_their_own_in_each(stage):
    ann, bob = enter(stage, "Ann", "Bob")
    ann.says("one")
    stage.turn()
    line = ann.user.said[-1].id
    bob.screen()
    ann.causes(Edited, room=LOBBY, line=line, text="uno", was="one")
    bob.says("two", "dev")
    ann.causes(TopicSet, room="dev", topic="numbers")
    ann.causes(Deleted, room=LOBBY, line=line)
    stage.turn()
    assert ann.screen() == [
        "server: Edited.",
        "Bob : two",
        "server: Ann set the topic of dev: numbers",
        "server: Deleted.",
    ]
    assert bob.screen() == [
        '[lobby] * Ann edited "one": uno',
        "server: Ann set the topic of dev: numbers",
        "[lobby] * Ann deleted a message.",
    ]


def test_who_ignores_somebody_in_several_rooms_hears_the_others_in_order(stage):
    ann, bob, carl = enter(stage, "Ann", "Bob", "Carl")
    ann.causes(Ignored, whom="Bob")
    stage.turn()
    for session, text, room in ((bob, "1", LOBBY), (carl, "2", "dev"), (bob, "3", "dev"), (carl, "4", LOBBY)):
        session.says(text, room)
    stage.turn()
    assert ann.screen()[-2:] == ["Carl : 2", "[lobby] Carl : 4"]


def test_who_joins_a_room_within_a_turn_hears_it_from_there_on_and_the_other_all_along(stage):
    (ann,) = enter(stage, "Ann")
    (bob,) = enter(stage, "Bob", rooms=())
    ann.says("lobby 1")
    ann.says("dev 1", "dev")
    bob.causes(Joined, room="dev")
    ann.says("lobby 2")
    ann.says("dev 2", "dev")
    stage.turn()
    assert bob.screen() == [
        "[lobby] Ann : lobby 1",
        "server: You are in dev with Ann.",
        "[lobby] Ann : lobby 2",
        "Ann : dev 2",
    ]


def test_who_leaves_one_of_several_rooms_within_a_turn_hears_the_rest_of_the_others(stage):
    ann, bob = enter(stage, "Ann", "Bob", rooms=("docs", "dev"))
    for text, room in (("1", "docs"), ("2", "dev"), ("3", LOBBY)):
        ann.says(text, room)
    bob.causes(Left, room="docs")
    for text, room in (("4", "docs"), ("5", LOBBY), ("6", "dev")):
        ann.says(text, room)
    stage.turn()
    assert bob.screen() == [
        "[docs] Ann : 1",
        "Ann : 2",
        "[lobby] Ann : 3",
        "server: You left docs.",
        "[lobby] Ann : 5",
        "Ann : 6",
    ]


def test_a_notice_reaches_those_who_share_no_room_in_which_anything_happened(stage):
    (ann,) = enter(stage, "Ann", notices=True)
    bob, carl = enter(stage, "Bob", "Carl", rooms=())
    bob.causes(Renamed, to="Rob")
    carl.causes(Renamed, to="Karl")
    stage.turn()
    assert ann.screen() == ["server: Bob is now Rob.", "server: Carl is now Karl."]
    assert (bob.screen(), carl.screen()) == (["server: Your username is Rob."], ["server: Your username is Karl."])


# Windows of any width.


def test_in_several_rooms_too_whoever_has_a_window_wide_enough_shares_bytes(stage):
    (ann,) = enter(stage, "Ann")
    wide, wider, narrow, same = (
        enter(stage, name, rich=True, columns=columns)[0]
        for name, columns in (("b", 100), ("c", 200), ("d", 40), ("e", 40))
    )
    ann.says("word " * 14)
    ann.says("a short one", "dev")
    stage.turn()
    assert wide.outbox.pieces[0] is wider.outbox.pieces[0]
    assert narrow.outbox.pieces[0] is same.outbox.pieces[0]
    assert len(hears(wide)) == 2
    rows = hears(narrow)
    assert max(map(len, rows)) < 40
    assert " ".join(rows).split() == ["[lobby]", "Ann", ":", *["word"] * 14, "Ann", ":", "a", "short", "one"]


def test_a_line_as_wide_as_the_window_is_wrapped_and_one_column_less_is_shared(stage):
    (ann,) = enter(stage, "Ann", rooms=())
    (wide,) = enter(stage, "Wide", rooms=(), rich=True, columns=200)
    (bob,) = enter(stage, "Bob", rooms=(), rich=True, columns=40)
    for size, shared in ((39, True), (40, False)):
        ann.says("x" * (size - len("Ann : ")))
        stage.turn()
        assert (bob.outbox.pieces[0] is wide.outbox.pieces[0]) is shared
        assert len(hears(bob)) == 2 - shared
        hears(wide)


def test_what_one_person_needs_is_cut_from_the_share_that_fits_their_window(stage):
    (ann,) = enter(stage, "Ann", rooms=())
    (bob,) = enter(stage, "Bob", rooms=(), rich=True, columns=40)
    ann.says("word " * 10)
    bob.says("mine")
    ann.says("for Bob, " * 5)
    stage.turn()
    rows = hears(bob)
    assert max(len(row.replace("\x1b[1m", "").replace("\x1b[0m", "")) for row in rows) < 40
    text = " ".join(" ".join(rows).replace("\x1b[1m", "").replace("\x1b[0m", "").split())
    assert text == f"Ann : {'word ' * 10}Bob : mine Ann : {'for Bob, ' * 5}".strip()
    assert "".join(rows).count("\x1b[1mBob\x1b[0m") == 5


# Who needs bytes of their own.


def turn_of(stage: Stage, session: FakeSession, label: str = "") -> Turn:
    """A turn in which somebody said something in the lobby, in a request with this label."""
    turn = Turn(stage.hub.state, stage.sessions, lambda how, event: how(event))
    room = stage.hub.rooms[LOBBY]
    said = Said(room=LOBBY, text="x", user=session.claimed, origin=Origin(stage.hub.node, session.id, label))
    turn.add(Outcome(said, user=session.user, room=room), session)
    return turn


def test_an_author_whose_format_echoes_shares_the_bytes_of_all_unless_the_line_has_a_label(stage):
    (ann,) = enter(stage, "Ann", rooms=())
    room = stage.hub.rooms[LOBBY]
    plain, labelled = turn_of(stage, ann).parts[room], turn_of(stage, ann, "1").parts[room]
    assert (plain.special(Look()), labelled.special(Look())) == ({ann.id}, {ann.id})
    assert (plain.special(Look(rich=True)), labelled.special(Look(rich=True))) == (set(), {ann.id})


def test_only_formats_that_mark_mentions_have_people_who_are_named_apart(stage):
    ann, bob = enter(stage, "Ann", "Bob", rooms=())
    turn = turn_of(stage, ann)
    part = turn.parts[stage.hub.rooms[LOBBY]]
    part.named.add(bob.id)
    assert part.special(Look(rich=True)) == {bob.id}
    assert part.special(Look(rich=True, reader=True)) == set()


def test_who_comes_into_a_room_where_nothing_was_said_is_nobody_special(stage):
    (ann,) = enter(stage, "Ann", rooms=())
    turn = Turn(stage.hub.state, stage.sessions, lambda how, event: how(event))
    turn.greet(ann, stage.hub.rooms[LOBBY], b"")
    assert not turn.parts
    assert turn.find_special(lambda: None) == []
    turn.greet(ann, stage.hub.rooms[LOBBY], b"hello\r\n")
    assert turn.parts[stage.hub.rooms[LOBBY]].others == {ann.id}
    assert turn.find_special(lambda: None) == []  # what greets it is part of what it hears in the room


def test_a_share_is_made_once_for_each_format_and_rooms_and_fits_nobody_it_is_too_wide_for(stage):
    (ann,) = enter(stage, "Ann", rooms=())
    turn, rooms = turn_of(stage, ann), (stage.hub.rooms[LOBBY],)
    wide = turn.share(Look(rich=True, columns=200), rooms)
    assert turn.share(Look(rich=True, columns=80), rooms) is wide
    assert wide.format == Look(rich=True)
    assert turn.share(Look(rich=True), rooms).data == wide.data
    assert turn.share(Look(rich=True, columns=10, theme="colour"), rooms) is not wide
    assert turn.share(Look(), ()).data == b""


def test_those_who_are_not_told_who_leaves_share_what_was_said_meanwhile(stage):
    ann, bob, carl, dan = enter(stage, "Ann", "Bob", "Carl", "Dan", rooms=())
    (eve,) = enter(stage, "Eve", rooms=(), notices=True)
    dan.says("bye, all")
    dan.leaves()
    carl.becomes("Carla")
    carl.says("bye")
    stage.turn()
    assert ann.outbox.pieces[0] is bob.outbox.pieces[0]
    assert bob.screen() == ["Dan : bye, all", "Carla : bye"]
    assert eve.screen() == ["Dan : bye, all", "server: Dan left.", "server: Carl is now Carla.", "Carla : bye"]
