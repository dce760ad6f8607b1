"""A line of text, a cursor in it, and what keys do to them. Knows nothing of keys or screens."""

from __future__ import annotations

from typing import Final

from ..text.cells import following, previous

PAST_LINES: Final = 50
"""Lines that one can go back to."""

PAST_CHARACTERS: Final = 10_000
"""Characters that these may have together."""

MOST_PASSED: Final = 256
"""Characters that a word key passes at most: else 4 KB of them, on one long word, would cost two seconds."""

# What keys cost is counted in units of some 60 ns.
COPIED: Final = 32
"""Characters of the line for which an edit, which copies it a few times over, is counted one unit."""

STEP: Final = 3
"""Units for each character that is looked at to see where a word ends."""

WIDTH: Final = 8
"""Units for each character whose width is looked at."""


class LineBuffer:
    """What is being typed: `text`, the cursor before its character number `at`, and what was `killed` last.

    `work` grows with what the keys cost, so that whoever presses them knows when it is others' turn.
    """

    __slots__ = ("_browsing", "_draft", "_past", "at", "killed", "text", "work")

    def __init__(self) -> None:
        self.text = ""
        self.at = 0
        self.killed = ""
        self.work = 0
        self._past: tuple[str, ...] = ()  # lines that were finished
        self._browsing = 0  # how many of them ago
        self._draft = ""  # what was being typed before

    def insert(self, text: str) -> None:
        self._set(self.text[: self.at] + text + self.text[self.at :], self.at + len(text))

    def cut(self, start: int, end: int) -> None:
        if start < end:
            self._set(self.text[:start] + self.text[end:], start)

    def finish(self) -> None:
        """Begin a new line; the old one can be gone back to."""
        self.work += len(self._past)
        if self.text.strip() and self._past[-1:] != (self.text,):
            self._past = (*self._past, self.text)[-PAST_LINES:]
            while len(self._past) > 1 and sum(map(len, self._past)) > PAST_CHARACTERS:
                self._past = self._past[1:]
        self.clear()

    def clear(self) -> None:
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
        """Kill what stands before the cursor, back to a space."""
        start = self.at
        first = max(0, start - MOST_PASSED)
        while start > first and self.text[start - 1].isspace():
            start -= 1
        self.work += STEP * (self.at - start)
        self._kill(max(self.text.rfind(" ", 0, start), self.text.rfind("\n", 0, start)) + 1, self.at)

    def kill_word_left(self) -> None:
        """Kill the letters and digits before the cursor."""
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
        """Where the word before the cursor starts. Takes time linear in how far away that is."""
        text, at = self.text, self.at
        first = max(0, at - MOST_PASSED)
        while at > first and not _is_of_word(text[at - 1]):
            at -= 1
        while at > first and _is_of_word(text[at - 1]):
            at -= 1
        self.work += STEP * (self.at - at)
        return at

    def _word_end(self) -> int:
        """Where the word after the cursor ends. Takes time linear in how far away that is."""
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
