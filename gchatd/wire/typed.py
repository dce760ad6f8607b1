"""What the line editor makes of what is typed, besides finished lines. Values only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

TOO_LONG = "\n"
"""Stands for a line that was too long and was dropped. No line is just a LF, so it cannot be mistaken for one."""

MOST_WORDS: Final = 1000
"""How many of the words that Tab may mean are kept."""


class Completions(NamedTuple):
    """What the word before the cursor may become. Make one with `of`."""

    start: int
    """Where the word starts."""

    words: list[str]
    """The whole words in order, each with what follows it; at most MOST_WORDS of them."""

    common: str
    """What they all begin with, in lower case."""

    total: int
    """How many there are."""

    @classmethod
    def of(cls, start: int, words: Iterable[str], after: str = "") -> Completions:
        """Make one from any number of words, looking at each once; `after` follows each of them."""
        kept: list[str] = []
        common = shown = ""  # in lower case, and as the first word has it
        total = 0
        for total, word in enumerate(words, 1):
            if total <= MOST_WORDS:
                kept.append(word + after)
            if total == 1:
                common, shown = word.casefold(), word
            elif not word.startswith(shown):
                common = os.path.commonprefix((common, word.casefold()))  # noqa: RUF071  # that is what is wanted
                shown = shown[: len(common)]
        return cls(start, sorted(kept, key=str.casefold), common, total)


class Candidates(NamedTuple):
    """Somebody wants to know what Tab may mean: these words, or, if there are very many, some of `total`."""

    words: list[str]
    total: int


class TooMuch(NamedTuple):
    """Too much was pasted: a message can have at most so many bytes and lines."""

    bytes: int
    lines: int


class Ask(NamedTuple):
    """Enter was pressed on a message of so many lines; another Enter sends it."""

    lines: int


class Quit:
    """Ctrl-D was pressed on an empty line."""


class Interrupt:
    """Ctrl-C was pressed on an empty line, maybe by somebody who wants to know how to leave."""


Typed = str | Candidates | TooMuch | Ask | Quit | Interrupt
