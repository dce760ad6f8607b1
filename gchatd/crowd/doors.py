"""How people come in by each door, and what they hear there: a terminal's, or a browser's with its WebSocket.

Whichever door it is, what they heard is checked as lines (checking.py). Knows no sockets.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import msgspec
from websockets.frames import Frame, Opcode

if TYPE_CHECKING:
    from collections.abc import Iterator


class TurnedAwayError(Exception):
    """The server lets somebody in no further, and says why."""


class Step(NamedTuple):
    """How far somebody has come: whether they are in, what they say now, and what of the data comes after that."""

    is_in: bool
    reply: bytes
    rest: bytes


class Heard(NamedTuple):
    """What was heard, as lines; what they answer; and the beginning of something that has not come to its end."""

    lines: bytes
    reply: bytes
    rest: bytes


class Door(Protocol):
    """What somebody says and hears at a door. Holds nothing of any one person."""

    hello: bytes
    """What they say as soon as they are connected."""

    quit: bytes
    """What they say before they leave."""

    hears_itself: bool
    """Whether they are sent their own lines, as everybody is."""

    def enter(self, name: str, data: bytes) -> Step:
        """Take in what somebody has been sent who has no name yet. Raises TurnedAwayError."""

    def say(self, line: bytes) -> bytes:
        """Return what is sent to say a line, which is given without its end."""

    def hear(self, data: bytes) -> Heard | None:
        """Take in what somebody has been sent. None: it is lines as it stands."""


class Terminal:
    """A plain terminal, as nc is one."""

    hello = b""
    quit = b"/quit\n"
    hears_itself = False

    def enter(self, name: str, data: bytes) -> Step:
        reply = b""
        while b"\n" in data:
            line, _, data = data.partition(b"\n")
            text = line.decode(errors="replace").rstrip("\r")
            if text == "server: Input username.":
                reply += name.encode() + b"\n"  # as nc ends it, so that nobody is taken for a telnet
            elif text == f"server: Your username is {name}.":
                return Step(True, reply, data)
            elif text.startswith("server: "):
                raise TurnedAwayError(text)
        return Step(False, reply, data)

    def say(self, line: bytes) -> bytes:
        return line + b"\n"

    def hear(self, data: bytes) -> Heard | None:  # noqa: ARG002
        return None


class _Message(msgspec.Struct, frozen=True):
    """As much of the server's messages as matters here."""

    event: str = ""
    answer: str = ""
    refusal: str = ""
    sentence: str = ""
    label: str = ""
    room: str = ""
    name: str = ""
    text: str = ""
    action: bool = False


_NOTHING: Final = _Message()
_LABEL: Final = "in"
_ROOM: Final = "lobby"
_ACCEPTED: Final = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # what belongs to the key: RFC 6455 section 1.3


class Browser:
    """A browser's WebSocket (RFC 6455; docs/protocol.md)."""

    quit = b""  # set below
    hears_itself = True

    def __init__(self, host: str, port: int) -> None:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = (
            "GET /ws HTTP/1.1",
            f"Host: {where}",
            f"Origin: http://{where}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "\r\n",
        )
        self.hello = "\r\n".join(lines).encode()
        self.quit = _frame({"do": "quit"})

    def enter(self, name: str, data: bytes) -> Step:
        reply = b""
        if (
            data and data[0] < 0x80
        ):  # no frame begins like that: it is the answer to the handshake, or why there is none
            line, line_end, _ = data.partition(b"\n")
            head, blank, rest = data.partition(b"\r\n\r\n")
            accepted = line.startswith(b"HTTP/1.1 101 ") and (_ACCEPTED in head or not blank)
            if line_end and not accepted:
                raise TurnedAwayError(line.decode(errors="replace").strip())
            if not blank:
                return Step(False, b"", data)
            data = rest
        end = 0
        for opcode, payload, end in _frames(data):
            message = _read(opcode, payload)
            if message.answer == "hello":
                reply += _frame({"do": "come", "name": name, "label": _LABEL})
            elif message.event == "arrived" and message.name == name and message.label == _LABEL:
                return Step(True, reply, data[end:])
            elif message.refusal or message.answer == "farewell":
                raise TurnedAwayError(message.sentence or "the server is shutting down")
        return Step(False, reply, data[end:])

    def say(self, line: bytes) -> bytes:
        return _frame({"do": "say", "room": _ROOM, "text": line.decode()})

    def hear(self, data: bytes) -> Heard:
        return _heard(data)


@functools.lru_cache(256)
def _heard(data: bytes) -> Heard:
    """Make lines of frames. Everybody is sent the same bytes, so nearly all find what was made for the first."""
    lines, reply, read = [], b"", 0
    for opcode, payload, end in _frames(data):
        read = end
        message = _read(opcode, payload)
        if message.event == "said" and message.room == _ROOM and not message.action:
            text = message.text.replace("\n", " ")
            lines.append(f"{message.name} : {text}\n".encode())
        elif opcode == Opcode.PING:
            reply += Frame(Opcode.PONG, payload).serialize(mask=True)
    return Heard(b"".join(lines), reply, data[read:])


def _read(opcode: int, payload: bytes) -> _Message:
    """Read a message. What is no JSON object is nothing that anybody has said."""
    try:
        return msgspec.json.decode(payload, type=_Message) if opcode == Opcode.TEXT else _NOTHING
    except msgspec.DecodeError:
        return _NOTHING


def _frames(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Cut data into a server's frames, which are whole and not masked: kind, content, and where each ends."""
    at = 0
    while len(data) >= at + 2:
        size, start = data[at + 1], at + 2
        if size >= 126:
            start += 2 if size == 126 else 8
            size = int.from_bytes(data[at + 2 : start])
        end = start + size
        if len(data) < end:
            return
        yield data[at] & 15, data[start:end], end
        at = end


def _frame(request: dict[str, str]) -> bytes:
    """Return a request as a frame."""
    return Frame(Opcode.TEXT, msgspec.json.encode(request)).serialize(mask=True)


def door_of(kind: str, host: str, port: int) -> Door:
    """Return the door by which people come to an address: `terminal` or `web`."""
    return Browser(host, port) if kind == "web" else Terminal()
