"""A server in the test's own process, with a door for terminals and one for the web, and the people at both."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import gevent
import msgspec
from gevent import socket
from gevent.server import StreamServer
from people import GREETING, PATIENCE
from web import Browser, Script

from gchatd.chat.state import Bounds, State
from gchatd.delivery.fanout import Fanout
from gchatd.delivery.outbox import SlowReaders
from gchatd.delivery.sessions import Sessions
from gchatd.delivery.transport import PlainTransport
from gchatd.doors.terminal.connection import Terminals
from gchatd.doors.terminal.door import TelnetDoor
from gchatd.doors.web.door import WebDoor
from gchatd.hub import Hub
from gchatd.limits.flood import Flood
from gchatd.settings import Limits, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gchatd.journal import History, Journal
    from gchatd.settings import Web


class House:
    """A server in this process, with a door for terminals and one for the web, a port for each.

    `limits` are those of the settings; nobody is held back who says much, unless they say `flood=True`.
    """

    def __init__(
        self,
        journal: Journal,
        history: History | None = None,
        replay: int = 0,
        most_rooms: int = 10_000,
        web: Web | None = None,
        **limits: object,
    ) -> None:
        self.hub = Hub(journal, State(Bounds(most_rooms=most_rooms, replay=replay)), history=history)
        config = Settings(limits=Limits(**{"flood": False, "sendq": 10**6, **limits}))
        if web is not None:
            config = msgspec.structs.replace(config, web=web)
        self.limits = config.limits
        self.sessions = Sessions(self.hub.node, Flood.of(self.limits))
        slow_readers = SlowReaders(self.limits.sendq, self.limits.stalled_seconds)
        self.fanout = Fanout(self.hub, self.sessions, journal, slow_readers)
        self._delivering = gevent.spawn(self.fanout.run)
        self.door = WebDoor(self.hub, self.sessions, slow_readers, config)
        doors = {
            "web": lambda sock, address: self.door.serve(PlainTransport(sock), address),
            "telnet": TelnetDoor(self.hub, self.sessions, Terminals(slow_readers, self.limits)),
        }
        self._servers = {name: StreamServer(("127.0.0.1", 0), door) for name, door in doors.items()}
        for server in self._servers.values():
            server.start()
        self._clients: list[Script] = []

    @property
    def port(self) -> int:
        """Where the web's door is."""
        return self._servers["web"].server_port

    def calls(self, buffer: int = 0) -> Caller:
        """Connect as a script does."""
        self._clients.append(Caller(self.port, buffer))
        return self._clients[-1]

    def knocks(self, name: str = "", buffer: int = 0) -> Client:
        """Open a WebSocket."""
        self._clients.append(Client(self.port, name, buffer))
        return self._clients[-1]

    def enters(self, name: str, buffer: int = 0) -> Client:
        """Let a browser come in."""
        client = self.knocks(name, buffer)
        client.comes(name)
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

    def comes_to(self, is_so) -> None:
        """Wait until something is so."""
        while not is_so():
            gevent.sleep(0.001)


@contextmanager
def opened(journal: Journal, history: History | None = None, **how: object) -> Iterator[House]:
    """Open a house, and close it once all have left. Nobody may take longer than PATIENCE."""
    with gevent.Timeout(PATIENCE):
        house = House(journal, history, **how)
        yield house
        house.is_left()
        if not house.hub.closed:
            house.comes_to(lambda: not house.sessions.by_id)
            house.closes()


class Caller(Script):
    """A script."""

    def __init__(self, port: int, buffer: int = 0) -> None:
        self._sock = socket.socket()
        if buffer:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._sock.connect(("127.0.0.1", port))
        self._unread = b""
        self.name = ""


class Client(Caller, Browser):
    """A browser."""

    def __init__(self, port: int, name: str, buffer: int = 0) -> None:
        Caller.__init__(self, port, buffer)
        self.name = name
        self.opens()


class Plain(Caller):
    """Somebody who speaks as a terminal does."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(port)
        self.name = name
        self.sees(GREETING)
        self.says(name)
        self.sees(f"server: Your username is {name}.")
