"""What a command is, and how the Tab key completes its words. Knows users and rooms; no sockets, no bytes.

A handler takes the session that asked and the words after the command. It answers with `session.reply`, causes an event
with `session.does`, or raises UserError with a sentence to show instead. When it is called, everything that the
session did before has happened.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable  # noqa: TC003  msgspec reads the types of a struct
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ....errors import UserError
from ....text.names import compared
from ....text.phrases import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....chat.rooms import Room
    from ....hub import Hub, User
    from ....session import Session

    Words = Callable[[Hub, User, str], Iterable[str]]
    """Returns the words that start with what a user typed (compared form)."""

    Choice = TypeVar("Choice", bound=str)

MOST_LINES = 500
"""The most lines of a list that are shown."""

MOST_SEEN = 20_000
"""The most names that Tab looks at: some 10 ms if all of them match."""


class MisuseError(UserError):
    """A command was used wrongly. The text says what is wrong or missing; the command's grammar is added to it."""


class Command(msgspec.Struct, frozen=True):
    """A command: how to use it, what it does, and who can use it."""

    name: str
    usage: str
    """Its grammar: replace WORDS in capitals, [what is in brackets] is optional, a|b is a choice."""

    help: str
    example: str
    handler: Callable[[Session, str], None]
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


def people(hub: Hub, user: User, begun: str) -> Iterable[str]:
    """Everyone else who is here, among the first MOST_SEEN."""
    seen = itertools.islice(hub.users.items(), MOST_SEEN)
    return (other.name.shown for key, other in seen if key.startswith(begun) and other is not user)


def rooms(hub: Hub, user: User, begun: str) -> Iterable[str]:
    """The rooms that a user may enter, among the first MOST_SEEN."""
    seen = itertools.islice(hub.rooms.items(), MOST_SEEN)
    return (room.name for key, room in seen if key.startswith(begun) and room.admits(user))


def own_rooms(hub: Hub, user: User, begun: str) -> Iterable[str]:
    """The rooms that a user is in."""
    return (room.name for room in user.rooms if compared(room.name).startswith(begun))


def ignored(hub: Hub, user: User, begun: str) -> Iterable[str]:
    """The people whom a user ignores."""
    return (name for name in dict.fromkeys(user.ignoring.values()) if compared(name).startswith(begun))


def one_of(*choices: str) -> Words:
    """A fixed choice of words."""

    def words(hub: Hub, user: User, begun: str) -> Iterable[str]:
        return (choice for choice in choices if choice.startswith(begun))

    return words


# What several handlers need.


def who_asks(session: Session) -> User:
    """The user who typed the command. Not for commands that are `unnamed`."""
    assert session.user is not None
    return session.user


def find_user(session: Session, name: str) -> User:
    """Find a user by name. Raises UserError if nobody here has it."""
    name = name.lstrip("@").rstrip(":,")  # as people type it: @Ann or Ann:
    if " " in name:
        raise MisuseError("A username has no spaces")
    user = session.hub.users.get(as_compared(name))
    if user is None:
        raise UserError(f"Nobody here is called {name}.")
    return user


def find_room(session: Session, name: str) -> Room:
    """Find a room by name. Raises UserError if there is none that this user may enter."""
    room = session.hub.rooms.get(as_compared(name))
    if room is None or not room.admits(who_asks(session)):
        raise UserError(f"There is no room called {name}. For a list: /rooms")
    return room


def as_compared(name: str) -> str:
    """The compared form of what was typed as a name. Raises UserError if it is far too long."""
    if len(name) > 100:
        raise UserError("That is too long to be a name.")
    try:
        return compared(name)
    except UnicodeEncodeError:  # no name can contain this
        return ""


def choice(word: str, *choices: Choice) -> Choice:
    """Match a word with the choices. Raises MisuseError if it is none of them."""
    for one in choices:
        if word.casefold() == one:
            return one
    raise MisuseError(f"Choose {listed(choices, 'or')}, not {word}")


def capped(lines: Iterable[str], count: int) -> Iterable[str]:
    """At most MOST_LINES of these lines, then, if there are more, one that says how many there are in all."""
    for at, line in enumerate(lines):
        if at == MOST_LINES:
            yield f"... and more ({count:,} in all)."
            return
        yield line
