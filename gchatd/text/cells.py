"""Characters on a screen: how wide they are, what belongs together, and how long lines are laid out in rows."""

from __future__ import annotations

import re
from typing import NamedTuple

from wcwidth import wcwidth

MOST_JOINED = 32
"""Characters that the cursor passes as one: a letter and its marks, or emoji that are joined."""

WRAP_INDENT = 2
"""Columns before the rows of a wrapped line, but the first: so none of them looks like a line of its own."""

_WORDS = re.compile(r"([^ ]+)( *)")
_COLOUR = re.compile("\x1b\\[[0-9;]*m")


def width(char: str) -> int:
    """How many columns a character takes: 0, 1 or 2. (The end of a line within a message is shown as a sign.)"""
    return 1 if " " <= char <= "~" or char == "\n" else max(0, wcwidth(char))


def previous(text: str, at: int) -> int:
    """Where the character before the index `at` begins, with all that is joined to it."""
    first = max(0, at - MOST_JOINED)
    at = max(0, at - 1)
    while at > first and (width(text[at]) == 0 or text[at - 1] == "\u200d"):
        at -= 1
    return at


def following(text: str, at: int) -> int:
    """Where the character at the index `at` ends, with all that is joined to it."""
    last = min(len(text), at + MOST_JOINED)
    at = min(len(text), at + 1)
    while at < last and (width(text[at]) == 0 or text[at - 1] == "\u200d"):
        at += 1
    return at


def columns_of(columns: int) -> int:
    """Return the width to lay lines out for, in a window that says it has so many columns (0: it does not say)."""
    return min(max(columns or 80, 8), 1000)


def shortened(text: str, most: int) -> str:
    """Return the beginning of a text, at most so many columns of it; `…` stands for what is left out."""
    if len(text) <= most and text.isascii():
        return text
    column = 0
    for at, char in enumerate(text):
        column += width(char)
        if column > most:
            while at and sum(map(width, text[:at])) > most - 1:
                at -= 1
            return text[:at].rstrip() + "…"
    return text


def wrap(line: str, columns: int) -> str:
    """Break a line that is wider than so many columns between words, by CR LF and an indent; colours take no room.

    What is wider than a row all by itself (an address, or a language without spaces) is left for the terminal to break.
    """
    start = len(line) - len(line.lstrip(" "))
    indent = " " * min(start + WRAP_INDENT, columns // 2)
    most = columns - len(indent)
    rows: list[str] = []
    row, column = [line[:start]], start
    for word, spaces in _WORDS.findall(line, start):
        wide = len(word) if word.isascii() and "\x1b" not in word else cells(word)
        if column + wide > columns and (wide <= most or column > columns) and column > start:
            rows.append("".join(row).rstrip(" "))
            row, column, start = [indent], len(indent), len(indent)
        row += word, spaces
        column += wide + len(spaces)
    return "\r\n".join([*rows, "".join(row)])


def cells(text: str) -> int:
    """Return how many columns a text takes. It may have colours in it."""
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    return len(text) if text.isascii() and text.isprintable() else sum(map(width, text))


def rows_of(text: str, columns: int) -> int:
    """How many rows lines take in a window of so many columns (0: unknown), their colours not counted."""
    lines = text.removesuffix("\r\n").split("\r\n")
    return sum(max(1, -(-cells(line) // columns)) for line in lines) if columns else len(lines)


class Layout(NamedTuple):
    """A line in rows, and where the cursor is in them. `cut`: its first rows are left out for want of height."""

    rows: list[str]
    row: int
    column: int
    cut: bool


def lay_out(text: str, cursor: int, indent: int, columns: int, height: int) -> Layout:
    """Cut a line into rows of a window, between words; the first is indented, and the last column stays free.

    A space for which a row has no room is left out, as the end of the row says the same. No terminal wraps such a row
    by itself, and they do not agree on when they do. Takes time linear in the text.
    """
    columns = columns_of(columns)
    rows: list[str] = []
    start, column = 0, indent
    word, word_column = 0, 0  # where the last word of the row starts, if it is not the first
    row_at, column_at = 0, indent
    for at, char in enumerate(text):
        wide = width(char)
        if column + wide >= columns and char == " ":
            if at == cursor:
                row_at, column_at = len(rows), column
            rows.append(text[start:at])
            start, column = at + 1, 0
            continue
        if column + wide >= columns:
            if word <= start:  # one word is longer than the row
                word, word_column = at, column
            rows.append(text[start:word])
            if word <= cursor < at:
                row_at, column_at = len(rows), column_at - word_column
            start, column = word, column - word_column
        if at == cursor:
            row_at, column_at = len(rows), column
        column += wide
        if char in " \n":
            word, word_column = at + 1, column
    rows.append(text[start:])
    if cursor == len(text):
        row_at, column_at = len(rows) - 1, column
    most = min(max(height or 24, 2), 1000) - 1
    first = max(0, min(row_at - most // 2, len(rows) - most))
    return Layout(rows[first : first + most], row_at - first, column_at, first > 0)
