"""Long lists in a narrow window, through a real telnet and a screen emulator: no page scrolls away."""

from __future__ import annotations

import re

import pytest
from people import GREETING, needs
from terminal import Terminal


@pytest.fixture
def window(server):
    window = Terminal(server.port, 40, 10, needs("inetutils-telnet"), "xterm-256color")
    window.sees(GREETING)
    window.types("Alice\r")
    window.sees("server: Your username is Alice.")
    window.sees_line("")
    yield window
    window.close()


@pytest.mark.parametrize("question", ["/history 500", "/help all", "/help keys", "/help join", "/help"])
def test_a_list_stops_when_the_window_is_full(server, enter, window, question):
    bob = enter(server, "Bob")
    for number in range(30):
        bob.says(f"line number {number}, which is longer than the window is wide")
        window.sees(lambda one, number=number: f"number {number}," in "".join(one.rows()))
    seen: list[str] = []
    while True:
        window.screen.reset()
        window.types(question + "\r")
        window.sees(lambda one, asked=question: finished(one, asked))
        rows = window.rows()
        assert f"> {question}" in rows, rows
        page = rows[rows.index(f"> {question}") + 1 :]
        seen += page
        if not any(row.endswith(": /more") for row in page):
            break
        question = "/more"
    if "Bob : " in " ".join(seen):
        text = "".join(seen)
        assert re.findall(r"number (\d+),", text) == [str(number) for number in range(30)]
        assert len(set(re.findall(r"#\d+", text))) <= 1


def finished(window: Terminal, question: str) -> bool:
    """Whether an answer is complete: the prompt is back below it."""
    rows = [row for row in window.rows() if row]
    return window.has_line("") and f"> {question}" in rows[:-1] and rows[-2] != f"> {question}"
