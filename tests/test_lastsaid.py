"""What somebody can change of what they said: the last lines, one after the other, unless they said something since."""

from __future__ import annotations

import pytest

from gchatd.chat.events import Deleted, Edited, Said
from gchatd.doors.terminal.lastsaid import MOST_CHARACTERS, MOST_LINES, LastSaid
from gchatd.errors import UserError


def says(last: LastSaid, id: int, text: str = "hello") -> None:
    last.says()
    last.remember(Said(room="lobby", name="Ann", text=text, id=id))


def deletes(last: LastSaid, id: int) -> None:
    last.remember(Deleted(room="lobby", name="Ann", line=id))


def changeable(last: LastSaid) -> list[int]:
    """The ids of the lines that can be deleted, one after the other."""
    ids = []
    while True:
        try:
            ids.append(last.changeable().id)
        except UserError:
            return ids
        deletes(last, ids[-1])


def test_of_many_lines_the_last_few_can_be_changed_from_the_last_one_back():
    last = LastSaid()
    for id in range(1, 100):
        says(last, id)
    assert changeable(last) == list(range(99, 99 - MOST_LINES, -1))


def test_of_long_lines_fewer_can_be_changed_but_always_the_last():
    last = LastSaid()
    for id in range(1, 4):
        says(last, id, "x" * (MOST_CHARACTERS // 2))
    says(last, 4, "y" * 2 * MOST_CHARACTERS)
    assert changeable(last) == [4]
    for id in range(5, 8):
        says(last, id, "x" * (MOST_CHARACTERS // 2))
    assert changeable(last) == [7, 6]


def test_a_line_that_was_edited_reads_so_from_then_on():
    last = LastSaid()
    says(last, 1)
    says(last, 2)
    last.remember(Edited(room="lobby", name="Ann", line=2, text="goodbye"))
    assert last.changeable().text == "goodbye"
    deletes(last, 2)
    assert last.changeable().text == "hello"


@pytest.mark.parametrize(("since", "why"), [(LastSaid.says, "was not sent"), (lambda one: one.tells("Bob"), "to Bob")])
def test_what_was_said_since_is_what_was_said_last_until_another_line_is_heard(since, why):
    last = LastSaid()
    says(last, 1)
    since(last)
    with pytest.raises(UserError, match=why):
        last.changeable()
    deletes(last, 1)  # as was asked before
    with pytest.raises(UserError, match=why):
        last.changeable()
    says(last, 2)
    assert changeable(last) == [2]


@pytest.mark.parametrize("after", [lambda last: last.tells("Ben"), LastSaid.refuses], ids=["told one", "not sent"])
def test_a_line_that_is_heard_late_does_not_become_what_was_said_last(after):
    last = LastSaid()
    last.says()
    after(last)  # while the line before is on its way
    last.remember(Said(id=1, room="lobby", name="Ann", text="hello"))
    with pytest.raises(UserError):
        last.changeable()


def test_what_is_on_its_way_cannot_be_changed_yet_and_then_it_can():
    last, said = LastSaid(), Said(id=1, room="lobby", name="Ann", text="hello")
    last.says()
    with pytest.raises(UserError, match="not sent"):
        last.changeable()
    last.remember(said)
    assert last.changeable() is said
