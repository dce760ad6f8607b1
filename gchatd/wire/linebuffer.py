"""A line of text, a cursor in it, and what can be done to them. Knows nothing of keys or screens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..text.cells import following, previous
from .written import Written

PAST_LINES: Final = 50
"""How many lines one can go back to."""

PAST_CHARACTERS: Final = 10_000
"""How many characters these lines may have together."""

MOST_PASSED: Final = 256
"""How many characters a word key passes at most. Without a limit, 4 KB of such keys on one long word took 2 seconds."""

# The cost of a key is counted in units of about 60 ns.
COPIED: Final = 32
"""Characters that an edit copies in one unit. (It copies the line a few times.)"""

STEP: Final = 3
"""Units to look whether a character belongs to a word."""

WIDTH: Final = 8
"""Units to look up the width of a character."""


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class LineBuffer(Written):
    """The line that is being typed. The cursor stands before `text[at]`; `killed` is what was cut out last.

    `work` grows by the cost of each key, so that the caller knows when to stop for a while.
    """

    text: str = ""
    at: int = 0
    killed: str = ""
    work: int = 0
    _past: tuple[str, ...] = ()  # lines that were finished
    _browsing: int = 0  # which of them is in `text`, counted from the last one; 0: none
    _draft: str = ""  # what was being typed before one went back to them

    def insert(self, text: str) -> None:
        self._set(self.text[: self.at] + text + self.text[self.at :], self.at + len(text))

    def cut(self, start: int, end: int) -> None:
        """Remove this part and leave the cursor there; an empty part changes nothing."""
        if start < end:
            self._set(self.text[:start] + self.text[end:], start)

    def finish(self) -> None:
        """Begin a new line, and keep the old one for `earlier`."""
        self.work += len(self._past)
        if self.text.strip() and self._past[-1:] != (self.text,):
            self._past = (*self._past, self.text)[-PAST_LINES:]
            while len(self._past) > 1 and sum(map(len, self._past)) > PAST_CHARACTERS:
                self._past = self._past[1:]
        self.clear()

    def clear(self) -> None:
        """Begin a new line, and drop the old one."""
        self._set("")
        self._browsing = 0

    def left(self) -> None:
        self.at = self._previous()

    def right(self) -> None:
        self.at = self._following()

    def home(self) -> None:
        self.at = 0

    def end(self) -> None:
        self.at = len(self.text)

    def word_left(self) -> None:
        self.at = self._word_start()

    def word_right(self) -> None:
        self.at = self._word_end()

    def backspace(self) -> None:
        self.cut(self._previous(), self.at)

    def delete(self) -> None:
        self.cut(self.at, self._following())

    def kill_to_end(self) -> None:
        self._kill(self.at, len(self.text))

    def kill_to_start(self) -> None:
        self._kill(0, self.at)

    def kill_word(self) -> None:
        """Kill from the last space before the cursor."""
        start = self.at
        first = max(0, start - MOST_PASSED)
        while start > first and self.text[start - 1].isspace():
            start -= 1
        self.work += STEP * (self.at - start)
        self._kill(max(self.text.rfind(" ", 0, start), self.text.rfind("\n", 0, start)) + 1, self.at)

    def kill_word_left(self) -> None:
        """Kill from the start of the word: its letters and digits only."""
        self._kill(self._word_start(), self.at)

    def kill_word_right(self) -> None:
        self._kill(self.at, self._word_end())

    def earlier(self) -> None:
        self._browse(self._browsing + 1)

    def later(self) -> None:
        self._browse(self._browsing - 1)

    def _browse(self, ago: int) -> None:
        if not 0 <= ago <= len(self._past):
            return
        if self._browsing == 0:
            self._draft = self.text
        self._browsing = ago
        self._set(self._past[-ago] if ago else self._draft)

    def _kill(self, start: int, end: int) -> None:
        if start < end:
            self.work += (end - start) // COPIED
            self.killed = self.text[start:end]
            self.cut(start, end)

    def _set(self, text: str, at: int | None = None) -> None:
        self.work += (len(self.text) + len(text)) // COPIED
        self.text = text
        self.at = len(text) if at is None else at

    def _previous(self) -> int:
        at = previous(self.text, self.at)
        self.work += WIDTH * (self.at - at)
        return at

    def _following(self) -> int:
        at = following(self.text, self.at)
        self.work += WIDTH * (at - self.at)
        return at

    def _word_start(self) -> int:
        """Find where the word before the cursor starts. Takes time linear in the distance."""
        text, at = self.text, self.at
        first = max(0, at - MOST_PASSED)
        while at > first and not _is_of_word(text[at - 1]):
            at -= 1
        while at > first and _is_of_word(text[at - 1]):
            at -= 1
        self.work += STEP * (self.at - at)
        return at

    def _word_end(self) -> int:
        """Find where the word after the cursor ends. Takes time linear in the distance."""
        text, at = self.text, self.at
        end = min(len(text), at + MOST_PASSED)
        while at < end and not _is_of_word(text[at]):
            at += 1
        while at < end and _is_of_word(text[at]):
            at += 1
        self.work += STEP * (at - self.at)
        return at


def _is_of_word(char: str) -> bool:
    return char.isalnum() or char == "_"
