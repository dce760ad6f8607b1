"""What people can ask for: one table, and a handler for each command. Knows no sockets and no wire.

`/help` is made from the table. A handler takes the session that asked and the words after the command; it answers with
`session.reply`, or raises UserError with a sentence that is shown instead.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

import msgspec

from . import times
from .errors import UserError
from .rooms import LOBBY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .journal import History
    from .journal.reader import Page
    from .session import Session

PAGE = 20
"""Lines that are shown when nobody says how many."""

MOST_LINES = 500
"""Lines that are shown at most."""

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
    several_lines: bool = False
    """Whether its words may be of several lines; those of others are made one, so that nobody can forge any."""


def run(session: Session, text: str, typed: str) -> None:
    """Run the command line that a session typed, slash and all: cleaned, and as it was typed.

    Raises UserError for one that there is not, or that cannot be done.
    """
    name, _, words = text.removeprefix("/").replace("\n", " ").partition(" ")
    command = COMMANDS.get(name.casefold())
    if command is None:
        raise UserError(f"Unknown command: /{name}. {_nearest(name)}/help lists all commands.")
    if session.user is None and not command.unnamed:
        raise UserError(f"Choose a username before you use /{command.name}.")
    if command.several_lines:
        words = text[len(name) + 2 :]
    elif command.as_typed:
        words = typed.replace("\n", " ").partition(" ")[2]
    command.handler(session, words.strip(" ") if command.as_typed else words.strip())


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.casefold()[:32], COMMANDS, n=1, cutoff=0.6)
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


def _history(session: Session, words: str) -> None:
    """/history [N] [before TIME], where TIME may also be the number of a line, as in #123"""
    words = " ".join(words.split())
    match = re.fullmatch(r"(\d{1,9})? ?(?:before (?:#(\d{1,15})|(.+)))?", words, re.IGNORECASE)
    if match is None:
        raise _misused("history")
    history, room = _history_kept(session), LOBBY
    count = min(int(match[1] or PAGE), MOST_LINES)
    if match[2]:
        page = history.before_line(room, count, int(match[2]))
    elif match[3]:
        page = history.before(room, count, times.parse(match[3]))
    else:
        page = history.last(room, count)
    if not page.lines:
        session.reply(f"Nothing was said in {room}{' before that' if match[2] or match[3] else ' yet'}.")
        return
    session.reply(f"{_lines(page)} in {room}, times in {session.format.zone}:")
    session.reply_with_events(page.lines)
    first = page.lines[0].id
    session.reply(
        f"For what was said before: /history {count} before #{first}" if page.more else "That is where it began."
    )


def _search(session: Session, words: str) -> None:
    """/search WORDS, where a "phrase" is found as it stands, and wor* whatever begins so"""
    if not words:
        raise _misused("search")
    history, room = _history_kept(session), LOBBY
    page = history.search(room, words, PAGE)
    if not page.lines:
        session.reply(f"Nothing in {room} has: {words}")
        return
    session.reply(f"{_lines(page)} in {room}, newest first, times in {session.format.zone}:")
    session.reply_with_events(page.lines)
    if page.more:
        session.reply("There are older ones: add a word to find fewer.")


def _history_kept(session: Session) -> History:
    if session.hub.history is None:
        raise UserError("This server keeps no history.")
    session.hub.settle()
    return session.hub.history


def _lines(page: Page) -> str:
    return "1 line" if len(page.lines) == 1 else f"{len(page.lines)} lines"


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
    if words:
        session.restyle(notices=_choice("notices", words, "on", "off") == "on")
    session.reply(f"Notices are {'on' if session.format.notices else 'off'}.")


def _theme(session: Session, words: str) -> None:
    """/theme [colour|mono|contrast]"""
    if words:
        session.restyle(theme=_choice("theme", words, "colour", "mono", "contrast"))
    session.reply(f"The theme is {session.format.theme}.")


def _time(session: Session, words: str) -> None:
    """/time [off|hh:mm|full] [+HH:MM]"""
    choice, _, zone = words.partition(" ")
    if choice:
        time = _choice("time", choice, "off", "hh:mm", "full")
        offset = times.parse_offset(zone.strip()) if zone.strip() else session.format.offset
        session.restyle(time=time, offset=offset)
    format = session.format
    shown = "off" if format.time == "off" else f"shown as {format.time}"
    session.reply(f"The time of each line is {shown}, in {format.zone}.")


def _bell(session: Session, words: str) -> None:
    """/bell [off|mentions|all]"""
    if words:
        session.restyle(bell=_choice("bell", words, "off", "mentions", "all"))
    session.reply(
        f"The bell is {session.format.bell if session.format.bell == 'off' else f'on for {session.format.bell}'}."
    )


def _plain(session: Session, words: str) -> None:
    """/plain"""
    session.be_rich(False)
    session.reply("Your terminal shows what you type. /rich for a line that others' words do not break up.")


def _rich(session: Session, words: str) -> None:
    """/rich"""
    if session.format.echo:
        raise UserError("It is so already. /plain goes back.")
    session.be_rich(True)
    session.reply("Your terminal has been asked for every key. If it can, there is a prompt now; /plain goes back.")


def _reader(session: Session, words: str) -> None:
    """/reader [on|off]"""
    on = _choice("reader", words, "on", "off") == "on" if words else True
    if on:
        session.be_rich(False)
    session.restyle(reader=on)
    session.reply(
        "One line an event, and nothing else. /reader off goes back."
        if on
        else "Colours, times and bells are as they were. /rich for the line being typed."
    )


def _choice(name: str, word: str, *choices: str) -> str:
    if word.casefold() not in choices:
        raise _misused(name)
    return word.casefold()


def _quit(session: Session, words: str) -> None:
    """/quit [WORDS]"""
    session.quit(words)


COMMANDS = {
    command.name: command
    for command in (
        Command("help", "/help", "this list", _help),
        Command("who", "/who", "who is here", _who),
        Command("me", "/me WORDS", "do something: /me waves", _me, several_lines=True),
        Command("history", "/history [N] [before TIME]", "what was said: the last N lines, or those before", _history),
        Command("search", "/search WORDS", 'find what was said: all words, a "phrase", the beginn* of a word', _search),
        Command("nick", "/nick NAME", "take another username", _nick, as_typed=True),
        Command("notices", "/notices on|off", "be told who joins, leaves and takes another name", _notices),
        Command("theme", "/theme colour|mono|contrast", "how names look", _theme),
        Command("time", "/time off|hh:mm|full [+HH:MM]", "the time of each line, and how far it is from UTC", _time),
        Command("bell", "/bell off|mentions|all", "what rings: your name, or every line", _bell),
        Command("rich", "/rich", "a line being typed that others' words do not break up, with history and Tab", _rich),
        Command("plain", "/plain", "lines, as your terminal itself sends them", _plain),
        Command("reader", "/reader on|off", "for a screen reader: one line an event, no decoration", _reader),
        Command("quit", "/quit [WORDS]", "leave, with some last words if you like", _quit, unnamed=True),
    )
}
