"""The web door: answers a client's requests one after the other, until it becomes a WebSocket or follows a room."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from ...delivery.outbox import Outbox
from ...session import Session
from ...settings import Address
from ..patience import FOR_EVER, Patience
from ..turning_away import hang_up
from .files import Files
from .frames import is_handshake, shake_hands
from .http import BadRequestError, HttpConnection, Response, health
from .link import WebLink, WebLinks
from .rooms import PREFIX, Client, Rooms

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...delivery.outbox import SlowReaders
    from ...delivery.sessions import Sessions
    from ...delivery.transport import Transport
    from ...hub import Hub
    from ...settings import Settings
    from .http import Request

logger = logging.getLogger(__name__)

_PLACES: Final = ("/healthz", "/ws")
_ELSEWHERE: Final = Response(403, b"Pages of other sites cannot use this chat (web.origins).\n")


class WebDoor:
    """Serves clients that speak HTTP."""

    def __init__(
        self,
        hub: Hub,
        sessions: Sessions,
        slow_readers: SlowReaders,
        config: Settings,
        trouble: Callable[[], str] = lambda: "",
    ) -> None:
        """`trouble` says in a sentence what is wrong with this server, for `/healthz`; nothing, if all is well."""
        self._hub = hub
        self._sessions = sessions
        self._slow_readers = slow_readers
        self._most_body = config.limits.message
        self._links = WebLinks(sessions, config.limits)
        self._rooms = Rooms(hub, sessions, config.limits)
        self._files = Files()
        self._trouble = trouble
        self.configure(config)

    def configure(self, config: Settings) -> None:
        """Go by these settings from now on."""
        self._patience = Patience(config.limits.login_seconds or FOR_EVER)
        self._links.limits = config.limits
        self._rooms.limits = config.limits
        self._compresses = config.web.compression
        self._origins = frozenset(origin.text for origin in config.web.origins)

    def keep_alive(self) -> None:
        """Send everybody something now and then that keeps the connection alive. Never switches."""
        self._links.keep_alive()
        self._rooms.keep_alive()

    def serve(self, transport: Transport, address: tuple[str, int]) -> None:
        """Serve one client in this greenlet until it is gone. Raises nothing; closing the socket is the caller's."""
        outbox = Outbox(transport, self._slow_readers)
        host = address[0]
        where = f"{'web+tls' if transport.encrypted else 'web'} {Address(*address[:2])}"
        try:
            link = self._answer_requests(outbox, host, where)
        except OSError as error:
            outbox.lose(error)
            return
        except BaseException:  # SystemExit and KeyboardInterrupt too: gevent would take them to the main greenlet
            logger.exception("[%s] failed", where)
            return
        if link is not None:
            Session(self._hub, self._sessions, link).run()

    def _answer_requests(self, outbox: Outbox, host: str, where: str) -> WebLink | None:
        """Answer requests until there are no more. If one began a WebSocket, returns that. Switches."""
        connection = HttpConnection(outbox, self._patience, self._most_body)
        client = Client(connection, outbox, host, where)
        try:
            while (request := connection.read()) is not None and not outbox.failed:
                self._sessions.pace.pause()  # somebody may ask without end, and read as fast
                if request.path == "/ws" and is_handshake(request) and not request.body:
                    elsewhere = self._is_from_elsewhere(request)
                    accepted = _ELSEWHERE if elsewhere else shake_hands(request, self._compresses)
                    if isinstance(accepted, Response):
                        connection.answer(accepted, last=True)
                        break
                    headers, extensions = accepted
                    return WebLink(self._links, outbox, where, extensions, connection.switch(headers))
                response = self._respond(request, client)
                if response is None:
                    return None
                connection.answer(response, request.method == "HEAD")
        except BadRequestError as error:
            connection.answer(error.response, last=True)
            self._sessions.repeats.log(host, "sent no HTTP", f"[{where}] left: {error}")
        hang_up(outbox.transport)
        return None

    def _is_from_elsewhere(self, request: Request) -> bool:
        """Whether a page of another site asks for this, in its visitor's name (RFC 6454; Fetch Metadata)."""
        origin = request.headers.get("origin", "")
        if not origin:
            return request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        if origin in self._origins:
            return False
        host = request.headers.get("host", "").lower()
        return not host or origin.lower().partition("://")[2] != host

    def _respond(self, request: Request, client: Client) -> Response | None:
        """Return the response to a request; None if it was one without an end. Switches."""
        is_room = request.path.startswith(PREFIX)
        if not is_room and request.path not in _PLACES and request.path not in self._files:
            return Response(404, b"There is nothing here.\n")
        allowed = ("GET", "HEAD", "POST") if is_room else ("GET", "HEAD")
        if request.method not in allowed:
            words = ", ".join(allowed)
            return Response(405, f"Here you can use {words}.\n".encode(), headers=(("Allow", words),))
        if is_room:
            if request.method == "POST" and self._is_from_elsewhere(request):
                return _ELSEWHERE
            return self._rooms.respond(request, client)
        if request.path == "/healthz":
            return health(self._trouble())
        if request.path == "/ws":
            return Response(426, b"This is a WebSocket: see docs/protocol.md.\n", headers=(("Upgrade", "websocket"),))
        return self._files.find(request)
