"""Commands about the server and your connection to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....chat import actions

if TYPE_CHECKING:
    from ....chat.answers import Answer
    from ..terminal import Terminal


def more(terminal: Terminal, words: str) -> None:
    """/more: Give the next page of a long list."""
    terminal.reply_with_rest()


def motd(terminal: Terminal, words: str) -> Answer:
    """/motd: Give the message of the day."""
    return actions.motd(terminal.session)


def nodes(terminal: Terminal, words: str) -> Answer:
    """/nodes: List the servers of this chat, and say how this one keeps up with the others."""
    return actions.nodes(terminal.session)


def uptime(terminal: Terminal, words: str) -> Answer:
    """/uptime: Say how long the server has been up, and how many people are here."""
    return actions.uptime(terminal.session)


def version(terminal: Terminal, words: str) -> Answer:
    """/version: Say which version of gchat this is."""
    return actions.version(terminal.session)


def quit(terminal: Terminal, words: str) -> None:
    """/quit [WORDS]: Leave; WORDS are your parting words."""
    terminal.quit(words)
