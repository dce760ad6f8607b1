"""What the hub knows of events that are on their way: whose each name will be, and how much they hold."""

from __future__ import annotations

import pytest
from room import Stage, is_told

from gchatd.chat.events import EVENT_BYTES, Departed, Said, size


@pytest.fixture
def stage():
    return Stage()


def test_a_name_is_taken_and_freed_at_once(stage):
    ann = stage.enters("Ann")
    with is_told("taken: aNN"):
        stage.enters("aNN")
    ann.becomes("Anna")
    stage.enters("ANN")
    ann.leaves()
    with is_told("taken: ann"):
        stage.enters("ann")
    stage.enters("Anna")
    stage.turn()
    with is_told("taken: ANNA"):
        stage.enters("ANNA")
    assert {user.name.shown for user in stage.hub.users.values()} == {"ANN", "Anna"}


def test_names_of_people_who_came_and_went_are_forgotten_while_others_come_and_go(stage):
    stage.enters("first")
    for number in range(20):  # somebody is always on the way
        committed = stage.journal.take()
        one = stage.enters(f"n{number}")
        stage.fanout.take_turn(committed)
        one.becomes(f"m{number}")
        committed = stage.journal.take()
        one.leaves()
        stage.fanout.take_turn(committed)
    assert {name: naming.owner(name) for name, naming in stage.hub._by_name.items()} == {"m19": 0}
    with is_told("taken"):
        stage.enters("first")
    stage.turn()
    assert ([*stage.hub._namings], stage.hub._by_name, stage.hub._by_user) == ([], {}, {})


def test_whose_a_name_is_does_not_depend_on_the_order_in_which_those_who_take_it_turn_out_to_have_it(stage):
    """In a cluster, what cannot be sent comes back before what waits to be read."""
    stage.enters("Ann")
    stage.enters("Bob")
    ann, bob = stage.journal.take()
    stage.hub.delivered([bob])
    stage.enters("Bob")
    with is_told("taken: ANN"):
        stage.enters("ANN")
    stage.hub.delivered([ann])
    stage.enters("Ann")
    with is_told("taken: BOB"):
        stage.enters("BOB")
    stage.hub.delivered(stage.journal.take())
    assert ([*stage.hub._namings], stage.hub._by_name, stage.hub._by_user) == ([], {}, {})


@pytest.mark.parametrize("text", ["hello", "Grüße", "日本語", "👋🏽"])
def test_a_line_counts_for_at_least_what_it_takes(text):
    said = size(Said(user=1, name="Ann", room="lobby", text=text))
    assert EVENT_BYTES + len(text.encode()) <= said <= EVENT_BYTES + 4 * len(text)
    if text.isascii():
        assert said == EVENT_BYTES + len(text)
    assert size(Departed(user=1, name="Ann")) == EVENT_BYTES
