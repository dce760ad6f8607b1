"""Whose a name is, while those who take it and give it up are on their way."""

from __future__ import annotations

import pytest
from room import Stage, is_told


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
