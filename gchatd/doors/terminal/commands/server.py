"""Commands about the server and your connection to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .... import __version__
from ....text import times

if TYPE_CHECKING:
    from ....session import Session


def more(session: Session, words: str) -> None:
    """/more: Show the next page of a long list."""
    session.reply_with_rest()


def motd(session: Session, words: str) -> None:
    """/motd: Show the message of the day."""
    session.reply_in_pages(session.hub.motd or ["There is no message of the day."])


def uptime(session: Session, words: str) -> None:
    """/uptime: Say how long the server has been up, and how many people are here."""
    up = times.duration(time.monotonic() - session.hub.started_at)
    here = len(session.hub.users)
    session.reply(f"The server has been up for {up}. {here:,} {'person is' if here == 1 else 'people are'} here.")


def version(session: Session, words: str) -> None:
    """/version: Say which version of gchat this is."""
    session.reply(f"gchat {__version__}")


def quit(session: Session, words: str) -> None:
    """/quit [WORDS]: Leave; WORDS are your parting words."""
    session.quit(words)
