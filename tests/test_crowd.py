"""`gchat.py crowd`: a crowd of simulated people comes, talks, checks what it hears, and reports."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import threading
import time
from types import SimpleNamespace

import msgspec
import pytest
from people import PATIENCE, ROOT, Person, Server, eventually
from show import Crowd

from gchatd import crowd
from gchatd.crowd import plan
from gchatd.crowd.lines import Script
from gchatd.crowd.messages import Account, Come, Hush, Sample, Talk
from gchatd.crowd.plots import PLOTS
from gchatd.crowd.stage import PYTHON, CrowdError, OwnServer, environment

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
    assert page.lower().count("nothing lost") == 1
    assert page.count("<img ") == len(PLOTS)
    assert not re.search(r"""(src|href|srcset)=["'](?!data:)""", page), "the page needs something else"
    for name in (*PLOTS, "crowd"):
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
        eve.says("hello, everybody #1")
        assert re.fullmatch(r"[a-z]+-\d+ : [A-Za-z ,.;?]+ #\d+", eve.reads_line())
        facts = show.reports()
        eve.hangs_up()
    assert facts["verdict"] == "nothing lost"
    assert facts["deliveries"] == facts["lines"] * 29


def test_a_visitor_is_not_told_of_everybody_who_leaves(tmp_path):
    with Crowd("--clients", "40", "--seconds", "1", "--json", home=tmp_path) as show:
        port = int(show.shows(r"telnet 127\.0\.0\.1 (\d+)")[1])
        show.shows("talking")
        eve = Person(SimpleNamespace(port=port), "eve")
        eve.says("/notices on")
        assert show.reports()["verdict"] == "nothing lost"
        seen = eve.reads_to_the_end()
        eve.hangs_up()
    assert b"server: Notices are on." in seen
    assert b" left." not in seen


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


def test_the_board_shows_every_delivery_also_after_ctrl_c(tmp_path):
    arguments = ("--clients", "50", "--seconds", "600", "--rate", "400", "--json")
    with Crowd(*arguments, home=tmp_path, start_new_session=True) as show:
        show.shows("talking")
        os.killpg(show.process.pid, signal.SIGINT)
        _, out, err = show.ends()
    facts = json.loads(out)
    counting = re.findall(r" counting: .*", err)
    assert facts["latency_ms"]
    assert any("latency p50" in line for line in counting), counting
    for row in facts["samples"]:
        assert row["latency_ms"] is None or row["latency_ms"]["max"] <= facts["latency_ms"]["max"]
    assert facts["latency_ms"]["max"] == max(row["latency_ms"]["max"] for row in facts["samples"] if row["latency_ms"])


class People:
    """A process of the crowd, told to be these people, who come to a server that the test plays."""

    def __init__(self, **come) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        command = [*PYTHON, "gchatd.crowd.people"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
        self.orders(Come(host="127.0.0.1", port=self._listener.getsockname()[1], ramp=1000, **come))

    def orders(self, order) -> None:
        self.process.stdin.write(msgspec.json.encode(order) + b"\n")
        self.process.stdin.flush()

    def reports(self) -> Sample:
        return msgspec.json.decode(self.process.stdout.readline(), type=Sample)

    def lets_one_in(self) -> socket.socket:
        client = self._listener.accept()[0]
        client.sendall(b"server: Input username.\r\n")
        name = client.recv(100).decode().strip()
        client.sendall(f"server: Your username is {name}.\r\n".encode())
        return client

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self._listener.close()


def test_while_lines_still_come_in_nobody_is_asked_what_they_missed():
    """It takes long, and would make those lines late."""
    script = Script("ab12", 1)
    people = People(tag="ab12", process=1, processes=2, clients=2, talkers=1)
    client = people.lets_one_in()
    people.orders(Talk(time.monotonic_ns(), 600, 1000, 0))
    people.orders(Hush())
    people.orders(Account([40]))
    reports = []
    for number in range(40):
        client.sendall(script.heard(0, number) + b"\r\n")
        while number % 10 == 9 and sum(report.deliveries for report in reports) <= number:
            reports.append(people.reports())
    while reports[-1].behind < 0:
        reports.append(people.reports())
    client.close()
    people.close()
    assert {report.behind for report in reports if report.deliveries} == {-1}
    assert (reports[-1].deliveries, reports[-1].behind) == (0, 0)


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
                    knocked = self._members.pop(sock, None) is None  # and did not come in
                    if waiting == [self._listener] and not knocked:
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
