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


def complete(hub: Hub, user: User | None, before: str) -> Completions:
    """Give what the word at the end of `before` may become.

    A name at the start of a line gets a colon, as one addresses somebody; anything else a space.
    """
    start = max(before.rfind(" "), before.rfind("\n")) + 1
    word = before[start:].lower()
    if start == 0 and word.startswith("/"):
        return Completions(0, sorted(f"/{name} " for name in COMMANDS if name.startswith(word[1:])))
    if user is None:
        return Completions(start, [])
    words: Words = people
    if before.startswith("/") and not before.startswith("//"):
        name, *arguments = before[1:].split(" ")
        command = find(name)
        if command is not None and len(arguments) <= len(command.words):
            words = command.words[len(arguments) - 1]
    if not word and words is people:
        return Completions(start, [])  # that would be everybody
    after = ": " if start == 0 else " "
    return Completions(start, [found + after for found in sorted(words(hub, user, word), key=str.casefold)])
