"""The rich terminal, through a real telnet and a screen emulator: the line being typed stays whole."""

from __future__ import annotations

import pytest
from people import GREETING
from terminal import inetutils

LEFT, RIGHT, UP, DOWN, HOME, END, DELETE = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B", "\x1b[H", "\x1b[F", "\x1b[3~"


def test_a_telnet_gets_a_prompt_and_what_others_say_appears_above_it(server, enter, terminal):
    alice, bob = terminal(server), enter(server, "Bob")
    bob.says("Hello Alice!")
    alice.sees("Bob : Hello Alice!")
    alice.sees_line("")
    alice.types("Hello ")
    alice.sees_line("Hello ")
    bob.says("are you there?")
    alice.sees("Bob : are you there?")
    alice.sees_line("Hello ")
    alice.types("Bob!\r")
    bob.sees("Alice : Hello Bob!")
    alice.sees("Alice : Hello Bob!")
    alice.sees_line("")
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
WIDE = [
    *"さくら and 花見 ",
    *[LEFT] * 3,
    "桜",
    "e\u0301",
    "\x7f",
    *[LEFT] * 4,
    "👩",
    END,
    *"最後に、これは長い行です、そうでしょう",
]


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
            alice.sees_line(text, at)
        if number == 500:
            alice.resize(columns - 7, rows)
            alice.sees_line(text, at)
        bob.says(f"line {number}")
        alice.sees(f"Bob : line {number}")
        alice.sees_line(text, at)  # a telnet may show one piece from the server in two
    above = [row for row in alice.rows() if row.startswith("Bob : line")]
    assert above == [f"Bob : line {number}" for number in range(1000 - len(above), 1000)]
    alice.types("\r")
    bob.sees(f"Alice : {text.strip()}")


def pressed(key: str, text: str, at: int) -> tuple[str, int]:  # noqa: C901
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


@inetutils
def test_a_hundred_lines_at_once_are_drawn_at_once(server, enter, terminal):
    alice, bob = terminal(server), enter(server, "Bob")
    alice.types("half a li")
    alice.sees_line("half a li")
    before = len(alice.raw)
    bob.sends(b"".join(b"line %d\n" % number for number in range(100)))
    alice.sees("Bob : line 99")
    alice.sees_line("half a li")
    assert alice.raw[before:].count(b"\x1b[J") <= 10  # a turn or a few, not a hundred


@inetutils
def test_tab_completes_names_and_commands(server, enter, terminal):
    alice = terminal(server)
    enter(server, "Albert")
    enter(server, "Alfred")
    alice.types("a\t")
    alice.sees_line("Al")
    alice.types("\t")
    alice.sees("server: Albert Alfred")
    alice.sees_line("Al")
    alice.types("f\thello\x15/hist\t5\r")
    alice.sees("server: Nothing was said in lobby yet.")
    assert "> /history 5" in alice.rows()


@inetutils
def test_what_is_pasted_is_heard_as_one_message_with_its_lines_indented(server, enter, terminal):
    alice, bob = terminal(server), enter(server, "Bob")
    assert b"\x1b[?2004h" in alice.raw
    alice.types("\x1b[200~one\ntwo\n\x1b[201~")
    alice.sees_line("one↵two")
    alice.types("\r")
    bob.sees("Alice : one", "    two")
    alice.sees("    two")
    alice.types("\x1b[200~1\n2\n3\n4\x1b[201~\r")
    alice.sees("server: This message has 4 lines. Enter sends it, Ctrl-C drops it.")
    alice.types("\r")
    bob.sees("Alice : 1", "    2", "    3", "    4")
    bob.sends(b"one\ntwo\n")
    alice.sees("Bob : two")  # in plain mode lines that arrive together are just lines


@inetutils
def test_the_prompt_says_where_one_is_heard(server, enter, terminal):
    alice, bob = terminal(server), enter(server, "Bob")
    alice.types("/join dev\r")
    alice.sees_line("", prompt="dev> ")
    alice.types("half a li")
    bob.says("hello")
    alice.sees("[lobby] Bob : hello")
    alice.sees_line("half a li", prompt="dev> ")
    alice.types("\x15/go lobby\r")
    alice.sees_line("", prompt="lobby> ")
    assert "dev> /go lobby" in alice.rows()
    alice.types("/plain\r")
    alice.sees("server: Line editing is off. To turn it on: /rich")
    alice.types("/rich\r")
    alice.sees_line("", prompt="lobby> ")
    alice.types("/leave dev\r")
    alice.sees_line("")


@inetutils
def test_long_lines_are_wrapped_at_words_in_a_window_of_any_width(server, enter, terminal):
    narrow, wide, bob = terminal(server, columns=40), terminal(server, "Wendy", columns=120), enter(server, "Bob")
    bob.says("a line of words that has more than forty columns but less than a hundred")
    wide.sees("Bob : a line of words that has more than forty columns but less than a hundred")
    narrow.sees("Bob : a line of words that has more")
    narrow.sees("  than forty columns but less than a")
    narrow.sees("  hundred")
    narrow.resize(80, 24)
    narrow.types("what is typed is wrapped at words too, in a window of any width")
    narrow.sees_line("what is typed is wrapped at words too, in a window of any width")
    bob.says("a line of words that has more than forty columns")
    narrow.sees("Bob : a line of words that has more than forty columns")


@inetutils
def test_ctrl_c_on_an_empty_line_says_how_to_leave_and_clear_clears(server, enter, terminal):
    alice, bob = terminal(server), enter(server, "Bob")
    alice.types("x\x03")
    alice.sees_line("")
    alice.types("\x03")
    alice.sees("server: To leave, type /quit or press Ctrl-D.")
    alice.types("/clear\r")
    alice.sees(lambda one: one.rows()[0] == ">" and not any(one.rows()[1:]))
    bob.says("/clear")
    bob.sees("server: Only a terminal with line editing can be cleared. To turn that on: /rich")


@inetutils
def test_a_piece_of_the_worst_keys_is_handled_to_its_end(server, enter, terminal):
    alice, bob = terminal(server), enter(server, "Bob")
    alice.types("\x1b[200~" + "w" * 2000 + "\x1b[201~")
    alice.types("\x1bb\x05" * 1000 + "\x15done\r")
    bob.sees("Alice : done")


@inetutils
def test_nobody_can_forge_lines_by_a_command_of_several(server, enter, terminal):
    eve, bob = terminal(server, "Eve"), enter(server, "Bob")
    bob.says("/notices on")
    bob.sees("server: Notices are on.")
    eve.types("\x1b[200~/me one\ntwo\x1b[201~\r")
    bob.sees("* Eve one", "    two")
    eve.types("\x1b[200~/quit bye\nserver: gchat is closing\x1b[201~\r")
    bob.sees("server: Eve left: bye server: gchat is closing")


def test_a_line_that_is_typed_while_the_terminal_changes_is_not_lost(server, enter):
    bob, early = enter(server, "Bob"), enter(server)
    early.sends(b"Early\r\n")
    early.sees(GREETING, "server: Your username is Early.")
    early.sends(b"\xff\xfb\x1f\xff\xfc\x18\xff\xfd\x01\xff\xfd\x03\xff\xfb\0hello\rworld\r")
    bob.sees("Early : hello", "Early : world")
