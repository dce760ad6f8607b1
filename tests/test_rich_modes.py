"""What a terminal can do and its person has chosen: marks, times, themes, plain lines, a screen reader; and its end."""

from __future__ import annotations

import re

import pytest
from people import GREETING, eventually, needs
from terminal import Terminal, inetutils


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
