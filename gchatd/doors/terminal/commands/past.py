"""Commands for the past: what was said before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ....chat import actions
from ....errors import NotATimeError
from ....text import times
from ....text.phrases import counted
from ...sentences import sorry
from .command import Misused

if TYPE_CHECKING:
    from ....chat.answers import Past
    from ..terminal import Terminal

PAGE = 20
"""How many lines are sent if nobody says how many, and the window has room for them."""


def history(terminal: Terminal, words: str) -> None:
    """/history [N] [before TIME|#LINE]"""
    words = " ".join(words.split())
    match = re.fullmatch(r"(\d{1,9})? ?(?:before (?:#(\d{1,15})|(.+)))?", words, re.IGNORECASE)
    if match is None:
        raise Misused("That is neither a number of lines nor a time")
    room = terminal.in_room()
    if match[1] and not int(match[1]):
        raise Misused("Ask for at least one line")
    count = min(int(match[1]), actions.MOST_LINES) if match[1] else min(PAGE, terminal.page - 2)
    when = zone = ""
    before_line = int(match[2]) if match[2] else 0
    at = _moment(terminal, match[3]) if match[3] else None
    if match[2]:
        when = f" before #{match[2]}"
    elif at is not None:
        when, zone = f" before {_in_full(terminal, at)}", terminal.look.zone
    past = actions.history(terminal.session, room, count, before_line, at)
    if not (past.lines or past.left_out):
        terminal.reply(f"Nothing was said in {room.name}{f'{when} {zone}'.rstrip() or ' yet'}.")
        return
    earlier = (
        f"For earlier lines: /history {count} before #{past.first_line}" if past.more else "There are no earlier lines."
    )
    _reply(terminal, past, f"in {room.name}{when}, times", earlier)


def _moment(terminal: Terminal, typed: str) -> int:
    """Read a time as somebody typed it, in their time zone. Raises Refused."""
    try:
        return times.parse(typed, offset=terminal.look.offset)
    except NotATimeError as error:
        raise sorry(str(error)) from None


def _in_full(terminal: Terminal, at: int) -> str:
    """Return a moment with its date, in this person's time zone."""
    moment = times.in_full(at + terminal.look.offset * 60_000)
    return moment[:-3] if moment.endswith(":00") else moment


def search(terminal: Terminal, words: str) -> None:
    """/search WORDS: a "phrase" is found as it stands, and wor* finds every word that begins with it"""
    if not words:
        raise Misused("Say what to look for")
    room = terminal.in_room()
    past = actions.search(terminal.session, room, words, min(PAGE, terminal.page - 2))
    if not (past.lines or past.left_out):
        terminal.reply(f"Nothing in {room.name} matches: {words}")
        return
    older = ["There are older ones, too. To find fewer, add a word."] if past.more else []
    _reply(terminal, past, f"in {room.name}, newest first, times", *older)


def _reply(terminal: Terminal, past: Past, what: str, *notes: str) -> None:
    head = f"{counted(len(past.lines) + past.left_out, 'line')} {what} in {terminal.look.zone}:"
    ignored = [f"Left out: {counted(past.left_out, 'line')} by people you ignore."] if past.left_out else []
    terminal.reply_with_events(head, past.lines, (*ignored, *notes))
