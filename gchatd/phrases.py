"""Pieces of sentences that the server says. Knows text only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def listed(words: Iterable[str], last: str = "and") -> str:
    """Give words, one at least, as one says them: Ann, Bob and Carl."""
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end


def counted(count: int, what: str) -> str:
    """Give how many there are of something: `1 line`, `2,000 lines`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
