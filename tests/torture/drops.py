"""Connections made and dropped, in every way there is: nothing of them may be left.

    python tests/torture/drops.py [--connections 50000] [--seed N]      (1,000,000: docs/performance.md)

First come 20,000 to warm up, or a tenth of these. Users, greenlets, sessions and descriptors are counted after them,
and again after the rest: they must be exactly what they were, and the memory within 1 MB. The server is one that
counts what is alive, with Python's garbage collector off. Loopback only.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import re
import resource
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from certificates import certificate, with_tls
from masses import RESET
from people import PATIENCE, Server, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE = 400  # connections of one process
PROCESSES = 2
GREET_AFTER = 0.1
MOST_GROWTH_KB = 1024


def client_hello() -> bytes:
    """What a client says first who speaks TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


HELLO = client_hello()
WAYS: dict[str, tuple[bytes, bytes]] = {
    "at once": (b"", b""),
    "after the greeting": (b"", b"Input username"),
    "with half a name": (b"an", b""),
    "after a refused name": (b"no name\n", b"cannot contain a space"),
    "after a name": (b"NAME\n", b"Your username is "),
    "after a line": (b"NAME\nhello\n", b"Your username is "),
    "after a command": (b"NAME\n/join den\n/who\n", b"Your username is "),
    "as a terminal": (b"NAME\r\n", b"\xff\xfd\x1f"),
    "with half of TLS's hello": (HELLO[:40], b""),
    "amid a TLS handshake": (HELLO, b"\x16\x03|username"),
    "with what is no TLS": (b"\x16\x03\x01\x00\x05hello", b""),
    "after a request": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1"),
    "amid a request": (b"GET / HT", b""),
    "after an IRC client's line": (b"NICK ann\r\nUSER a 0 * :a\r\n", b"ERROR"),
    "after a PROXY header": (b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n", b"PROXY|username"),
    "amid a PROXY header": (b"\r\n\r\n\x00\r\nQUIT\n\x21\xff\xff", b""),
    "after garbage": (bytes(range(256)), b""),
}
"""How connections are dropped: what the client says first, and what it waits to hear (a regular expression).

On a machine that is busy, some may be too late with that, and are asked for a username.
"""


class Client:
    """Some connections, made and dropped at once."""

    def __init__(self, port: int, seed: int) -> None:
        self._address = "127.0.0.1", port
        self._rng = random.Random(seed)
        self._seed = seed
        self._count = 0
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.load_verify_locations(certificate()[0])

    def drops(self, count: int) -> None:
        while count > 0:
            some = min(count, AT_ONCE)
            self._drops_some(some)
            count -= some

    def _drops_some(self, count: int) -> None:
        connections = []
        host = f"127.0.{self._rng.randrange(1, 250)}.{self._rng.randrange(1, 250)}"  # each has so many ports
        for _ in range(count):
            self._count += 1
            sock = socket.socket()
            sock.settimeout(PATIENCE)
            sock.bind((host, 0))
            sock.connect(self._address)
            said, heard = WAYS[self._rng.choice([*WAYS])]
            if said:
                sock.send(said.replace(b"NAME", b"n%dx%d" % (self._seed, self._count)))
            connections.append((sock, heard))
        for sock, heard in connections:
            self._wait(sock, heard)
            if self._rng.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.close()
        for _ in range(count // 100):
            self._comes_in_by_tls()

    def _wait(self, sock: socket.socket, heard: bytes) -> None:
        """Wait until the server has said that, or has hung up."""
        seen = b""
        while not re.search(heard, seen):
            try:
                data = sock.recv(4096)
            except TimeoutError:
                raise AssertionError(f"nothing comes after {seen!r}, before {heard!r}") from None
            except OSError:
                break
            if not data:
                break
            seen += data

    def _comes_in_by_tls(self) -> None:
        self._count += 1
        plain = socket.create_connection(self._address, PATIENCE)
        with (
            plain,
            contextlib.suppress(ssl.SSLError),
            self._tls.wrap_socket(plain, server_hostname="localhost") as inside,
        ):
            inside.send(b"t%dx%d\n" % (self._seed, self._count))
            while b"Your username is " not in inside.recv(4096):
                pass


def run(port: int, count: int, seed: int) -> None:
    Client(port, seed).drops(count)


def drop(port: int, count: int, seed: int, among: int = PROCESSES) -> None:
    """Make and drop so many, in several processes."""
    processes = [
        multiprocessing.Process(target=run, args=(port, count // among, seed + number), daemon=True)
        for number in range(among)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


def memory_kb(server: Server) -> int:
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def settled(look: Callable[[], dict[str, int]]) -> dict[str, int]:
    """What there is, once it has been the same for a second."""
    seen, since = look(), time.monotonic()

    def is_the_same() -> bool:
        nonlocal seen, since
        now = look()
        if now != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() > since + 1

    eventually(is_the_same, 60)
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    most, seed = options.connections, options.seed * 10
    warming = max(20_000, most // 10)
    print(f"{most:,} connections are made and dropped, after {warming:,} to warm up, seed {options.seed}", flush=True)
    settings = with_tls(server__greet_after=GREET_AFTER)
    with contextlib.closing(Server(program="tests/probe_server.py", **settings)) as server:

        def look() -> dict[str, int]:
            alive = server.alive()
            del alive["nops"]
            return {**alive, "descriptors": server.descriptors()}

        drop(server.port, warming, seed, among=2 * PROCESSES)  # so that no later moment needs more at once
        before, memory = settled(look), memory_kb(server)
        print(f"    before: {before}, {memory / 1024:.1f} MB", flush=True)
        begun = time.monotonic()
        drop(server.port, most, seed + 2 * PROCESSES)
        took = time.monotonic() - begun
        after, grown = settled(look), memory_kb(server) - memory
        print(f"    after:  {after}, {took:.0f} s later: {most / took:,.0f} a second", flush=True)
        print(f"    resident memory grew by {grown / 1024:.2f} MB (at most {MOST_GROWTH_KB / 1024:g})")
        failed = server.stop() != 0 or "Traceback" in server.log()
    if failed:
        print("MISSED: the log has a traceback")
    if after != before:
        print("MISSED: something was left")
    if grown > MOST_GROWTH_KB:
        print("MISSED: memory grew")
    return int(failed or after != before or grown > MOST_GROWTH_KB)


if __name__ == "__main__":
    sys.exit(main())
