"""What somebody is sent who comes into a room: where they are, and what was said there lately."""

from __future__ import annotations

import types as python

import pytest
from room import Stage

from gchatd.chat.events import Ignored, Joined, Said
from gchatd.chat.state import Room, User
from gchatd.delivery.welcome import FEW, MOST_REPLAYS, REPLAY_BYTES, Welcomes
from gchatd.doors.terminal.look import Look
from gchatd.text import times
from gchatd.text.names import Name

MINUTE = 60_000


class Clock:
    """A clock on the wall, in minutes since it was made."""

    def __init__(self) -> None:
        self.minutes = 0

    def __call__(self) -> int:
        return 1_700_000_100_000 + self.minutes * MINUTE  # a quarter of an hour begins


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(times, "now", clock)
    return clock


@pytest.fixture
def room(clock):
    room = Room("dev", replay=50)
    hears(room, "Ann", "one")
    hears(room, "Bob", "two")
    return room


def hears(room: Room, name: str, text: str, user: int = 0) -> None:
    """Add a line to what was said, as folding does."""
    room.version += 1
    room.recent.append(Said(room=room.name, name=name, text=text, user=user, at=times.now()))


def newcomer(room: Room | None = None, look: Look | None = None, ignoring: tuple[str | int, ...] = ()):
    """A session of somebody who is in the room by now."""
    user = User(99, Name("Carl", "carl"), 0)
    user.ignoring = dict.fromkeys(ignoring, "somebody")
    if room is not None:
        room.members[user.id] = user
    return python.SimpleNamespace(user=user, format=look or Look())


def lines(data: bytes) -> list[str]:
    """What is seen, without the times."""
    return [line.rpartition("] ")[2] for line in data.decode().splitlines()]


HEAD, FOOT = "server: The last 2 lines in dev, times in UTC:", "server: What follows is live."


# Where one is.


def test_who_comes_into_the_chat_is_told_about_the_room_only_what_there_is_to_tell():
    welcomes, room = Welcomes(), Room("dev")
    assert welcomes.welcome(newcomer(room), room, greets=False) == b""
    room.topic = "the code"
    assert lines(welcomes.welcome(newcomer(room), room, greets=False)) == ["server: The topic of dev is: the code"]


def test_who_joins_a_room_is_told_who_is_there_if_these_are_few():
    welcomes, room = Welcomes(), Room("dev")
    carl = newcomer(room)
    assert lines(welcomes.welcome(carl, room, greets=True)) == ["server: You are in dev, alone."]
    for id in range(1, FEW):
        room.members[id] = User(id, Name(f"U{id}", f"u{id}"), 0)
    others = ", ".join(f"U{id}" for id in range(1, FEW - 1))
    assert lines(welcomes.welcome(carl, room, greets=True)) == [f"server: You are in dev with {others} and U{FEW - 1}."]
    room.members[FEW] = User(FEW, Name("Last", "last"), 0)
    assert lines(welcomes.welcome(carl, room, greets=True)) == [f"server: You are in dev, with {FEW} others."]


def test_a_session_that_speaks_for_nobody_is_sent_nothing(room):
    nobody = newcomer()
    nobody.user = None
    assert Welcomes().welcome(nobody, room, greets=True) == b""


# What was said there lately.


def test_what_was_said_lately_is_rendered_once_for_all_who_read_the_same_format(room, clock, monkeypatch):
    rendered, render_past = [], Look.render_past
    monkeypatch.setattr(Look, "render_past", lambda *args: rendered.append(args) or render_past(*args))
    welcomes = Welcomes()
    first = welcomes.welcome(newcomer(), room, greets=False)
    assert lines(first) == [HEAD, "Ann : one", "Bob : two", FOOT]
    assert welcomes.welcome(newcomer(), room, greets=False) == first
    assert len(rendered) == 2
    in_colour = welcomes.welcome(newcomer(look=Look(theme="colour")), room, greets=False)
    assert in_colour != first
    assert len(rendered) == 4
    assert welcomes.welcome(newcomer(), room, greets=False) == first
    assert len(rendered) == 4


def test_what_is_said_next_is_in_the_next_replay_and_so_is_another_room(room, clock):
    welcomes = Welcomes()
    welcomes.welcome(newcomer(), room, greets=False)
    hears(room, "Ann", "three")
    assert lines(welcomes.welcome(newcomer(), room, greets=False))[1:-1] == ["Ann : one", "Bob : two", "Ann : three"]
    other = Room("docs", replay=50)
    hears(other, "Ann", "elsewhere")
    other.version = room.version
    assert lines(welcomes.welcome(newcomer(), other, greets=False))[1:-1] == ["Ann : elsewhere"]


def test_a_replay_is_made_anew_when_a_day_may_have_begun_for_somebody(room, clock):
    welcomes = Welcomes()
    first = welcomes.welcome(newcomer(), room, greets=False)
    clock.minutes = 14
    assert welcomes.welcome(newcomer(), room, greets=False) == first
    clock.minutes = 24 * 60
    later = welcomes.welcome(newcomer(), room, greets=False)
    assert later != first
    assert lines(later) == lines(first)


def test_no_more_than_64_kb_of_the_past_are_sent_and_those_the_newest(clock):
    room = Room("dev", replay=50)
    for number in range(50):
        hears(room, "Ann", f"{number} {'x' * 4000}")
    data = Welcomes().welcome(newcomer(), room, greets=False)
    assert REPLAY_BYTES < len(data) < REPLAY_BYTES + 5000
    head, *middle, foot = lines(data)
    assert head == f"server: The last {len(middle)} lines in dev, times in UTC:"
    assert [line.split()[2] for line in middle] == [str(number) for number in range(50 - len(middle), 50)]
    assert foot == FOOT


def test_replays_that_were_not_asked_for_lately_are_dropped_and_the_others_kept(clock, monkeypatch):
    rendered, replay = [], Look.replay
    monkeypatch.setattr(Look, "replay", lambda self, room, lines: rendered.append(room) or replay(self, room, lines))
    welcomes = Welcomes()
    rooms = [Room(f"r{number}", replay=5) for number in range(MOST_REPLAYS + 1)]
    for one in rooms:
        hears(one, "Ann", "hello")
    *most, last = rooms
    for one in [*most, most[0], last]:  # so the second is the one that was asked for longest ago
        welcomes.welcome(newcomer(), one, greets=False)
    assert rendered == [one.name for one in rooms]
    welcomes.welcome(newcomer(), most[0], greets=False)
    assert len(rendered) == len(rooms)
    welcomes.welcome(newcomer(), most[1], greets=False)
    assert rendered[len(rooms) :] == ["r1"]
    assert len(welcomes._replays) == MOST_REPLAYS


def test_who_ignores_somebody_is_not_sent_their_lines_and_others_are(room, clock):
    welcomes = Welcomes()
    for _ in range(2):
        assert lines(welcomes.welcome(newcomer(ignoring=("ann",)), room, greets=False))[1:-1] == ["Bob : two"]
        assert lines(welcomes.welcome(newcomer(ignoring=("zoe",)), room, greets=False))[1:-1] == [
            "Ann : one",
            "Bob : two",
        ]
        assert welcomes.welcome(newcomer(ignoring=("ann", "bob")), room, greets=False) == b""
        assert len(lines(welcomes.welcome(newcomer(), room, greets=False))) == 4


def test_who_ignores_somebody_is_not_sent_what_they_said_under_another_name():
    stage = Stage(replay=5)
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    bob.causes(Joined, room="dev")
    ann.causes(Ignored, whom="Bob")
    stage.turn()
    bob.becomes("Rob")
    bob.says("it is me", "dev")
    stage.turn()
    ann.screen()
    ann.causes(Joined, room="dev")
    stage.turn()
    assert ann.screen() == ["server: You are in dev with Rob."]
