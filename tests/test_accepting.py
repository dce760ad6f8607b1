"""Accepting connections while there are no descriptors left."""

from __future__ import annotations

import errno
import resource

import gevent
import gevent.socket
from people import PATIENCE

from gchatd.doors import server as accepting
from gchatd.doors.server import PatientServer


def test_without_descriptors_newcomers_wait_and_those_who_are_in_notice_nothing(server, enter):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    pid, (_, most) = server.process.pid, resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (server.descriptors(), most))
    newcomers = [enter(server) for _ in range(3)]
    server.logs("WARNING cannot accept connections just now: too many open files")
    for number in range(20):
        ann.says(f"line {number}")
        bob.sees(f"Ann : line {number}")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
    for number, carl in enumerate(newcomers):
        carl.sees("server: Input username.")
        carl.says(f"Carl{number}")
        carl.sees(f"server: Your username is Carl{number}.")
    assert server.log().count("cannot accept") == 1


def test_accepting_goes_on_by_itself_and_the_log_says_once_a_minute_that_it_had_to_wait(caplog, monkeypatch):
    served = gevent.event.Event()
    server = PatientServer(("127.0.0.1", 0), lambda *args: served.set())
    server.start()
    for _ in range(3):
        server._wait_after(OSError(errno.EMFILE, "Too many open files"))
    assert caplog.messages == ["cannot accept connections just now: too many open files"]
    client = gevent.socket.create_connection(("127.0.0.1", server.server_port))
    assert served.wait(PATIENCE)
    monkeypatch.setattr(accepting, "REMARK_SECONDS", 0.0)
    server._wait_after(OSError(errno.EMFILE, "Too many open files"))
    assert len(caplog.messages) == 2
    client.close()
    server.stop()
    gevent.sleep(2 * accepting.PAUSE_SECONDS)  # what was to go on finds a server that has stopped
    assert not server.started
