"""Pieces of sentences, lists and tables. Knows text only."""

from __future__ import annotations

import itertools
import re
import textwrap
from typing import TYPE_CHECKING

from .cells import cells, width

if TYPE_CHECKING:
    from collections.abc import Iterable

_NARROW = 20  # columns that a table's last column needs
_BELOW = "      "


def listed(words: Iterable[str], last: str = "and") -> str:
    """Join one or more words as people do: Ann, Bob and Carl."""
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end


def counted(count: int, what: str) -> str:
    """Say how many there are of something: `1 line`, `2,000 lines`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def plainly(number: float) -> str:
    """Write a number as people do: without an exponent, and without zeros at its end."""
    return f"{number:f}".rstrip("0").rstrip(".")


def flowed(head: str, words: list[str], most: int) -> Iterable[str]:
    """Put a headline and words, with commas, into lines of at most `most` columns."""
    line = head
    for at, one in enumerate(words):
        word = one if at == len(words) - 1 else f"{one},"
        if cells(line) + 1 + cells(word) > most:
            yield line
            line = word
        else:
            line = f"{line} {word}"
    yield line


def wrapped(line: str, most: int) -> list[str]:
    """Break a line between words, into lines of so many columns.

    A row of a table goes on below its last column; where that would be narrow, the last column moves below the others.
    """
    *others, last = re.split(r"(?<=\S) {2,}(?=\S)", line)
    indent = len(line) - len(last) if others else 0
    if len(line) > most and most < indent + _NARROW:
        rest = textwrap.wrap(last, most, initial_indent=_BELOW, subsequent_indent=_BELOW)
        return [*textwrap.wrap(line[:indent], most), *rest]
    return textwrap.wrap(line, most, subsequent_indent=" " * indent)


def widest(texts: Iterable[str]) -> int:
    """Return how many columns the widest of some texts takes."""
    return max(map(cells, texts), default=0)


def padded(text: str, columns: int) -> str:
    """Return a text with spaces after it, so that it takes at least so many columns."""
    return text + " " * (columns - cells(text))


def shortened(text: str, most: int) -> str:
    """Return a text, or its beginning and three dots if it takes more than so many columns."""
    if cells(text) <= most:
        return text
    taken = itertools.accumulate(map(width, text))
    return f"{text[: sum(column <= most - 3 for column in taken)]}..."
