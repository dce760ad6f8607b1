"""What a crowd is told to be, what it makes of that, and where it may go."""

from __future__ import annotations

import argparse
import collections
import random
import select
import socket
import sys
import threading
from types import SimpleNamespace

import pytest
from people import PATIENCE

import gchat
from gchatd import crowd
from gchatd.crowd import plan, where
from gchatd.errors import ConfigError

MACHINE = plan.Machine(cores=2, files=20_000, memory_kb=8_000_000)
BIG = plan.Machine(cores=2, files=20_000, memory_kb=24_000_000)


def options(*args: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    crowd.add_parser(parser.add_subparsers())
    return parser.parse_args(["crowd", *args])


# What it is told.


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--clients", "0"], "--clients 0: expected a whole number from 1 to 1000000"),
        (["--clients", "100000000"], "--clients 100000000: expected a whole number from 1 to 1000000"),
        (["--rate", "2e8"], "--rate 200000000: expected a number more than 0, at most 100000"),
        (["--clients", "many"], "'many': expected a whole number"),
        (["--rate", "-1"], "--rate -1: expected a number more than 0, at most 100000"),
        (["--seconds", "nan"], "--seconds nan: expected a number more than 0, at most 3600"),
        (["--talkers", "5", "--clients", "4"], "--talkers 5: more than there are clients (4)"),
        (["--connect", "nowhere"], "--connect nowhere: expected ADDRESS:PORT"),
        (["--connect", "127.0.0.1:0"], "--connect 127.0.0.1:0: expected a port from 1 to 65535"),
        (["--report", "/dev/null/x"], "--report /dev/null/x: not a directory"),
        (["--clients", "900000", "--workers", "1"], "--clients 900000: the server may have"),
        (["--workers", "0"], "--workers 0: expected a whole number from 1 to 64"),
        (["--workers", "2", "--connect", "127.0.0.1:9"], "--workers: how many a server has that is already running"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_clear_line(args, words, capsys):
    try:
        status = gchat.main(["crowd", *args])
    except SystemExit as error:
        status = error.code
    assert status == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in last


def test_without_its_packages_it_says_how_to_get_them(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "hdrh", None)
    assert gchat.main(["crowd"]) == 2
    words = (
        "gchat: crowd needs rich, hdrhistogram: run `make crowd`, or `pip install -r requirements-crowd.txt` first\n"
    )
    assert capsys.readouterr().err == words


def test_where_no_server_listens_nobody_is_sent(capsys):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert gchat.main(["crowd", "--connect", f"localhost:{port}"]) == 1
    out, err = capsys.readouterr()
    assert err == f"gchat: crowd: --connect localhost:{port}: no server is listening there\n"
    assert not out


def test_where_something_else_listens_one_is_sent_and_no_more(capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        sent = threading.Thread(target=lambda: _greet(other, b"220 mail.example\r\n"), daemon=True)
        sent.start()
        assert gchat.main(["crowd", "--connect", f"127.0.0.1:{port}"]) == 1
        sent.join(PATIENCE)
        assert not select.select([other], [], [], 0)[0]
    assert capsys.readouterr().err == f"gchat: crowd: --connect 127.0.0.1:{port}: no gchat server answers there\n"


def _greet(listener: socket.socket, words: bytes) -> None:
    client = listener.accept()[0]
    client.sendall(words)
    client.close()


# How many.


def test_the_defaults_are_a_good_show_within_a_minute():
    made = plan.make_plan(options(), MACHINE, MACHINE.files)
    assert made == plan.Plan(10_000, 20, 5, 30, 5000, "steady", 1, 1)
    assert made.clients / made.ramp + made.seconds < 50


def test_the_defaults_suit_a_small_machine():
    small = plan.Machine(cores=1, files=1024, memory_kb=10_000_000)
    assert plan.make_plan(options(), small, 1024).clients == 1024 - plan.SPARE_FILES
    poor = plan.Machine(cores=1, files=20_000, memory_kb=500 * plan.CLIENT_KB)
    assert plan.make_plan(options(), poor, 20_000).clients == 500
    assert plan.make_plan(options("--clients", "3"), small, 1024).talkers == 3


def test_more_than_the_files_of_one_process_takes_several():
    many = options("--clients", "50000")
    assert plan.make_plan(many, MACHINE, None).processes == 3
    assert plan.make_plan(many, plan.Machine(16, 1_000_000, 8_000_000), 1_000_000).processes == 5


@pytest.mark.parametrize(
    ("clients", "workers", "processes", "rate"),
    [
        (19_900, 1, 1, 5),
        (19_901, 2, 2, 1),
        (38_000, 2, 2, 1),
        (39_000, 3, 2, 1),
        (100_000, 6, 6, 1),
        (150_000, 8, 8, 1),
    ],
)
def test_more_than_one_process_holds_is_a_server_with_workers(clients, workers, processes, rate):
    made = plan.make_plan(options("--clients", str(clients)), BIG, BIG.files)
    assert (made.workers, made.processes, made.rate) == (workers, processes, rate)
    assert made.clients == clients


def test_you_may_say_how_many_workers_and_how_fast():
    made = plan.make_plan(options("--clients", "1000", "--workers", "3"), MACHINE, 20_000)
    assert (made.workers, made.processes, made.rate) == (3, 1, 5)
    assert plan.make_plan(options("--clients", "100000", "--rate", "2"), BIG, 20_000).rate == 2


def test_a_server_that_is_running_has_the_workers_that_it_has():
    assert plan.make_plan(options("--clients", "30000"), BIG, 20_000, running=4).workers == 4
    assert plan.make_plan(options("--clients", "100"), BIG, 20_000, running=4).workers == 4


def test_no_worker_gets_more_than_it_holds():
    """The kernel deals connections out at random."""
    chance = random.Random(1)
    for _ in range(100):
        dealt = collections.Counter(chance.choices(range(6), k=5000))
        assert max(dealt.values()) < plan.busiest(5000, 6) < 1.25 * 5000 / 6
    assert plan.busiest(5000, 1) == 5000
    assert plan.busiest(5000, 6, churn=0.05) > plan.busiest(5000, 6)


def test_with_churn_there_is_room_for_those_who_come_before_others_have_gone():
    workers = {
        style: plan.make_plan(options("--clients", "37500", "--style", style), BIG, 20_000).workers
        for style in ("steady", "churn")
    }
    assert workers == {"steady": 2, "churn": 3}


def test_that_each_worker_knows_everybody_takes_memory_too():
    machine = plan.Machine(cores=2, files=20_000, memory_kb=1_350_000)
    assert plan.make_plan(options("--clients", "19000"), machine, 20_000).workers == 1
    with pytest.raises(ConfigError, match=r"--clients 19000: may take 1352 MB of memory, and 1318 MB are free"):
        plan.make_plan(options("--clients", "19000", "--workers", "2"), machine, 20_000)


def test_with_very_few_files_there_are_not_workers_without_end():
    few = plan.Machine(cores=2, files=128, memory_kb=24_000_000)
    with pytest.raises(ConfigError, match="one of 64 workers may get"):
        plan.make_plan(options("--clients", "2000"), few, 128)


def test_more_than_the_server_can_hold_is_refused_before_it_begins():
    with pytest.raises(ConfigError, match=r"--clients 30000: the server may have 20000 files open, .* 19900 clients"):
        plan.make_plan(options("--clients", "30000"), MACHINE, 20_000, running=1)
    with pytest.raises(
        ConfigError, match=r"one of 5 workers may get 20849 of them, and may have 20000 .* enough for 19900"
    ):
        plan.make_plan(options("--clients", "100000", "--workers", "5"), BIG, 20_000)
    with pytest.raises(ConfigError, match=r"--clients 30000: may take 1875 MB of memory, and 976 MB are free"):
        plan.make_plan(options("--clients", "30000"), plan.Machine(2, 90_000, 1_000_000), 90_000)


# Where.


def test_this_machine_is_what_a_socket_can_be_bound_to():
    assert where.is_this_machine("127.0.0.1", socket.AF_INET)
    assert where.is_this_machine("127.8.9.10", socket.AF_INET)
    assert not where.is_this_machine("192.0.2.1", socket.AF_INET)  # an address for documentation: nobody has it
    assert where.resolve("localhost:1337").here
    assert where.resolve("127.0.0.1:1337").port == 1337


def test_another_machine_needs_to_be_asked_for_and_somebody_who_agrees(monkeypatch, capsys):
    other = where.Target("chat.example:1337", "192.0.2.1", 1337, here=False)
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1 is not this machine: see --not-this-machine"):
        where.ask_before_leaving(other, False, "10 people")
    with pytest.raises(ConfigError, match="there is no terminal to ask you on"):
        where.ask_before_leaving(other, True, "10 people")
    answers = iter(["no\n", "", "yes\n"])
    stdin = SimpleNamespace(isatty=lambda: True, readline=lambda: next(answers))
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for _ in range(2):
        with pytest.raises(ConfigError, match="you did not agree"):
            where.ask_before_leaving(other, True, "10 people")
    where.ask_before_leaving(other, True, "10 people")
    assert "sends 10 people to 192.0.2.1, port 1337" in capsys.readouterr().err
