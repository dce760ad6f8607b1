"""Commands about yourself and other people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....chat import actions
from ....text.names import parse_name
from .command import Misused, find_user

if TYPE_CHECKING:
    from ....chat.answers import Answer
    from ..terminal import Terminal


def nick(terminal: Terminal, words: str) -> None:
    """/nick NAME: Change your username to NAME."""
    if not words:
        raise Misused("Say which username you want")
    actions.rename(terminal.session, parse_name(words))


def whois(terminal: Terminal, words: str) -> Answer:
    """/whois NAME: Say how long someone has been here and idle, and which rooms you share."""
    if not words:
        raise Misused("Say who you mean")
    return actions.whois(terminal.session, find_user(terminal, words))


def away(terminal: Terminal, words: str) -> None:
    """/away [WORDS]: Mark yourself as away; WORDS say why."""
    actions.go_away(terminal.session, words)


def back(terminal: Terminal, words: str) -> None:
    """/back: Mark yourself as back."""
    actions.come_back(terminal.session)


def ignore(terminal: Terminal, words: str) -> Answer | None:
    """/ignore [NAME]: Hide what NAME says, or list the people you ignore."""
    if not words:
        return actions.ignoring(terminal.session)
    actions.ignore(terminal.session, parse_name(words))
    return None


def unignore(terminal: Terminal, words: str) -> None:
    """/unignore NAME: Stop ignoring NAME."""
    if not words:
        raise Misused("Say who to stop ignoring")
    actions.stop_ignoring(terminal.session, parse_name(words))
