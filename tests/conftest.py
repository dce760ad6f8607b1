from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import gevent
import pytest
from front import Doors
from gevent.server import StreamServer
from people import GREETING, PATIENCE, Person, Server, needs
from redisserver import RedisServer
from replicas import Node, StoringDisk, Stream
from supervised import Supervised
from terminal import Terminal

from gchatd.doors.front import Front
from gchatd.journal import replica
from gchatd.journal.reader import Reader
from gchatd.journal.store import Writer
from gchatd.limits.addresses import Addresses
from gchatd.limits.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from browser import Guest
    from cable import Cable

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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser, without a window; it is the same in all tests, and what is kept in it is gone with each context."""
    path = needs("chromium")
    from browser import FLAGS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium: Any) -> Iterator[Callable[..., Guest]]:
    """Let people open the page, each in a browser of their own; none of their pages may have had an error."""
    from browser import Guest

    guests: list[Guest] = []

    def open_page(
        server: Server | Cable, name: str = "", width: int = 1280, height: int = 800, clock: bool = False, **more: Any
    ) -> Guest:
        context = chromium.new_context(viewport={"width": width, "height": height}, **more)
        if clock:
            context.clock.install()
        guests.append(Guest(context, server, name))
        return guests[-1]

    yield open_page
    errors = [error for guest in guests for error in guest.errors]
    for guest in guests:
        guest.page.context.close()
    assert not errors


@pytest.fixture
def lay() -> Iterator[Callable[[Server], Cable]]:
    """Lay cables to servers; they are gone when the test is over."""
    from cable import Cable

    with contextlib.ExitStack() as cables:
        yield lambda server: cables.enter_context(contextlib.closing(Cable(server)))


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
    """A front door in this process, its settings to choose; gives a port and the doors behind it."""
    servers = []

    def build(settings: Settings) -> tuple[int, Doors]:
        doors = Doors()
        front = Front(doors, doors.web, Addresses(64), Repeats(), settings)
        servers.append(StreamServer(("127.0.0.1", 0), front, spawn=gevent.spawn_raw))
        servers[-1].start()
        return servers[-1].server_port, doors

    with gevent.Timeout(PATIENCE):
        yield build
    for server in servers:
        server.stop()


@pytest.fixture
def supervised(tmp_path):
    """Start several processes; they are gone when the test is over."""
    needs("redis-server")
    servers: list[Supervised] = []

    def supervised(*args: str, **settings: object) -> Supervised:
        servers.append(Supervised(*args, **{"data": tmp_path / "data", **settings}))
        return servers[-1]

    yield supervised
    for server in servers:
        server.close()
    for server in servers:
        assert "Traceback" not in server.log(), server.log()


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


@pytest.fixture
def stream() -> Stream:
    """The stream of a cluster."""
    return Stream()


@pytest.fixture
def start_node(tmp_path: Path, stream: Stream, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Node]]:
    """Start nodes, which notice soon what happens to their files, and try again soon."""
    monkeypatch.setattr(replica, "TRIM_SECONDS", 0.01)
    monkeypatch.setattr(replica, "RETRY_SECONDS", 0.01)
    nodes: list[Node] = []

    def start(directory: Path = tmp_path, **settings: Any) -> Node:
        nodes.append(Node(directory, stream, **settings))
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()


@pytest.fixture
def node(start_node: Callable[..., Node]) -> Node:
    """A node in tmp_path, which is live."""
    node = start_node()
    node.catch_up()
    return node


@pytest.fixture
def storing_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[StoringDisk]:
    """The disk of replicas, which can be made to fail."""
    disk = StoringDisk(monkeypatch)
    yield disk
    disk.thawed.set()


@pytest.fixture(scope="session")
def one_redis() -> Iterator[RedisServer]:
    with contextlib.closing(RedisServer()) as server:
        yield server


@pytest.fixture
def redis(one_redis: RedisServer) -> RedisServer:
    """A Redis with nothing in it. It is the same in all tests: leave it running."""
    one_redis.ask("FLUSHALL")
    return one_redis


@pytest.fixture
def start_redis() -> Iterator[Callable[[], RedisServer]]:
    """Start servers of a test's own, which may be killed; they are gone when the test is over."""
    with contextlib.ExitStack() as servers:
        yield lambda: servers.enter_context(contextlib.closing(RedisServer()))
