"""How bytes get to a client and back: over a real socket, and over something that behaves as TLS does."""

from __future__ import annotations

import gc
import struct
import weakref

import gevent
import pytest
from gevent import socket
from people import PATIENCE
from transports import RECORD, Tls, TlsTransport, WantReadError

from gchatd.delivery.outbox import Outbox, SlowReaders
from gchatd.delivery.sessions import Sessions
from gchatd.delivery.transport import PlainTransport
from gchatd.doors.terminal.connection import TelnetConnection, Terminals
from gchatd.doors.terminal.door import TelnetDoor
from gchatd.hub import Hub
from gchatd.journal.memory import MemoryJournal
from gchatd.settings import Limits
from gchatd.wire.typed import Completions


@pytest.fixture
def pair():
    """Our end of a connection, and the client's."""
    with socket.socket() as listener:  # create_server would make one that is not gevent's
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    with theirs, ours, gevent.Timeout(PATIENCE):
        yield ours, theirs


@pytest.fixture
def rules():
    return SlowReaders(sendq=100_000_000, stalled_seconds=10)


# Plain sockets.


def test_what_was_unread_is_read_once_more_before_anything_else_in_any_pieces(pair):
    ours, theirs = pair
    transport = PlainTransport(ours)
    theirs.sendall(b"three")
    transport.unread(b"two ")
    transport.unread(b"one ")
    transport.wait_readable()
    assert [transport.recv(3), transport.recv(100)] == [b"one", b" two "]
    transport.wait_readable()
    assert transport.recv(100) == b"three"


def test_fan_out_calls_the_socket_itself(pair, rules):
    ours, theirs = pair
    transport = PlainTransport(ours)
    outbox = Outbox(transport, rules)
    assert outbox.send == transport.send == ours._sock.send
    assert outbox.send(b"one") == 3
    assert theirs.recv(10) == b"one"


def test_a_client_that_takes_nothing_blocks_nobody_and_what_the_kernel_holds_is_known(pair):
    ours, theirs = pair
    transport = PlainTransport(ours)
    assert transport.unsent() == 0
    while transport.send(b"x" * 65536) == 65536:
        pass
    with pytest.raises(BlockingIOError):
        transport.send(b"x" * 65536)
    assert transport.unsent() > 0
    while transport.unsent():
        theirs.recv(65536)
    transport.wait_writable()
    assert transport.send(b"x") == 1


def test_a_transport_is_read_when_something_has_come(pair):
    ours, theirs = pair
    transport = PlainTransport(ours)
    with pytest.raises(BlockingIOError):
        transport.recv(10)
    gevent.spawn(theirs.sendall, b"one two")
    transport.wait_readable()
    assert (transport.recv(3), transport.recv(10)) == (b"one", b" two")


def test_who_is_told_that_nothing_more_will_come_gets_what_was_sent_and_can_still_talk(pair):
    ours, theirs = pair
    transport = PlainTransport(ours)
    transport.send(b"one")
    transport.end_sending()
    assert (theirs.recv(10), theirs.recv(10)) == (b"one", b"")
    theirs.sendall(b"two")
    transport.wait_readable()
    assert transport.recv(10) == b"two"


def test_it_is_known_who_has_hung_up_and_what_they_said_before_can_still_be_read(pair):
    ours, theirs = pair
    transport = PlainTransport(ours)
    assert not transport.has_hung_up()
    theirs.sendall(b"one")
    transport.wait_readable()
    transport.end_sending()
    assert not transport.has_hung_up()
    theirs.shutdown(socket.SHUT_WR)
    assert transport.has_hung_up()
    assert (transport.recv(10), transport.recv(10)) == (b"one", b"")
    ours.close()
    assert transport.has_hung_up()


def test_it_is_known_who_has_vanished_and_reading_still_tells_why(pair):
    ours, theirs = pair
    transport = PlainTransport(ours)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    assert transport.has_hung_up()
    with pytest.raises(ConnectionResetError):
        transport.recv(10)


def test_after_a_reset_what_the_client_said_can_be_read_to_its_end(pair):
    ours, theirs = pair
    transport = PlainTransport(ours)
    theirs.sendall(b"one")
    transport.wait_readable()
    reading = gevent.spawn(_reads_to_the_end, transport)
    gevent.sleep(0)
    transport.reset()
    transport.reset()  # raises nothing
    assert reading.get() == b"one"
    with pytest.raises(BrokenPipeError):
        transport.send(b"two")


def test_after_a_reset_closing_throws_away_what_the_kernel_holds(pair):
    ours, theirs = pair
    transport = PlainTransport(ours)
    while transport.send(b"x" * 65536) == 65536:
        pass
    transport.reset()
    ours.close()
    with pytest.raises(ConnectionResetError):
        _reads_to_the_end(PlainTransport(theirs))


def _reads_to_the_end(transport: PlainTransport) -> bytes:
    heard = b""
    while True:
        transport.wait_readable()
        data = transport.recv(65536)
        if not data:
            return heard
        heard += data


def test_a_closed_socket_raises_os_errors_and_holds_nothing(pair):
    ours, _ = pair
    transport = PlainTransport(ours)
    ours.close()
    for act in (transport.wait_readable, transport.wait_writable, transport.end_sending, lambda: transport.recv(1)):
        with pytest.raises(OSError, match="descriptor"):
            act()
    with pytest.raises(OSError, match="descriptor"):
        transport.send(b"x")
    assert transport.unsent() == 0
    transport.reset()  # raises nothing


def test_an_outbox_leaves_no_cycle(pair, rules):
    ours, _ = pair
    gc.disable()
    try:
        sock = ours.dup()
        outbox = Outbox(PlainTransport(sock), rules)
        outbox.put(b"x")
        gone = weakref.ref(sock)
        sock.close()
        del outbox, sock
        assert gone() is None
    finally:
        gc.enable()


# What behaves as TLS does.


def _reads(tls: Tls, sock: socket.socket, size: int) -> bytes:
    """What the client reads, until it has that much."""
    heard = b""
    while len(heard) < size:
        try:
            heard += tls.read(65536)
        except WantReadError:
            sock.hub.wait(sock._read_event)
    return heard


def test_what_is_put_before_tls_has_been_agreed_waits_for_the_client_to_talk(pair, rules):
    ours, theirs = pair
    outbox, client = Outbox(TlsTransport(ours), rules), Tls(theirs)
    outbox.put(b"Input username.")
    gevent.idle()
    assert (outbox.failed, outbox.size) == ("", 15)
    client.greet()
    assert _reads(client, theirs, 15) == b"Input username."
    outbox.flush()


def test_tls_that_wants_to_write_is_offered_the_same_bytes_again_and_everything_arrives_in_order(pair, rules):
    ours, theirs = pair
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    outbox, client = Outbox(TlsTransport(ours), rules), Tls(theirs)
    client.greet()
    lines = [b"%06d\n" % number * 1400 for number in range(300)]  # each is one record, until the kernel is full
    for number, line in enumerate(lines):
        if number == 290:
            outbox.display_with(bytes.upper)
            outbox.display_with(None)
        try:
            sent = outbox.send(line)
        except BlockingIOError:
            sent = 0
        if sent != len(line):
            outbox.keep(line, sent)
    assert (outbox.failed, outbox in rules.behind) == ("", True)
    assert _reads(client, theirs, 300 * 9800) == b"".join(lines)
    outbox.flush()
    outbox.put(b"end")
    assert _reads(client, theirs, 3) == b"end"


def test_lines_that_tls_has_decrypted_already_are_read_though_the_socket_has_nothing_more(pair):
    ours, theirs = pair
    terminals = Terminals(SlowReaders(10**6, 10), Limits())
    link, client = TelnetConnection(terminals, TlsTransport(ours), ("127.0.0.1", 1)), Tls(theirs)
    client.greeted = True
    link.trust()
    lines = [f"line {number}" for number in range(1000)]
    data = "".join(line + "\n" for line in lines).encode()
    assert 2 * 4096 < len(data) <= RECORD
    client.write(data)
    heard: list[str] = []
    while len(heard) < len(lines):
        link.wait()
        heard += link.read(lambda before: Completions.of(len(before), ()))
    assert heard == lines


def test_a_browser_is_answered_and_one_that_goes_on_talking_is_left_after_a_moment(pair, monkeypatch):
    monkeypatch.setattr("gchatd.doors.turning_away.LINGER_SECONDS", 0.05)
    ours, theirs = pair
    hub = Hub(MemoryJournal())
    door = TelnetDoor(hub, Sessions(hub.node), Terminals(SlowReaders(10**6, 10), Limits()))
    serving = gevent.spawn(door, ours, ("127.0.0.1", 1))
    theirs.sendall(b"\r\nPOST / HTTP/1.1\r\n\r\n")
    talking = gevent.spawn(_talks_without_end, theirs)
    assert b"400 Bad Request" in _reads_to_the_end(PlainTransport(theirs))
    serving.join()
    talking.kill()


def test_a_browser_that_says_nothing_more_may_hang_up_by_itself(pair, monkeypatch):
    monkeypatch.setattr("gchatd.doors.turning_away.LINGER_SECONDS", 10 * PATIENCE)
    ours, theirs = pair
    hub = Hub(MemoryJournal())
    door = TelnetDoor(hub, Sessions(hub.node), Terminals(SlowReaders(10**6, 10), Limits()))
    serving = gevent.spawn(door, ours, ("127.0.0.1", 1))
    theirs.sendall(b"\r\nGET / HTTP/1.1\r\n\r\n")
    assert b"400 Bad Request" in _reads_to_the_end(PlainTransport(theirs))
    gevent.idle()
    assert not serving.dead
    theirs.close()
    serving.join()


def _talks_without_end(sock: socket.socket) -> None:
    while True:
        sock.sendall(b"x" * 65536)
