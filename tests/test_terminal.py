"""The server as a person sees it, through a real telnet that sends lines, and a real nc."""

from __future__ import annotations

import re
import subprocess

import pexpect
import pytest
from people import GREETING, PATIENCE, needs


@pytest.fixture
def server(start):
    return start(telnet__mode="line")


@pytest.fixture(params=["telnet", "nc"])
def terminal(request, server):
    """A way to start the program on a terminal of its own, connected to the server."""
    program = needs(request.param)
    children = []

    def start() -> pexpect.spawn:
        child = pexpect.spawn(program, ["localhost", str(server.port)], timeout=PATIENCE, encoding="utf-8")
        children.append(child)
        return child

    start.program = request.param
    yield start
    for child in children:
        child.close(force=True)


only_telnet = pytest.mark.parametrize("terminal", ["telnet"], indirect=True)


def shows(child: pexpect.spawn, *lines: str) -> None:
    """The terminal shows these lines next, and nothing else. (Behind nc the terminal makes CR CR LF of a CR LF.)"""
    for line in lines:
        child.expect(re.escape(line) + "\r+\n")
        assert child.before == ""


def types(child: pexpect.spawn, line: str) -> None:
    """Type a line. The terminal shows it, once: the server sends nothing back."""
    child.sendline(line)
    shows(child, line)


def comes_in(terminal, name: str) -> pexpect.spawn:
    """Somebody starts their program and gives their name."""
    child = terminal()
    child.expect_exact(GREETING)
    child.sendline(name)
    child.expect_exact(f"Your username is {name}.")
    return child


def test_the_transcript_works_to_the_letter(terminal):
    alice = terminal()
    if terminal.program == "telnet":
        alice.expect("Escape character is '\\^]'\\.\r\n")
    shows(alice, "server: Input username.")
    types(alice, "Alice")
    shows(alice, "server: Your username is Alice.")
    bob = terminal()
    bob.expect_exact("server: Input username.")
    bob.expect("\r+\n")
    types(bob, "Bob")
    shows(bob, "server: Your username is Bob.")
    types(bob, "Hello Alice!")
    shows(alice, "Bob : Hello Alice!")
    types(alice, "Hello Bob!")
    shows(bob, "Alice : Hello Bob!")
    types(bob, "/quit")
    shows(bob, "server: Goodbye.")
    types(alice, "/quit")
    shows(alice, "server: Goodbye.")
    if terminal.program == "telnet":
        alice.expect_exact("Connection closed by foreign host.")


def test_nc_in_a_pipe_gets_the_transcript_byte_for_byte(server):
    typed = b"Alice\n/quit\n"
    nc = subprocess.run(
        [needs("nc"), "127.0.0.1", str(server.port)], input=typed, capture_output=True, timeout=PATIENCE
    )
    assert nc.stdout == b"server: Input username.\r\nserver: Your username is Alice.\r\nserver: Goodbye.\r\n"


@only_telnet  # Ctrl-C ends nc
def test_ctrl_c_in_the_middle_of_a_line_leaves_a_telnet_talking_and_listening(terminal, server, enter):
    carl = enter(server, "Carl")
    alice = comes_in(terminal, "Alice")
    alice.send("half a li")
    alice.sendintr()
    alice.sendline("a whole line")
    heard = carl.reads_line()
    assert re.fullmatch(r"Alice : (half a li)?a whole line", heard)
    carl.says("still there?")
    alice.expect_exact("Carl : still there?\r\n")


@only_telnet
def test_what_a_terminal_sends_on_ctrl_c_does_not_reach_others(terminal, server, enter):
    carl = enter(server, "Carl")
    alice = comes_in(terminal, "Alice")
    for number in range(3):
        alice.sendintr()
        alice.sendline(f"line {number}")
        carl.sees(f"Alice : line {number}")
