"""A service manager hears from the server: when it serves, reloads and stops, and that it is alive."""

from __future__ import annotations

import os
import re
import signal
import socket
import struct
import time

import pytest
from people import PATIENCE, SECOND, Person, needs
from supervised import Supervised

from gchatd.operate.systemd import ServiceManager


class Manager:
    """What systemd is to a service: a socket to which it says things, and who says them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._sock.settimeout(PATIENCE)
        self._sock.bind(name.replace("@", "\0"))
        self.heard: list[dict[str, str]] = []
        self.speakers: set[int] = set()

    def hears(self, what: str) -> dict[str, str]:
        """Wait until it is told `what`; give what came along with that."""
        while True:
            data, ancillary, _, _ = self._sock.recvmsg(4096, socket.CMSG_SPACE(12))
            self.speakers.add(struct.unpack("iII", ancillary[0][2])[0])
            self.heard.append(dict(line.split("=", 1) for line in data.decode().splitlines()))
            if what in self.heard[-1]:
                return self.heard[-1]

    def said_nothing(self, what: str) -> bool:
        return not any(what in one for one in self.heard)

    def close(self) -> None:
        self._sock.close()


@pytest.fixture(params=["file", "abstract"])
def manager(request, tmp_path, monkeypatch):
    name = str(tmp_path / "notify") if request.param == "file" else f"@gchat-test-{os.getpid()}-{time.monotonic_ns()}"
    manager = Manager(name)
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    yield manager
    manager.close()


@pytest.fixture
def supervised(tmp_path):
    needs("redis-server")
    servers: list[Supervised] = []

    def supervised(**settings: object) -> Supervised:
        servers.append(Supervised(workers=2, data=tmp_path / "data", **settings))
        return servers[-1]

    yield supervised
    for server in servers:
        server.close()


def test_it_hears_that_the_server_serves_reloads_is_alive_and_stops(manager, start, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    server = start()
    assert manager.hears("READY") == {"READY": "1", "STATUS": "0 people in 1 room"}
    manager.hears("WATCHDOG")
    begun = time.monotonic()
    for _ in range(2):
        assert manager.hears("WATCHDOG")["WATCHDOG"] == "1"
    assert time.monotonic() - begun < 2 * SECOND
    ann = Person(server, "Ann")
    while "1 person" not in manager.hears("STATUS")["STATUS"]:
        pass
    assert manager.hears("WATCHDOG") == {"WATCHDOG": "1"}  # and not what it knows already
    before = time.monotonic_ns() // 1000
    server.process.send_signal(signal.SIGHUP)
    assert before <= int(manager.hears("RELOADING")["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    manager.hears("READY")
    server.logs("settings read again")
    server.process.send_signal(signal.SIGTERM)
    manager.hears("STOPPING")
    assert server.process.wait(PATIENCE) == 0
    assert manager.speakers == {server.process.pid}
    ann.hangs_up()


@pytest.mark.parametrize("pid", ["1", "", None])
def test_without_a_watchdog_or_with_one_for_somebody_else_it_hears_no_heartbeat(manager, start, monkeypatch, pid):
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_USEC", "100000")
        monkeypatch.setenv("WATCHDOG_PID", pid)
    server = start()
    manager.hears("READY")
    server.process.send_signal(signal.SIGTERM)
    manager.hears("STOPPING")
    assert manager.said_nothing("WATCHDOG")


def test_a_heartbeat_is_only_for_whom_it_is_meant(manager):
    for pid, beats in ((None, True), (str(os.getpid()), True), ("1", False)):
        environment = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "1000000"}
        ours = ServiceManager.of({**environment, "WATCHDOG_PID": pid} if pid is not None else environment)
        ours.keep_alive()  # too early
        ours.ready()
        manager.heard.clear()
        manager.hears("READY")
        assert len(manager.heard) == 1
        ours.due = 0.0
        ours.status = lambda: "well"
        ours.keep_alive()
        assert ("WATCHDOG" in manager.hears("STATUS")) == beats


def test_it_hears_that_settings_were_refused_until_they_are_right_again(manager, start, tmp_path):
    file = tmp_path / "config.ini"
    file.write_text("")
    server = start("--config", str(file))
    manager.hears("READY")
    for text, status in (
        ("[limits]\nburst = many\n", "settings refused, see the log; 0 people in 1 room"),
        ("[limits]\nburst = 7\n", "0 people in 1 room"),
    ):
        file.write_text(text)
        server.process.send_signal(signal.SIGHUP)
        assert manager.hears("READY")["STATUS"] == status


def test_workers_leave_it_to_their_supervisor_who_waits_for_all_of_them(manager, supervised, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    server = supervised()
    assert manager.hears("READY")["STATUS"] == "2 of 2 workers serve"
    assert len(re.findall("serves: process", server.log())) == 2
    manager.hears("WATCHDOG")
    worker = server.workers()[0]
    worker.suspend()
    server.process.send_signal(signal.SIGHUP)
    manager.hears("RELOADING")
    manager.heard.clear()
    for _ in range(3):
        manager.hears("WATCHDOG")
    assert manager.said_nothing("READY")
    worker.resume()
    manager.hears("READY")
    worker.kill()
    while not manager.hears("STATUS")["STATUS"].startswith("1 of 2"):
        pass
    while not manager.hears("STATUS")["STATUS"].startswith("2 of 2"):
        pass
    server.process.send_signal(signal.SIGTERM)
    manager.hears("STOPPING")
    assert server.process.wait(PATIENCE) == 0
    assert manager.speakers == {server.process.pid}


def test_one_that_is_not_there_is_no_trouble(start, monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    monkeypatch.setenv("WATCHDOG_USEC", "100000")
    server = start()
    Person(server, "Ann").hangs_up()
    assert server.stop() == 0


def test_one_that_takes_nothing_keeps_nobody_waiting_and_hears_the_rest_later(tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    ours = ServiceManager(manager.name, 0.001)
    states = iter(range(10_000))
    ours.status = lambda: f"state {next(states)}"
    ours.ready()
    begun = time.monotonic()
    for _ in range(1000):
        ours.due = 0.0
        ours.keep_alive()
    ours.stopping()
    assert time.monotonic() - begun < SECOND
    assert time.monotonic() < ours.due < time.monotonic() + SECOND  # not at once: whoever asks sleeps until then
    while manager.said_nothing("STOPPING"):
        manager.hears("READY" if not manager.heard else "STATUS" if ours._owed else "STOPPING")
        ours.due = 0.0
        ours.keep_alive()
    manager.close()


def test_the_environment_is_not_left_for_children(tmp_path):
    environment = {"NOTIFY_SOCKET": str(tmp_path / "x"), "WATCHDOG_USEC": "5", "WATCHDOG_PID": "7", "HOME": "/"}
    ServiceManager.of(environment)
    assert environment == {"HOME": "/"}


def test_a_heartbeat_that_is_not_taken_is_given_again_soon(manager, monkeypatch):
    environment = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "60000000"}
    ours = ServiceManager.of(environment)
    ours.ready()
    monkeypatch.setattr(ServiceManager, "_takes", lambda *_: False)
    ours.due = 0.0
    ours.keep_alive()
    assert ours.due - time.monotonic() < SECOND
