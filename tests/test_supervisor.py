"""Several processes at one address: whoever of them dies, nobody is refused, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from people import GREETING, PATIENCE, ROOT, Person, Server, eventually, needs

from gchatd.operate import children
from gchatd.operate.children import Child
from gchatd.operate.redis_server import OPTIONS, RedisServer


class Supervised(Server):
    """Several processes. `workers` are those that serve, `redis` the server that they share."""

    def __init__(self, *args: str, workers: int = 3, **settings: object) -> None:
        self.known: dict[int, psutil.Process] = {}
        super().__init__("--workers", str(workers), *args, **settings)
        self.count = workers
        self.logs("In another terminal")
        eventually(lambda: self.log().count(" serves: process ") == workers)
        self.children()

    def children(self) -> list[psutil.Process]:
        try:
            found = psutil.Process(self.process.pid).children()
        except psutil.NoSuchProcess:
            return []
        self.known |= {child.pid: child for child in found}
        return found

    def words(self, child: psutil.Process) -> str:
        try:
            return " ".join(child.cmdline())
        except psutil.Error:
            return ""

    def workers(self) -> list[psutil.Process]:
        return sorted((one for one in self.children() if "gchat.py" in self.words(one)), key=lambda one: one.pid)

    def redis(self) -> psutil.Process | None:
        return next((one for one in self.children() if "redis.sock" in self.words(one)), None)

    def nobody_is_left(self) -> bool:
        return not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in self.known.values())

    def serves(self) -> bool:
        """Whether every worker does: so many connections that they cannot all miss one."""
        people = [Person(self) for _ in range(16 * self.count)]
        for person in people:
            person.sees(GREETING)
            person.hangs_up()
        return True

    def close(self) -> None:
        self.children()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for child in self.known.values():
            if child.is_running():
                child.kill()
        super().close()


@pytest.fixture
def supervised(tmp_path):
    """Start several processes; they are gone when the test is over."""
    needs("redis-server")
    servers: list[Supervised] = []

    def supervised(*args: str, **settings: object) -> Supervised:
        servers.append(Supervised(*args, **{"data": tmp_path / "data", **settings}))
        return servers[-1]

    yield supervised
    for server in servers:
        server.close()
    for server in servers:
        assert "Traceback" not in server.log(), server.log()


def gchat(*args: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    """Run gchat.py to its end; give its exit status and what it wrote to standard output and error."""
    words = [sys.executable, str(ROOT / "gchat.py"), *args]
    env = {**os.environ, **environment}
    ended = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False, env=env)
    return ended.returncode, ended.stdout, ended.stderr


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


def processes_in(folder: Path) -> list[psutil.Process]:
    """Those that work in a folder, or below it."""
    found = []
    for process in psutil.process_iter():
        try:
            inside = Path(process.cwd()).is_relative_to(folder) and process.pid != os.getpid()
        except psutil.Error:
            continue
        if inside and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


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


# Their Redis.


def asks(socket_file: Path, *words: str) -> str:
    """What Redis answers."""
    program = [needs("redis-cli"), "-s", socket_file.name, *words]
    return subprocess.run(program, cwd=socket_file.parent, capture_output=True, text=True, check=False).stdout.strip()


def test_redis_is_as_it_must_be_and_only_its_owner_gets_to_it(supervised):
    server = supervised(workers=2)
    file = server.data / "redis" / "redis.sock"
    assert file.stat().st_mode & 0o777 == 0o700
    assert (server.data / "redis").stat().st_mode & 0o777 == 0o700
    for option in ("port", "appendonly", "appendfsync", "save", "maxmemory-policy"):
        assert asks(file, "config", "get", option).splitlines()[1:] in ([OPTIONS[option]], []), option
    assert server.stop() == 0
    assert not file.exists()


def test_redis_is_started_again_when_it_is_killed_with_all_it_had(supervised):
    server = supervised(workers=2)
    file = server.data / "redis" / "redis.sock"
    assert asks(file, "set", "something", "kept") == "OK"
    victim = server.redis()
    victim.kill()
    server.logs("redis-server was ended by SIGKILL; starting it again at once")
    eventually(lambda: asks(file, "get", "something") == "kept")
    assert server.redis() != victim
    server.serves()


def test_redis_ends_after_the_workers_and_nobody_comes_in_meanwhile(supervised):
    server = supervised(workers=2)
    server.serves()
    stuck, redis = server.workers()[0], server.redis()
    stuck.suspend()
    server.process.send_signal(signal.SIGTERM)
    eventually(lambda: len(server.workers()) == 1)
    assert server.redis() == redis
    assert not psutil.Process(server.process.pid).net_connections("tcp")  # nobody waits for a worker in vain
    stuck.resume()
    assert server.process.wait(PATIENCE) == 0
    assert "bye bye" in (server.data / "redis" / "redis.log").read_text()


def test_the_path_of_the_data_may_be_long(supervised, tmp_path):
    server = supervised(workers=2, data=tmp_path / ("long" * 20) / ("longer" * 20))
    server.serves()
    worker = server.words(server.workers()[1])
    path = re.search(r"cluster.redis=unix://(\S+)", worker)[1]
    assert Path(path.replace("self", str(server.workers()[1].pid))).is_socket()


def test_redis_that_still_loads_what_it_had_says_so(tmp_path):
    needs("redis-server")
    redis = RedisServer(tmp_path / "redis", 0)
    assert redis.answer() is None
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "redis" / "redis.sock"))
        listener.listen()
        answers = []
        asking = threading.Thread(target=lambda: answers.append(redis.answer()))
        asking.start()
        with listener.accept()[0] as client:
            assert client.recv(100) == b"PING\r\n"
            client.sendall(b"-LOADING Redis is loading the dataset in memory\r\n")
            asking.join()
    assert answers[0].startswith("LOADING")


def test_without_redis_server_the_operator_is_told_how_to_get_it(tmp_path):
    words = ["--workers", "2", "--listen", "127.0.0.1:0"]
    status, said, told = gchat(*words, cwd=tmp_path, PATH=str(tmp_path))
    assert (status, said) == (2, "")
    assert re.fullmatch(r"gchat: several workers need Redis.*apt install redis-server.*cluster\.redis.*\n", told)


def test_valkey_does_as_well(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "valkey-server").symlink_to(needs("redis-server"))
    words = ["--workers", "2", "--listen", "127.0.0.1:0", "--set", "server.motd=nowhere.txt"]
    status, said, told = gchat(*words, cwd=tmp_path, PATH=str(tmp_path / "bin"))
    assert "Socket is listening." in said
    assert (status, "motd" in told) == (2, True)


def test_why_redis_does_not_start_is_told_in_its_own_words(tmp_path):
    needs("redis-server")
    folder = tmp_path / "data" / "redis" / "appendonlydir"
    folder.mkdir(parents=True)
    (folder / "appendonly.aof.manifest").write_text("nonsense\n")
    status, said, told = gchat("--workers", "2", "--listen", "127.0.0.1:0", cwd=tmp_path)
    assert (status, said) == (2, "")
    assert re.fullmatch(r"gchat: redis-server did not start: .*manifest.*\n", told)
    assert not processes_in(tmp_path)


def test_workers_that_are_told_of_a_redis_have_none_of_their_own(supervised, tmp_path):
    redis = tmp_path / "redis.sock"
    words = [needs("redis-server"), "--port", "0", "--unixsocket", str(redis), "--save", "", "--appendonly", "yes"]
    with subprocess.Popen([*words, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL) as other:
        try:
            eventually(lambda: asks(redis, "ping") == "PONG")
            server = supervised(workers=2, cluster__redis=f"unix://{redis}")
            server.serves()
            assert len(server.children()) == 2
            assert server.stop() == 0
        finally:
            other.terminate()


def test_without_the_packages_for_redis_the_operator_is_told_how_to_get_them(tmp_path):
    """The tests have them: so make them impossible to find."""
    blocked = "import importlib.util, sys; importlib.util.find_spec = lambda name: None; import gchat; "
    program = blocked + "sys.exit(gchat.main(['--listen', '127.0.0.1:0', '--set', 'cluster.redis=redis://localhost']))"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, env=env, check=False
    )
    assert ended.returncode == 2
    for way in ("redis, hiredis", "make cluster", "requirements-cluster.txt", "gchat[cluster]"):
        assert way in ended.stderr
