from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import gevent
import pytest
from front import Asked
from gevent.server import StreamServer
from people import GREETING, PATIENCE, Person, Server
from terminal import Terminal

from gchatd.doors.front import Front
from gchatd.journal.reader import Reader
from gchatd.journal.store import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gchatd.settings import Settings


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    """Start servers; they are gone when the test is over. Only those may have logged a traceback that have to."""
    servers: list[Server] = []

    def start(*args: str, **settings: object) -> Server:
        servers.append(Server(*args, **settings))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    for server in servers:
        assert server.program != "gchat.py" or "Traceback" not in server.log(), server.log()


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    return start()


@pytest.fixture
def enter() -> Iterator[Callable[..., Person]]:
    """Let people in; they hang up when the test is over."""
    people: list[Person] = []

    def enter(server: Server, name: str = "", **more: int) -> Person:
        people.append(Person(server, name, **more))
        return people[-1]

    yield enter
    for person in people:
        person.hangs_up()


@pytest.fixture(params=["inetutils-telnet", "telnet-ssl"])
def terminal(request: pytest.FixtureRequest) -> Iterator[Callable[..., Terminal]]:
    """Let people in at a real telnet: at either, one after the other, unless the test is marked with `inetutils`."""
    terminals: list[Terminal] = []

    def start(server, name="Alice", columns=80, rows=24, term="xterm-256color") -> Terminal:
        terminals.append(Terminal(server.port, columns, rows, needs(request.param), term))
        terminals[-1].sees(GREETING)
        terminals[-1].types(name + "\r")
        terminals[-1].sees(f"server: Your username is {name}.")
        terminals[-1].sees_line("")
        return terminals[-1]

    yield start
    for one in terminals:
        one.close()


@pytest.fixture
def house():
    """A front door in this process, its settings to choose; gives a port and the door behind it."""
    servers = []

    def build(settings: Settings) -> tuple[int, Asked]:
        door = Asked()
        servers.append(StreamServer(("127.0.0.1", 0), Front(door, settings), spawn=gevent.spawn_raw))
        servers[-1].start()
        return servers[-1].server_port, door

    with gevent.Timeout(PATIENCE):
        yield build
    for server in servers:
        server.stop()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    """The one who writes to a database of history."""
    writer = Writer(tmp_path, "normal")
    yield writer
    writer.close()


@pytest.fixture
def look(tmp_path: Path, writer: Writer) -> Iterator[Reader]:
    """A reader beside the writer."""
    reader = Reader(tmp_path)
    yield reader
    reader.close()


def needs(program: str) -> str:
    """Give the path of a program; skip the test where it is missing, but fail where CI is set."""
    path = shutil.which(program)
    if path is None:
        message = f"{program} is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path
