"""The door for terminals: telnet, nc, and anything else that sends lines.

Takes an accepted socket, speaks the telnet wire over it, and renders events as plain lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .. import times
from ..events import FOUND, FOUND_END, Joined, Left, NotSent, Renamed, Said
from ..outbox import Outbox, SlowReaders
from ..session import Session
from ..wire.telnet import TelnetWire

if TYPE_CHECKING:
    from ..events import Event
    from ..hub import Hub
    from ..outbox import Socket

_CHUNK = 4096  # bytes taken from one client before the others have their turn


class PlainFormat(msgspec.Struct, frozen=True, gc=False):
    """Plain lines, each ending in CR LF, for whoever sends plain lines."""

    notices: bool = False

    def render(self, event: Event) -> bytes:
        match event:
            case Said(action=True):
                return f"* {event.name} {event.text}\r\n".encode()
            case Said():
                return f"{event.name} : {event.text}\r\n".encode()
            case NotSent():
                return self.notice(f"Not sent: {event.why}.")
            case Joined() if self.notices:
                return self.notice(f"{event.name} joined.")
            case Left() if self.notices:
                return self.notice(f"{event.name} left: {event.words}" if event.words else f"{event.name} left.")
            case Renamed() if self.notices:
                return self.notice(f"{event.name} is now {event.to}.")
        return b""

    def recall(self, event: Event, today: int) -> bytes:
        line = self.render(event).decode().replace(FOUND, "*").replace(FOUND_END, "*")
        return f"[{times.show(event.at, today)}] {line}".encode()

    def notice(self, text: str) -> bytes:
        return f"server: {text}\r\n".encode()


class TelnetLink:
    """A connection that speaks telnet, as lines."""

    __slots__ = ("_address", "_sock", "_wire", "outbox")

    def __init__(self, sock: Socket, address: tuple[str, int], wire: TelnetWire, outbox: Outbox) -> None:
        self._sock = sock
        self._address = address
        self._wire = wire
        self.outbox = outbox

    def __str__(self) -> str:
        host, port = self._address[:2]
        return f"telnet [{host}]:{port}" if ":" in host else f"telnet {host}:{port}"

    def wait(self) -> None:
        self._sock.hub.wait(self._sock._read_event)

    def read(self) -> list[str] | None:
        """See `session.Link`. Takes one chunk at a time: nobody who sends without end is served without end."""
        try:
            data = self._sock._sock.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError as error:
            self.outbox.lose(error)
            return None
        if not data:
            return None
        lines, reply = self._wire.feed(data)
        if reply:
            self.outbox.put(reply)
        return lines


class TelnetDoor:
    """Serves clients that connect with telnet or the like: `StreamServer(listener, TelnetDoor(...))`."""

    def __init__(self, hub: Hub, slow_readers: SlowReaders, line_limit: int) -> None:
        self._hub = hub
        self._slow_readers = slow_readers
        self._line_limit = line_limit
        self._format = PlainFormat()

    def __call__(self, sock: Socket, address: tuple[str, int]) -> None:
        """Serve one client in this greenlet until it is gone. Raises nothing; the socket is its owner's to close."""
        link = TelnetLink(sock, address, TelnetWire(self._line_limit), Outbox(sock, self._slow_readers))
        Session(self._hub, link, self._format, self._line_limit).run()
