"""What the Tab key knows: the names of those who are here, and the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .commands import COMMANDS
from .wire.lineedit import Completions

if TYPE_CHECKING:
    from .hub import Hub, User


def complete(hub: Hub, user: User | None, before: str) -> Completions:
    """Give what the word at the end of `before` may become. Looks at every name there is: 5 ms for 18,000.

    A name at the start of a line gets a colon, as one addresses somebody; anywhere else a space.
    """
    start = max(before.rfind(" "), before.rfind("\n")) + 1
    word = before[start:].lower()
    if start == 0 and word.startswith("/"):
        return Completions(0, sorted(f"/{name} " for name in COMMANDS if name.startswith(word[1:])))
    if not word:
        return Completions(start, [])
    after = ": " if start == 0 else " "
    names = [other.name.shown for key, other in hub.users.items() if key.startswith(word) and other is not user]
    return Completions(start, [name + after for name in sorted(names, key=str.casefold)])
