"""Makes docs/session.svg: two people talking, each through a real telnet, as their terminals show it.

make picture
"""

from __future__ import annotations

import re
import sys
from html import escape
from pathlib import Path

import pexpect
import pyte

COLUMNS, ROWS = 46, 12
CELL_WIDTH, LINE_HEIGHT = 8.43, 18  # pixels of a 14 px monospace font
MARGIN, TITLE = 14, 34
ROOT = Path(__file__).parent.parent


class Terminal:
    """A person's terminal with a telnet in it."""

    def __init__(self, port: int) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self._screen)
        # `localhost` on the default port is what one types; the port here is one that was free.
        self._type(f"$ telnet localhost {port}".replace(str(port), "1337") + "\r\n")
        self._child = pexpect.spawn("telnet", ["localhost", str(port)], dimensions=(ROWS, COLUMNS), encoding="utf-8")

    def sees(self, text: str) -> None:
        self._child.expect_exact(text)
        self._type(self._child.before + self._child.after)

    def says(self, line: str) -> None:
        self._child.sendline(line)
        self.sees(line + "\r\n")

    def _type(self, text: str) -> None:
        self._stream.feed(text)

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    def close(self) -> None:
        self._child.close(force=True)


def picture(windows: list[tuple[str, list[str]]]) -> str:
    """Draw terminals side by side, as SVG."""
    width = COLUMNS * CELL_WIDTH + 2 * MARGIN
    height = TITLE + ROWS * LINE_HEIGHT + MARGIN
    parts = []
    for at, (title, lines) in enumerate(windows):
        left = at * (width + MARGIN)
        parts.append(f'<rect x="{left:.0f}" width="{width:.0f}" height="{height}" rx="8" fill="#1b1f24"/>')
        parts += [
            f'<circle cx="{left + 18 + 18 * dot:.0f}" cy="17" r="5.5" fill="{colour}"/>'
            for dot, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        ]
        parts.append(f'<text x="{left + width / 2:.0f}" y="22" fill="#8b949e" text-anchor="middle">{title}</text>')
        for row, line in enumerate(lines):
            y = TITLE + (row + 1) * LINE_HEIGHT - 4
            parts.append(
                f'<text x="{left + MARGIN:.0f}" y="{y}" fill="#e6edf3" xml:space="preserve">{escape(line)}</text>'
            )
    total = len(windows) * (width + MARGIN) - MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total:.0f} {height}" width="{total:.0f}" '
        f'height="{height}" font-family="ui-monospace, Menlo, \'DejaVu Sans Mono\', monospace" font-size="14">\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def main() -> None:
    server = pexpect.spawn(sys.executable, [str(ROOT / "gchat.py"), "--listen", "127.0.0.1:0"], encoding="utf-8")
    server.expect(r"port (\d+)\.")
    port = int(server.match[1])
    server.expect_exact("Socket is listening.")
    alice, bob = Terminal(port), Terminal(port)
    for person, name in ((alice, "Alice"), (bob, "Bob")):
        person.sees("server: Input username.\r\n")
        person.says(name)
        person.sees(f"server: Your username is {name}.\r\n")
    bob.says("Hello Alice!")
    alice.sees("Bob : Hello Alice!\r\n")
    alice.says("Hi Bob. Nice place, who else is here?")
    bob.sees("Alice : Hi Bob. Nice place, who else is here?\r\n")
    bob.says("/me looks around")
    alice.sees("* Bob looks around\r\n")
    bob.says("/who")
    bob.sees("server: 2 in lobby: Alice, Bob\r\n")
    windows = [("Alice", alice.lines()), ("Bob", bob.lines())]
    for person in (alice, bob):
        person.close()
    server.close(force=True)
    assert not re.search("[\x00-\x1f]", "".join(line for _, lines in windows for line in lines))
    (ROOT / "docs" / "session.svg").write_text(picture(windows), encoding="utf-8")


if __name__ == "__main__":
    main()
