"""Commands about the server, and about one's connection to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .. import __version__, times

if TYPE_CHECKING:
    from ..session import Session


def more(session: Session, words: str) -> None:
    """/more"""
    session.reply_with_rest()


def motd(session: Session, words: str) -> None:
    """/motd"""
    session.reply_in_pages(session.hub.motd or ["There is no message of the day."])


def uptime(session: Session, words: str) -> None:
    """/uptime"""
    up = times.duration(time.monotonic() - session.hub.started_at)
    session.reply(f"The server has been up for {up}. People who are here: {len(session.hub.users):,}.")


def version(session: Session, words: str) -> None:
    """/version"""
    session.reply(f"gchat {__version__}")


def quit(session: Session, words: str) -> None:
    """/quit [WORDS]"""
    session.quit(words)
