"""A real telnet in a terminal of its own, and a screen emulator that shows what a person sees there."""

from __future__ import annotations

import os
import select
import time
import unicodedata
from typing import TYPE_CHECKING

import pexpect
import pyte
import pytest
from people import PATIENCE
from wcwidth import wcswidth

if TYPE_CHECKING:
    from collections.abc import Sequence

inetutils = pytest.mark.parametrize("terminal", ["inetutils-telnet"], indirect=True)
"""Marks a test that one telnet is enough for."""


class Terminal:
    """A telnet in a terminal of its own, and what one sees there."""

    def __init__(self, port: int, columns: int, rows: int, program: str, term: str, more: Sequence[str] = ()) -> None:
        env = {**os.environ, "TERM": term, "LC_ALL": "C.UTF-8"}
        # netkit's takes one of the bytes of a kana for its escape character, whatever is negotiated.
        options = ["-E"] if program.endswith("telnet-ssl") else []
        self.child = pexpect.spawn(
            program, [*options, *more, "127.0.0.1", str(port)], dimensions=(rows, columns), env=env
        )
        self.child.delaybeforesend = None
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""

    def types(self, keys: str) -> None:
        self.child.send(keys)

    def look(self, seconds: float) -> None:
        """Show what comes within so many seconds, and no more than what there is then."""
        if select.select([self.child.child_fd], [], [], seconds)[0]:
            try:
                data = os.read(self.child.child_fd, 65536)
            except OSError:
                return
            self.raw += data
            self._stream.feed(data)

    def sees(self, what) -> None:
        """Wait until what(terminal) is true, or a row of the screen is this text."""
        until = time.monotonic() + PATIENCE
        while not (what(self) if callable(what) else what in self.rows()):
            self.look(0.05)
            shown = "\n".join(self.rows())
            assert time.monotonic() < until, f"not seen: {what!r}; cursor {self.cursor}; on the screen:\n{shown}"

    def sees_line(self, text: str, at: int | None = None, prompt: str = "> ") -> None:
        """Wait until the line being typed is this: see `has_line`."""
        self.sees(lambda one: one.has_line(text, at, prompt))

    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display]

    @property
    def cursor(self) -> tuple[int, int]:
        return self.screen.cursor.y, self.screen.cursor.x

    def has_line(self, text: str, at: int | None = None, prompt: str = "> ") -> bool:
        """Whether the line being typed is this, below all else, with the cursor at this place (None: the end)."""
        rows, y, x = laid_out(text, len(text) if at is None else at, self.screen.columns, prompt)
        shown = self.rows()
        top = self.cursor[0] - y
        rest = shown[top + len(rows) :]
        expected = [unicodedata.normalize("NFC", row).rstrip() for row in rows]  # as the emulator stores it
        return shown[top : top + len(rows)] == expected and not any(rest) and self.cursor[1] == x

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def close(self) -> None:
        self.child.close(force=True)


def laid_out(text: str, at: int, columns: int, prompt: str = "> ") -> tuple[list[str], int, int]:
    """Where prompt and text stand on a screen: rows, and the cursor's row and column. (Said again, more simply.)"""
    starts, ends, before = [0], [], prompt
    while True:
        rest = text[starts[-1] :]
        fits = max(n for n in range(len(rest) + 1) if wcswidth(before + rest[:n]) < columns)
        if fits == len(rest):
            break
        row = rest[:fits]
        if rest[fits] == " ":
            ends.append(starts[-1] + fits)
            starts.append(starts[-1] + fits + 1)
        else:
            words = max(row.rfind(" "), row.rfind("\n")) + 1
            ends.append(starts[-1] + (words or fits))
            starts.append(ends[-1])
        before = ""
    rows = [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]
    rows[0] = prompt + rows[0]
    y = max(number for number, start in enumerate(starts) if start <= at)
    return rows, y, wcswidth(("" if y else prompt) + text[starts[y] : at])
