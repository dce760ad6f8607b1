"""TLS as a transport: everything that an outbox, and a door, may rely on."""

from __future__ import annotations

import gc
import ssl
import weakref
from types import SimpleNamespace

import gevent
import gevent.ssl
import pytest
from certificates import certificate
from gevent import socket
from people import PATIENCE

from gchatd.delivery import outbox as outbox_module
from gchatd.delivery.outbox import Outbox, SlowReaders
from gchatd.delivery.tls import RECORD, Certificate
from gchatd.delivery.transport import PlainTransport
from gchatd.doors.terminal.connection import TelnetConnection, Terminals
from gchatd.settings import Limits
from gchatd.wire.typed import Completions

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def wait(until_ready) -> bool:
    until_ready()
    return True


@pytest.fixture(params=VERSIONS, ids=["1.2", "1.3"])
def pair(request):
    """Our end of a connection that has shaken hands, and the client's."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        listener.listen()
        plain = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificate()[0])
    context.minimum_version = context.maximum_version = request.param
    with gevent.Timeout(PATIENCE), ours:
        transport = Certificate(*map(str, certificate())).secure(PlainTransport(ours))
        shaking = gevent.spawn(transport.shake_hands, wait)
        with context.wrap_socket(plain, server_hostname="localhost") as theirs:
            shaking.get()
            yield transport, theirs


@pytest.fixture
def rules():
    return SlowReaders(sendq=100_000_000, stalled_seconds=10)


def reads(sock, size: int) -> bytes:
    heard = b""
    while len(heard) < size:
        data = sock.recv(65536)
        assert data
        heard += data
    return heard


def hears(transport, size: int, most: int = 65536) -> bytes:
    heard = b""
    while len(heard) < size:
        transport.wait_readable()
        try:
            heard += transport.recv(min(most, size - len(heard)))
        except BlockingIOError:  # not a whole record yet
            continue
    return heard


def sends_without_end(transport) -> None:
    while True:
        transport.send(bytes(RECORD))


def fill(outbox: Outbox) -> bytes:
    """Put lines until far more waits than the kernel holds; give all of them."""
    lines = [b"%06d\n" % number * 1400 for number in range(600)]
    for line in lines:
        outbox.put(line)
    assert (outbox.failed, outbox.size > RECORD) == ("", True)
    return b"".join(lines)


def test_it_is_known_who_has_hung_up(pair):
    transport, theirs = pair
    assert not transport.has_hung_up()
    theirs.shutdown(socket.SHUT_WR)
    assert transport.has_hung_up()


def test_what_is_sent_is_received_both_ways(pair):
    transport, theirs = pair
    assert transport.send(b"one") == 3
    assert theirs.recv(10) == b"one"
    theirs.sendall(b"two")
    transport.wait_readable()
    assert transport.recv(10) == b"two"
    with pytest.raises(BlockingIOError):
        transport.recv(10)


def test_a_turn_of_many_records_is_taken_at_once_where_there_is_room(pair):
    transport, theirs = pair
    reading = gevent.spawn(reads, theirs, 3 * RECORD)
    assert transport.send(bytes(3 * RECORD)) == 3 * RECORD
    assert reading.get() == bytes(3 * RECORD)


def test_a_big_backlog_arrives_whole_and_in_order(pair, rules):
    transport, theirs = pair
    outbox = Outbox(transport, rules)
    data = fill(outbox)
    assert outbox in rules.behind
    assert reads(theirs, len(data)) == data
    outbox.flush()
    assert (outbox.failed, outbox.size, transport._encrypted) == ("", 0, b"")
    outbox.put(b"end")
    assert theirs.recv(10) == b"end"


def test_shares_of_every_size_put_while_something_waits_arrive_in_order(pair, rules):
    """Around the length of a record, and with a reader who takes little at a time."""
    transport, theirs = pair
    outbox = Outbox(transport, rules)
    pieces = [
        bytes([number % 251]) * size for number, size in enumerate([1, RECORD - 1, RECORD, RECORD + 1, 70_000] * 40)
    ]
    for piece in pieces:
        outbox.put(piece)
    heard = b""
    while len(heard) < sum(map(len, pieces)):
        heard += theirs.recv(5000)
        outbox.put(b"")
    assert heard == b"".join(pieces)
    assert not outbox.failed


def test_of_what_the_kernel_has_not_taken_one_record_is_held_and_counts_as_unsent(pair):
    transport, theirs = pair
    with pytest.raises(BlockingIOError):
        sends_without_end(transport)
    held = len(transport._encrypted)
    assert 0 < held <= RECORD + 100
    before = transport._below.unsent()  # falls as the client's kernel takes some, and nothing makes it rise
    unsent = transport.unsent()
    assert transport._below.unsent() + held <= unsent <= before + held
    del theirs


def test_a_slow_but_healthy_client_is_never_closed_as_stalled(pair, monkeypatch):
    transport, theirs = pair
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(outbox_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    rules = SlowReaders(sendq=100_000_000, stalled_seconds=60)
    outbox = Outbox(transport, rules)
    size = len(fill(outbox))
    while size:
        size -= len(theirs.recv(min(size, 32_768)))
        gevent.sleep(0.005)
        clock.now += 1
        rules.close_stalled()
        assert not outbox.failed
    assert clock.now > 1000 + 2 * rules.stalled_seconds


def test_a_client_that_takes_nothing_is_closed_as_stalled(pair):
    transport, theirs = pair
    rules = SlowReaders(sendq=100_000_000, stalled_seconds=0)
    outbox = Outbox(transport, rules)
    fill(outbox)
    gevent.idle()
    rules.close_stalled()
    gevent.sleep(0.001)
    rules.close_stalled()
    assert outbox.failed.startswith("slow reader: read nothing")
    transport.wait_readable()  # so that its greenlet comes to the end
    assert transport.recv(10) == b""
    del theirs


def test_a_client_past_sendq_is_closed(pair):
    transport, _ = pair
    outbox = Outbox(transport, SlowReaders(sendq=200_000, stalled_seconds=10))
    for _ in range(300):
        outbox.put(b"x" * 9800)
    assert "limits.sendq" in outbox.failed


def test_a_client_is_read_from_while_much_waits_for_it(pair, rules):
    transport, theirs = pair
    fill(Outbox(transport, rules))
    theirs.sendall(b"still here")
    transport.wait_readable()
    assert transport.recv(100) == b"still here"


def test_lines_that_were_decrypted_already_are_read_though_the_socket_has_nothing_more(pair):
    transport, theirs = pair
    terminals = Terminals(SlowReaders(10**6, 10), Limits())
    link = TelnetConnection(terminals, transport, ("127.0.0.1", 1))
    lines = [f"line {number}" for number in range(1000)]
    data = "".join(line + "\n" for line in lines).encode()
    assert 2 * 4096 < len(data) <= RECORD
    theirs.sendall(data)
    heard: list[str] = []
    while len(heard) < len(lines):
        link.wait()
        heard += link.read(lambda before: Completions.of(len(before), ()))
    assert heard == lines


def test_many_records_received_together_are_all_read(pair):
    transport, theirs = pair
    for number in range(100):
        theirs.sendall(b"%03d\n" % number)
    assert hears(transport, 400, 4) == b"".join(b"%03d\n" % number for number in range(100))


def test_bytes_that_were_put_back_are_read_first_and_waited_for_by_nobody(pair):
    transport, theirs = pair
    theirs.sendall(b"one two")
    transport.wait_readable()
    transport.unread(transport.recv(100))
    transport.wait_readable()
    assert (transport.recv(3), transport.recv(100)) == (b"one", b" two")


def test_a_client_that_closes_its_half_still_hears(pair):
    transport, theirs = pair
    closing = gevent.spawn(theirs.unwrap)  # says goodbye, and waits for ours
    transport.wait_readable()
    assert transport.recv(10) == b""
    assert transport.recv(10) == b""
    assert transport.send(b"last words") == 10
    transport.end_sending()
    with pytest.raises(ssl.SSLError, match="after close notify"):  # OpenSSL's client wants to hear no more
        closing.get()


def test_a_client_that_is_gone_without_a_goodbye_is_gone(pair):
    transport, theirs = pair
    socket.socket(fileno=theirs.detach()).close()
    transport.wait_readable()
    assert transport.recv(10) == b""


@pytest.mark.parametrize("said_before", [b"", b"x" * 50_000], ids=["nothing", "much"])
def test_who_is_told_that_nothing_more_will_come_hears_a_goodbye_and_can_still_talk(pair, said_before):
    transport, theirs = pair
    transport.send(b"one")
    sending = gevent.spawn(theirs.sendall, said_before)
    if said_before:
        transport.unread(hears(transport, 10))
    transport.end_sending()
    assert theirs.recv(10) == b"one"
    assert hears(transport, len(said_before)) == said_before
    sending.get()
    assert theirs.recv(10) == b""
    closing = gevent.spawn(theirs.unwrap)
    transport.wait_readable()
    assert transport.recv(10) == b""
    closing.get().close()


def test_garbage_instead_of_a_record_is_an_error_of_this_connection(pair):
    transport, theirs = pair
    raw = socket.socket(fileno=theirs.detach())
    raw.sendall(b"hello everybody\r\n" * 10)
    transport.wait_readable()
    with pytest.raises(ssl.SSLError):
        transport.recv(100)
    transport.say_goodbye()  # raises nothing
    raw.close()


def test_a_transport_leaves_no_cycle(pair):
    transport, _ = pair
    gc.disable()
    try:
        tls = weakref.ref(transport._tls)
        transport._tls = None
        assert tls() is None
    finally:
        gc.enable()


def test_the_handshake_is_not_waited_for_longer_than_allowed():
    ours, theirs = socket.socketpair()
    transport = Certificate(*map(str, certificate())).secure(PlainTransport(ours))
    with ours, theirs, pytest.raises(TimeoutError):
        transport.shake_hands(lambda until_ready: False)
