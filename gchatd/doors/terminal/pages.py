"""Cuts long lists into pages that fit a window. Knows lines and sizes; knows no sessions and no people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...text.cells import rows_of

if TYPE_CHECKING:
    from collections import deque

PAGE_LINES = 22
"""Rows of a page if the window's height is unknown: few windows have fewer than 24."""

LIST_COLUMNS = 70
"""The most columns that a line of a list takes: what a window of 80 leaves beside `server: `."""


def rows_for(height: int) -> int:
    """How many rows a page may take in a window (0: of unknown height), not counting the command and the prompt."""
    return max(4, height - 3) if height else PAGE_LINES


def columns_for(width: int) -> int:
    """How many columns a line of a list may take in a window (0: of unknown width)."""
    return min(LIST_COLUMNS, max(20, width - 9)) if width else LIST_COLUMNS


def take_page(lines: deque[bytes], height: int, width: int) -> bytes:
    """Remove the next page from `lines` and return it: at least one line, and as many as fit the window."""
    page, left = b"", rows_for(height)
    while lines:
        rows = rows_of(lines[0].decode(), width)
        if page and rows > left + (len(lines) == 1):  # the last line may take the row of "more lines"
            break
        left -= rows
        page += lines.popleft()
    return page
