"""Draws docs/session.svg: two people talk, each through a real telnet, as their terminals show it. `make picture`."""

from __future__ import annotations

import itertools
import os
import re
import select
import sys
import tempfile
import time
from html import escape
from pathlib import Path

import pexpect
import pyte

COLUMNS, ROWS = 52, 14
CELL_WIDTH, LINE_HEIGHT = 8.43, 18  # pixels of a 14 px monospace font
MARGIN, GAP, TITLE = 16, 16, 36
PATIENCE = 10.0
FOREGROUND, BACKGROUND, BAR, EDGE, DIM = "#e6edf3", "#0d1117", "#161b22", "#30363d", "#8b949e"
ROOT = Path(__file__).parent.parent


class Terminal:
    """A person's terminal with a telnet in it."""

    def __init__(self, port: int) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        # `localhost` on the default port is what one types; the port here is one that was free.
        self._stream.feed(b"$ telnet localhost 1337\r\n")
        env = {**os.environ, "TERM": "xterm-256color"}
        self._child = pexpect.spawn("telnet", ["localhost", str(port)], dimensions=(ROWS, COLUMNS), env=env)

    def sees(self, text: str) -> None:
        """Wait until a row of the screen begins so."""
        until = time.monotonic() + PATIENCE
        while not any(row.startswith(text) for row in self.screen.display):
            assert time.monotonic() < until, f"{text!r} is not on the screen:\n" + "\n".join(self.screen.display)
            if select.select([self._child.child_fd], [], [], 0.1)[0]:
                self._stream.feed(os.read(self._child.child_fd, 65536))

    def types(self, keys: str) -> None:
        self._child.send(keys)

    def close(self) -> None:
        self._child.close(force=True)


def drawn_row(screen: pyte.Screen, row: int, left: float) -> list[str]:
    """Draw a row of a screen: text in its colours, and the cursor if it is there."""
    parts = []
    y = TITLE + MARGIN // 2 + (row + 1) * LINE_HEIGHT - 4
    cells = [screen.buffer[row][column] for column in range(screen.columns)]
    runs = itertools.groupby(enumerate(cells), key=lambda cell: (cell[1].fg, cell[1].reverse, cell[1].bold))
    for (colour, reverse, bold), run in runs:
        where, text = zip(*((column, cell.data) for column, cell in run), strict=True)
        if not "".join(text).strip() and not reverse:
            continue
        x = left + MARGIN + where[0] * CELL_WIDTH
        fill = f"#{colour}" if re.fullmatch("[0-9a-f]{6}", colour) else FOREGROUND
        if reverse:
            size = f'width="{len(where) * CELL_WIDTH:.1f}" height="{LINE_HEIGHT}"'
            parts.append(f'<rect x="{x:.1f}" y="{y - 14}" {size} fill="{fill}"/>')
            fill = BACKGROUND
        weight = ' font-weight="bold"' if bold else ""
        words = "".join(text).rstrip()
        x += (len(words) - len(words.lstrip())) * CELL_WIDTH
        words = words.lstrip()
        # Whatever font there is, a run of text is as wide as its cells.
        length = f'textLength="{len(words) * CELL_WIDTH:.1f}" lengthAdjust="spacingAndGlyphs"'
        parts.append(f'<text x="{x:.1f}" y="{y}" fill="{fill}"{weight} {length}>{escape(words)}</text>')
    if screen.cursor.y == row:
        x = left + MARGIN + screen.cursor.x * CELL_WIDTH
        parts.append(f'<rect x="{x:.1f}" y="{y - 14}" width="{CELL_WIDTH}" height="{LINE_HEIGHT}" fill="{DIM}"/>')
    return parts


def picture(windows: list[tuple[str, pyte.Screen]]) -> str:
    """Draw terminals side by side, as SVG."""
    width = COLUMNS * CELL_WIDTH + 2 * MARGIN
    height = TITLE + ROWS * LINE_HEIGHT + MARGIN + MARGIN // 2
    parts = []
    for at, (title, screen) in enumerate(windows):
        left = at * (width + GAP)
        box = f'x="{left + 0.5:.1f}" y="0.5" width="{width - 1:.1f}"'
        parts.append(f'<rect {box} height="{height - 1}" rx="9" fill="{BACKGROUND}" stroke="{EDGE}"/>')
        bar = f"M{left + 1:.1f} {TITLE}v-26a9 9 0 0 1 9-9h{width - 20:.1f}a9 9 0 0 1 9 9v26z"
        parts.append(f'<path d="{bar}" fill="{BAR}"/>')
        parts += [
            f'<circle cx="{left + 20 + 18 * dot:.0f}" cy="18" r="5.5" fill="{colour}"/>'
            for dot, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        ]
        parts.append(f'<text x="{left + width / 2:.0f}" y="23" fill="{DIM}" text-anchor="middle">{title}</text>')
        for row in range(screen.lines):
            parts += drawn_row(screen, row, left)
    total = len(windows) * (width + GAP) - GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total:.0f} {height}" width="{total:.0f}" '
        f'height="{height}" font-family="ui-monospace, Menlo, \'DejaVu Sans Mono\', monospace" font-size="14">\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as data:
        words = [str(ROOT / "gchat.py"), "--listen", "127.0.0.1:0", "--data", data]
        server = pexpect.spawn(sys.executable, words, encoding="utf-8")
        server.expect(r"port (\d+)\.")
        port = int(server.match[1])
        server.expect_exact("Socket is listening.")
        alice, bob = Terminal(port), Terminal(port)
        for person, name in ((alice, "Alice"), (bob, "Bob")):
            person.sees("server: Input username.")
            person.types(f"{name}\r")
            person.sees("> ")
        bob.types("Hello Alice!\r")
        alice.sees("Bob : Hello Alice!")
        alice.types("Hi Bob! Have a look around.\r")
        bob.sees("Alice : Hi Bob!")
        bob.types("/me looks around\r")
        alice.sees("* Bob looks around")
        alice.types("While I type this, Bob can")
        alice.sees("> While I type this, Bob can")
        bob.types("say what he likes, Alice,\r")
        alice.sees("Bob : say what he likes")
        bob.types("and your line stays as it is.\r")
        alice.sees("Bob : and your line stays as it is.")
        bob.sees("Bob : and your line stays as it is.")
        drawn = picture([("Alice", alice.screen), ("Bob", bob.screen)])
        for person in (alice, bob):
            person.close()
        server.close(force=True)
    (ROOT / "docs" / "session.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
