"""Certificates: one that is renewed, and what is said of one that cannot be used."""

from __future__ import annotations

import shutil
import ssl
import subprocess

import gevent
import gevent.socket
import gevent.ssl
import pytest
from certificates import certificate
from gevent.server import StreamServer
from people import PATIENCE, ROOT, gchat

from gchatd.doors.front import Front
from gchatd.errors import ConfigError
from gchatd.limits.addresses import Addresses
from gchatd.limits.repeats import Repeats
from gchatd.settings import load


@pytest.fixture
def front(tmp_path):
    """A front door in this process whose certificate is `mine.pem`; gives the door, and what a client is shown."""
    cert, key = tmp_path / "mine.pem", tmp_path / "mine.key"

    class Door:
        def serve(self, transport, address):
            transport.wait_readable()
            transport.send(b"heard " + transport.recv(100))

    def put(name: str) -> None:
        for source, file in zip(certificate(name), (cert, key), strict=True):
            shutil.copy(source, file)

    put("one")
    settings = load(None, [("tls", "certificate", str(cert)), ("tls", "key", str(key)), ("server", "greet_after", "0")])
    front = Front(Door(), Door(), Addresses(64), Repeats(), settings)
    server = StreamServer(("127.0.0.1", 0), front)
    server.start()
    with gevent.Timeout(PATIENCE):
        yield front, settings, put, server.server_port
    server.stop()


def comes(port: int, name: str):
    sock = gevent.socket.create_connection(("127.0.0.1", port))
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificate(name)[0])
    return context.wrap_socket(sock, server_hostname="localhost")


def test_a_certificate_is_read_anew_and_those_who_are_here_stay(front):
    door, settings, put, port = front
    with comes(port, "one") as before:
        put("two")
        door.configure(settings)
        with pytest.raises(ssl.SSLCertVerificationError):
            comes(port, "one")
        with comes(port, "two") as after:
            for one in (before, after):
                one.sendall(b"me")
                assert one.recv(100) == b"heard me"


def test_a_certificate_that_cannot_be_read_anew_leaves_the_old_one(front, tmp_path):
    door, settings, _, port = front
    (tmp_path / "mine.pem").write_text("nothing")
    with pytest.raises(ConfigError, match=r"\[tls\] certificate = .*mine.pem: expected a certificate"):
        door.configure(settings)
    with comes(port, "one") as someone:
        someone.sendall(b"me")
        assert someone.recv(100) == b"heard me"


def trouble(**settings) -> str:
    sets = [word for name, value in settings.items() for word in ("--set", f"tls.{name}={value}")]
    status, _, told = gchat("--listen", "127.0.0.1:0", "--set", "history.keep=no", *sets, cwd=ROOT)
    assert status == 2
    assert len(told.splitlines()) == 1
    return told


def test_what_is_wrong_with_a_certificate_is_told_in_a_line(tmp_path):
    cert, key = certificate()
    other = certificate("two")[1]
    both, locked = tmp_path / "both.pem", tmp_path / "locked.key"
    both.write_text("nothing")
    lock = ["openssl", "ec", "-in", str(key), "-aes128", "-passout", "pass:secret", "-out", str(locked)]
    subprocess.run(lock, check=True, capture_output=True)
    assert "[tls] certificate = /no.pem: cannot be read: no such file or directory" in trouble(certificate="/no.pem")
    assert "[tls] key = /no.key: cannot be read: no such file" in trouble(certificate=cert, key="/no.key")
    assert f"[tls] key = {other}: is not the key of tls.certificate" in trouble(certificate=cert, key=other)
    expected = "expected a certificate and its private key, in PEM, without a passphrase"
    assert expected in trouble(certificate=both)
    assert f"{expected}; if the key is in a file of its own, name that in tls.key" in trouble(certificate=cert)
    assert expected in trouble(certificate=cert, key=locked)
    needs = "needs tls.certificate and tls.key (make cert makes both to try)"
    assert f"command line: [tls] required = yes: {needs}" in trouble(required="yes")
    assert f"command line: [tls] key = {key}: {needs}" in trouble(key=key)
