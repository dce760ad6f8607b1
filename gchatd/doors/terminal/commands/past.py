"""Commands for the past: what was said before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ....errors import UserError
from ....text import times
from ....text.names import compared
from ....text.phrases import counted
from .command import MOST_LINES, MisuseError, who_asks

if TYPE_CHECKING:
    from ....chat.events import Said
    from ....journal import History
    from ....journal.reader import Page
    from ....session import Session

PAGE = 20
"""Lines to show if nobody says how many, and they fit the window."""


def history(session: Session, words: str) -> None:
    """/history [N] [before TIME|#LINE]"""
    words = " ".join(words.split())
    match = re.fullmatch(r"(\d{1,9})? ?(?:before (?:#(\d{1,15})|(.+)))?", words, re.IGNORECASE)
    if match is None:
        raise MisuseError("That is neither a number of lines nor a time")
    past, room = _history_kept(session), session.in_room().name
    if match[1] and not int(match[1]):
        raise MisuseError("Ask for at least one line")
    count = min(int(match[1]), MOST_LINES) if match[1] else min(PAGE, session.page - 2)
    when = zone = ""
    if match[2]:
        when = f" before #{match[2]}"
        page = past.before_line(room, count, int(match[2]))
    elif match[3]:
        at = times.parse(match[3], offset=session.format.offset)
        when, zone = f" before {_in_full(session, at)}", session.format.zone
        page = past.before(room, count, at)
    else:
        page = past.last(room, count)
    if not page.lines:
        session.reply(f"Nothing was said in {room}{f'{when} {zone}'.rstrip() or ' yet'}.")
        return
    first = page.lines[0].id
    earlier = f"For earlier lines: /history {count} before #{first}" if page.more else "There are no earlier lines."
    _show(session, page, f"in {room}{when}, times", earlier)


def _in_full(session: Session, at: int) -> str:
    """Give a moment with its date, in the time zone of the one who asks."""
    moment = times.show_fully(at + session.format.offset * 60_000)
    return moment[:-3] if moment.endswith(":00") else moment


def search(session: Session, words: str) -> None:
    """/search WORDS: a "phrase" is found as it stands, and wor* finds every word that begins with it"""
    if not words:
        raise MisuseError("Say what to look for")
    past, room = _history_kept(session), session.in_room().name
    page = past.search(room, words, min(PAGE, session.page - 2))
    if not page.lines:
        session.reply(f"Nothing in {room} matches: {words}")
        return
    older = ["There are older ones, too. To find fewer, add a word."] if page.more else []
    _show(session, page, f"in {room}, newest first, times", *older)


def _history_kept(session: Session) -> History:
    if session.hub.history is None:
        raise UserError("This server keeps no history.")
    session.hub.settle()
    return session.hub.history


def _show(session: Session, page: Page, what: str, *notes: str) -> None:
    shown = _heard(session, page)
    head = f"{counted(len(page.lines), 'line')} {what} in {session.format.zone}:"
    left_out = len(page.lines) - len(shown)
    ignored = [f"Left out: {counted(left_out, 'line')} by people you ignore."] if left_out else []
    session.reply_with_events(head, shown, (*ignored, *notes))


def _heard(session: Session, page: Page) -> list[Said]:
    """Leave out what was said by people whom the one who asks ignores."""
    ignoring, users = who_asks(session).ignoring, session.hub.users
    names = {said.name: compared(said.name) for said in page.lines} if ignoring else {}
    ignored = {name for name, key in names.items() if key in ignoring or users.get(key) in ignoring}
    return [said for said in page.lines if said.name not in ignored]
