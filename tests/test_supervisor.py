"""Several processes at one address: whoever of them dies, nobody is refused, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from people import GREETING, PATIENCE, ROOT, Person, Server, eventually, gchat, needs
from supervised import processes_in

from gchatd.operate import children
from gchatd.operate.children import Child


def greeted(server: Server, people: int) -> None:
    """So many people connect together; everybody is greeted."""
    together = [Person(server) for _ in range(people)]
    for person in together:
        person.sees(GREETING)
    for person in together:
        person.hangs_up()


# Who serves.


def test_the_original_three_lines_are_said_once_for_each_address_and_what_to_type_once(supervised):
    server = supervised(listen=["127.0.0.1:0", "127.0.0.2:0"])
    lines = [*server.greeting, *(server.prints() for _ in range(3))]
    ports = [re.search(r"\d+", line)[0] for line in lines if "port" in line]
    said = ["Socket successfully created", "Socket binded to port {}.", "Socket is listening."]
    assert lines == [line.format(port) for port in ports for line in said]
    assert ports[0] != ports[1]
    assert server.stop() == 0
    assert server.process.stdout.read() == b""
    assert server.log().count("In another terminal") == 1
    assert f"In another terminal: telnet localhost {ports[0]}\n" in server.log()


def test_people_are_spread_evenly_over_all_workers_of_a_port_that_was_free(supervised):
    server = supervised()
    people = [Person(server) for _ in range(300)]
    for person in people:
        person.sees(GREETING)
    served = Counter()
    for worker in server.workers():
        served[worker.pid] = sum(one.status == psutil.CONN_ESTABLISHED for one in worker.net_connections("tcp"))
    for person in people:
        person.hangs_up()
    assert served.total() == 300
    assert all(55 < count < 145 for count in served.values()), served  # five standard deviations


def test_each_worker_has_a_data_directory_and_its_number_in_front_of_what_it_logs(supervised):
    server = supervised(workers=2)
    server.serves()
    for number, folder in [(1, server.data), (2, server.data / "worker-2")]:
        pid = int((folder / "lock").read_text())
        psutil.Process(pid).terminate()
        assert re.match(r"\S+ \S+ INFO ", server.logs(rf"INFO worker {number}: shutting down"))
    server.logs(r"ERROR supervisor: worker 2 ended with status 0; starting it again at once")


def test_the_supervisor_has_no_event_loop_and_no_threads_and_sleeps_while_nothing_happens(supervised):
    server = supervised(workers=2)
    server.serves()
    supervisor = psutil.Process(server.process.pid)
    assert "gevent" not in Path(f"/proc/{supervisor.pid}/maps").read_text()
    assert supervisor.num_threads() == 1
    woken = supervisor.num_ctx_switches().voluntary
    server.serves()
    assert supervisor.num_ctx_switches().voluntary - woken <= 1


def test_workers_need_no_history(supervised):
    supervised(workers=2, history__keep="no").serves()


def test_new_workers_have_the_history_of_the_first_and_old_ones_keep_their_own(start, supervised, enter, tmp_path):
    data = tmp_path / "data"

    def says_alone(text: str) -> None:
        alone = start(data=data)
        enter(alone, "ann").says(text)
        eventually(lambda: text in kept(data))
        assert alone.stop() == 0

    def kept(folder: Path) -> str:
        return gchat("history", "--data", str(folder), cwd=tmp_path)[1]

    says_alone("long ago")
    assert supervised(workers=2).stop() == 0
    says_alone("later")
    assert supervised(workers=3).stop() == 0
    assert "long ago" in kept(data / "worker-2")
    assert "later" not in kept(data / "worker-2")
    assert kept(data / "worker-3") == kept(data)
    assert (data / "worker-3").stat().st_mode & 0o777 == 0o700


def test_a_history_that_cannot_be_copied_is_told(tmp_path):
    needs("redis-server")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "history.db").write_text("nonsense")
    status, said, told = gchat("--workers", "2", "--listen", "127.0.0.1:0", cwd=tmp_path)
    assert (status, said) == (1, "")
    assert told.splitlines()[-1] == "gchat: data/history.db: not a gchat database"
    assert not processes_in(tmp_path)


# Who dies.


def test_nobody_is_refused_when_a_worker_is_killed_and_everybody_is_greeted(supervised):
    server = supervised()
    for _ in range(3):
        greeted(server, 30)
        victim = server.workers()[0]
        victim.kill()
        for _ in range(5):
            greeted(server, 20)
        assert victim not in server.workers()
        eventually(lambda: len(server.workers()) == 3)
    assert server.log().count("was ended by SIGKILL; starting it again") == 3
    assert len(re.findall(r"INFO supervisor: worker \d serves: process \d+", server.log())) == 6


def test_a_worker_that_dies_young_is_started_at_once_first_and_then_after_longer_and_longer_pauses(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(children.time, "monotonic", lambda: now)
    monkeypatch.setattr(Child, "spawn", lambda child: None)
    child = Child("somebody")
    pauses = []
    for _ in range(9):
        child.start()
        assert child.due is None
        now += 0.5
        pauses.append(round(child.start_again(), 3))
        assert child.due == now + pauses[-1]
    assert pauses == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]
    child.start()
    now += children.STEADY_SECONDS
    assert child.start_again() == 0
    child.start()
    assert child.start_again() == 0.1


def test_what_cannot_be_started_is_tried_again_later(monkeypatch, caplog):
    child = Child("somebody")

    def fails(child):
        raise FileNotFoundError(2, "No such file")

    monkeypatch.setattr(Child, "spawn", fails)
    child.start()
    child.start()
    assert caplog.messages == ["somebody cannot be started: no such file"] * 2
    assert child.process is None
    assert child.due > time.monotonic()


def test_a_worker_whose_settings_became_wrong_leaves_the_others_alone_and_serves_when_they_are_right(
    supervised, tmp_path
):
    config = tmp_path / "my.ini"
    config.write_text("")
    server = supervised("--config", str(config), workers=2)
    server.serves()
    config.write_text("[server]\nmotd = nowhere.txt\n")
    server.workers()[0].kill()
    server.logs(r"worker \d cannot serve: .*my.ini: \[server\] motd = nowhere.txt: cannot be read")
    server.logs(r"ended with status 2; starting it again in")
    config.write_text("")
    server.serves()
    eventually(lambda: len(server.workers()) == 2)


def test_a_worker_that_cannot_start_ends_everything_and_what_is_wrong_is_told_once(tmp_path):
    needs("redis-server")
    words = ["--workers", "3", "--listen", "127.0.0.1:0", "--set", "server.motd=nowhere.txt"]
    status, _, told = gchat(*words, cwd=tmp_path)
    assert status == 2
    trouble = "command line: [server] motd = nowhere.txt: cannot be read: no such file or directory"
    assert told == f"gchat: {trouble}\n"
    assert not processes_in(tmp_path)


# How it ends.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everybody(supervised, enter, number):
    server = supervised()
    server.serves()
    person = enter(server, "ann")
    assert server.redis() is not None
    assert server.stop(number) == 0
    assert server.nobody_is_left()
    assert person.reads_to_the_end() == b"server: The server is shutting down.\r\n"
    with pytest.raises(ConnectionRefusedError):
        Person(server)
    assert server.log().count("shutting down") == 4


def test_ctrl_c_reaches_workers_through_the_supervisor_only(supervised):
    server = supervised(workers=2)
    groups = {os.getpgid(child.pid) for child in server.children()}
    assert len(groups) == 3
    assert os.getpgid(server.process.pid) not in groups


def test_a_second_signal_ends_everybody_at_once(supervised):
    server = supervised(workers=2, server__drain_seconds=1000)
    server.serves()
    stuck = server.workers()[0]
    stuck.suspend()
    server.process.send_signal(signal.SIGTERM)
    server.logs("supervisor: shutting down")
    eventually(lambda: len(server.workers()) == 1)
    assert server.stop(signal.SIGINT) == -signal.SIGINT
    assert server.nobody_is_left()


def test_a_worker_that_does_not_end_is_killed(supervised):
    server = supervised(workers=2, server__drain_seconds=0)
    server.serves()
    server.workers()[0].suspend()
    assert server.stop() == 0
    assert server.nobody_is_left()
    assert "1 workers did not end in time: killed" in server.log()


def test_everybody_ends_when_the_supervisor_is_killed_and_the_next_one_starts(supervised):
    server = supervised(workers=2)
    server.serves()
    slow = server.workers()[0]
    slow.suspend()
    server.process.kill()
    server.process.wait()
    address = f"127.0.0.1:{server.port}"
    words = ["--workers", "2", "--listen", address, "--data", str(server.data)]
    with subprocess.Popen([sys.executable, ROOT / "gchat.py", *words], stderr=subprocess.PIPE, text=True) as waiting:
        told = waiting.stderr.readline()
        assert told.endswith(f"waiting for the end of what process {server.process.pid} has left behind\n")
        waiting.terminate()
        assert waiting.wait(PATIENCE) == 0
    slow.resume()
    next_one = supervised(workers=2, listen=[address])  # waits, too, if it has to
    assert server.nobody_is_left()
    assert server.log().count("the supervisor has ended") == 2
    next_one.serves()


def test_a_supervisor_that_lives_keeps_its_data_and_its_port_to_itself(supervised, tmp_path):
    server = supervised(workers=2)
    address = f"127.0.0.1:{server.port}"
    status, _, told = gchat("--workers", "2", "--listen", address, "--data", "other", cwd=tmp_path)
    assert (status, told) == (2, f"gchat: command line: [server] listen = {address}: address already in use\n")
    status, _, told = gchat("--workers", "2", "--listen", "127.0.0.1:0", "--data", str(server.data), cwd=tmp_path)
    in_use = f"in use by another gchat, process {server.process.pid}"
    assert (status, told) == (2, f"gchat: command line: [server] data = {server.data}: {in_use}\n")
    server.serves()


def test_sighup_is_passed_on_and_ends_nobody(supervised):
    server = supervised(log__level="debug")
    server.serves()
    before = server.workers()
    server.process.send_signal(signal.SIGHUP)
    for number in (1, 2, 3):
        server.logs(rf"INFO worker {number}: settings read again")
    assert server.workers() == before


def test_when_its_terminal_is_closed_everybody_ends(tmp_path):
    needs("redis-server")
    ours, theirs = os.openpty()
    words = [sys.executable, str(ROOT / "gchat.py"), "--workers", "2", "--listen", "127.0.0.1:0"]
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen(
            words, cwd=tmp_path, stdin=theirs, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )
    os.close(theirs)
    eventually(lambda: b"In another terminal" in (tmp_path / "log").read_bytes())
    server.send_signal(signal.SIGHUP)  # somebody means something else
    os.close(ours)
    server.send_signal(signal.SIGHUP)
    server.send_signal(signal.SIGHUP)  # the kernel and a shell both do it
    assert server.wait(PATIENCE) == 0
    assert not processes_in(tmp_path)
