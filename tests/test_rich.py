"""The rich terminal, through a real telnet and a screen emulator: the line being typed stays whole."""

from __future__ import annotations

import os
import select
import time
import unicodedata

import pexpect
import pyte
import pytest
from conftest import needs
from people import GREETING, PATIENCE
from wcwidth import wcswidth

LEFT, RIGHT, UP, DOWN, HOME, END, DELETE = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B", "\x1b[H", "\x1b[F", "\x1b[3~"


class Terminal:
    """A telnet in a terminal of its own, and what one sees there."""

    def __init__(self, port: int, columns: int, rows: int, program: str, term: str) -> None:
        env = {**os.environ, "TERM": term, "LC_ALL": "C.UTF-8"}
        # netkit's takes one of the bytes of a kana for its escape character, whatever is negotiated.
        options = ["-E"] if program.endswith("telnet-ssl") else []
        self.child = pexpect.spawn(program, [*options, "127.0.0.1", str(port)], dimensions=(rows, columns), env=env)
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

    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display]

    @property
    def cursor(self) -> tuple[int, int]:
        return self.screen.cursor.y, self.screen.cursor.x

    def has_line(self, text: str, at: int | None = None) -> bool:
        """Whether the line being typed is this, below everything else, with the cursor at this place (None: the end)."""
        rows, y, x = laid_out(text, len(text) if at is None else at, self.screen.columns)
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


def laid_out(text: str, at: int, columns: int) -> tuple[list[str], int, int]:
    """Where prompt and text stand on a screen: rows, and the cursor's row and column. (Said again, more simply.)"""
    rows, y, x = ["> "], 0, 2
    for place, char in enumerate(text):
        if wcswidth(rows[-1] + char) >= columns:
            rows.append("")
        if place == at:
            y, x = len(rows) - 1, wcswidth(rows[-1])
        rows[-1] += char
    return (rows, y, x) if at < len(text) else (rows, len(rows) - 1, wcswidth(rows[-1]))


@pytest.fixture(params=["inetutils-telnet", "telnet-ssl"])
def terminal(request):
    terminals = []

    def start(server, name="Alice", columns=80, rows=24, term="xterm-256color") -> Terminal:
        terminals.append(Terminal(server.port, columns, rows, needs(request.param), term))
        terminals[-1].sees(GREETING)
        terminals[-1].types(name + "\r")
        terminals[-1].sees(f"server: Your username is {name}.")
        terminals[-1].sees(lambda one: one.has_line(""))
        return terminals[-1]

    yield start
    for one in terminals:
        one.close()


def test_a_telnet_gets_a_prompt_and_what_others_say_appears_above_it(server, enter, terminal):
    alice, bob = terminal(server), enter(server, "Bob")
    bob.says("Hello Alice!")
    alice.sees("Bob : Hello Alice!")
    assert alice.has_line("")
    alice.types("Hello ")
    alice.sees(lambda one: one.has_line("Hello "))
    bob.says("are you there?")
    alice.sees("Bob : are you there?")
    assert alice.has_line("Hello ")
    alice.types("Bob!\r")
    bob.sees("Alice : Hello Bob!")
    alice.sees("Alice : Hello Bob!")
    alice.sees(lambda one: one.has_line(""))
    alice.types("/who\r")
    alice.sees("server: 2 in lobby: Alice, Bob")
    assert "> /who" in alice.rows()


SCRIPT = [
    *"Hello wrld",
    *[LEFT] * 3,
    "o",
    *[HOME, RIGHT, DELETE, "u", END],
    *", this is a line that is longer than some windows are",
    *["\x17", "\x17"],
    *[HOME, "B", "o", "\t"],
    *["\x05", "\x15", "\x19"],
]
WIDE = [*"さくら and 花見 ", *[LEFT] * 3, "桜", "e\u0301", "\x7f", *[LEFT] * 4, "👩", END, *"最後に、これは長い行です、そうでしょう"]


@pytest.mark.parametrize("keys", [SCRIPT, WIDE], ids=["script", "wide"])
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 10)])
def test_the_line_being_typed_is_intact_after_each_of_1000_lines(server, enter, terminal, columns, rows, keys):
    alice, bob = terminal(server, columns=columns, rows=rows), enter(server, "Bob")
    text, at = "", 0
    for number in range(1000):
        if number % 14 == 0 and number // 14 < len(keys):
            key = keys[number // 14]
            text, at = pressed(key, text, at)
            alice.types(key)
            alice.sees(lambda one: one.has_line(text, at))
        if number == 500:
            alice.resize(columns - 7, rows)
            alice.sees(lambda one: one.has_line(text, at))
        bob.says(f"line {number}")
        alice.sees(f"Bob : line {number}")
        assert alice.has_line(text, at), (text, at, alice.rows(), alice.cursor)
    above = [row for row in alice.rows() if row.startswith("Bob : line")]
    assert above == [f"Bob : line {number}" for number in range(1000 - len(above), 1000)]
    alice.types("\r")
    bob.sees(f"Alice : {text.strip()}")


def pressed(key: str, text: str, at: int) -> tuple[str, int]:
    """What a key does to a line, said simply. (Killing and yanking everything leaves it as it was.)"""
    if key == LEFT:
        at -= 1 + (at > 1 and text[at - 1] == "\u0301")
    elif key == RIGHT:
        at += 1
    elif key == HOME:
        at = 0
    elif key in (END, "\x05"):
        at = len(text)
    elif key == DELETE:
        text = text[:at] + text[at + 1 :]
    elif key == "\x7f":
        back = 2 if text[at - 1] == "\u0301" else 1
        text, at = text[: at - back] + text[at:], at - back
    elif key == "\x17":
        start = text[:at].rstrip().rfind(" ") + 1
        text, at = text[:start] + text[at:], start
    elif key == "\t":
        text, at = "Bob: " + text[2:], 5
    elif key == "\x15":
        pressed.killed, text, at = text[:at], text[at:], 0
    elif key == "\x19":
        text, at = text[:at] + pressed.killed + text[at:], at + len(pressed.killed)
    else:
        text, at = text[:at] + key + text[at:], at + len(key)
    return text, at
