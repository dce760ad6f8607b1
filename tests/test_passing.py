"""Lines said in passing, by nobody who is here: what the rules say, who hears them, how many may come."""

from __future__ import annotations

import pytest
from room import Stage

from gchatd.chat import rules
from gchatd.chat.answers import NameTaken, NoSuchRoom
from gchatd.chat.events import Deleted, Ignored, Said
from gchatd.chat.state import State
from gchatd.limits import passing
from gchatd.limits.flood import Bucket
from gchatd.limits.passing import MOST_DELAY, Passing


@pytest.fixture
def stage() -> Stage:
    return Stage(replay=5)


def says(stage: Stage, text: str, name: str = "CI", room: str = "lobby") -> None:
    stage.hub.broadcast(Said(room=room, name=name, text=text))
    stage.turn()


def test_everybody_in_the_room_hears_it_and_nobody_is_there_who_said_it(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    stage.turn()
    says(stage, "Build passed")
    assert ann.screen() == bob.screen() == ["CI : Build passed"]
    assert set(stage.hub.users) == {"ann", "bob"}


@pytest.mark.parametrize("name", ["Ann", "ANN", "ａnn"])
def test_nobody_passes_for_somebody_who_is_here(stage, name):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    stage.turn()
    assert rules.check(stage.hub.state, Said(room="lobby", name=name, text="x")) == NameTaken(name)
    says(stage, "I am Ann", name)
    assert ann.screen() == bob.screen() == []
    assert not stage.hub.rooms["lobby"].recent


def test_somebody_who_comes_in_at_the_same_time_and_first_has_the_name(stage):
    bob = stage.enters("Bob")
    stage.turn()
    stage.enters("CI")
    says(stage, "x")
    assert bob.screen() == []


def test_there_has_to_be_such_a_room(stage):
    assert rules.check(stage.hub.state, Said(room="den", name="CI", text="x")) == NoSuchRoom("den")


def test_it_can_be_ignored_like_anything_else(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    stage.turn()
    ann.says("hello")
    stage.turn()
    ann.causes(Ignored, whom="ci")
    stage.turn()
    for one in (ann, bob):
        one.screen()
    says(stage, "x")
    assert ann.screen() == []
    assert bob.screen() == ["CI : x"]


def test_it_cannot_be_changed_by_anybody(stage):
    ann = stage.enters("Ann")
    stage.turn()
    says(stage, "x")
    (line,) = stage.hub.rooms["lobby"].recent
    for user in (0, ann.user.id):
        event = Deleted(room="lobby", name="CI", user=user, line=line.id)
        assert rules.check(stage.hub.state, event) is not None


def test_the_state_that_comes_of_it_is_the_same_after_it_was_written_down(stage):
    stage.enters("Ann")
    stage.turn()
    says(stage, "x")
    assert stage.hub.state.newest == stage.hub.rooms["lobby"].recent[-1].id
    again = State.restore(stage.hub.state.snapshot())
    assert again.snapshot() == stage.hub.state.snapshot()
    assert again.newest == stage.hub.state.newest


# How many.


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on when told."""

    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(passing, "time", clock)
    return clock


BUCKET = Bucket(burst=5, per_second=2)


def test_an_address_may_send_some_at_once_and_then_one_after_the_other(clock):
    one = Passing()
    assert [one.delay(BUCKET, "say", "a") for _ in range(7)] == [0, 0, 0, 0, 0, 0.5, 1.0]
    assert one.delay(BUCKET, "say", "b") == 0
    assert one.delay(BUCKET, "past", "a") == 0
    clock.now += 100
    assert one.delay(BUCKET, "say", "a") == 0


def test_what_would_wait_too_long_is_not_done_and_costs_nothing(clock):
    one = Passing()
    delays = [one.delay(BUCKET, "say", "a") for _ in range(100)]
    assert max(delays) == delays[-1] == MOST_DELAY + 0.5
    clock.now += 0.5
    assert one.delay(BUCKET, "say", "a") == MOST_DELAY
    assert one.delay(BUCKET, "say", "a") > MOST_DELAY


def test_a_long_line_takes_several_tokens(clock):
    one = Passing()
    assert one.delay(BUCKET, "say", "a", tokens=11) == 0
    assert one.delay(BUCKET, "say", "a") == 3.5


def test_only_so_many_addresses_are_known(clock, monkeypatch):
    monkeypatch.setattr(passing, "MOST_KNOWN", 2)
    one = Passing()
    for host in ("a", "b", "a", "c"):
        one.delay(BUCKET, "say", host, tokens=100)
    assert one.delay(BUCKET, "say", "a") > 0
    assert one.delay(BUCKET, "say", "b") == 0  # who asked longest ago is forgotten
