"""WebSockets, for the server's side: what a client sends, as messages; what it is sent, as frames (RFC 6455).

`websockets` reads and checks the protocol and does no I/O. Frames from a server are not masked, so a text that goes to
thousands is one frame, made once, in one bytes object. Knows no chat.
"""

from __future__ import annotations

import codecs
import logging
import re
import zlib
from typing import TYPE_CHECKING, Any, Final

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import CloseCode, Frame, Opcode
from websockets.frames import apply_mask as mask  # type: ignore[attr-defined]  # in C, if that was built
from websockets.http11 import Request as Handshake
from websockets.protocol import SERVER, Protocol, State
from websockets.server import ServerProtocol

from .http import Response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websockets.extensions import Extension

    Extensions = Sequence[Extension]

    from .http import Request

_SHORT: Final = 128
"""So many bytes take no fewer packets when they are compressed."""

_DEFLATE: Final = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)
"""Compression of each message by itself, in both directions. What is too long when it is unpacked is not unpacked."""

PING: Final = b"\x89\x00"
"""A ping, as it is sent to everybody (section 5.5.2)."""

_silent = logging.getLogger(f"{__name__}.protocol")
_silent.setLevel(logging.ERROR)  # it would tell of every client that leaves


def text_frame(data: bytes, compressed: bool = False) -> bytes:
    """Return a text message as one frame (section 5.2); with `compressed`, as RFC 7692 has it, if that is shorter.

    It is compressed by itself, without what came before it: so the frame is right for everybody, and takes no memory.
    """
    first = 0x81
    if compressed and len(data) > _SHORT and len(shorter := _compress(data)) < len(data):
        first, data = 0xC1, shorter
    size = len(data)
    if size < 126:
        return b"%c%c%b" % (first, size, data)
    if size < 65536:
        return b"%c\x7e%b%b" % (first, size.to_bytes(2), data)
    return b"%c\x7f%b%b" % (first, size.to_bytes(8), data)


def _compress(data: bytes) -> bytes:
    """Section 7.2.1 of RFC 7692."""
    stream = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a frame that begins the closing handshake (section 5.5.1). A reason has at most 123 bytes."""
    data = code.to_bytes(2) + reason.encode()
    return b"\x88%c%b" % (len(data), data)


def is_handshake(request: Request) -> bool:
    """Return whether a client asks for a WebSocket, rightly or not."""
    return "websocket" in re.split(r"[\s,]+", request.headers.get("upgrade", "").lower())


def shake_hands(request: Request, compresses: bool = False) -> tuple[list[tuple[str, str]], Extensions] | Response:
    """Return the headers with which a handshake is accepted, and the extensions that were agreed on, for `Messages`; or
    the response that says why it is not (section 4.2). With `compresses`, a client may ask for compression.
    """
    offered = (_DEFLATE,) if compresses else None
    protocol = ServerProtocol(logger=_silent, extensions=offered)
    try:
        handshake = Handshake(
            request.target, Headers(request.headers.items()), request.method, f"HTTP/{request.version}"
        )
    except InvalidHeader:  # of control characters it lets fewer through than h11 does
        return Response(400, b"A header of that handshake has characters that no header can have.\n")
    response = protocol.accept(handshake)
    protocol.parser.close()  # it knows itself, and so does what went wrong: no reference cycle is left
    error: BaseException | None = protocol.handshake_exc
    while error is not None:
        error.__traceback__, error = None, error.__context__
    headers = [(name, value) for name, value in response.headers.raw_items() if name.lower() not in _OURS]
    if response.status_code == 101:
        return headers, protocol.extensions
    return Response(response.status_code, bytes(response.body or b""), headers=tuple(headers))


_OURS: Final = ("content-length", "content-type", "connection-close", "date")


class _Protocol(Protocol):
    """Also knows what has come of a frame that is not whole yet: that is all there is to write down.

    And it lets a client close in the middle of a message, which `websockets` takes for an error.
    """

    begun = b""

    def recv_frame(self, frame: Frame) -> None:
        self.begun = bytes(self.reader.buffer)
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None  # it may come between the fragments of a message (section 5.4)
        super().recv_frame(frame)


class Messages:
    """Takes what a client sends, as bytes, and gives its messages: a str for text, bytes for what is no text.

    `most` bytes is all that a message may have. After whatever the protocol forbids it gives no more, and what it has
    to say about that is the close frame in `take_reply`.
    """

    __slots__ = ("_decoder", "_most", "_parts", "_protocol", "_reply", "idle")

    def __init__(self, most: int, extensions: Extensions = ()) -> None:
        self._most = most
        self._protocol = _Protocol(SERVER, state=State.OPEN, max_size=most, logger=_silent)
        if extensions:
            self._protocol.extensions = [*extensions]
        self._parts: list[bytes] | list[str] = []  # of a message in fragments
        self._decoder: codecs.IncrementalDecoder | None = None  # while they are text
        self._reply = b""
        self.idle = 0
        """How many frames have come that ended no message: pings, fragments. To be set to 0 by who counts them."""

    @property
    def is_open(self) -> bool:
        """Whether neither side has begun to close the connection."""
        return self._protocol.state is State.OPEN

    def feed(self, data: bytes) -> list[str | bytes]:
        """Take bytes, cut anywhere; return the messages that they end."""
        messages: list[str | bytes] = []
        if not self.is_open:
            return messages
        alone = not self._protocol.begun and self._protocol.current_size is None
        if alone and (text := _only_message(data, self._most)) is not None:
            return [text]
        self._protocol.begun += data
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            assert isinstance(frame, Frame)
            try:
                message = self._take(frame.opcode, bytes(frame.data), frame.fin)
            except UnicodeDecodeError as error:
                self.close(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
                break
            if message is not None:
                messages.append(message)
            else:
                self.idle += 1
        self._collect()
        return messages

    @property
    def compressed(self) -> bool:
        """Whether the client takes compressed messages."""
        return bool(self._protocol.extensions)

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake, if nobody has. Nothing that comes later is looked at."""
        if self.is_open:
            self._protocol.fail(code, reason)
            self._collect()

    def take_reply(self) -> bytes:
        """Return what the protocol itself has to send, once."""
        reply, self._reply = self._reply, b""
        return reply

    def state(self) -> dict[str, Any]:
        """Write down what has come and is no whole message yet, as values that JSON can hold.

        A message that comes compressed, in fragments, cannot be written down: its client is asked to come again (1012).
        """
        if self.compressed and self._protocol.current_size is not None:
            self.close(1012, "service restart")
        parts = [part if isinstance(part, str) else part.decode("latin-1") for part in self._parts]
        decoder = self._decoder.getstate()[0].decode("latin-1") if self._decoder is not None else None
        return {
            "compressed": self.compressed,
            "begun": self._protocol.begun.decode("latin-1"),
            "size": self._protocol.current_size,
            "parts": parts,
            "decoder": decoder,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from this state, which another one wrote down. Whole messages that were read are not in it."""
        if state["compressed"]:
            self._protocol.extensions = [PerMessageDeflate(True, True, zlib.MAX_WBITS, zlib.MAX_WBITS)]
        self._protocol.current_size = state["size"]
        if state["decoder"] is not None:
            self._decoder = _new_decoder()
            self._decoder.setstate((state["decoder"].encode("latin-1"), 0))
            self._parts = state["parts"]
        else:
            self._parts = [part.encode("latin-1") for part in state["parts"]]
        self.feed(state["begun"].encode("latin-1"))

    def drop(self) -> None:
        """Let go of the parser, which knows itself, and of the error that ended it: no reference cycle is left."""
        self._protocol.parser_exc = None
        self._protocol.parser.close()
        del self._protocol

    def _collect(self) -> None:
        self._reply += b"".join(self._protocol.data_to_send())

    def _take(self, opcode: Opcode, data: bytes, fin: bool) -> str | bytes | None:
        """Return the message that a frame ends, if it does. Raises UnicodeDecodeError for a text that is none."""
        if opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return None
        if opcode is Opcode.TEXT:
            self._decoder = _new_decoder()
        part = data if self._decoder is None else self._decoder.decode(data, fin)
        if part:  # there may be any number of fragments without a byte
            self._parts.append(part)  # type: ignore[arg-type]  # all its parts are bytes, or all are str
        return self._whole() if fin else None

    def _whole(self) -> str | bytes:
        empty: str | bytes = "" if self._decoder is not None else b""
        parts, self._parts, self._decoder = self._parts, [], None
        return empty.join(parts)  # type: ignore[arg-type]


def _only_message(data: bytes, most: int) -> str | None:
    """Return the text of a frame that is whole and alone, as nearly all of them come; None: look at it in detail.

    0.6 us; in detail they are 4 us, a twentieth of what the server does when 200 people talk.
    """
    if len(data) < 6 or data[0] != 0x81 or data[1] < 0x80:
        return None
    size, start = data[1] & 127, 6
    if size == 126:
        size, start = int.from_bytes(data[2:4]), 8
    if data[1] == 0xFF or size > most or len(data) != start + size:
        return None
    try:
        return bytes(mask(data[start:], data[start - 4 : start])).decode()
    except UnicodeDecodeError:
        return None


_new_decoder = codecs.getincrementaldecoder("utf-8")
