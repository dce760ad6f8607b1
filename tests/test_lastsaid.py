"""What people can change of what they said: their last lines, the last one first, unless they said something since."""

from __future__ import annotations

import pytest
from folded import Chat
from stream import reread

from gchatd.chat.answers import CannotChange
from gchatd.chat.events import Deleted, Edited, Joined
from gchatd.chat.state import LOBBY
from gchatd.chat.steps import MOST_CHANGEABLE, MOST_CHANGEABLE_CHARACTERS
from gchatd.doors.sentences import sentence
from gchatd.doors.terminal.lastsaid import LastSaid
from gchatd.errors import Refused


@pytest.fixture
def chat() -> Chat:
    chat = Chat()
    chat.enters("Ann")
    return chat


ANN = 1


def changeable(chat: Chat) -> list[str]:
    """What can be deleted, one after the other, of what Ann said."""
    texts = []
    while chat.user(ANN).said:
        texts.append(chat.user(ANN).said[-1].text)
        assert chat.refuses(ANN, Deleted(room=LOBBY, line=chat.user(ANN).said[-1].id)) is None
    return texts


# In the state.


def test_of_many_lines_the_last_few_can_be_changed_from_the_last_one_back(chat):
    first = [chat.says(ANN, f"line {number}") for number in range(50)]
    assert chat.refuses(ANN, Deleted(room=LOBBY, line=first[-MOST_CHANGEABLE - 1])) == CannotChange()
    assert changeable(chat) == [f"line {number}" for number in range(49, 49 - MOST_CHANGEABLE, -1)]


def test_of_long_lines_fewer_can_be_changed_but_always_the_last(chat):
    half = "x" * (MOST_CHANGEABLE_CHARACTERS // 2)
    for _ in range(3):
        chat.says(ANN, half)
    assert [len(said.text) for said in chat.user(ANN).said] == [len(half)] * 2
    chat.says(ANN, half + "!")
    assert len(chat.user(ANN).said) == 1
    chat.says(ANN, half[1:])
    assert len(chat.user(ANN).said) == 2
    chat.says(ANN, "y" * 2 * MOST_CHANGEABLE_CHARACTERS)
    assert changeable(chat) == ["y" * 2 * MOST_CHANGEABLE_CHARACTERS]


def test_lines_that_are_not_long_are_never_too_long_together(chat):
    for _ in range(MOST_CHANGEABLE):
        chat.says(ANN, "x" * (MOST_CHANGEABLE_CHARACTERS // MOST_CHANGEABLE))
    assert len(changeable(chat)) == MOST_CHANGEABLE


def test_a_line_that_was_edited_reads_so_from_then_on_wherever_the_state_is(chat):
    lines = [chat.says(ANN, text) for text in ("one", "two", "three")]
    chat.does(ANN, Edited(room=LOBBY, line=lines[1], text="changed"))
    for state in (chat.state, reread(chat.state)):
        assert [(said.text, said.edited) for said in state.users[ANN].said] == [
            ("one", False),
            ("changed", True),
            ("three", False),
        ]
    assert changeable(chat) == ["three", "changed", "one"]


def test_what_others_say_or_change_makes_no_difference(chat):
    bob = chat.enters("Bob")
    line = chat.says(ANN, "hello")
    chat.says(bob, "hello")
    assert chat.refuses(bob, Deleted(room=LOBBY, line=line)) == CannotChange()
    assert changeable(chat) == ["hello"]
    assert [said.text for said in chat.user(bob).said] == ["hello"]


def test_lines_of_several_rooms_are_remembered_together(chat):
    chat.does(ANN, Joined(room="dev"))
    for number in range(MOST_CHANGEABLE):
        chat.says(ANN, f"line {number}", ("dev", LOBBY)[number % 2])
    assert [said.room for said in chat.user(ANN).said] == ["dev", LOBBY] * (MOST_CHANGEABLE // 2)


# On a connection.


def refuses(last: LastSaid, chat: Chat, why: str) -> None:
    with pytest.raises(Refused) as refused:
        last.changeable(chat.user(ANN))
    assert why in sentence(refused.value.refusal)


def says(last: LastSaid, chat: Chat, text: str) -> None:
    last.refuses()  # as long as it may still be refused
    last.says(text)
    chat.says(ANN, text)


def test_who_said_nothing_has_nothing_to_change(chat):
    with pytest.raises(Refused) as refused:
        LastSaid().changeable(chat.user(ANN))
    assert refused.value.refusal == CannotChange()


def test_what_was_said_last_can_be_changed_and_then_what_was_said_before(chat):
    last = LastSaid()
    for text in ("one", "two"):
        says(last, chat, text)
    assert last.changeable(chat.user(ANN)).text == "two"
    assert last.changeable(chat.user(ANN)).text == "two"
    chat.does(ANN, Deleted(room=LOBBY, line=chat.events[-1].id))
    assert last.changeable(chat.user(ANN)).text == "one"


def test_an_edited_line_can_be_changed_again(chat):
    last = LastSaid()
    says(last, chat, "one")
    chat.does(ANN, Edited(room=LOBBY, line=last.changeable(chat.user(ANN)).id, text="changed"))
    assert last.changeable(chat.user(ANN)).text == "changed"


@pytest.mark.parametrize(("since", "why"), [(LastSaid.refuses, "not sent"), (lambda one: one.tells("Bob"), "to Bob")])
def test_what_was_done_since_is_what_was_said_last_until_another_line_is_heard(chat, since, why):
    last = LastSaid()
    says(last, chat, "one")
    since(last)
    refuses(last, chat, why)
    chat.does(ANN, Deleted(room=LOBBY, line=chat.events[-1].id))  # as was asked before
    refuses(last, chat, why)
    says(last, chat, "two")
    assert last.changeable(chat.user(ANN)).text == "two"


def test_a_line_that_was_lost_leaves_the_one_before_as_it_is(chat):
    last = LastSaid()
    says(last, chat, "one")
    last.says("two")  # and nobody heard it
    refuses(last, chat, "not sent")
    refuses(last, chat, "not sent")
    says(last, chat, "three")
    assert last.changeable(chat.user(ANN)).text == "three"


@pytest.mark.parametrize("after", [lambda last: last.tells("Ben"), LastSaid.refuses], ids=["told one", "not sent"])
def test_a_line_that_is_heard_late_does_not_become_what_was_said_last(chat, after):
    last = LastSaid()
    last.says("one")
    after(last)  # while the line before is on its way
    chat.says(ANN, "one")
    with pytest.raises(Refused):
        last.changeable(chat.user(ANN))
