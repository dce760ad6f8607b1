"""HTTP/1.1 over a transport, for the server's side: requests in, responses out, one after the other.

h11 reads and writes the protocol (RFC 9110, RFC 9112) and does no I/O; deadlines and limits are here. Knows no chat.
"""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...delivery.outbox import Outbox
    from ..patience import Patience, TimeLeft

MOST_HEAD: Final = 16_384
"""The most bytes that a request may have before its body."""

_CHUNK: Final = 4096
_LINE_END: Final = 2  # bytes that a body may have beside its text: \r\n
_SERVER: Final = ("Server", "gchat")
_NO_SNIFFING: Final = ("X-Content-Type-Options", "nosniff")


class Request(msgspec.Struct, frozen=True):
    """A request, with all of its body. `path` is decoded; of each header, in lower case, there is the last one."""

    method: str
    target: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    version: str = "1.1"


class Response(msgspec.Struct, frozen=True):
    """A response, with all of its body."""

    status: int
    body: bytes = b""
    type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


def health(trouble: str) -> Response:
    """Return what `/healthz` says: all is well, or in a sentence what is not."""
    return Response(503, f"{trouble}\n".encode()) if trouble else Response(200, b"ok\n")


class BadRequestError(Exception):
    """What came is no request that can be answered: the response says why, and is the last one."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.response = Response(status, f"{why}\n".encode())


class HttpConnection:
    """One client's connection. The outbox sends what it is answered, and bounds how long that may take."""

    def __init__(self, outbox: Outbox, patience: Patience, most_body: int) -> None:
        """`patience` is how long a client may take to ask for something; `most_body` is in bytes, beside a line end."""
        self._outbox = outbox
        self._patience = patience
        self._most_body = most_body
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD)

    def read(self) -> Request | None:
        """Return the next request; None if there will be none. Switches.

        Raises BadRequestError, and any OSError if the connection is lost.
        """
        time_left = self._patience.begin()
        try:
            return self._read(time_left)
        except h11.RemoteProtocolError as error:
            error.__traceback__ = None  # which knows the error: no reference cycle is left
            status = error.error_status_hint
            why = "That request has too long a head." if status == 431 else f"That is no HTTP request: {error}."
            raise BadRequestError(status, why) from None
        finally:
            time_left.end()

    def _read(self, time_left: TimeLeft) -> Request | None:
        if self._h11.our_state is h11.DONE:
            if self._h11.their_state is not h11.DONE:
                return None
            self._h11.start_next_cycle()
        if self._h11.our_state is not h11.IDLE:
            return None
        head = self._next_event(time_left)
        if not isinstance(head, h11.Request):
            return None
        request = _request(head)
        if head.http_version not in (b"1.0", b"1.1"):
            raise BadRequestError(505, "Here you can use HTTP/1.1.")
        if {"content-length", "transfer-encoding"} <= request.headers.keys():
            # A proxy on the way may have gone by the other one, and taken something else for the body (section 6.3).
            raise BadRequestError(400, "A request cannot have both a Content-Length and a Transfer-Encoding.")
        size = request.headers.get("content-length", "0")  # h11 takes digits only
        if len(size) > 15 or int(size) > self._most_body + _LINE_END:
            raise self._too_much()
        body = b""
        while isinstance(event := self._next_event(time_left), h11.Data):
            body += event.data
            if len(body) > self._most_body + _LINE_END:
                raise self._too_much()
        return msgspec.structs.replace(request, body=body)

    def _too_much(self) -> BadRequestError:
        return BadRequestError(413, f"That is too much: a request may have {self._most_body} bytes in its body.")

    def _next_event(self, time_left: TimeLeft) -> object:
        """Return what h11 makes of what comes. Switches."""
        while True:
            event = self._h11.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self._h11.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                self._outbox.put(self._h11.send(go_on) or b"")
            self._h11.receive_data(self._receive(time_left))

    def _receive(self, time_left: TimeLeft) -> bytes:
        transport = self._outbox.transport
        while True:
            try:
                return transport.recv(_CHUNK)
            except BlockingIOError:
                if not time_left.wait(transport.wait_readable):
                    if self._h11.their_state is h11.IDLE and not self._h11.trailing_data[0]:
                        return b""  # it has kept the connection open, for nothing
                    raise BadRequestError(408, "That request did not come to its end in time.") from None

    def answer(self, response: Response, head_only: bool = False, last: bool = False) -> None:
        """Send a response; it is the `last` one on this connection if the caller, or the client, wants that.

        Switches until the client has taken it.
        """
        if self._h11.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        dated = [_SERVER, ("Date", formatdate(usegmt=True))]
        headers = [
            *dated,
            ("Content-Type", response.type),
            ("Content-Length", str(len(response.body))),
            _NO_SNIFFING,
            *response.headers,
        ]
        if response.status in (204, 304):
            headers = [*dated, *response.headers]
        if last or self._h11.their_state not in (h11.DONE, h11.MUST_CLOSE):
            headers.append(("Connection", "close"))
        self._outbox.put(self._head(response.status, headers) + self._rest(b"" if head_only else response.body))
        self._outbox.flush()

    def begin(self, type: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Begin a response whose body has no end: what is put into the outbox from now on is the body, as it stands.

        It ends with the connection (RFC 9112 section 6.3): so the same bytes go to everybody. (h11 would send chunks.)
        """
        all_of_them = _SERVER, ("Content-Type", type), _NO_SNIFFING, *headers, ("Connection", "close")
        lines = "".join(f"{name}: {value}\r\n" for name, value in all_of_them)
        self._outbox.put(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode())

    def switch(self, headers: list[tuple[str, str]]) -> bytes:
        """Change over to the protocol that the client has asked for. Returns what it sent in that already."""
        self._outbox.put(self._h11.send(h11.InformationalResponse(status_code=101, headers=headers)) or b"")
        return self._h11.trailing_data[0]

    def _head(self, status: int, headers: list[tuple[str, str]]) -> bytes:
        response = h11.Response(status_code=status, reason=HTTPStatus(status).phrase, headers=headers)
        return self._h11.send(response) or b""

    def _rest(self, body: bytes) -> bytes:
        data = self._h11.send(h11.Data(data=body)) or b"" if body else b""
        return data + (self._h11.send(h11.EndOfMessage()) or b"")


def _request(head: h11.Request) -> Request:
    """Raises BadRequestError for a target that is no path."""
    target = head.target.decode("latin-1")
    try:
        parts = urlsplit(target)
        path = unquote(parts.path, errors="strict")
        query = dict(parse_qsl(parts.query, keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError:  # UnicodeDecodeError is one
        raise BadRequestError(400, "That address is not written in UTF-8, or has too many parts.") from None
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return Request(head.method.decode("latin-1"), target, path, query, headers, version=head.http_version.decode())
