"""A line of text, a cursor in it, and what keys do to them. Knows nothing of keys or screens."""

from __future__ import annotations

import re
from typing import Final

from .cells import following, previous

PAST_LINES: Final = 50
"""Lines that one can go back to."""

PAST_CHARACTERS: Final = 10_000
"""Characters that these may have together."""

_WORD = re.compile(r"\W*\w*")


class LineBuffer:
    """What is being typed: `text`, the cursor before its character number `at`, and what was `killed` last."""

    __slots__ = ("_browsing", "_draft", "_past", "at", "killed", "text")

    def __init__(self) -> None:
        self.text = ""
        self.at = 0
        self.killed = ""
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
        if self.text.strip() and self._past[-1:] != (self.text,):
            self._past = (*self._past, self.text)[-PAST_LINES:]
            while len(self._past) > 1 and sum(map(len, self._past)) > PAST_CHARACTERS:
                self._past = self._past[1:]
        self.clear()

    def clear(self) -> None:
        self._set("")
        self._browsing = 0

    def left(self) -> None:
        self.at = previous(self.text, self.at)

    def right(self) -> None:
        self.at = following(self.text, self.at)

    def home(self) -> None:
        self.at = 0

    def end(self) -> None:
        self.at = len(self.text)

    def word_left(self) -> None:
        self.at = self._word_start()

    def word_right(self) -> None:
        self.at = self._word_end()

    def backspace(self) -> None:
        self.cut(previous(self.text, self.at), self.at)

    def delete(self) -> None:
        self.cut(self.at, following(self.text, self.at))

    def kill_to_end(self) -> None:
        self._kill(self.at, len(self.text))

    def kill_to_start(self) -> None:
        self._kill(0, self.at)

    def kill_word(self) -> None:
        """Kill what stands before the cursor, back to a space."""
        before = self.text[: self.at].rstrip()
        self._kill(max(before.rfind(" "), before.rfind("\n")) + 1, self.at)

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
            self.killed = self.text[start:end]
            self.cut(start, end)

    def _set(self, text: str, at: int | None = None) -> None:
        self.text = text
        self.at = len(text) if at is None else at

    def _word_start(self) -> int:
        return self.at - _length_of_word(self.text[: self.at][::-1])

    def _word_end(self) -> int:
        return self.at + _length_of_word(self.text[self.at :])


def _length_of_word(text: str) -> int:
    match = _WORD.match(text)
    return match.end() if match is not None else 0
