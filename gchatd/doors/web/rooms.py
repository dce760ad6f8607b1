"""Rooms over HTTP: a GET follows one, a POST says a line there. For scripts; docs/http.md has recipes."""

from __future__ import annotations

import contextlib
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import gevent
import msgspec

from ...chat.answers import DiskBehind, NameTaken, NoSuchRoom, RoomIsPrivate, ShuttingDown
from ...errors import Refused
from ...limits.passing import MOST_DELAY, Passing
from ...text.cleaning import clean, is_blank
from ...text.names import NameNotAllowed, parse_name
from ..due import take_due
from ..sentences import sentence
from .formats import RECEIPTS, EventStream, JsonLines, Lines
from .http import Response
from .visitor import Visitor

if TYPE_CHECKING:
    from ...delivery.outbox import Outbox
    from ...delivery.sessions import Sessions
    from ...errors import Refusal
    from ...hub import Hub
    from ...limits.flood import Bucket
    from ...settings import Limits
    from .formats import Followed
    from .http import HttpConnection, Request

logger = logging.getLogger(__name__)

ALIVE_SECONDS: Final = 15.0
"""How often an event stream has a comment: some proxies hang up on a stream in which nothing comes."""

PREFIX: Final = "/rooms/"

_STREAMS: Final[dict[str, Followed]] = {
    "text/plain": Lines(),
    "text/event-stream": EventStream(),
    "application/x-ndjson": JsonLines(),
}
_CHUNK: Final = 4096
_MOST_UNREAD: Final = 65_536  # bytes that a follower may send


class Client(msgspec.Struct, frozen=True):
    """Who asks: the connection, the way back, and the address, as a host and as the log writes it."""

    connection: HttpConnection
    outbox: Outbox
    host: str
    where: str


class Rooms:
    """Answers requests for `/rooms/NAME`."""

    def __init__(self, hub: Hub, sessions: Sessions, limits: Limits) -> None:
        self._hub = hub
        self._sessions = sessions
        self.limits = limits
        self._passing = Passing()
        self._streams: dict[Visitor, float] = {}  # event streams, and when each has its next comment; soonest first

    def keep_alive(self) -> None:
        """Send event streams their comments. Never switches."""
        for visitor in take_due(self._streams, ALIVE_SECONDS):
            visitor.outbox.display(b":\n\n")

    def respond(self, request: Request, client: Client) -> Response | None:
        """Return the response to a request; None if it was one without an end, and is over. Switches."""
        visitor = Visitor(self._hub, self._sessions, client.outbox, RECEIPTS)
        try:
            if request.method == "POST":
                return self._say(visitor, request, client)
            return self._follow(visitor, request, client)
        except Refused as refused:
            if visitor.hears:  # the response has begun; all that can be done is to end it
                client.outbox.fail(f"the past cannot be read: {sentence(refused.refusal)}")
                return None
            status = _STATUS.get(type(refused.refusal), 400)
            return Response(status, f"{clean(_sentence(refused.refusal))}\n".encode())
        finally:
            self._streams.pop(visitor, None)
            visitor.leave()

    def _say(self, visitor: Visitor, request: Request, client: Client) -> Response:
        """Say what is in the body. Raises Refused. Switches."""
        name = parse_name(request.query.get("name", ""))
        try:
            body = request.body.decode().replace("\r\n", "\n").removesuffix("\n")
        except UnicodeDecodeError as error:
            return Response(400, f"The body is not UTF-8 at byte {error.start}.\n".encode())
        lines, limits = body.split("\n"), self.limits
        if len(lines) > limits.paste_lines or len(body.encode()) > limits.message:
            most = f"at most {limits.message} bytes and {limits.paste_lines} lines"
            return Response(413, f"That is too much: a message can have {most}.\n".encode())
        text = "\n".join(map(clean, lines))
        if is_blank(text):
            return Response(400, b"There is nothing to send: the body has no words.\n")
        flood = self._sessions.flood
        if flood is not None and (late := self._wait(flood.requests, "say", client.host, flood.tokens(text))):
            return late
        trouble = visitor.say(visitor.find_room(_room(request), request.query.get("key", "")), name, text)
        if trouble:
            status, _, words = trouble.decode().partition(" ")
            return Response(int(status), f"{words}\n".encode())
        return Response(200, f"{name.shown} : {text}\n".encode())

    def _follow(self, visitor: Visitor, request: Request, client: Client) -> Response | None:
        """Send what happens in a room for as long as the client listens. Raises Refused. Switches."""
        kind = accepted(request.headers.get("accept", ""))
        if kind is None:
            return Response(406, f"A room can be read as {', '.join(_STREAMS)}.\n".encode())
        since = request.query.get("since", request.headers.get("last-event-id", ""))
        if since and not (since.isascii() and since.isdigit() and len(since) < 17):
            return Response(400, f"since={clean(since)[:50]}: expected the id of a line, a number.\n".encode())
        flood = self._sessions.flood
        if flood is not None:
            late = self._wait(flood.questions, "past", client.host) if since else None
            late = late or self._wait(flood.requests, "follow", client.host)
            if late is not None:
                return late
        room = visitor.find_room(_room(request), request.query.get("key", ""))
        type = kind if kind == "application/x-ndjson" else f"{kind}; charset=utf-8"
        headers = (("Cache-Control", "no-store"),)
        if request.method == "HEAD":
            return Response(200, b"", type, headers)
        visitor.format = _STREAMS[kind]
        self._log(client, f"follows {room.name}")
        begin = partial(client.connection.begin, type, headers)
        visitor.follow(room, int(since) if since else None, self.limits.sendq, begin)
        if kind == "text/event-stream":
            self._streams[visitor] = time.monotonic() + ALIVE_SECONDS
        _wait_until_gone(client.outbox)
        self._log(client, f"left: {client.outbox.failed or 'hung up'}")
        return None

    def _log(self, client: Client, what: str) -> None:
        self._sessions.repeats.log(client.host, what, f"[{client.where}] {what}")

    def _wait(self, bucket: Bucket, kind: str, host: str, tokens: float = 1.0) -> Response | None:
        """Wait, if an address has asked for much lately; return a response if that would take too long. Switches."""
        delay = self._passing.delay(bucket, kind, host, tokens)
        if delay > MOST_DELAY:
            words = f"There were many requests from your address. Try again in {delay:.0f} seconds.\n"
            return Response(429, words.encode(), headers=(("Retry-After", f"{delay:.0f}"),))
        if delay:
            gevent.sleep(delay)
        return None


_STATUS: Final = {NoSuchRoom: 404, RoomIsPrivate: 403, NameTaken: 409, ShuttingDown: 503, DiskBehind: 503}


def _sentence(refusal: Refusal) -> str:
    """Return what a script is told: it has no commands."""
    match refusal:
        case NoSuchRoom(room):
            return f"There is no room called {room}. Somebody has to join it first."
        case NameNotAllowed(of="user", why="empty"):
            return f"Add ?name=NAME to the address: {sentence(refusal)}"
    return sentence(refusal)


def _room(request: Request) -> str:
    return request.path.removeprefix(PREFIX)


def _wait_until_gone(outbox: Outbox) -> None:
    """Drop what comes until the client hangs up, or is given up: there is nothing for it to say. Switches."""
    left = _MOST_UNREAD
    with contextlib.suppress(OSError):
        while not outbox.failed:
            try:
                data = outbox.transport.recv(_CHUNK)
                left -= len(data)
                if left < 0:
                    outbox.fail("sent much that nobody reads")
                if not data:
                    return
            except BlockingIOError:
                outbox.transport.wait_readable()


def accepted(accept: str) -> str | None:
    """Return the first kind of stream that a client takes (RFC 9110 section 12.5.1, without weights); None: none."""
    kinds = [kind.partition(";")[0].strip().lower() for kind in accept.split(",") if kind.strip()]
    for kind in kinds or ["*/*"]:
        if kind in _STREAMS:
            return kind
        if kind in ("*/*", "text/*"):
            return "text/plain"
    return None
