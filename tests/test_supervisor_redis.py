"""The Redis that the supervisor starts for its workers, and what an operator is told where there is none."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
from people import PATIENCE, ROOT, eventually, gchat, needs
from supervised import processes_in

from gchatd.operate.redis_server import OPTIONS, RedisServer


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
