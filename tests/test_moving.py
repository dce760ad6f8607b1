"""A line is said where its author's commands put them, or nowhere, and then they are told."""

from __future__ import annotations

import socket
import struct

import pytest
from people import Person, eventually


def resets(person: Person) -> None:
    """Break the connection: what was not read yet is still there, and nothing can be sent any more."""
    person._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    person.hangs_up()


def joins(person: Person, room: str) -> None:
    person.says(f"/join {room}")
    while not person.reads_line().startswith(f"server: You are in {room}"):
        pass


@pytest.fixture
def frozen(start, tmp_path):
    """A server whose disk is stuck while there is a file `frozen`."""
    return start(program="tests/probe_server.py", data=tmp_path)


def test_what_is_said_just_before_a_connection_breaks_is_heard_in_the_room_its_author_went_to(server, enter):
    beta, gamma = enter(server, "InBeta"), enter(server, "InGamma")
    joins(beta, "beta")
    joins(gamma, "gamma")
    for number in range(20):
        ann = enter(server, f"Ann{number}")
        joins(ann, "beta")
        joins(ann, "gamma")
        ann.sends(b"/time hh:mm\n/theme mono\n/go beta\nfor beta\n/leave\n/go gamma\nfor gamma\n")
        resets(ann)
    for number in range(20):
        beta.sees(f"Ann{number} : for beta")
        gamma.sees(f"Ann{number} : for gamma")


@pytest.mark.parametrize("command", ["/join den", "/join den 0123", "/go den", "/join my.den", "/join"])
def test_what_follows_a_room_that_was_not_entered_is_said_nowhere(server, enter, command):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    joins(ann, "den")
    ann.says("/private")
    ann.reads_line()
    bob.sends(f"{command}\nfor den\n/me whispers\n/topic of den\n/private\n/leave\n/go lobby\nfor all\n".encode())
    answers = [bob.reads_line() for _ in range(7)]
    name = command.partition(" ")[2].partition(" ")[0] or "that room"
    assert answers[1] == f"server: Not sent: you are still in lobby, not in {name}."
    assert answers[1] == answers[2]
    assert answers[3:6] == [answers[1].replace("sent", "done")] * 3
    ann.sees("[lobby] Bob : for all")


def test_a_while_after_a_room_was_not_entered_one_talks_where_one_is(server, enter):
    """However often one tries."""
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    bob.says("/go den")
    bob.reads_line()

    def is_heard() -> bool:
        bob.sends(b"hello\n/notices\n")
        return bob.reads_line() == "server: Notices are off." or not bob.reads_line()

    assert not is_heard()
    eventually(is_heard)
    ann.sees("Bob : hello")


def test_while_a_disk_is_stuck_nobody_is_heard_in_a_room_that_they_left(frozen, enter, tmp_path):
    ann, bob = enter(frozen, "Ann"), enter(frozen, "Bob")
    for person in (ann, bob):
        joins(person, "beta")
        joins(person, "gamma")
    (tmp_path / "frozen").touch()
    ann.sends(b"in gamma\n/go beta\nin beta\n/leave\n/go lobby\nin the lobby\n")
    bob.says("/version")
    assert bob.reads_line().startswith("server: gchat")
    (tmp_path / "frozen").unlink()
    bob.sees("Ann : in gamma", "[beta] Ann : in beta", "[lobby] Ann : in the lobby")


def test_while_a_disk_is_stuck_each_persons_first_command_waits_a_moment_and_no_other(frozen, enter, tmp_path):
    ann = enter(frozen, "Ann")
    (tmp_path / "frozen").touch()
    ann.says("stuck")
    for _ in range(200):  # 20 s, if each waited
        ann.says("/version")
        assert ann.reads_line().startswith("server: gchat")


def test_who_leaves_the_lobby_before_their_coming_in_has_happened_is_not_heard_there(frozen, enter, tmp_path):
    ann = enter(frozen, "Ann")
    (tmp_path / "frozen").touch()
    ann.says("stuck")
    bob, carl = enter(frozen), enter(frozen)
    bob.sends(b"Bob\n/leave lobby\nnot for the lobby\n/join dev\n")
    carl.sends(b"Carl\n/version\n/version\n")  # has waited a moment, as Bob's command has then
    while not carl.reads_line().startswith("server: gchat"):
        pass
    (tmp_path / "frozen").unlink()
    while (line := bob.reads_line()) != "server: You are in dev, alone.":
        assert not line.startswith("server: You are not in lobby")
    carl.says("/who")
    while not (line := carl.reads_line()).startswith("server: 2 in lobby: "):
        assert "not for the lobby" not in line
