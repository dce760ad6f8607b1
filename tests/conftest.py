from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from people import Person, Server
from redisserver import RedisServer

from gchatd.journal.reader import Reader
from gchatd.journal.store import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


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


@pytest.fixture(scope="session")
def one_redis() -> Iterator[RedisServer]:
    with contextlib.closing(RedisServer(needs("redis-server"))) as server:
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
        yield lambda: servers.enter_context(contextlib.closing(RedisServer(needs("redis-server"))))


def needs(program: str) -> str:
    """Give the path of a program; skip the test where it is missing, but fail where CI is set."""
    path = shutil.which(program)
    if path is None:
        message = f"{program} is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path
