"""What a command is, and how the Tab key completes its words.

A handler takes the terminal and the words after the command. It returns an answer, replies by itself, or raises Refused
with the reason. When it is called, what its author did before has taken effect, unless a disk is stuck.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable  # noqa: TC003  msgspec reads the types of a struct
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ....chat import actions
from ....errors import Refused
from ....text.names import compared
from ....text.phrases import listed
from ...sentences import Sorry, sorry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....chat.answers import Answer
    from ....chat.state import Room, State, User
    from ..terminal import Terminal

    Words = Callable[[State, User, str], Iterable[str]]
    """Returns the words that a user may mean who has begun to type one (in its compared form)."""

    Choice = TypeVar("Choice", bound=str)

MOST_SEEN = 20_000
"""The most names that Tab looks at: some 10 ms if all of them match."""


class Misused(Refused):
    """A command was used wrongly. The sentence says what is wrong or missing; the command's grammar is added to it."""

    def __init__(self, text: str) -> None:
        super().__init__(Sorry(text))


class Command(msgspec.Struct, frozen=True):
    """A command: how to use it, what it does, and who can use it."""

    name: str
    usage: str
    """Its grammar: replace WORDS in capitals, [what is in brackets] is optional, a|b is a choice."""

    help: str
    example: str
    handler: Callable[[Terminal, str], Answer | None]
    words: tuple[Words, ...] = ()
    """What Tab completes its first word, second word... to; any other becomes a name."""

    aliases: tuple[str, ...] = ()
    unnamed: bool = False
    """Whether you can use it before you have a name."""

    as_typed: bool = False
    """Whether it gets its words as they were typed, not cleaned."""

    moves: bool = False
    """Whether it changes the current room. If it fails, what was pasted along with it is not said (astray.py)."""

    several_lines: bool = False
    """Whether its words may have several lines; other commands get them joined, so nobody can forge a line."""


# Words that Tab knows.


def people(state: State, user: User, begun: str) -> Iterable[str]:
    """Everyone else who is here, among the first MOST_SEEN."""
    seen = itertools.islice(state.names.items(), MOST_SEEN)
    return (other.name.shown for key, other in seen if key.startswith(begun) and other is not user)


def rooms(state: State, user: User, begun: str) -> Iterable[str]:
    """The rooms that a user may enter, among the first MOST_SEEN."""
    seen = itertools.islice(state.rooms.items(), MOST_SEEN)
    return (room.name for key, room in seen if key.startswith(begun) and room.admits(user))


def own_rooms(state: State, user: User, begun: str) -> Iterable[str]:
    """The rooms that a user is in."""
    return (room.name for room in user.rooms if compared(room.name).startswith(begun))


def ignored(state: State, user: User, begun: str) -> Iterable[str]:
    """The people whom a user ignores."""
    return (name for name in dict.fromkeys(user.ignoring.values()) if compared(name).startswith(begun))


def one_of(*choices: str) -> Words:
    """A fixed choice of words."""

    def words(state: State, user: User, begun: str) -> Iterable[str]:
        return (choice for choice in choices if choice.startswith(begun))

    return words


# What several handlers need.


def find_user(terminal: Terminal, name: str) -> User:
    """Find a user by name, as people type it: Ann, @Ann or Ann:. Raises Refused if nobody here has it."""
    name = name.lstrip("@").rstrip(":,")
    if " " in name:
        raise Misused("A username has no spaces")
    return actions.find_user(terminal.session, name)


def find_own_room(terminal: Terminal, name: str) -> Room:
    """Find a room that this person is in. Switches until what they did before has taken effect.

    Raises Refused if they are in none of that name.
    """
    terminal.session.wait_for_effect()  # who came in just now may not be in the lobby yet
    try:
        return actions.find_own_room(terminal.session, name)
    except Refused:
        raise sorry(f"You are not in {name}. You are in: {own_room_names(terminal)}.") from None


def own_room_names(terminal: Terminal) -> str:
    """Return the names of the rooms that this person is in, as a list in words."""
    return ", ".join(room.name for room in terminal.session.me.rooms) or "no rooms"


def choice(word: str, *choices: Choice) -> Choice:
    """Match a word with the choices. Raises Misused if it is none of them."""
    for one in choices:
        if word.casefold() == one:
            return one
    raise Misused(f"Choose {listed(choices, 'or')}, not {word}")
