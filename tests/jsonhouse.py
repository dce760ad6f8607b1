"""A server in the test's own process, with a door for terminals and one for JSON, and the people at both."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import gevent
from gevent import socket
from gevent.server import StreamServer
from jsondoor import JsonDoor
from people import GREETING, PATIENCE, Person

from gchatd.chat.state import Bounds, State
from gchatd.delivery.fanout import Fanout
from gchatd.delivery.outbox import SlowReaders
from gchatd.delivery.sessions import Sessions
from gchatd.doors.terminal.connection import Terminals
from gchatd.doors.terminal.door import TelnetDoor
from gchatd.hub import Hub
from gchatd.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gchatd.journal import History, Journal


class House:
    """A server in this process, with a door for terminals and one for JSON."""

    def __init__(self, journal: Journal, history: History | None = None, replay: int = 0) -> None:
        self.hub = Hub(journal, State(Bounds(replay=replay)), history=history)
        self.sessions = Sessions(self.hub.node)
        slow_readers = SlowReaders(sendq=10**6, stalled_seconds=10)
        self.fanout = Fanout(self.hub, self.sessions, journal, slow_readers)
        self._delivering = gevent.spawn(self.fanout.run)
        limits = Limits()
        doors = {
            "json": JsonDoor(self.hub, self.sessions, slow_readers, limits),
            "telnet": TelnetDoor(self.hub, self.sessions, Terminals(slow_readers, limits)),
        }
        self._servers = {name: StreamServer(("127.0.0.1", 0), door) for name, door in doors.items()}
        for server in self._servers.values():
            server.start()
        self._clients: list[Client] = []

    def knocks(self, name: str = "") -> Client:
        """Connect as a client that speaks JSON."""
        self._clients.append(Client(self._servers["json"].server_port, name))
        return self._clients[-1]

    def enters(self, name: str) -> Client:
        """Let a client that speaks JSON come in."""
        client = self.knocks(name)
        client.asks("come", name=name)
        client.hears(event="arrived", name=name)
        return client

    def telnet(self, name: str) -> Plain:
        """Let somebody come in through the terminal's door."""
        self._clients.append(Plain(self._servers["telnet"].server_port, name))
        return self._clients[-1]

    def closes(self) -> None:
        for server in self._servers.values():
            server.close()
        self.hub.close()
        self.sessions.wait_no_more()
        self._delivering.join(PATIENCE)
        self.fanout.take_leave()

    def is_left(self) -> None:
        for client in self._clients:
            client.hangs_up()


@contextmanager
def opened(journal: Journal, history: History | None = None, replay: int = 0) -> Iterator[House]:
    """Open a house, and close it once all have left. Nobody may take longer than PATIENCE."""
    with gevent.Timeout(PATIENCE):
        house = House(journal, history, replay)
        yield house
        house.is_left()
        house.closes()


class Client(Person):
    """Somebody who speaks JSON."""

    def __init__(self, port: int, name: str) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._unread = b""
        self.name = name

    def asks(self, do: str, **more: object) -> None:
        self.sends(json.dumps({"do": do, **more}).encode() + b"\n")

    def reads(self) -> dict:
        """Return the next object."""
        while b"\n" not in self._unread:
            data = self._sock.recv(65536)
            assert data, f"{self.name} was hung up on after {self._unread!r}"
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def hears(self, **expected: object) -> dict:
        """Return the next object, in which these are. It has a label only if one is expected, and never an origin."""
        heard = self.reads()
        assert heard | expected == heard, f"{self.name} heard {heard} instead of {expected}"
        assert heard.get("label") == expected.get("label"), f"{self.name} heard {heard} instead of {expected}"
        assert not {"origin", "place"} & heard.keys()
        return heard

    def has_heard_all(self) -> None:
        """What this client does now is the next thing that it hears."""
        self.asks("away", label="now")
        self.hears(event="wentaway", label="now")


class Plain(Client):
    """Somebody who speaks as a terminal does."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(port, name)
        self.sees(GREETING)
        self.says(name)
        self.sees(f"server: Your username is {name}.")
