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
from folded import Chat, rich_chat
from stream import everything, reread, written

from gchatd.chat.events import (
    Arrived,
    Deleted,
    Departed,
    Edited,
    Ignored,
    Joined,
    Left,
    Renamed,
    Said,
    TopicSet,
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
