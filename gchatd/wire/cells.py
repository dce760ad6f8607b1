"""Characters on a screen: how wide they are, what belongs together, and how a long line is laid out in rows."""

from __future__ import annotations

import re
from typing import NamedTuple

from wcwidth import wcwidth

MOST_JOINED = 32
"""Characters that the cursor passes as one: a letter and its marks, or emoji that are joined."""


def width(char: str) -> int:
    """How many columns a character takes: 0, 1 or 2. (The end of a line within a message is shown as a sign.)"""
    return 1 if " " <= char <= "~" or char == "\n" else max(0, wcwidth(char))


def previous(text: str, at: int) -> int:
    """Where the character before this place begins, with all that is joined to it."""
    first = max(0, at - MOST_JOINED)
    at = max(0, at - 1)
    while at > first and (width(text[at]) == 0 or text[at - 1] == "\u200d"):
        at -= 1
    return at


def following(text: str, at: int) -> int:
    """Where the character at this place ends, with all that is joined to it."""
    last = min(len(text), at + MOST_JOINED)
    at = min(len(text), at + 1)
    while at < last and (width(text[at]) == 0 or text[at - 1] == "\u200d"):
        at += 1
    return at


def columns_of(columns: int) -> int:
    """Give the width of a window that says that it has so many columns (0: it does not say)."""
    return min(max(columns or 80, 8), 1000)


_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def length(text: str) -> int:
    """How many columns a text takes."""
    return len(text) if text.isascii() and text.isprintable() else sum(map(width, text))


def rows_of(text: str, columns: int) -> int:
    """How many rows lines take in a window of so many columns (0: unknown), their colours not counted."""
    lines = _STYLE.sub("", text).removesuffix("\r\n").split("\r\n")
    return sum(max(1, -(-length(line) // columns)) for line in lines) if columns else len(lines)


class Layout(NamedTuple):
    """A line in rows, and where in them the cursor is. `cut`: its first rows are left out, the window being too low."""

    rows: list[str]
    row: int
    column: int
    cut: bool


def lay_out(text: str, cursor: int, indent: int, columns: int, height: int) -> Layout:
    """Cut a line into rows of a window; the first is indented, and the last column stays free.

    No terminal wraps such a row by itself, and they do not agree on when they do. Takes time linear in the text.
    """
    columns = columns_of(columns)
    rows: list[str] = []
    start, column = 0, indent
    row_at, column_at = 0, column
    for at, char in enumerate(text):
        wide = width(char)
        if column + wide >= columns:
            rows.append(text[start:at])
            start, column = at, 0
        if at == cursor:
            row_at, column_at = len(rows), column
        column += wide
    rows.append(text[start:])
    if cursor == len(text):
        row_at, column_at = len(rows) - 1, column
    most = min(max(height or 24, 2), 1000) - 1
    first = max(0, min(row_at - most // 2, len(rows) - most))
    return Layout(rows[first : first + most], row_at - first, column_at, first > 0)
