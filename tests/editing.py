"""A line editor and the screen that shows what it gives, and what tests type there."""

from __future__ import annotations

import pyte
from terminal import laid_out

from gchatd.wire.lineedit import ERASE, PROMPT, Completions, LineEditor

LEFT, RIGHT, UP, DOWN = b"\x1b[D", b"\x1b[C", b"\x1b[A", b"\x1b[B"


class Screen:
    """An editor, and a screen that shows what it gives."""

    def __init__(self, columns: int = 80, rows: int = 24, limit: int = 1000, most_lines: int = 100) -> None:
        self.editor = LineEditor(limit, most_lines, columns, rows)
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.stream.feed(self.editor.begin())
        self.typed: list = []

    def types(self, *keys: bytes, complete=None) -> None:
        for key in keys:
            typed, shown = self.editor.feed(key, complete)
            self.typed += typed
            self.stream.feed(shown)

    def hears(self, line: str) -> None:
        self.stream.feed(self.editor.around(ERASE + line.encode() + b"\r\n" + PROMPT))

    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display]

    def shows(self, above: list[str], text: str, at: int, prompt: str = "> ") -> None:
        """The screen has these rows last, then the line with the cursor in its place, then nothing."""
        rows, y, x = laid_out(text, at, self.screen.columns, prompt)
        expected = [*above, *(row.rstrip() for row in rows)]
        most = self.screen.lines
        shown = self.rows()
        end = self.screen.cursor.y - y + len(rows)
        assert not any(shown[end:])
        assert shown[max(0, end - len(expected)) : end] == expected[-min(len(expected), end) :]
        assert (self.screen.cursor.y, self.screen.cursor.x) == (end - len(rows) + y, x)
        assert end <= most


def names(before: str) -> Completions:
    start = before.rfind(" ") + 1
    found = [
        name
        for name in ("Alice: ", "alina: ", "Bob: ")
        if before[start:] and name.casefold().startswith(before[start:])
    ]
    return Completions.of(start, found)


def paste(text: str) -> bytes:
    return b"\x1b[200~" + text.encode() + b"\x1b[201~"
