"""Commands for what was said before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .. import times
from ..errors import UserError
from ..names import compared
from ..phrases import counted
from .command import MOST_LINES, MisuseError, who_asks

if TYPE_CHECKING:
    from ..events import Said
    from ..journal import History
    from ..journal.reader import Page
    from ..session import Session

PAGE = 20
"""Lines that are shown when nobody says how many, and the window has room for them."""


def history(session: Session, words: str) -> None:
    """/history [N] [before TIME], where TIME may also be the number of a line, as in #123"""
    words = " ".join(words.split())
    match = re.fullmatch(r"(\d{1,9})? ?(?:before (?:#(\d{1,15})|(.+)))?", words, re.IGNORECASE)
    if match is None:
        raise MisuseError("That is no number of lines, and no time")
    past, room = _history_kept(session), session.in_room().name
    if match[1] and not int(match[1]):
        raise MisuseError("That is no line at all")
    count = min(int(match[1]), MOST_LINES) if match[1] else min(PAGE, session.page - 2)
    if match[2]:
        page = past.before_line(room, count, int(match[2]))
    elif match[3]:
        page = past.before(room, count, times.parse(match[3]))
    else:
        page = past.last(room, count)
    if not page.lines:
        session.reply(f"Nothing was said in {room}{' before that' if match[2] or match[3] else ' yet'}.")
        return
    first = page.lines[0].id
    before = f"For what was said before: /history {count} before #{first}" if page.more else "That is where it began."
    _show(session, page, f"in {room}, times", before)


def search(session: Session, words: str) -> None:
    """/search WORDS, where a "phrase" is found as it stands, and wor* whatever begins so"""
    if not words:
        raise MisuseError("Say what to look for")
    past, room = _history_kept(session), session.in_room().name
    page = past.search(room, words, min(PAGE, session.page - 2))
    if not page.lines:
        session.reply(f"Nothing in {room} has: {words}")
        return
    older = ["There are older ones: add a word to find fewer."] if page.more else []
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
    ignored = [f"{counted(left_out, 'line')} of people whom you ignore left out."] if left_out else []
    session.reply_with_events(head, shown, (*ignored, *notes))


def _heard(session: Session, page: Page) -> list[Said]:
    """Give what was not said by somebody whom the one who asks ignores."""
    ignoring, users = who_asks(session).ignoring, session.hub.users
    names = {said.name: compared(said.name) for said in page.lines} if ignoring else {}
    ignored = {name for name, key in names.items() if key in ignoring or users.get(key) in ignoring}
    return [said for said in page.lines if said.name not in ignored]
