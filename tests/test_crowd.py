"""`gchat.py crowd`: a crowd of simulated people comes, talks, checks what it hears, and reports."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from people import PATIENCE, ROOT, Person, Server, eventually

import gchat
from gchatd import crowd
from gchatd.crowd import plan, where
from gchatd.crowd.checking import ALONE, Listener, Stream
from gchatd.crowd.facts import verdict
from gchatd.crowd.lines import AlteredError, Said, Script
from gchatd.crowd.stage import CrowdError, OwnServer
from gchatd.errors import ConfigError

SCRIPT = Script("ab12")
MACHINE = plan.Machine(cores=2, files=20_000, memory_kb=8_000_000)


class Crowd:
    """A `gchat.py crowd` in a process of its own. A context manager."""

    def __init__(self, *args: str, home, **how) -> None:
        self.home = home / "tmp"
        self.home.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "gchat.py"), "crowd", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(self.home)},
            **how,
        )

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.communicate()

    def processes(self) -> list[int]:
        """Those that live and belong to it, known by what they inherited."""
        mine = f"TMPDIR={self.home}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mine in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found

    def shows(self, what: str) -> re.Match[str]:
        """Wait for a line on the board (standard error, with --json) that matches."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(what, line):
                return found
        raise AssertionError(f"it never showed {what}")

    def ends(self) -> tuple[int, str, str]:
        """Wait for its end; give its exit status and what it printed."""
        out, err = self.process.communicate(timeout=3 * PATIENCE)
        return self.process.returncode, out, err

    def reports(self, status: int = 0) -> dict:
        """Wait for its end; give its JSON."""
        code, out, err = self.ends()
        assert code == status, err
        return json.loads(out)


def options(*args: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    crowd.add_parser(parser.add_subparsers())
    return parser.parse_args(["crowd", *args])


# From end to end.


def test_a_crowd_of_200_talks_for_3_seconds_and_nothing_is_lost(tmp_path):
    report = tmp_path / "report"
    with Crowd("--clients", "200", "--seconds", "3", "--json", "--report", str(report), home=tmp_path) as show:
        facts = show.reports()
    assert facts["connected"] == 200
    assert facts["lines"] == 15
    assert facts["deliveries"] == 15 * 199
    assert (facts["lost"], facts["duplicated"], facts["verdict"]) == (0, 0, "nothing lost")
    late = facts["latency_ms"]
    assert 0 < late["p50"] <= late["p99"] <= late["max"]
    assert 0 < facts["rss_kb_per_client"] < 100
    assert facts["slow_readers"] == 0
    assert facts["memory_kb"]["full"] > facts["memory_kb"]["before"] > 0
    assert facts["machine"]["python"]
    assert facts["versions"]["gevent"]
    assert sum(count for _, count in facts["histogram_ms"]) == facts["deliveries"]
    assert not list((tmp_path / "tmp").iterdir()), "it left something behind"
    assert json.loads((report / "crowd.json").read_text()) == facts
    page = (report / "report.html").read_text()
    assert "Nothing lost" in page
    assert not re.search(r"""(src|href|srcset)=["'](?!data:)""", page), "the page needs something else"
    for name in ("connections", "deliveries", "latency", "histogram", "memory", "crowd"):
        assert (report / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (report / f"{name}-dark.png").exists()


def test_it_does_not_matter_where_it_is_started(tmp_path):
    (tmp_path / "gchatd").mkdir()
    (tmp_path / "gchatd" / "__init__.py").write_text("raise SystemExit('not this one')")
    (tmp_path / "config.ini").write_text("[server]\nlisten = nonsense\n")
    with Crowd("--clients", "20", "--seconds", "0.5", "--json", home=tmp_path, cwd=tmp_path) as show:
        assert show.reports()["verdict"] == "nothing lost"


def test_people_come_and_go_and_nothing_is_lost(tmp_path):
    arguments = ("--clients", "200", "--seconds", "3", "--rate", "50", "--style", "churn", "--json")
    with Crowd(*arguments, home=tmp_path) as show:
        facts = show.reports()
    assert facts["verdict"] == "nothing lost"
    assert 26 <= facts["left"] <= 30
    assert facts["came_later"] == facts["left"]
    assert facts["deliveries"] > 0.9 * facts["lines"] * 199


def test_a_person_may_come_in_and_takes_part(tmp_path):
    with Crowd("--clients", "30", "--seconds", "2", "--rate", "20", "--json", home=tmp_path) as show:
        port = int(show.shows(r"telnet 127\.0\.0\.1 (\d+)")[1])
        show.shows("talking")
        eve = Person(SimpleNamespace(port=port), "eve")
        eve.says("hello, everybody ~0.0.0.ab12")
        assert re.fullmatch(r"[a-z]+-\d+ : .*", eve.reads_line())
        facts = show.reports()
        eve.hangs_up()
    assert facts["verdict"] == "nothing lost"
    assert facts["deliveries"] == facts["lines"] * 29


def test_what_one_process_cannot_hold_takes_several(tmp_path):
    """And a server that was there is used, found and measured, and left as it was."""
    server = Server()
    files = plan.SPARE_FILES + 60
    try:
        with Crowd(
            *("--clients", "200", "--seconds", "1", "--json", "--connect", f"localhost:{server.port}"),
            home=tmp_path,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)),
        ) as show:
            facts = show.reports()
        assert facts["plan"]["processes"] == 4
        assert (facts["connected"], facts["verdict"]) == (200, "nothing lost")
        assert facts["deliveries"] == 5 * 199
        assert facts["rss_kb_per_client"] is not None
        assert facts["slow_readers"] is None  # its log is not ours to read
        Person(server, "ann").hangs_up()
    finally:
        server.close()


def test_ctrl_c_ends_it_with_a_report(tmp_path):
    with Crowd("--clients", "50", "--seconds", "600", "--json", home=tmp_path, start_new_session=True) as show:
        show.shows("talking")
        os.killpg(show.process.pid, signal.SIGINT)  # as a terminal does it
        facts = show.reports()
    assert facts["interrupted"]
    assert facts["connected"] == 50
    assert facts["lost"] == 0
    assert not list(show.home.iterdir())


def test_when_it_is_killed_its_server_ends_and_nothing_stays(tmp_path):
    with Crowd("--clients", "50", "--seconds", "600", "--json", home=tmp_path) as show:
        port = int(show.shows(r"telnet 127\.0\.0\.1 (\d+)")[1])
        show.shows("talking")
        assert len(show.processes()) == 4  # its own, the guard's, the server's, and one of the crowd
        show.process.kill()
        eventually(lambda: not list(show.home.iterdir()))
        eventually(lambda: not show.processes())
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port))


def test_a_server_that_dies_is_reported(tmp_path):
    server = Server()
    with Crowd(
        *("--clients", "20", "--seconds", "9", "--json", "--connect", f"127.0.0.1:{server.port}"), home=tmp_path
    ) as show:
        show.shows("talking")
        server.close()
        facts = show.reports(status=1)
    assert sum(facts["errors"].values()) == 20


class Forger(threading.Thread):
    """A chat server that is not to be trusted: to person 3 some lines come never, or twice, or altered."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._members: dict[socket.socket, str] = {}
        self._lines = 0

    def run(self) -> None:
        waiting = [self._listener]
        while waiting:
            for sock in select.select(waiting, [], [])[0]:
                if sock is self._listener:
                    waiting.append(sock.accept()[0])
                    waiting[-1].sendall(b"server: Input username.\r\n")
                elif not (data := sock.recv(65536)):
                    waiting.remove(sock)
                    sock.close()
                    self._members.pop(sock, None)
                    if waiting == [self._listener]:
                        waiting.remove(self._listener)
                        self._listener.close()
                else:
                    self._take(sock, data.decode())

    def _take(self, sock: socket.socket, text: str) -> None:
        for line in text.splitlines():
            if sock not in self._members:
                self._members[sock] = line
                sock.sendall(f"server: Your username is {line}.\r\n".encode())
                continue
            self._lines += 1
            heard = f"{self._members[sock]} : {line}\r\n".encode()
            forged = {5: b"", 8: 2 * heard, 11: heard.replace(b" : ", b" : not ")}.get(self._lines, heard)
            for other, name in self._members.items():
                if other is not sock:
                    other.sendall(forged if "-3-" in name else heard)


def test_what_a_server_does_wrong_is_found(tmp_path):
    forger = Forger()
    forger.start()
    arguments = ("--clients", "20", "--talkers", "2", "--seconds", "1", "--rate", "20", "--json")
    with Crowd(*arguments, "--connect", f"127.0.0.1:{forger.port}", home=tmp_path) as show:
        facts = show.reports(status=1)
    forger.join(PATIENCE)
    assert facts["lines"] == 20
    assert facts["verdict"] == "2 lost, 1 heard twice, 1 altered"
    assert re.fullmatch(r"[a-z]+-3-[0-9a-f]{4} missed 2", facts["examples"][0])


def test_the_server_imports_nothing_of_what_only_the_crowd_needs(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import atexit, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "import gchat\n"
        "atexit.register(lambda: print(*sorted(sys.modules)))\n"
        "sys.exit(gchat.main())\n"
    )
    server = Server(program=str(program))
    try:
        Person(server, "ann").hangs_up()
        assert server.stop() == 0
        modules = {name.partition(".")[0] for name in server.prints().split()}
        assert "gevent" in modules
        assert not modules & set(crowd.PACKAGES)
    finally:
        server.close()


def program(path, text: str):
    path.write_text(f"import sys, time\n{text}\n")
    return path


def test_slow_readers_are_counted_from_the_log_of_the_server(tmp_path):
    line = "2026-11-22 21:19:24,001 INFO [telnet 127.0.0.3:51422 ann] left: slow reader: 262145 bytes wait"
    text = f"print('one\\nport 7\\nthree', flush=True)\nsys.stderr.write({line!r} + '\\n')\ntime.sleep(600)"
    server = OwnServer(program(tmp_path / "server.py", text))
    try:
        assert server.port == 7
        eventually(lambda: server.read() and server.slow_readers() == 1)
    finally:
        server.close()


def test_a_server_that_does_not_start_says_why(tmp_path):
    with pytest.raises(CrowdError, match="the server did not start: gchat: no disk"):
        OwnServer(program(tmp_path / "server.py", "sys.stderr.write('gchat: no disk\\n')"))


# What it is told.


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--clients", "0"], "--clients 0: expected a whole number from 1 to 1000000"),
        (["--clients", "many"], "'many': expected a whole number"),
        (["--rate", "-1"], "--rate -1: expected a number more than 0, at most 100000"),
        (["--seconds", "nan"], "--seconds nan: expected a number more than 0, at most 3600"),
        (["--talkers", "5", "--clients", "4"], "--talkers 5: more than there are clients (4)"),
        (["--connect", "nowhere"], "--connect nowhere: expected ADDRESS:PORT"),
        (["--connect", "127.0.0.1:0"], "--connect 127.0.0.1:0: expected a port from 1 to 65535"),
        (["--report", "/dev/null/x"], "--report /dev/null/x: not a directory"),
        (["--clients", "900000"], "--clients 900000: the server may have"),
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
        "gchat: crowd needs rich, hdrhistogram: pip install -r requirements-crowd.txt, or pip install 'gchat[crowd]'\n"
    )
    assert capsys.readouterr().err == words


def test_nobody_listens_there(capsys):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert gchat.main(["crowd", "--clients", "5", "--seconds", "1", "--connect", f"127.0.0.1:{port}"]) == 1
    assert "0 of 5 were connected" in capsys.readouterr().out


# How many.


def test_the_defaults_are_a_good_show_within_a_minute():
    made = plan.make_plan(options(), MACHINE, MACHINE.files)
    assert made == plan.Plan(10_000, 20, 5, 30, 5000, "steady", 1)
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


def test_more_than_the_server_can_hold_is_refused_before_it_begins():
    with pytest.raises(ConfigError, match=r"--clients 30000: the server may have 20000 files open, .* 19900 clients"):
        plan.make_plan(options("--clients", "30000"), MACHINE, 20_000)
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
    with pytest.raises(ConfigError, match="nobody is here to be asked"):
        where.ask_before_leaving(other, True, "10 people")
    answers = iter(["no\n", "", "yes\n"])
    stdin = SimpleNamespace(isatty=lambda: True, readline=lambda: next(answers))
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for _ in range(2):
        with pytest.raises(ConfigError, match="you did not agree"):
            where.ask_before_leaving(other, True, "10 people")
    where.ask_before_leaving(other, True, "10 people")
    assert "lets 10 people connect to 192.0.2.1" in capsys.readouterr().err


# Checking: a checker that cannot fail is worthless.


def heard(talker: int, number: int, due: int = 1000) -> bytes:
    return SCRIPT.heard(Said(talker, number, due)) + b"\r\n"


def lines(*said: tuple[int, int]) -> bytes:
    return b"".join(heard(*one) for one in said)


def listen(*heard_by: bytes, said: tuple[int, ...] = (2, 2), stream: Stream | None = None) -> tuple[int, Stream]:
    """Let people hear these bytes, a piece of them at a time; give how many lines all missed, and the stream."""
    stream = stream or Stream(SCRIPT, len(said))
    people = [Listener() for _ in heard_by]
    for start in range(0, max(map(len, heard_by)), 50):
        for person, data in zip(people, heard_by, strict=True):
            if piece := data[start : start + 50]:
                stream.hear(person, piece, 1500)
    return sum(stream.missed(person, said) for person in people), stream


ALL = lines((0, 0), (1, 0), (0, 1), (1, 1))


def test_who_hears_every_line_once_and_in_order_misses_nothing():
    missed, stream = listen(ALL, ALL, ALL)
    assert missed == stream.duplicated == stream.disordered == stream.altered == 0
    assert stream.late == [500] * 12


@pytest.mark.parametrize("first", [True, False], ids=["by the first who hears", "by another"])
def test_a_lost_line_is_found(first):
    short = lines((0, 0), (0, 1), (1, 1))
    missed, stream = listen(*((short, ALL, ALL) if first else (ALL, short, ALL)))
    assert (missed, stream.duplicated, stream.disordered) == (1, 0, 0)


def test_lines_lost_in_the_end_are_found():
    assert listen(ALL, lines((0, 0), (1, 0)), ALL)[0] == 2
    assert listen(ALL[:-1], ALL[:-1])[0] == 2  # the last line never ended
    assert listen(ALL, ALL, said=(2, 3))[0] == 2
    assert listen(ALL, b"", ALL)[0] == 4


def test_a_line_lost_in_the_beginning_is_found():
    assert listen(ALL, lines((1, 0), (0, 1), (1, 1)))[0] == 1
    assert listen(lines((1, 0), (0, 1), (1, 1)), ALL)[0] == 1


def test_a_line_that_nobody_was_sent_is_missed_by_all():
    assert listen(lines((0, 0), (1, 0), (1, 1)), lines((0, 0), (1, 0), (1, 1)))[0] == 2


@pytest.mark.parametrize("first", [True, False], ids=["by the first who hears", "by another"])
def test_a_line_heard_twice_is_found(first):
    twice = lines((0, 0), (1, 0), (1, 0), (0, 1), (1, 1))
    missed, stream = listen(*((twice, ALL) if first else (ALL, twice)))
    assert (missed, stream.duplicated, stream.disordered) == (0, 1, 0)


def test_a_wrong_order_is_found():
    missed, stream = listen(ALL, lines((0, 1), (1, 0), (0, 0), (1, 1)), ALL)
    assert (missed, stream.duplicated, stream.disordered) == (0, 0, 1)


def test_an_altered_line_is_found():
    altered = ALL.replace(SCRIPT.line(Said(1, 0, 1000))[:5], b"oops ")
    missed, stream = listen(ALL, altered)
    assert (missed, stream.altered) == (1, 1)
    with pytest.raises(AlteredError):
        SCRIPT.read(altered.split(b"\r\n")[1])


def test_who_was_sent_something_else_is_all_right_again_after_it():
    private = lines((0, 0)) + b"server: only you are told this\r\n" + lines((1, 0), (0, 1), (1, 1))
    stream = Stream(SCRIPT, 2)
    one, other = Listener(), Listener()
    stream.hear(one, ALL, 1500)
    stream.hear(other, private, 1500)
    assert other.position == one.position != ALONE
    assert stream.missed(other, (2, 2)) == 0


def test_a_talker_does_not_hear_itself_and_all_else():
    stream = Stream(SCRIPT, 2)
    talker, listener = Listener(own=1), Listener()
    stream.hear(listener, ALL, 1500)
    stream.hear(talker, lines((0, 0), (0, 1)), 1500)
    assert stream.missed(talker, (2, 2)) == 0
    assert stream.missed(talker, (3, 2)) == 1
    stream.hear(talker, lines((1, 1)), 1500)
    assert stream.duplicated == 1
    assert stream.missed(Listener(own=0), (2, 2)) == 2


def test_what_others_say_is_not_ours():
    others = b"eve : hello\r\nserver: hi\r\n" + b"eve : " + SCRIPT.line(Said(0, 0, 5)) + b"\r\n"
    missed, stream = listen(others + ALL, others + ALL, ALL)
    assert (missed, stream.duplicated, stream.altered) == (0, 0, 0)
    assert len(stream.late) == 12


def test_a_newcomer_owes_what_was_due_since():
    stream = Stream(SCRIPT, 1)
    early = [heard(0, number, due=1000 * number) for number in range(4)]
    there = Listener()
    for line in early:
        stream.hear(there, line, 9000)
    in_time, late, silent = Listener(since=1500), Listener(since=1500), Listener(since=1500)
    stream.hear(in_time, early[2] + early[3], 9000)
    stream.hear(late, early[3], 9000)
    assert [stream.missed(one, (4,)) for one in (there, in_time, late, silent)] == [0, 0, 1, 2]
    assert stream.forget(silent, until=2500) == 1


def test_a_newcomer_who_is_ahead_waits_for_the_others():
    stream = Stream(SCRIPT, 1)
    there, ahead = Listener(), Listener(since=1)
    stream.hear(there, heard(0, 0), 1500)
    stream.hear(ahead, heard(0, 2), 1600)
    assert len(stream.late) == 1
    stream.hear(there, heard(0, 1) + heard(0, 2), 1700)
    assert sorted(stream.late) == [500, 600, 700, 700]
    assert ahead.position == there.position


def test_what_all_have_heard_is_forgotten_and_the_check_goes_on():
    stream = Stream(SCRIPT, 1)
    people = [Listener(), Listener()]
    for number in range(40_000):
        for person in people:
            stream.hear(person, heard(0, number, due=number), number)
        if number % 5000 == 0:
            stream.trim(people, now=10**12)
    assert len(stream._text) < 2_000_000
    newcomer = Listener(since=10**9)
    stream.hear(newcomer, heard(0, 39_999, due=39_999), 50_000)
    assert newcomer.position == people[0].position
    assert stream.missed(people[1], (40_000,)) == 0
    assert stream.missed(people[1], (40_001,)) == 1


def test_the_verdict_says_what_was_wrong():
    assert verdict(5, 0, 0, 0, 0) == "nothing lost"
    assert verdict(5, 1200, 1, 0, 0) == "1,200 lost, 1 heard twice"
    assert verdict(0, 0, 0, 0, 0) == "nothing was said"
