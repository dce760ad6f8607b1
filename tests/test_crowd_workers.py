"""A crowd that is spread over several workers of a server: how they are started, watched, told of and ended."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from people import PATIENCE, eventually
from show import Crowd

from gchatd.crowd import plan
from gchatd.crowd.board import Board
from gchatd.crowd.facts import PartRow, Row
from gchatd.crowd.greeting import CALLERS, CrowdError, all_greet
from gchatd.crowd.meter import ALL, Meter, Reading, percents
from gchatd.crowd.stage import OwnServer
from gchatd.crowd.watch import Look, Watch

# From end to end, with a server of the tests that has workers.

PRETENDED = "tests/pretended_workers.py"


def test_a_crowd_of_150_is_spread_over_three_workers_and_each_has_a_line(tmp_path):
    report = tmp_path / "report"
    arguments = ("--clients", "150", "--workers", "3", "--seconds", "1", "--rate", "20", "--json")
    with Crowd(*arguments, "--report", str(report), home=tmp_path, program=PRETENDED) as show:
        code, out, board = show.ends()
        assert not show.processes()
    assert code == 0, board
    facts = json.loads(out)
    assert facts["verdict"] == "nothing lost"
    assert facts["deliveries"] == 20 * 149
    assert facts["plan"]["workers"] == 3
    names = ["worker 1", "worker 2", "worker 3", "supervisor"]
    assert [part["name"] for part in facts["parts"]] == names
    *workers, supervisor = facts["parts"]
    assert sum(worker["people"] for worker in workers) == 150
    assert all(0 < worker["people"] < 150 for worker in workers)
    assert supervisor["people"] is None
    for stage in ("before", "full", "talked", "left"):
        kept = [part["memory_kb"][stage] for part in facts["parts"]]
        assert min(kept) > 1000
        assert sum(kept) == facts["memory_kb"][stage]
    assert sum(part["cpu_percent"] for part in facts["parts"]) == pytest.approx(facts["cpu_percent"], abs=0.3)
    for row in facts["samples"]:
        assert [part["name"] for part in row["parts"]] == names
    assert "in one room of 3 workers" in board
    page = (report / "report.html").read_text()
    for worker in workers:
        words = f"{worker['people']} people"
        assert re.search(rf" {worker['name']}: {words}, CPU ", board)
        assert f"<tr><th>{worker['name']}</th><td>{words}, " in page
    assert "--workers 3</span>" in page
    assert not list(show.home.iterdir()), "it left something behind"


def test_what_one_worker_forgets_is_found(tmp_path):
    arguments = ("--clients", "60", "--workers", "2", "--talkers", "1", "--seconds", "1", "--rate", "20", "--json")
    with Crowd(*arguments, home=tmp_path, program=PRETENDED, env={"PRETEND": "forget"}) as show:
        facts = show.reports(status=1)
    hearers = facts["parts"][1]["people"]
    assert facts["lost"] in (hearers, hearers - 1)  # the talker may be one of them


def test_a_running_server_with_workers_is_found_by_its_port(tmp_path):
    server = OwnServer(Path(__file__).parent.parent / PRETENDED, 2)
    try:
        arguments = ("--clients", "40", "--seconds", "0.5", "--json", "--connect", f"127.0.0.1:{server.port}")
        with Crowd(*arguments, home=tmp_path) as show:
            facts = show.reports()
    finally:
        server.close()
    assert facts["plan"]["workers"] == 2
    assert [part["name"] for part in facts["parts"]] == ["worker 1", "worker 2", "supervisor"]
    assert facts["verdict"] == "nothing lost"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_each_process_has_a_line_below_the_figures(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    made = plan.Plan(100_000, 20, 1, 30, 5000, "steady", 6, 2)
    parts = [PartRow("worker 1", 16_702, 31.4, 204_800), PartRow("worker 2", 1, None, None)]
    parts.append(PartRow("redis", None, 2.0, 10_240))
    row = Row(1.0, "talking", 16_703, 1, 16_703, None, 33.4, 215_040, None, 0, 0, parts)
    terminal = Terminal()
    with Board(made, "127.0.0.1", 1337, terminal) as board:
        board.show(row)
    seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert "A crowd of 100,000 in 6 processes in one room of 2 workers: 20 talk, one line a second in all." in seen
    lines = [" ".join(line.split()) for line in seen.splitlines()]
    assert "worker 1 16,702 people 31 % 200.0 MB" in lines
    assert "worker 2 1 person – –" in lines
    assert "redis 2 % 10.0 MB" in lines


# What starts, and what ends.


def program(path: Path, text: str) -> Path:
    path.write_text(f"import os, signal, socket, subprocess, sys, time\n{text}\n")
    return path


def test_what_a_server_has_started_ends_with_it_even_if_it_cannot_see_to_that(tmp_path):
    """Here the server is killed, and what it has started ignores every polite signal."""
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    text = f"""
child = subprocess.Popen([sys.executable, "-c", {deaf!r}], stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
print("one\\nport 7\\nthree", flush=True)
sys.stderr.write(f"{{child.pid}}\\n")
time.sleep(600)
"""
    server = OwnServer(program(tmp_path / "server.py", text))
    eventually(lambda: server.read() and server.last_words())
    child = int(server.last_words())
    assert psutil.pid_exists(child)
    os.kill(server.pid, signal.SIGKILL)
    server.close()
    assert not psutil.pid_exists(child)


def test_workers_that_do_not_start_are_told_of(tmp_path):
    text = "print('one\\nport 1\\nthree', flush=True)\nsys.stderr.write('gchat: several workers need Redis\\n')"
    with pytest.raises(CrowdError, match="the server did not start: gchat: several workers need Redis"):
        OwnServer(program(tmp_path / "server.py", text), 2)


def serve(listener: socket.socket, words: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            with listener.accept()[0] as client:
                client.sendall(words)
                client.recv(100)


@pytest.mark.parametrize(("words", "greets"), [(b"server: Input username.\r\n", True), (b"busy\r\n", False)])
def test_a_worker_serves_once_it_greets_those_who_wait_at_its_socket(words, greets):
    with socket.create_server(("127.0.0.1", 0)) as one:
        serving = threading.Thread(target=serve, args=(one, words), daemon=True)
        serving.start()
        assert all_greet(one.getsockname(), 1, PATIENCE, lambda: True) == greets
        one.shutdown(socket.SHUT_RDWR)
        serving.join(PATIENCE)


def test_nobody_waits_for_a_worker_when_the_server_has_ended():
    answers = iter([True, True, False])
    with socket.create_server(("127.0.0.1", 0)) as one:
        assert not all_greet(one.getsockname(), 1, PATIENCE, lambda: next(answers))
    assert not list(answers)
    assert CALLERS > 10


# Its processes, watched.


@contextlib.contextmanager
def process(*command: str, number: int | None = None):
    environment = os.environ if number is None else {**os.environ, "GCHAT_WORKER": str(number)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.kill()


def worker(number: int, busy: str = ""):
    """A worker that has used some CPU time when it prints a line."""
    text = f"import time\n{busy}\nprint(flush=True)\ntime.sleep(600)"
    return process(sys.executable, "-c", text, number=number)


def test_the_processes_of_a_supervisor_are_found_by_what_they_are(tmp_path):
    (tmp_path / "redis-server").symlink_to("/bin/sleep")
    with process("sleep", "600"), process(str(tmp_path / "redis-server"), "600"), worker(10), worker(9) as ninth:
        watch = Watch(os.getpid())
        parts = ["worker 9", "worker 10", "redis", "supervisor"]
        eventually(lambda: list(watch.look()) == parts)  # one that has just begun is not known by its name yet
        assert watch.workers == 2
        psutil.Process(ninth.pid).rlimit(psutil.RLIMIT_NOFILE, (77, 20_000))
        assert watch.files_allowed() == 77
        assert list(Watch(ninth.pid).look()) == list(watch.look()), "whichever of them listens"


def test_a_server_of_one_process_has_no_parts():
    with process("sleep", "600") as server:
        watch = Watch(server.pid)
        assert list(watch.look()) == ["server"]
        assert watch.workers == 0
        meter = Meter(server.pid)
        cpu, rss, parts = meter.row()
        assert (rss, parts, meter.parts()) == (watch.look()["server"].rss_kb, [], [])
        assert cpu is not None
        server.kill()
        eventually(lambda: meter.row()[1] is None)
        assert meter.row() == (None, None, [])


def test_a_worker_that_is_started_again_goes_on_counting():
    with worker(2), worker(1, busy="while time.process_time() < 0.2: pass") as first:
        first.stdout.readline()
        watch = Watch(os.getpid())
        before = watch.look()["worker 1"].cpu_seconds
        assert before > 0.1
        first.kill()
        first.wait()
        gone = watch.look()["worker 1"]
        assert (gone.rss_kb, gone.cpu_seconds) == (None, before)
        with worker(1):
            watch.look()
            again = watch.look()["worker 1"]
            assert again.rss_kb is not None
            assert again.cpu_seconds >= before
            assert seen(watch) == ["worker 1", "worker 2", "supervisor"]


def test_when_all_workers_have_ended_the_supervisor_is_no_server_of_one_process():
    with worker(1) as only:
        watch = Watch(os.getpid())
        only.kill()
        only.wait()
        for _ in range(2):
            assert seen(watch) == ["worker 1", "supervisor"]


def seen(watch: Watch) -> list[str]:
    """Who is there, where the tests are the supervisor: without the Redis that they may have beside."""
    return [name for name in watch.look() if name != "redis"]


def test_cpu_is_in_percent_of_one_core_for_each_and_for_all():
    before = Reading(10.0, {"worker 1": Look(100, 1.0, 5), "redis": Look(100, 2.0, None), ALL: Look(200, 3.0, None)})
    after = Reading(12.0, {"worker 1": Look(100, 2.0, 5), "redis": Look(None, 2.0, None), ALL: Look(100, 4.5, None)})
    assert percents(before, after) == {"worker 1": 50.0, "redis": None, ALL: 75.0}
