"""Takes an accepted socket, and serves its client: a connection, its link, its session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...delivery.transport import PlainTransport
from ...session import Session
from .connection import TelnetConnection
from .link import TerminalLink

if TYPE_CHECKING:
    from ...delivery.sessions import Sessions
    from ...delivery.transport import Socket, Transport
    from ...hub import Hub
    from .connection import Terminals


class TelnetDoor:
    """Serves clients that connect with telnet or the like: `StreamServer(listener, TelnetDoor(...))`."""

    def __init__(self, hub: Hub, sessions: Sessions, terminals: Terminals) -> None:
        self._hub = hub
        self._sessions = sessions
        self._terminals = terminals

    def __call__(self, sock: Socket, address: tuple[str, int]) -> None:
        """Serve one client in this greenlet until it is gone. Raises nothing. The caller closes the socket."""
        self.serve(PlainTransport(sock), address)

    def serve(self, transport: Transport, address: tuple[str, int]) -> bool:
        """Serve a client that comes through a transport, in the same way.

        Returns whether it is gone only from here: it speaks HTTP, and nothing of that has been read.
        """
        connection = TelnetConnection(self._terminals, transport, address)
        Session(self._hub, self._sessions, TerminalLink(connection)).run()
        return connection.speaks_http
