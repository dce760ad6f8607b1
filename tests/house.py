"""A server without sockets whose sessions run as they do in a real one, and that another one can take over from."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import gevent
import gevent.event
import msgspec
from people import PATIENCE

from gchatd.chat.state import Bounds, Snapshot, State
from gchatd.delivery.fanout import Fanout
from gchatd.delivery.outbox import SlowReaders
from gchatd.delivery.sessions import Sessions
from gchatd.doors.terminal.connection import TelnetConnection, Terminals
from gchatd.doors.terminal.link import TerminalLink
from gchatd.hub import Hub
from gchatd.journal import MemoryJournal
from gchatd.session import Session, SessionState
from gchatd.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from gchatd.limits.flood import Flood


class Client:
    """Somebody at a terminal: what they have typed and the server has not read, and what has come."""

    def __init__(self) -> None:
        self.typed = b""
        self.seen = b""
        self.room = 10**9  # bytes that they take


class Wire:
    """A transport to a client, until it is cut."""

    encrypted = False

    def __init__(self, client: Client) -> None:
        self.client = client
        self.news = gevent.event.Event()
        self.waits = False
        self._is_cut = False

    def successor(self) -> Wire:
        """Another wire to this client; this one is cut."""
        self._is_cut = True
        return Wire(self.client)

    def send(self, data: bytes | memoryview) -> int:
        if self._is_cut:
            raise ConnectionResetError
        sent = bytes(data[: self.client.room])
        if not sent:
            raise BlockingIOError
        self.client.seen += sent
        self.client.room -= len(sent)
        return len(sent)

    def recv(self, size: int) -> bytes:
        if self._is_cut:
            return b""
        if not self.client.typed:
            raise BlockingIOError
        data, self.client.typed = self.client.typed[:size], self.client.typed[size:]
        return data

    def wait_readable(self) -> None:
        while not (self.client.typed or self._is_cut):
            self.waits = True
            self.news.clear()
            self.news.wait()
        self.waits = False

    def wait_writable(self) -> None:
        while not (self.client.room or self._is_cut):
            self.news.clear()
            self.news.wait()

    def has_hung_up(self) -> bool:
        return self._is_cut

    def unsent(self) -> int:
        return 0

    def end_sending(self) -> None:
        pass

    def reset(self) -> None:
        self._is_cut = True
        self.news.set()


class House:
    """A server, and its clients."""

    def __init__(self, flood: Flood | None = None, snapshot: Snapshot | None = None, incarnation: int = 1) -> None:
        state = State.restore(snapshot) if snapshot is not None else State(Bounds(replay=5))
        self._journal = MemoryJournal(state.place, incarnation)
        self.hub = Hub(self._journal, state)
        self.sessions = Sessions(self.hub.node, flood)
        slow_readers = SlowReaders(10**6, 10 * PATIENCE)
        self._terminals = Terminals(slow_readers, Limits())
        fanout = Fanout(self.hub, self.sessions, self._journal, slow_readers)
        self._greenlets = [gevent.spawn(fanout.run)]
        self._served: dict[str, tuple[Wire, Session]] = {}

    def connects(self, name: str) -> None:
        wire = Wire(Client())
        link = TerminalLink(TelnetConnection(self._terminals, wire, ("127.0.0.1", 1)))
        self._serve(name, wire, Session(self.hub, self.sessions, link))

    def _serve(self, name: str, wire: Wire, session: Session) -> None:
        self._served[name] = wire, session
        self._greenlets.append(gevent.spawn(session.run))

    def session(self, name: str) -> Session:
        return self._served[name][1]

    def takes(self, steps: list[tuple[str, bytes | int]]) -> None:
        """Let clients type (bytes), or take so many bytes and no more, one after another."""
        for name, step in steps:
            wire = self._served[name][0]
            if isinstance(step, bytes):
                wire.client.typed += step
            else:
                wire.client.room = step
            wire.news.set()
            self.rest()

    def screens(self) -> dict[str, bytes]:
        """What everybody has seen since the last look."""
        screens = {}
        for name, (wire, _) in self._served.items():
            screens[name], wire.client.seen = wire.client.seen, b""
        return screens

    def rest(self) -> None:
        """Wait until nothing happens any more."""
        self.comes_to(lambda: not self._is_busy())

    def comes_to(self, is_so: Callable[[], object]) -> None:
        """Wait until something is so."""
        until = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < until
            gevent.sleep(0.0002)

    def _is_busy(self) -> bool:
        if self._journal._committed or self.hub.undelivered:
            return True
        for wire, session in self._served.values():
            backlog = session.outbox._backlog
            stuck = backlog is not None and backlog.gone is not None and not wire.client.room
            gone = session.outbox.failed or not self.sessions.by_id.get(session.id)
            if not (stuck or gone or (wire.waits and not wire.client.typed)):
                return True
            if backlog is not None and wire.client.room:
                return True
        return False

    def moved(self) -> House:
        """Another server that goes on where this one stops, at the next switch. What it is given has been JSON."""
        snapshot = as_json(self.hub.state.snapshot(), Snapshot)
        states = {name: as_json(session.state(), SessionState) for name, (_, session) in self._served.items()}
        other = House(None, snapshot, self.hub.node + 1)
        for name, state in states.items():
            wire = self._served[name][0].successor()
            connection = TelnetConnection.restore(other._terminals, wire, ("127.0.0.1", 1), state.link["connection"])
            other._serve(name, wire, Session.restore(other.hub, other.sessions, TerminalLink(connection), state))
        return other

    def close(self) -> None:
        """Let go of all clients, and end."""
        self._journal.close()
        self.hub.close()
        for _, session in self._served.values():
            session.outbox.fail("the house is closed")
        gevent.joinall(self._greenlets, PATIENCE, raise_error=True)
        assert all(one.dead for one in self._greenlets)


def as_json(value, type):
    """What becomes of a value as JSON."""
    return msgspec.json.decode(msgspec.json.encode(value), type=type)
