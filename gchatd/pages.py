"""How long lists are cut into pages that fit a window. Knows lines and sizes; knows no sessions and no people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wire.cells import rows_of

if TYPE_CHECKING:
    from collections import deque

PAGE_LINES = 22
"""Rows of a page where nobody knows how high the window is: few have fewer than 24."""

LIST_COLUMNS = 70
"""Columns of a line of a list, at most: what a window of 80 leaves beside the server's name."""


def rows_for(height: int) -> int:
    """How many rows a page may take in a window (0: of unknown height), beside the question and what follows it."""
    return max(4, height - 3) if height else PAGE_LINES


def columns_for(width: int) -> int:
    """How many columns a line of a list may take in a window (0: of unknown width)."""
    return min(LIST_COLUMNS, max(20, width - 9)) if width else LIST_COLUMNS


def take_page(lines: deque[bytes], height: int, width: int) -> bytes:
    """Take the next page off some lines, one line at least."""
    page, left = b"", rows_for(height)
    while lines:
        rows = rows_of(lines[0].decode(), width)
        if page and rows > left + (len(lines) == 1):  # the last line may stand where "more lines" would
            break
        left -= rows
        page += lines.popleft()
    return page
