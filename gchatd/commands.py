"""What people can ask for: one table, and a handler for each command. Knows no sockets and no wire.

`/help` is made from the table. A handler takes the session that asked and the words after the command; it answers with
`session.reply`, or raises UserError with a sentence that is shown instead.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import msgspec

from .errors import UserError
from .rooms import LOBBY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .session import Session

_WIDTH = 72  # columns of a line of names


class Command(msgspec.Struct, frozen=True):
    """One command: how it is used, what it does, and who may use it."""

    name: str
    usage: str
    help: str
    handler: Callable[[Session, str], None]
    unnamed: bool = False
    """Whether it may be used before one has a name."""
    as_typed: bool = False
    """Whether its words are to be judged as they were typed, not cleaned."""


def run(session: Session, text: str, typed: str) -> None:
    """Run the command line that a session typed, slash and all: cleaned, and as it was typed.

    Raises UserError for one that there is not, or that cannot be done.
    """
    name, _, words = text.removeprefix("/").partition(" ")
    command = COMMANDS.get(name.casefold())
    if command is None:
        raise UserError(f"Unknown command: /{name}. {_nearest(name)}/help lists all commands.")
    if session.user is None and not command.unnamed:
        raise UserError(f"Choose a username before you use /{command.name}.")
    command.handler(session, typed.partition(" ")[2].strip(" ") if command.as_typed else words.strip())


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.casefold()[:32], COMMANDS, n=1, cutoff=0.4)
    return f"Did you mean /{near[0]}? " if near else ""


def _misused(name: str) -> UserError:
    return UserError(f"That is not how to use it: {COMMANDS[name].usage}")


def _help(session: Session, words: str) -> None:
    """/help"""
    width = max(len(command.usage) for command in COMMANDS.values())
    for command in COMMANDS.values():
        session.reply(f"{command.usage:{width}}  {command.help}")


def _who(session: Session, words: str) -> None:
    """/who"""
    members = session.hub.rooms[LOBBY].members
    names = sorted((user.name.shown for user in members), key=str.casefold)
    session.reply_at_length(_columns(f"{len(names)} in {LOBBY}:", names))


def _columns(head: str, names: list[str]) -> Iterator[str]:
    """Give a headline and names as lines of a terminal's width."""
    line = head
    for at, name in enumerate(names):
        word = name if at == len(names) - 1 else f"{name},"
        if len(line) + 1 + len(word) > _WIDTH:
            yield line
            line = word
        else:
            line = f"{line} {word}"
    yield line


def _me(session: Session, words: str) -> None:
    """/me WORDS"""
    if not words:
        raise _misused("me")
    session.say(words, action=True)


def _nick(session: Session, words: str) -> None:
    """/nick NAME"""
    session.take_name(words)


def _notices(session: Session, words: str) -> None:
    """/notices [on|off]"""
    choice = words.casefold()
    if choice in ("on", "off"):
        session.show_notices(choice == "on")
    elif choice:
        raise _misused("notices")
    session.reply(f"Notices are {'on' if session.format.notices else 'off'}.")


def _quit(session: Session, words: str) -> None:
    """/quit [WORDS]"""
    session.quit(words)


COMMANDS = {
    command.name: command
    for command in (
        Command("help", "/help", "this list", _help),
        Command("who", "/who", "who is here", _who),
        Command("me", "/me WORDS", "do something: /me waves", _me),
        Command("nick", "/nick NAME", "take another username", _nick, as_typed=True),
        Command("notices", "/notices on|off", "be told who joins, leaves and takes another name", _notices),
        Command("quit", "/quit [WORDS]", "leave, with some last words if you like", _quit, unnamed=True),
    )
}
