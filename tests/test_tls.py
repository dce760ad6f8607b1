"""TLS on the one port: who comes by it, the programs people have for it, and what a server that was told wrong says."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import subprocess
import time

import pytest
from certificates import TlsPerson, certificate, client_context, with_tls
from people import GREETING, PATIENCE, SECOND, needs
from terminal import Terminal

from gchatd.doors.front import HELLO_SECONDS
from gchatd.wire import irc


@pytest.fixture
def tls():
    """Let people in by TLS; they hang up when the test is over."""
    people: list[TlsPerson] = []

    def enter(server, name="", **more) -> TlsPerson:
        people.append(TlsPerson(server, name, **more))
        return people[-1]

    yield enter
    for person in people:
        person.hangs_up()


def test_one_port_speaks_both_and_people_meet(start, enter, tls):
    server = start(**with_tls())
    ann, bob = enter(server, "Ann"), tls(server, "Bob")
    ann.says("hello")
    bob.sees("Ann : hello")
    bob.says("hello to you")
    ann.sees("Bob : hello to you")


def test_the_log_says_who_came_encrypted(start, enter, tls):
    server = start(**with_tls())
    enter(server, "Ann").says("/quit")
    tls(server, "Bob").says("/quit")
    for kind, name in (("telnet", "Ann"), (r"telnet\+tls", "Bob")):
        server.logs(rf"INFO \[{kind} 127\.0\.0\.1:\d+ {name}\] came$")
        server.logs(rf"INFO \[{kind} 127\.0\.0\.1:\d+ {name}\] left: quit$")


def test_who_says_nothing_inside_tls_is_greeted_too(start, tls):
    server = start(**with_tls())
    bob = tls(server)
    bob.sees(GREETING)
    bob.says("Bob")
    bob.sees("server: Your username is Bob.")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"POST / HTTP/1.1\r\nMallory\r\nhello\r\n\r\n", b"HTTP/1.1 400 "),
        (b"CAP LS\r\nNICK Mallory\r\n", irc.ANSWER),
    ],
    ids=["http", "irc"],
)
def test_browsers_and_irc_clients_find_their_door_inside_tls(start, enter, tls, version, late, said, answer):
    server = start(**with_tls(server__greet_after=0.25 if late else 10 * PATIENCE))
    context = client_context()
    context.minimum_version = context.maximum_version = version
    mallory = tls(server, context=context)
    if late:
        mallory.sees(GREETING)
    mallory.sends(said)
    assert mallory.reads_to_the_end().startswith(answer)
    bob = enter(server)
    bob.sends(b"Bob\n/names\n")
    bob.sees(GREETING, "server: Your username is Bob.", "server: 1 in lobby: Bob")


def test_a_goodbye_is_one_of_tls_too(start, tls):
    server = start(**with_tls())
    bob = tls(server, "Bob")
    bob.says("/quit")
    assert bob.reads_to_the_end() == b"server: Goodbye.\r\n"  # an end without TLS's own goodbye would be an error


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_tls_is_refused(start, version):
    server = start(**with_tls())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock, pytest.raises(ssl.SSLError):
        context.wrap_socket(sock)
    server.logs("left: .*protocol")


def test_a_handshake_ends_in_time_however_slowly_it_comes(start, enter):
    server = start(limits__login_seconds=0.5, **with_tls())
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
        sock.sendall(b"\x16\x03\x01")
        since = time.monotonic()
        with contextlib.suppress(OSError):
            while not select.select([sock], [], [], 0.05)[0]:
                sock.sendall(b"\x02")
        assert time.monotonic() - since < 0.5 + 2 * SECOND
    server.logs("left: .*no TLS handshake in time")


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\x02\x00\x01", b"\x16\x03" + b"\xff" * 9000]
)
def test_what_only_begins_like_tls_ends_that_client_only(start, enter, garbage):
    server = start(**with_tls())
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
        sock.sendall(garbage)
        sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while sock.recv(65536):
                pass
    server.logs(r"\[client 127.0.0.1:\d+\] left")
    enter(server, "Ann")


def test_who_must_encrypt_is_told_so(start, enter, tls):
    server = start(tls__required="yes", **with_tls())
    server.logs(f"^In another terminal: telnet-ssl -z ssl localhost {server.port}$")
    server.logs(f"^Or in a browser: https://localhost:{server.port}/$")
    told = b"server: This chat is encrypted."
    for said, answer in [
        (b"Ann\n", told),
        (b"", told),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 403 "),
        (b"CAP LS\n", irc.ANSWER),
    ]:
        ann = enter(server)
        ann.sends(said)
        since = time.monotonic()
        assert ann.reads_to_the_end().startswith(answer)
        assert time.monotonic() - since < HELLO_SECONDS + SECOND  # much less than limits.login_seconds
    bob = tls(server, "Bob")
    bob.says("/names")
    bob.sees("server: 1 in lobby: Bob")


def test_who_is_slow_to_begin_with_tls_is_not_greeted_where_it_is_required(start, tls):
    server = start(**with_tls(tls__required="yes", server__greet_after=0))
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
        assert not select.select([sock], [], [], 0.1)[0]
        with client_context().wrap_socket(sock, server_hostname="localhost") as secure:
            assert secure.recv(100) == b"server: Input username.\r\n"


# New keys, renegotiation, half-closes: by OpenSSL's own client.


class SClient:
    """`openssl s_client`, at a pipe. Its letters K and R, alone on a line, ask for new keys and for renegotiation."""

    def __init__(self, server, *options: str) -> None:
        program = [needs("openssl"), "s_client", "-connect", f"127.0.0.1:{server.port}", *options]
        self.process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
        )
        self.seen = b""

    def says(self, text: bytes) -> None:
        self.process.stdin.write(text)

    def sees(self, text: bytes) -> None:
        until = time.monotonic() + PATIENCE
        while text not in self.seen:
            assert select.select([self.process.stdout], [], [], until - time.monotonic())[0], self.seen
            data = self.process.stdout.read(65536)
            assert data, self.seen
            self.seen += data
        self.seen = self.seen.partition(text)[2]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def s_client():
    clients = []

    def begin(server, *options: str) -> SClient:
        clients.append(SClient(server, *options))
        return clients[-1]

    yield begin
    for one in clients:
        one.close()


def test_new_keys_are_agreed_to(start, s_client):
    server = start(**with_tls())
    bob = s_client(server, "-tls1_3")
    bob.sees(GREETING.encode())
    bob.says(b"Bob\n")
    bob.sees(b"Your username is Bob.")
    for _ in range(20):
        bob.says(b"K\n")
        bob.sees(b"KEYUPDATE")
        bob.says(b"/names\n")
        bob.sees(b"1 in lobby: Bob")


def test_renegotiation_is_refused_and_everybody_else_goes_on(start, s_client, tls):
    server = start(**with_tls())
    ann = tls(server, "Ann")
    bob = s_client(server, "-tls1_2")
    bob.sees(GREETING.encode())
    bob.says(b"R\n")
    bob.sees(b"RENEGOTIATING")
    bob.sees(b"no renegotiation")
    server.logs("left")  # it is OpenSSL's client that gives up
    ann.says("/names")
    ann.sees("server: 1 in lobby: Ann")


def test_who_closes_their_half_is_answered_to_the_end(start):
    """As in `printf ... | openssl s_client`: TLS's goodbye comes with the last words."""
    server = start(**with_tls())
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        until = [client.do_handshake, lambda: client.read(100)]
        for step in until:
            while True:
                try:
                    step()
                except ssl.SSLWantReadError:
                    sock.sendall(outgoing.read())
                    incoming.write(sock.recv(65536))
                else:
                    break
        client.write(b"Bob\n/names\n")
        with pytest.raises(ssl.SSLWantReadError):
            client.unwrap()
        sock.sendall(outgoing.read())
        sock.shutdown(socket.SHUT_WR)
        while data := sock.recv(65536):
            incoming.write(data)
        heard = b""
        with pytest.raises(ssl.SSLZeroReturnError):  # noqa: PT012  TLS's goodbye, no sooner
            while True:
                heard += client.read(65536)
        assert heard == b"server: Your username is Bob.\r\nserver: 1 in lobby: Bob\r\n"
    server.logs(r"Bob\] left: hung up")


# The programs that people have.


@pytest.mark.parametrize(
    "program", [["ncat", "--ssl"], ["openssl", "s_client", "-quiet", "-verify_quiet"]], ids=["ncat", "openssl"]
)
def test_a_program_that_speaks_tls_is_let_in(start, enter, program):
    server = start(**with_tls())
    where = ["127.0.0.1", str(server.port)] if program[0] == "ncat" else ["-connect", f"127.0.0.1:{server.port}"]
    bob = subprocess.Popen(
        [needs(program[0]), *program[1:], *where],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    )
    try:
        bob.stdin.write(b"Bob\n")
        server.logs("Bob. came")
        ann = enter(server, "Ann")
        bob.stdin.write(b"hello\n")
        ann.sees("Bob : hello")
        ann.says("and hello to you")
        seen = b""
        while b"Ann : and hello to you" not in seen:
            assert select.select([bob.stdout], [], [], PATIENCE)[0], seen
            seen += bob.stdout.read(65536)
    finally:
        bob.kill()
        bob.communicate()


def test_telnet_over_tls_gets_the_rich_terminal(start):
    server = start(**with_tls())
    program = needs("telnet-ssl")
    terminal = Terminal(server.port, 80, 24, program, "xterm-256color", ["-z", "ssl"])
    try:
        terminal.sees(GREETING)
        terminal.types("Alice\r")
        terminal.sees("server: Your username is Alice.")
        terminal.sees_line("")
    finally:
        terminal.close()


def test_a_key_may_be_in_the_certificates_file(start, tls, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(file.read_bytes() for file in certificate()))
    tls(start(tls__certificate=both, server__greet_after=0.25), "Ann")
