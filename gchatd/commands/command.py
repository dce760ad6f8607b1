"""What a command is, and what the Tab key may make of its words. Knows users and rooms; no sockets, no wire.

A handler takes the session that asked and the words after the command. It answers with `session.reply`, or lets
something happen with `session.does`, or raises UserError with a sentence that is shown instead. When it is
called, all that the session did before has happened.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable  # noqa: TC003  msgspec reads the types of a struct
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ..errors import UserError
from ..names import compared
from ..phrases import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..hub import Hub, User
    from ..rooms import Room
    from ..session import Session

    Words = Callable[[Hub, User, str], Iterable[str]]
    """Gives the words that somebody may mean who typed the beginning of one; its third argument, as it is compared."""

    Choice = TypeVar("Choice", bound=str)

MOST_LINES = 500
"""Lines of a list that are shown at most."""

MOST_SEEN = 20_000
"""Names that Tab looks at: some 10 ms, where all of them begin as what was typed."""

WIDTH = 70
"""Columns of a line of a list: what a window of 80 has beside the server's name."""


class MisuseError(UserError):
    """A command was not used as it is meant to be. The text says what is wrong; how it is used is added to it."""


class Command(msgspec.Struct, frozen=True):
    """One command: how it is used, what it does, and who may use it."""

    name: str
    usage: str
    """Its grammar: WORDS in capitals stand for something, [what is in brackets] may be left out, a|b is a choice."""

    help: str
    example: str
    handler: Callable[[Session, str], None]
    words: tuple[Words, ...] = ()
    """What Tab completes: its first word, its second... any other is taken for the beginning of a name."""

    aliases: tuple[str, ...] = ()
    unnamed: bool = False
    """Whether it may be used before one has a name."""

    as_typed: bool = False
    """Whether its words are to be judged as they were typed, not cleaned."""

    several_lines: bool = False
    """Whether its words may be of several lines; those of others are made one, so that nobody can forge any."""


# Words that Tab knows.


def people(hub: Hub, user: User, begun: str) -> Iterable[str]:
    """Everybody else who is here, of the first MOST_SEEN."""
    seen = itertools.islice(hub.users.items(), MOST_SEEN)
    return (other.name.shown for key, other in seen if key.startswith(begun) and other is not user)


def rooms(hub: Hub, user: User, begun: str) -> Iterable[str]:
    """The rooms that somebody may enter, of the first MOST_SEEN."""
    seen = itertools.islice(hub.rooms.items(), MOST_SEEN)
    return (room.name for key, room in seen if key.startswith(begun) and room.admits(user))


def own_rooms(hub: Hub, user: User, begun: str) -> Iterable[str]:
    """The rooms that somebody is in."""
    return (room.name for room in user.rooms if compared(room.name).startswith(begun))


def ignored(hub: Hub, user: User, begun: str) -> Iterable[str]:
    """Whom somebody ignores."""
    return (name for name in dict.fromkeys(user.ignoring.values()) if compared(name).startswith(begun))


def one_of(*choices: str) -> Words:
    """Some words that are always the same."""

    def words(hub: Hub, user: User, begun: str) -> Iterable[str]:
        return (choice for choice in choices if choice.startswith(begun))

    return words


# What several handlers need.


def who_asks(session: Session) -> User:
    """Give the user who asked; commands that are not for the unnamed can rely on there being one."""
    assert session.user is not None
    return session.user


def find_user(session: Session, name: str) -> User:
    """Give the user of a name. Raises UserError if nobody here has it."""
    name = name.lstrip("@").rstrip(":,")  # as one addresses somebody
    if " " in name:
        raise MisuseError("Say one name")
    user = session.hub.users.get(as_compared(name))
    if user is None:
        raise UserError(f"Nobody here is called {name}.")
    return user


def find_room(session: Session, name: str) -> Room:
    """Give a room that the one who asks may enter. Raises UserError if there is none of that name."""
    room = session.hub.rooms.get(as_compared(name))
    if room is None or not room.admits(who_asks(session)):
        raise UserError(f"There is no room called {name}. /rooms lists those that there are.")
    return room


def as_compared(name: str) -> str:
    """Give whatever was typed as a name as names are compared. Raises UserError if it is none by far."""
    if len(name) > 100:
        raise UserError("No name is as long as that.")
    try:
        return compared(name)
    except UnicodeEncodeError:  # no name can be written so
        return ""


def choice(word: str, *choices: Choice) -> Choice:
    """Give the choice that a word is. Raises MisuseError for any other word."""
    for one in choices:
        if word.casefold() == one:
            return one
    raise MisuseError(f"It can be {listed(choices, 'or')}, not {word}")


def columns(head: str, words: list[str]) -> Iterable[str]:
    """Give a headline and words as lines of a terminal's width."""
    line = head
    for at, one in enumerate(words):
        word = one if at == len(words) - 1 else f"{one},"
        if len(line) + 1 + len(word) > WIDTH:
            yield line
            line = word
        else:
            line = f"{line} {word}"
    yield line


def capped(lines: Iterable[str], count: int) -> Iterable[str]:
    """Give lines, MOST_LINES of them at most, and say how many of `count` there are beside those."""
    for at, line in enumerate(lines):
        if at == MOST_LINES:
            yield f"... and more: {count:,} in all."
            return
        yield line
