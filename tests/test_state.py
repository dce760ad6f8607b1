"""The state as a fold of events: the same wherever it is made, and wherever it is written down and read again."""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from folded import Chat, rich_chat
from stream import everything, reread, written

from gchatd.chat.events import (
    Arrived,
    Deleted,
    Departed,
    Edited,
    Ignored,
    Invited,
    Joined,
    Left,
    MadePrivate,
    NotSent,
    Renamed,
    Restored,
    Said,
    Told,
    TopicSet,
    Vanished,
)
from gchatd.chat.folding import FOLDS, fold
from gchatd.chat.state import LOBBY, Bounds, Room, State, User
from gchatd.text import times
from gchatd.text.names import Name

TESTS = Path(__file__).parent

RANDOM_STREAM = """
import hashlib, random
from acts import Acts
from stream import Node, Stream
from gchatd.chat.state import Bounds

stream = Stream(random.Random(1), Bounds(6, 3, 3))
nodes = [Node(stream, 3), Node(stream, 7)]
acts = Acts(stream)
heard = []
for number in range(300):
    acts.act(nodes[number % 2])
    for node in nodes:
        node.hears(stream.random.randrange(4))
        heard += [somebody.heard() for somebody in node.people.values()]
print(hashlib.sha256(repr((stream.events, stream.written, heard)).encode()).hexdigest())
"""


# The same everywhere.


def test_no_process_folds_otherwise_because_it_hashes_otherwise():
    path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    seen = set()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        seen.add(subprocess.check_output([sys.executable, "-c", RANDOM_STREAM], env=env))
    assert len(seen) == 1


def test_fold_looks_at_nothing_but_the_state_and_the_event(monkeypatch):
    chat = rich_chat()

    def forbidden(*args):
        raise AssertionError("fold must not ask for this")

    state = State(chat.state.bounds)
    with monkeypatch.context() as patch:
        for module, names in (
            (time, ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "localtime", "gmtime")),
            (times, ("now",)),
            (os, ("getpid", "urandom", "getenv")),
            (random, ("random", "randrange", "choice")),
            (secrets, ("token_hex",)),
        ):
            for name in names:
                patch.setattr(module, name, forbidden)
        for event in chat.events:
            fold(state, event)
    assert everything(state) == everything(chat.state)


def test_an_event_that_comes_twice_or_late_changes_nothing():
    chat = rich_chat()
    before = everything(chat.state)
    for event in chat.events:
        assert fold(chat.state, event) is None
    late = msgspec.structs.replace(chat.stamped(1, Said(room="den", text="late")), place=chat.state.place)
    assert fold(chat.state, late) is None
    assert everything(chat.state) == before


def test_places_may_have_gaps():
    chat = Chat()
    ann = chat.enters("Ann")
    chat.state.place += 10
    assert chat.refuses(ann, Said(room=LOBBY, text="hello")) is None
    assert chat.state.place == chat.events[-1].place


def test_what_is_refused_is_over_as_well_and_happens_to_nobody_when_it_comes_again():
    chat = Chat()
    ann = chat.enters("Ann")
    assert chat.refuses(ann, Said(room="dev", text="hello")) is not None
    refused = chat.events[-1]
    assert chat.refuses(ann, Joined(room="dev")) is None
    assert fold(chat.state, refused) is None
    assert not chat.room("dev").spoken


def test_every_kind_of_event_can_be_folded():
    def kinds(kind):
        return {kind}.union(*(kinds(one) for one in kind.__subclasses__()))

    assert FOLDS.keys() == kinds(Arrived.__base__) - {Arrived.__base__}


# Written down.


def test_a_state_that_was_written_down_and_read_again_has_everything_that_it_had():
    chat = rich_chat()
    restored = reread(chat.state)
    assert everything(restored) == everything(chat.state)
    assert written(restored) == written(chat.state)
    users = list(restored.users.values())
    assert all(restored.names[user.name.compared] is user for user in users)
    assert all(room.members[user.id] is user for user in users for room in user.rooms)
    assert all(restored.rooms[room.name] is room for user in users for room in (*user.rooms, *user.invitations))


def test_the_rich_state_has_something_in_every_field_so_that_none_can_be_forgotten_in_a_snapshot():
    state = rich_chat().state
    fresh = User(0, Name("", ""), 0), Room(""), State()
    for kind, blank, things in zip((User, Room), fresh, (state.users.values(), state.rooms.values()), strict=False):
        for slot in kind.__slots__:
            assert any(getattr(thing, slot) != getattr(blank, slot) for thing in things), (kind, slot)
    for name, value in vars(state).items():
        assert value != vars(fresh[2])[name], name


def test_what_is_read_again_goes_on_like_the_state_itself():
    chat = rich_chat()
    restored = reread(chat.state)
    ann, bob, carl = chat.state.users
    lines = [said.id for said in chat.user(ann).said]
    for user, event in (
        (ann, Edited(room="den", line=lines[0], text="changed")),
        (ann, Deleted(room="den", line=lines[2])),
        (bob, Joined(room="den")),
        (ann, Renamed(to="Anna")),
        (carl, Ignored(whom="Anna", on=False)),
        (bob, Departed()),
        (ann, Left(room="den")),
        (carl, TopicSet(room="den", topic="another")),
        (carl, Departed()),
    ):
        assert chat.refuses(user, event) is None, event
        fold(restored, chat.events[-1])
        assert everything(restored) == everything(chat.state)


def test_an_empty_state_is_read_again_as_one_with_its_bounds():
    state = reread(State(Bounds(7, 8, 9)))
    assert everything(state) == everything(State(Bounds(7, 8, 9)))
    assert state.rooms[LOBBY].recent.maxlen == 9


def test_people_who_ignore_nobody_and_said_nothing_share_what_they_have_of_that():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.does(ann, Ignored(whom="Bob"))
    chat.does(ann, Ignored(whom="Bob", on=False))
    for state in (chat.state, reread(chat.state)):
        one, other = state.users[ann], state.users[bob]
        assert one.ignoring is other.ignoring
        assert one.said is other.said
        assert not one.ignoring
        assert not one.said


# Users.


def test_a_name_belongs_to_one_person_at_a_time_however_it_is_written():
    chat = Chat()
    ann = chat.enters("Ann")
    assert chat.refuses(9, Arrived(room=LOBBY, name="ANN")) is not None
    assert 9 not in chat.state.users
    chat.does(ann, Renamed(to="Eva"))
    assert set(chat.state.names) == {"eva"}
    chat.does(ann, Renamed(to="EVA"))
    assert (set(chat.state.names), str(chat.user(ann))) == ({"eva"}, "EVA")
    chat.does(ann, Departed())
    assert chat.state.names == chat.state.users == chat.room(LOBBY).members == {}


def test_who_departs_goes_by_the_name_that_they_have():
    chat = Chat()
    ann = chat.enters("Ann")
    departed = msgspec.structs.replace(chat.stamped(ann, Departed()), name="")
    assert fold(chat.state, departed).event.name == "Ann"


def test_who_is_ignored_stays_so_under_a_new_name_and_the_old_name_too():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.does(ann, Ignored(whom="BOB"))
    chat.does(bob, Renamed(to="Rob"))
    assert chat.state.ignorers == {"bob": {ann}, bob: {ann}}
    assert chat.user(ann).ignoring == {"bob": "BOB", bob: "BOB"}  # as it was typed
    chat.does(ann, Ignored(whom="Rob", on=False))
    assert chat.state.ignorers == {}
    assert not chat.user(ann).ignoring


def test_who_ignores_a_name_ignores_whoever_has_had_it():
    chat = Chat()
    ann = chat.enters("Ann")
    chat.does(ann, Ignored(whom="bob"))
    bob = chat.enters("Bob")
    assert chat.state.ignorers == {"bob": {ann}}
    chat.does(bob, Renamed(to="Rob"))
    assert chat.user(ann).ignoring == {"bob": "bob", bob: "Bob"}
    chat.does(bob, Departed())
    assert (chat.user(ann).ignoring, chat.state.ignorers) == ({"bob": "bob"}, {"bob": {ann}})


def test_who_takes_a_name_that_they_ignore_ignores_it_no_longer():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.does(ann, Ignored(whom="Bob"))
    chat.does(bob, Departed())
    chat.does(ann, Renamed(to="bob"))
    assert chat.state.ignorers == {}
    assert not chat.user(ann).ignoring
    chat.does(ann, Renamed(to="Ann"))
    assert chat.state.ignorers == {}


# Rooms.


def test_the_founder_is_who_created_a_room_until_they_leave_it():
    chat = Chat()
    ann, bob, carl = (chat.enters(name) for name in ("Ann", "Bob", "Carl"))
    for user in (ann, bob, carl):
        chat.does(user, Joined(room="dev"))
    assert chat.room("dev").founder == ann
    chat.does(bob, Left(room="dev"))
    assert chat.room("dev").founder == ann
    chat.does(ann, Departed())
    assert chat.room("dev").founder == 0
    assert chat.room(LOBBY).founder == 0


def test_invitations_end_when_whoever_was_invited_departs_and_not_when_they_leave():
    chat = Chat()
    ann, bob, carl = (chat.enters(name) for name in ("Ann", "Bob", "Carl"))
    for user in (ann, bob):
        chat.does(user, Joined(room="den"))
    chat.does(ann, MadePrivate(room="den", key="k"))
    chat.does(ann, Invited(room="den", target=carl, to="Carl"))
    den = chat.room("den")
    chat.does(bob, Left(room="den"))
    assert den.invited == {ann, bob, carl}
    assert chat.refuses(bob, Joined(room="den")) is None
    for user in (bob, carl):
        chat.does(user, Departed())
    assert den.invited == {ann}
    assert chat.user(ann).invitations == (den,)
    assert not den.admits(chat.user(chat.enters("Carl")))


def test_who_comes_with_the_key_can_come_back_without_it():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.does(ann, Joined(room="den"))
    chat.does(ann, MadePrivate(room="den", key="k"))
    assert chat.refuses(bob, Joined(room="den")) is not None
    assert chat.refuses(bob, Joined(room="den", key="k")) is None
    chat.does(bob, Left(room="den"))
    assert chat.refuses(bob, Joined(room="den")) is None


def test_an_invitation_is_for_the_room_and_not_for_the_next_one_of_its_name():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.does(ann, Joined(room="den"))
    chat.does(ann, Invited(room="den", target=bob, to="Bob"))
    chat.does(ann, Left(room="den"))
    assert chat.user(bob).invitations == ()
    chat.does(ann, Joined(room="den"))
    chat.does(ann, MadePrivate(room="den", key="k"))
    assert not chat.room("den").admits(chat.user(bob))
    chat.does(bob, Departed())


def test_of_too_many_rooms_the_first_that_is_empty_makes_way_and_is_forgotten_for_good_if_it_was_silent():
    chat = Chat(most_rooms=4)
    ann = chat.enters("Ann")
    for room in ("Spoken", "Silent"):
        chat.does(ann, Joined(room=room))
        if room == "Spoken":
            chat.says(ann, "hello", room)
        chat.does(ann, MadePrivate(room=room, key="k"))
        chat.does(ann, Left(room=room))
    assert chat.does(ann, Joined(room="a")).vanished == ()
    assert list(chat.state.rooms) == [LOBBY, "spoken", "silent", "a"]
    assert chat.does(ann, Joined(room="b")).vanished == ()
    assert list(chat.state.rooms) == [LOBBY, "silent", "a", "b"]
    assert chat.does(ann, Joined(room="c")).vanished == ("Silent",)
    assert list(chat.state.rooms) == [LOBBY, "a", "b", "c"]
    assert chat.refuses(ann, Joined(room="d")) is not None
    assert len(chat.user(ann).invitations) == 0
    assert everything(reread(chat.state)) == everything(chat.state)


def test_a_room_that_is_left_by_all_vanishes_unless_it_is_private_or_spoken_in_or_the_lobby():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    for room in ("plain", "topical", "private", "spoken"):
        chat.does(ann, Joined(room=room))
    chat.does(ann, TopicSet(room="topical", topic="x"))
    chat.does(ann, MadePrivate(room="private", key="k"))
    chat.says(ann, "hello", "spoken")
    chat.does(ann, Joined(room="another"))
    chat.does(ann, TopicSet(room="another", topic="x"))
    chat.does(bob, Left(room=LOBBY))
    assert chat.does(ann, Departed()).vanished == ("topical", "another")
    assert list(chat.state.rooms) == [LOBBY, "private", "spoken"]


def restored(room: str, **more) -> Restored:
    lines = tuple(Said(room=room, name="Old", text=text, id=id) for id, text in enumerate("abc", 1))
    return Restored(room=room, lines=lines, **more)


def test_a_room_comes_back_from_history_with_its_last_lines_unless_it_is_there():
    chat = Chat(replay=2)
    ann = chat.enters("Ann")
    chat.does(0, restored("Den", topic="t", key="k"))
    den = chat.room("den")
    assert (den.name, den.topic, den.key, den.spoken, den.founder) == ("Den", "t", "k", True, 0)
    assert ([said.text for said in den.recent], den.version) == (["b", "c"], chat.state.place)
    chat.does(ann, Joined(room="den", key="k"))
    before = everything(den)
    chat.does(0, restored("DEN", topic="u", key="l"))
    assert everything(den) == before


def test_the_lobby_gets_its_past_once_and_no_key():
    chat = Chat(replay=5)
    ann = chat.enters("Ann")
    chat.does(0, restored(LOBBY, topic="t", key="k"))
    lobby = chat.room(LOBBY)
    assert (lobby.topic, lobby.private, len(lobby.recent)) == ("t", False, 3)
    chat.says(ann, "hello")
    chat.does(0, restored(LOBBY, topic="u"))
    assert (lobby.topic, len(lobby.recent)) == ("t", 4)


def test_a_topic_that_the_lobby_has_meanwhile_is_not_replaced_by_that_of_its_past():
    chat = Chat()
    chat.does(chat.enters("Ann"), TopicSet(room=LOBBY, topic="new"))
    chat.does(0, restored(LOBBY, topic="old"))
    assert chat.room(LOBBY).topic == "new"


def test_a_room_comes_back_in_place_of_an_empty_one_and_also_if_there_is_none_so_that_nobody_makes_it_public():
    chat = Chat(most_rooms=2)
    ann = chat.enters("Ann")
    chat.does(0, restored("docs"))
    chat.does(0, restored("den", key="k"))
    assert list(chat.state.rooms) == [LOBBY, "den"]
    chat.does(ann, Joined(room="den", key="k"))
    assert chat.does(0, restored("cave", key="l")).vanished == ()
    assert list(chat.state.rooms) == [LOBBY, "den", "cave"]
    assert chat.refuses(ann, Joined(room="cave")) is not None
    assert chat.does(ann, Joined(room="new")).vanished == ()  # history has the cave
    assert list(chat.state.rooms) == [LOBBY, "den", "new"]
    chat.does(ann, MadePrivate(room="new", key="m"))
    chat.does(ann, Left(room="new"))
    assert chat.does(0, restored("docs")).vanished == ("new",)


def test_a_room_has_another_version_whenever_its_last_lines_read_otherwise():
    chat = Chat(replay=3)
    ann = chat.enters("Ann")
    versions = [chat.room(LOBBY).version]
    line = chat.says(ann, "hello")
    versions.append(chat.room(LOBBY).version)
    for event in (Edited(room=LOBBY, line=line, text="bye"), Deleted(room=LOBBY, line=line)):
        assert chat.refuses(ann, event) is None
        versions.append(chat.room(LOBBY).version)
    assert versions == sorted(set(versions))
    chat.does(ann, TopicSet(room=LOBBY, topic="t"))
    assert chat.room(LOBBY).version == versions[-1]


# Who hears of it.


@pytest.mark.parametrize(("people", "told"), [(3, True), (4, False)])
def test_only_in_small_rooms_everybody_hears_who_comes_and_goes(people, told):
    chat = Chat(announce_up_to=3)
    users = [chat.enters(f"p{number}") for number in range(people)]
    for user in users:
        entered = chat.does(user, Joined(room="dev"))
    dev = chat.room("dev")
    assert entered.room is (dev if told else None)
    assert entered.entered is dev
    renamed = chat.does(users[0], Renamed(to="other"))
    assert [user.id for user in renamed.others] == (users[1:] if told else [])
    left = chat.does(users[0], Left(room="dev"))
    assert left.room is (dev if told else None)
    assert left.left == (dev,)


def test_who_departs_is_missed_once_by_everybody_in_their_small_rooms_and_by_nobody_else():
    chat = Chat(announce_up_to=3)
    ann, bob, carl, dee = (chat.enters(name) for name in ("Ann", "Bob", "Carl", "Dee"))
    for room, users in (("a", (ann, carl)), ("b", (bob, ann, carl))):
        for user in users:
            chat.does(user, Joined(room=room))
    outcome = chat.does(ann, Departed())
    assert [user.id for user in outcome.others] == [carl, bob]
    assert {room.name for room in outcome.left} == {LOBBY, "a", "b"}
    assert dee in chat.room(LOBBY).members


def test_what_is_between_two_people_is_for_these_two():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.enters("Carl")
    for event in (Told(target=bob, to="Bob", text="psst"), Invited(room="dev", target=bob, to="Bob")):
        if isinstance(event, Invited):
            chat.does(ann, Joined(room="dev"))
        outcome = chat.does(ann, event)
        assert (outcome.user, outcome.room, outcome.others) == (chat.user(ann), None, (chat.user(bob),))


@pytest.mark.parametrize("event", [Vanished(room="dev"), NotSent(why="full"), Restored(room=LOBBY)])
def test_what_is_nobodys_act_is_never_refused_and_heard_by_nobody(event):
    outcome = Chat().does(0, event)
    assert (outcome.refusal, outcome.user, outcome.room, outcome.others) == (None, None, None, ())
