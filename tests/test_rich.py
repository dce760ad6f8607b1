"""The rich terminal, through a real telnet and a screen emulator: the line being typed stays whole."""

from __future__ import annotations

import re

import pytest
from conftest import needs
from people import GREETING, eventually
from terminal import Terminal

LEFT, RIGHT, UP, DOWN, HOME, END, DELETE = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B", "\x1b[H", "\x1b[F", "\x1b[3~"


@pytest.fixture(params=["inetutils-telnet", "telnet-ssl"])
def terminal(request):
    terminals = []

    def start(server, name="Alice", columns=80, rows=24, term="xterm-256color") -> Terminal:
        terminals.append(Terminal(server.port, columns, rows, needs(request.param), term))
        terminals[-1].sees(GREETING)
        terminals[-1].types(name + "\r")
        terminals[-1].sees(f"server: Your username is {name}.")
        terminals[-1].sees_line("")
        return terminals[-1]

    yield start
    for one in terminals:
        one.close()


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


inetutils = pytest.mark.parametrize("terminal", ["inetutils-telnet"], indirect=True)


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
def test_a_mention_is_marked_and_rings_and_only_for_whom_it_names(server, enter, terminal):
    alice, eve = terminal(server), terminal(server, "Eve")
    bob = enter(server, "Bob")
    rings = {"mentions": "rings for your name and private messages", "off": "is off", "all": "rings for every line"}
    for bell, ringing in (("mentions", 1), ("off", 0), ("all", 2)):
        alice.types(f"/bell {bell}\r")
        alice.sees(f"server: The bell {rings[bell]}.")
        before, eves = len(alice.raw), len(eve.raw)
        bob.says(f"{bell}, alice?")
        bob.says(f"{bell} else")
        alice.sees(f"Bob : {bell} else")
        eve.sees(f"Bob : {bell} else")
        rung = alice.raw[before:].count(b"\a")
        assert rung == ringing if bell != "all" else rung in (1, 2, 3)
        assert b"\x1b[7m" in alice.raw[before:]
        assert b"\a" not in eve.raw[eves:]
        assert b"\x1b[7m" not in eve.raw[eves:]


@inetutils
def test_theme_and_time_are_as_one_chooses(server, enter, terminal):
    alice, bob = terminal(server), enter(server, "Bob")
    alice.types("/time hh:mm +02:00\r/theme mono\r")
    alice.sees("server: The time of each line is shown as hh:mm, in UTC+02:00.")
    alice.sees("server: The theme is mono.")
    before = len(alice.raw)
    bob.says("hello")
    alice.sees(lambda one: any(re.fullmatch(r"\d\d:\d\d Bob : hello", row) for row in one.rows()))
    assert b"m" not in alice.raw[before:].replace(b"Bob : hello", b"")
    alice.types("/time full\r/theme contrast\r")
    alice.sees("server: The theme is contrast.")
    bob.says("again")
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    alice.sees(lambda one: any(re.fullmatch(stamp + " Bob : again", row) for row in one.rows()))
    alice.types("/time noon\r/time off noon\r/theme pink\r")
    alice.sees("server: Choose off, hh:mm or full, not noon: /time [off|hh:mm|full] [+HH:MM]")
    alice.sees("server: That is not a time zone: noon. Try +02:00.")
    alice.sees(
        lambda one: any(row.startswith("server: Choose colour, mono or contrast, not pink") for row in one.rows())
    )


def test_one_can_go_to_plain_lines_and_back(server, enter, terminal):
    alice, bob = terminal(server), enter(server, "Bob")
    alice.types("/plain\r")
    alice.sees(lambda one: any(row.startswith("server: Line editing is off") for row in one.rows()))
    assert alice.raw.count(b"\x1b[?2004l") == 1
    alice.types("plain line\r")
    bob.sees("Alice : plain line")
    alice.sees("plain line")  # as the terminal itself shows it
    before = len(alice.raw)
    bob.says("hello")
    alice.sees("Bob : hello")
    assert b"\x1b[J" not in alice.raw[before:]
    alice.types("/rich\r")
    alice.sees_line("")
    alice.types("/theme mono\r/plain\r")
    alice.sees("server: The theme is mono.")
    alice.types("/rich\r/theme\r")
    alice.sees(lambda one: one.rows().count("server: The theme is mono.") == 2)  # what one chose stays chosen
    alice.types("rich again")
    alice.sees_line("rich again")
    bob.says("hello again")
    alice.sees("Bob : hello again")
    alice.sees_line("rich again")


def test_a_screen_reader_gets_one_line_an_event_and_nothing_else(server, enter, terminal):
    alice, bob = terminal(server), terminal(server, "Bob")
    alice.types("/reader\r")
    alice.sees(lambda one: any(row.startswith("server: Reader mode is on") for row in one.rows()))
    before = len(alice.raw)
    bob.types("\x1b[200~one\ntwo\x1b[201~\r")
    alice.sees("Bob : one two")
    assert b"\x1b" not in alice.raw[before:]
    alice.types("/reader off\r/rich\r")
    alice.sees_line("")


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
def test_themes_have_other_names_and_a_screen_reader_is_told_that_it_has_none(server, enter, terminal):
    alice, bob = terminal(server), enter(server, "Bob")
    for typed, theme in (("color", "colour"), ("none", "mono"), ("high", "contrast"), ("Colours", "colour")):
        bob.says(f"/theme {typed}")
        bob.sees(f"server: The theme is {theme}.")
    alice.types("/reader\r")
    alice.sees("server: Reader mode is on: plain lines only. To turn it off: /reader off")
    for typed in ("/theme colour", "/bell all", "/rich"):
        alice.types(f"{typed}\r")
    alice.sees("server: The theme is colour.")
    alice.sees("server: You will see no difference in reader mode. To turn that off: /reader off")
    alice.sees("server: Line editing does not work in reader mode. To turn that off: /reader off")


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


def test_the_terminal_is_left_as_it_was(server, terminal):
    alice, bob = terminal(server), terminal(server, "Bob")
    alice.types("\x04")
    alice.sees("server: Goodbye.")
    alice.sees("Connection closed by foreign host.")
    bob.types("half a li")
    bob.sees_line("half a li")
    assert server.stop() == 0
    bob.sees("server: The server is shutting down.")
    bob.sees("Connection closed by foreign host.")
    assert not any("half a li" in row for row in bob.rows())
    for one in (alice, bob):
        one.sees(lambda one: one.raw.count(b"\x1b[?2004l") == 1)


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_what_cannot_move_its_cursor_keeps_plain_lines(server, enter, term):
    alice = Terminal(server.port, 80, 24, needs("inetutils-telnet"), term)
    bob = enter(server, "Bob")
    alice.sees(GREETING)
    alice.types("Alice\r")
    alice.sees("server: Your username is Alice.")
    alice.types("hello\r")
    bob.sees("Alice : hello")
    bob.says("hello Alice")
    alice.sees("Bob : hello Alice")
    assert b"\x1b" not in alice.raw
    alice.close()


@inetutils
def test_without_colours_there_are_none(server, enter, terminal):
    alice, bob = terminal(server, term="vt100"), enter(server, "Bob")
    bob.says("hello")
    alice.sees("Bob : hello")
    assert b"m" not in re.sub(rb"[a-zA-Z :.]{3,}", b"", alice.raw)


def test_a_mud_client_gets_colour_and_keeps_its_lines(server, enter):
    mud, bob = enter(server), enter(server, "Bob")
    mud.sends(b"Alice\r\n")
    mud.sees(GREETING, "server: Your username is Alice.")
    assert mud.takes(100) == b"\xff\xfd\x1f"
    mud.sends(b"\xff\xfb\x1f\xff\xfb\x18")
    mud.sends(b"".join(b"\xff\xfa\x18\0%s\xff\xf0" % name for name in (b"MUDLET", b"ANSI", b"MTTS 9")))
    mud.sends(b"/theme\r\n")
    ask = b"\xff\xfa\x18\x01\xff\xf0"
    answer = b""
    while not answer.endswith(b".\r\n"):
        answer += mud.takes(1000)
    assert answer == b"\xff\xfd\x18" + 3 * ask + b"server: The theme is colour.\r\n"
    bob.says("hello")
    assert re.fullmatch("\x1b\\[38;5;\\d+mBob\x1b\\[0m : hello", mud.reads_line())


def test_a_client_that_refuses_everything_keeps_plain_lines(server, enter):
    refuser, bob = enter(server), enter(server, "Bob")
    refuser.sends(b"Alice\r\n")
    refuser.sees(GREETING, "server: Your username is Alice.")
    assert refuser.takes(100) == b"\xff\xfd\x1f"
    refuser.sends(b"\xff\xfc\x1f")
    bob.says("hello")
    refuser.sees("Bob : hello")


def test_nobody_is_asked_where_the_mode_is_line(start, enter):
    server = start(telnet__mode="line")
    alice = enter(server)
    alice.sends(b"Alice\r\n/quit\r\n")
    alice.sees(GREETING, "server: Your username is Alice.", "server: Goodbye.")
    assert alice.reads_to_the_end() == b""


@inetutils
def test_a_terminal_is_kept_awake_and_a_plain_client_never_is(start, enter, terminal):
    server = start(program="tests/probe_server.py")  # whose 30 seconds are half a second
    alice, bob = terminal(server), enter(server, "Bob")
    eventually(lambda: server.alive()["nops"] >= 2)
    bob.says("/quit")
    assert b"\xff" not in bob.reads_to_the_end()
    alice.sees_line("")
