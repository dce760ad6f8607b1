"""Accepting connections while there are no descriptors left."""

from __future__ import annotations

import contextlib
import errno
import resource
import socket

import gevent
import gevent.event
import gevent.socket
import pytest
from front import polls
from people import GREETING, PATIENCE, eventually

from gchatd.delivery.sessions import Sessions
from gchatd.delivery.transport import PlainTransport
from gchatd.doors import accepting as doors
from gchatd.doors.accepting import ClientSocket, PatientServer
from gchatd.limits.addresses import Addresses


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


@pytest.fixture
def accepting():
    """A server, and whether it has served somebody."""
    served = gevent.event.Event()
    server = PatientServer(("127.0.0.1", 0), lambda *args: served.set(), Addresses(1), Sessions(1))
    server.start()
    gevent.get_hub().loop.update_now()  # other tests may have kept the loop for longer than it is to wait
    yield server, served
    server.stop()


def test_while_others_have_to_wait_who_leave_newcomers_come_one_at_a_time(accepting, monkeypatch):
    server, _ = accepting
    server.stop_accepting()
    server._addresses = Addresses(10)
    clients = [gevent.socket.create_connection(("127.0.0.1", server.server_port)) for _ in range(4)]

    def accepts() -> list[bool]:
        accepted = [server.do_read() for _ in range(2)]
        for sock, _ in filter(None, accepted):
            sock.close()
        return [*map(bool, accepted)]

    monkeypatch.setattr(server._pace, "is_crowded", lambda: True)
    for _ in range(2):
        polls()
        assert accepts() == [True, False]
    monkeypatch.setattr(server._pace, "is_crowded", lambda: False)
    assert accepts() == [True, True]
    for client in clients:
        client.close()


def test_accepting_stops_for_a_while_and_goes_on_by_itself(accepting, monkeypatch):
    monkeypatch.setattr(doors, "PAUSE_SECONDS", 0.5)
    server, served = accepting
    server._wait_after(OSError(errno.EMFILE, "Too many open files"))
    client = gevent.socket.create_connection(("127.0.0.1", server.server_port))
    assert not served.wait(0.05)
    assert served.wait(PATIENCE)
    client.close()


def test_the_log_says_once_a_minute_that_newcomers_wait(accepting, caplog, monkeypatch):
    server, _ = accepting
    for _ in range(3):
        server._wait_after(OSError(errno.EMFILE, "Too many open files"))
    assert caplog.messages == ["cannot accept connections just now: too many open files"]
    monkeypatch.setattr(doors, "REMARK_SECONDS", 0.0)
    server._wait_after(OSError(errno.EMFILE, "Too many open files"))
    assert len(caplog.messages) == 2


def test_a_server_that_stops_while_newcomers_wait_accepts_nobody_any_more(accepting, monkeypatch):
    raised: list[object] = []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *args: raised.append(args))
    server, _ = accepting
    server._wait_after(OSError(errno.EMFILE, "Too many open files"))
    server.stop()
    gevent.spawn_later(doors.PAUSE_SECONDS, int).join()  # it would have gone on just before
    assert not raised


def test_a_listener_that_was_closed_is_no_reason_to_wait(accepting):
    server, _ = accepting
    server.socket.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        server.do_read()


def test_who_connects_too_often_from_one_address_is_told_and_turned_away(start, enter):
    server = start(limits__per_address=2, limits__exempt="")
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    carl = enter(server)
    assert carl.reads_to_the_end() == b"server: There are too many connections from your address.\r\n"
    server.logs(r"INFO \[127.0.0.1\] turned away: There are too many connections from your address")
    bob.hangs_up()
    server.logs("Bob. left")
    dora = eventually(lambda: came_in(server, enter))
    dora.says("hello")
    ann.sees("Dora : hello")


def came_in(server, enter):
    """Somebody who came in, if they may by now."""
    dora = enter(server)
    if dora.reads_line() != GREETING:
        return None
    dora.says("Dora")
    dora.sees("server: Your username is Dora.")
    return dora


def test_who_is_exempt_may_connect_as_often_as_they_like(start, enter):
    server = start(limits__per_address=1)
    for name in ("Ann", "Bob", "Carl"):
        enter(server, name)


def test_a_full_server_says_so(start, enter):
    server = start(server__clients=2)
    ann, _ = enter(server, "Ann"), enter(server, "Bob")
    assert enter(server).reads_to_the_end() == b"server: This server is full. Try again later.\r\n"
    ann.hangs_up()
    server.logs("Ann. left")
    assert eventually(lambda: came_in(server, enter))


def test_some_descriptors_stay_in_reserve_and_newcomers_are_told(server, enter):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    pid, (_, most) = server.process.pid, resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (server.descriptors() + doors.RESERVE, most))
    assert eventually(lambda: enter(server).reads_line() != GREETING)  # the limit is looked at now and then
    for _ in range(3):
        assert enter(server).reads_to_the_end() == b"server: This server is full. Try again later.\r\n"
    server.logs("WARNING this server is full: it has .* descriptors")
    ann.says("hello")
    bob.sees("Ann : hello")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
    assert eventually(lambda: came_in(server, enter))
    assert server.log().count("WARNING") == 1


def test_many_who_are_turned_away_at_once_are_one_line_of_the_log(start, enter):
    server = start(limits__per_address=1, limits__exempt="")
    enter(server, "Ann")
    for _ in range(50):
        enter(server).reads_to_the_end()
    server.logs(r"\[127.0.0.1\] \d+ more within a second: turned away: There are too many")
    assert server.log().count("turned away") < 30


@pytest.fixture
def connection():
    """A client's socket, and the other end of it."""
    ours, theirs = socket.socketpair()
    with theirs:
        sock = ClientSocket(ours.family, ours.detach())
        yield sock, theirs
        sock.close()


def fill(transport: PlainTransport) -> int:
    """Send until the kernel takes no more; return how many bytes that were."""
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += transport.send(bytes(65536))
    return sent


@pytest.mark.parametrize("wait", ["wait_readable", "wait_writable"])
def test_who_waits_for_a_connection_that_is_closed_is_told_so(connection, wait):
    sock, _ = connection
    transport = PlainTransport(sock)
    fill(transport)

    def waits() -> int | None:
        with pytest.raises(OSError, match="Bad file descriptor") as told:
            getattr(transport, wait)()
        return told.value.errno

    waiting = gevent.spawn(waits)
    gevent.spawn(int).join()  # that one begins before this one
    sock.close()
    sock.close()
    assert sock._sock.fileno() >= 0  # the event loop still looks at it
    assert waiting.get(timeout=PATIENCE) == errno.EBADF
    assert sock._sock.fileno() == -1
    assert waits() == errno.EBADF


def test_a_connection_is_watched_for_writing_only_once_it_is_full(connection):
    sock, theirs = connection
    transport = PlainTransport(sock)
    theirs.sendall(b"ann")
    transport.wait_readable()
    assert transport.recv(100) == b"ann"
    assert sock._writing is None
    unread = fill(transport)
    waiting = gevent.spawn(transport.wait_writable)
    gevent.spawn(int).join()  # that one begins before this one
    assert not waiting.dead
    while unread:
        unread -= len(theirs.recv(65536))
    waiting.get(timeout=PATIENCE)
    assert transport.send(b"bob") == 3
