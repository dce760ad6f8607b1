"""The PROXY protocol: headers as proxies write them, and as nobody should."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import gevent.socket
import pytest
from certificates import client_context, with_tls
from front import Asked, sends, with_server
from hypothesis import example, given, settings
from hypothesis import strategies as st
from people import GREETING, PATIENCE

from gchatd.doors.front import Front
from gchatd.limits.addresses import Addresses
from gchatd.limits.repeats import Repeats
from gchatd.settings import load
from gchatd.wire.opening import opening_of
from gchatd.wire.proxy import LONGEST, SIGNATURE, BadHeaderError, Header, begins, read

LINE = b"PROXY TCP4 192.0.2.7 198.51.100.1 51422 1337\r\n"
PLAIN = {"192.0.2.7": "192.0.2.7", "2001:DB8:0::7": "2001:db8::7", "::ffff:192.0.2.7": "192.0.2.7"}
ports = st.integers(0, 65535)
brief = settings(max_examples=500, deadline=None)


def binary(source: str, port: int, command: int = 0x21, family: int | None = None, more: bytes = b"") -> bytes:
    """A header of version 2."""
    address = ip_address(source)
    family = family if family is not None else 0x11 if address.version == 4 else 0x21
    body = 2 * address.packed + port.to_bytes(2) + b"\x05\x39" + more
    return SIGNATURE + bytes([command, family]) + len(body).to_bytes(2) + body


def told(data: bytes) -> Header | str | None:
    try:
        return read(data)
    except BadHeaderError as error:
        return str(error)


@pytest.mark.parametrize(("written", "plain"), PLAIN.items())
def test_a_client_has_one_address_however_its_proxy_writes_it(written, plain):
    kind = 6 if ":" in written else 4
    line = f"PROXY TCP{kind} {written} {written} 51422 1337\r\n".encode()
    assert read(line + b"Ann\r\n") == Header(len(line), (plain, 51422))
    data = binary(written, 51422, more=b"\x04\x00\x01x")
    assert read(data + b"Ann\r\n") == Header(len(data), (plain, 51422))


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff::1 ::1 1 2\r\n",
        binary("192.0.2.7", 1, command=0x20),
        binary("192.0.2.7", 1, family=0),
        binary("192.0.2.7", 1, family=0x31),
        SIGNATURE + b"\x20\0\0\0",
    ],
)
def test_a_proxy_may_speak_for_itself_or_for_nobody_it_knows(data):
    assert read(data + b"Ann") == Header(len(data), None)


@pytest.mark.parametrize(
    "data",
    [
        b"Ann\r\n",
        b"\r\nAnn\r\n",
        b"PROXY\r\n",
        b"PROXY \r\n",
        b"PROXY TCP4\r\n",
        b"PROXY TCP5 192.0.2.7 192.0.2.8 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 1\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2 3\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 01 2\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 65536 2\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 1 65536\r\n",
        b"PROXY TCP4 192.0.2.07 192.0.2.8 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 localhost 1 2\r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n",
        b"PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n",
        "PROXY TCP4 192.0.2.７ 192.0.2.8 1 2\r\n".encode(),
        b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\n" + 107 * b"x",
        b"PROXY UNKNOWN" + 107 * b" " + b"\r\n",
        b"proxy TCP4 192.0.2.7 192.0.2.8 1 2\r\n",
        SIGNATURE + b"\x11\x11\0\x0c" + bytes(12),
        SIGNATURE + b"\x22\x11\0\x0c" + bytes(12),
        SIGNATURE + b"\x21\x11\0\x0b" + bytes(12),
        SIGNATURE + b"\x21\x21\0\x0c" + bytes(36),
        SIGNATURE + b"\x21\x11\xff\xff",
        SIGNATURE[:4] + b"x" + bytes(20),
    ],
)
def test_what_is_no_header_is_told_at_once(data):
    assert isinstance(told(data), str)


@brief
@given(st.ip_addresses(), ports, st.binary(max_size=200), st.booleans())
def test_a_header_is_read_whole_wherever_it_is_cut(address, port, more, in_a_line):
    kind = f"TCP{address.version}"
    if in_a_line:
        data = f"PROXY {kind} {address} {address} {port} 1337\r\n".encode()
    else:
        data = binary(str(address), port, more=more)
    for size in range(1, len(data)):
        assert read(data[:size]) is None
        assert opening_of(data[:size]) in (None, "proxy")
    header = read(data + more)
    assert header is not None
    assert header.size == len(data)
    plain = ip_address(header.source[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    assert plain == (mapped or (address if isinstance(address, IPv4Address) else IPv6Address(int(address))))
    assert header.source[1] == port


@brief
@given(
    st.binary(max_size=300)
    | st.binary(max_size=300).map(lambda data: SIGNATURE + data)
    | st.binary(max_size=120).map(lambda data: b"PROXY " + data)
    | st.tuples(st.sampled_from([LINE, binary("2001:db8::7", 7)]), st.integers(0, 60), st.binary(max_size=4)).map(
        lambda one: one[0][: one[1]] + one[2] + one[0][one[1] + len(one[2]) :]
    )
)
@example(b"")
def test_whatever_comes_is_a_header_or_none_or_not_enough_and_never_too_much(data):
    first = told(data)
    assert first is None or isinstance(first, Header | str)
    if isinstance(first, Header):
        assert 0 < first.size <= len(data)
        assert first.size <= LONGEST
        assert begins(data)
        assert first.source is None or (ip_address(first.source[0]) and 0 <= first.source[1] <= 65535)
        assert told(data[: first.size]) == first
    if isinstance(first, str):
        assert isinstance(told(data + b"more"), str)
    assert first is not None or len(data) < LONGEST


# At the front door.


@pytest.mark.parametrize("header", [LINE, binary("192.0.2.7", 51422, more=bytes(40))], ids=["1", "2"])
def test_however_a_header_is_cut_the_client_is_where_it_says_and_loses_no_byte(house, header):
    port, door = house(with_server(greet_after=1, proxies=load_networks("127.0.0.0/8")))
    data = header + b"Ann\r\n"
    cuts = [(data,), (header, b"Ann\r\n"), (header + b"Ann", b"\r\n"), tuple(bytes([one]) for one in data)]
    cuts += [(data[:at], data[at:]) for at in range(1, len(header))]
    for cut in cuts:
        assert sends(port, *cut) == b"in"
        heard, where = door.served.pop()
        assert heard == b"Ann\r\n"
        assert where == ("192.0.2.7", 51422)


def load_networks(text: str):
    return load(None, [("server", "proxies", text)]).server.proxies


def test_a_proxy_that_speaks_for_itself_is_where_it_is(house):
    port, door = house(with_server(greet_after=0.05, proxies=load_networks("127.0.0.1")))
    assert sends(port, b"PROXY UNKNOWN\r\n") == b"in"
    assert door.served.pop()[1][0] == "127.0.0.1"


@pytest.mark.parametrize("header", [LINE, binary("192.0.2.7", 1)], ids=["1", "2"])
def test_a_header_from_anybody_else_is_refused(house, header):
    for proxies in ("", "192.0.2.0/24 ::1"):
        port, door = house(with_server(greet_after=0.05, proxies=load_networks(proxies)))
        assert sends(port, header + b"Mallory\r\nhello\r\n") == (
            b"server: PROXY headers are taken only from server.proxies.\r\n"
        )
        assert not door.served


def test_a_second_header_is_refused_even_from_a_proxy(house):
    port, door = house(with_server(greet_after=0.05, proxies=load_networks("127.0.0.1 192.0.2.0/24")))
    assert b"taken only" in sends(port, LINE + LINE + b"Ann\r\n")
    assert not door.served


@pytest.mark.parametrize(
    "data", [b"Ann\r\n", b"GET / HTTP/1.1\r\n\r\n", SIGNATURE + b"\x21\x11\xff\xff", b"\x16\x03\x01"]
)
def test_a_proxy_has_to_send_a_header(house, data):
    port, door = house(with_server(greet_after=0.05, proxies=load_networks("127.0.0.1")))
    assert b"has to send a PROXY header" in sends(port, data)
    assert not door.served


def test_a_browser_behind_a_proxy_is_a_browser(house):
    port, _ = house(with_server(greet_after=1, proxies=load_networks("127.0.0.1")))
    assert sends(port, LINE + b"GET / HTTP/1.1\r\n\r\n") == b"web"


def test_a_client_behind_a_proxy_is_no_longer_counted_however_its_door_ends():
    class Failing(Asked):
        def serve(self, transport, address) -> bool:
            raise SystemExit

    config = with_server(greet_after=1, proxies=load_networks("127.0.0.1"))
    front = Front(Failing(), Asked(), Addresses(1), Repeats(), config)
    for _ in range(2):  # one at a time may come from there
        ours, theirs = gevent.socket.socketpair()
        with ours, theirs:
            theirs.sendall(LINE + b"Ann\r\n")
            with pytest.raises(SystemExit):
                front(ours, ("127.0.0.1", 5))


def test_a_proxy_that_sends_no_header_in_time_is_let_go(start, enter):
    server = start(server__proxies="127.0.0.1", limits__login_seconds=0.2)
    slow, gone = enter(server), enter(server)
    gone.hangs_up()
    assert b"has to send a PROXY header" in slow.reads_to_the_end()
    server.logs("left: sent no PROXY header in time")
    server.logs("left: connection lost: hung up before its PROXY header")


def test_the_log_says_where_the_client_is(start, enter):
    server = start(server__proxies="127.0.0.1")
    ann = enter(server)
    ann.sends(b"PROXY TCP6 2001:db8::7 ::1 51422 1337\r\nAnn\n")
    ann.sees(GREETING, "server: Your username is Ann.")
    server.logs(r"\[telnet \[2001:db8::7\]:51422 Ann\] came")


def test_tls_comes_after_the_header(start):
    server = start(**with_tls(server__proxies="127.0.0.1"))
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
        sock.sendall(binary("192.0.2.7", 51422))
        with client_context().wrap_socket(sock, server_hostname="localhost") as secure:
            secure.sendall(b"Ann\n")
            server.logs(r"\[telnet\+tls 192.0.2.7:51422 Ann\] came")
