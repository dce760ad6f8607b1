"""What the Tab key knows: the commands and their words, and the names of those who are here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .commands import COMMANDS
from .commands.command import people
from .commands.table import find
from .wire.lineedit import Completions

if TYPE_CHECKING:
    from .commands.command import Words
    from .hub import Hub, User

MOST_LISTED = 60
"""How many people may be here for all of them to be listed."""


def complete(hub: Hub, user: User | None, before: str) -> Completions:
    """Give what the word at the end of `before` may become.

    A name at the start of a line gets a colon, as one addresses somebody; anything else a space. Where nothing of a
    name is typed yet, everybody is listed only if a command wants one, and if they are not too many.
    """
    start = max(before.rfind(" "), before.rfind("\n")) + 1
    word = before[start:].lower()
    if start == 0 and word.startswith("/"):
        return Completions.of(0, (f"/{name}" for name in COMMANDS if name.startswith(word[1:])), " ")
    if user is None:
        return Completions.of(start, ())
    words = _words_wanted(before) or (people if word else None)
    if words is None or (words is people and not word and len(hub.users) > MOST_LISTED):
        return Completions.of(start, ())
    return Completions.of(start, words(hub, user, word), ": " if start == 0 else " ")


def _words_wanted(before: str) -> Words | None:
    """Give the words that a command wants where the line ends, if there is one and it does."""
    if not before.startswith("/") or before.startswith("//"):
        return None
    name, *arguments = before[1:].split(" ")
    command, at = find(name), len(arguments) - 1
    return command.words[at] if command is not None and 0 <= at < len(command.words) else None
