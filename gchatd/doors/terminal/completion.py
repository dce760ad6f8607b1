"""What the Tab key knows: the commands and their words, and the names of those who are here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...wire.lineedit import Completions
from .commands import COMMANDS
from .commands.command import people
from .commands.table import find

if TYPE_CHECKING:
    from ...session import Session
    from .commands.command import Words

MOST_LISTED = 60
"""With more people than this, Tab lists nobody until you type a letter."""


def complete(session: Session, before: str) -> Completions:
    """Return what the word at the end of `before` may become.

    A name at the start of a line gets a colon, because you are addressing somebody; anything else gets a space. Before
    you type a letter, people are listed only if a command wants one, and no more than MOST_LISTED are here.
    """
    state, user = session.chat, session.user
    start = max(before.rfind(" "), before.rfind("\n")) + 1
    word = before[start:].lower()
    if start == 0 and word.startswith("/"):
        return Completions.of(0, (f"/{name}" for name in COMMANDS if name.startswith(word[1:])), " ")
    if user is None:
        return Completions.of(start, ())
    words = _words_wanted(before) or (people if word else None)
    if words is None or (words is people and not word and len(state.names) > MOST_LISTED):
        return Completions.of(start, ())
    return Completions.of(start, words(state, user, word), ": " if start == 0 else " ")


def _words_wanted(before: str) -> Words | None:
    """Return what lists the words that fit at the end of a command line; None if it is none, or anything fits."""
    if not before.startswith("/") or before.startswith("//"):
        return None
    name, *arguments = before[1:].split(" ")
    command, at = find(name), len(arguments) - 1
    return command.words[at] if command is not None and 0 <= at < len(command.words) else None
