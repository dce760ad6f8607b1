"""Browsers and scripts: who asks a server for something over HTTP, and who talks over a WebSocket.

ann = Browser(server, "Ann")
ann.asks("say", room="lobby", text="hello")
bob.hears(event="said", name="Ann", text="hello")
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, NamedTuple

from people import PATIENCE, Person

if TYPE_CHECKING:
    from collections.abc import Callable

    from people import Server

MASK = b"\x01\x23\x45\x67"
HANDSHAKE = {
    "Host": "localhost",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
ACCEPTED = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What has to come of that key (RFC 6455 section 1.3)."""


def request(method: str, target: str, body: bytes = b"", version: str = "1.1", **headers: str) -> bytes:
    """A request as its bytes. Headers are written with underscores; None leaves one out."""
    named = {"Host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body and "Content-Length" not in named:
        named["Content-Length"] = str(len(body))
    lines = [f"{name}: {value}" for name, value in named.items() if value is not None]
    return "\r\n".join([f"{method} {target} HTTP/{version}", *lines, "", ""]).encode() + body


class Answer(NamedTuple):
    """A response, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def sentence(self) -> str:
        """What a refusal says, which is one line of text."""
        assert self.headers["content-type"] == "text/plain; charset=utf-8"
        line, end, more = self.body.decode().partition("\n")
        assert line
        assert end
        assert not more
        return line


def next_answer(read: Callable[[], bytes], data: bytes = b"", head_only: bool = False) -> tuple[Answer, bytes]:
    """Read a response with a length (or, without one, what stands in front of its body); and what came behind it."""

    def more() -> bytes:
        got = read()
        assert got, f"hung up after {data!r}"
        return got

    while b"\r\n\r\n" not in data:
        data += more()
    head, _, data = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    version, status, _ = first.split(" ", 2)
    assert version == "HTTP/1.1"
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    size = 0 if head_only or status in ("101", "304") else int(headers.get("content-length", "0"))
    while len(data) < size:
        data += more()
    return Answer(int(status), headers, data[:size]), data[size:]


class Script(Person):
    """Somebody who speaks HTTP."""

    def gets(self, target: str, method: str = "GET", **headers: str) -> Answer:
        self.sends(request(method, target, **headers))
        return self.reads_answer(method == "HEAD")

    def posts(self, target: str, body: bytes, **headers: str) -> Answer:
        self.sends(request("POST", target, body, **headers))
        return self.reads_answer()

    def reads_answer(self, head_only: bool = False) -> Answer:
        answer, self._unread = next_answer(lambda: self._sock.recv(65536), self._unread, head_only)
        return answer

    def follows(self, target: str, **headers: str) -> Answer:
        """Begin to read a stream, whose lines come then."""
        answer = self.gets(target, **headers)
        assert answer.status == 200, answer
        assert answer.headers["connection"] == "close"
        return answer

    def reads_line(self) -> str:
        """The next line of a stream, or of a terminal."""
        while b"\n" not in self._unread:
            data = self._sock.recv(65536)
            assert data, f"hung up on after {self._unread!r}"
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return self.shows(line.removesuffix(b"\r"))


class Browser(Script):
    """Somebody with a WebSocket. With a name, they are in."""

    def __init__(self, server: Server, name: str = "", buffer: int = 0, **headers: str) -> None:
        super().__init__(server, buffer=buffer)
        self.name = name
        self.opens(**headers)
        if name:
            self.comes(name)

    def opens(self, **headers: str) -> None:
        """Shake hands, and hear the server's hello."""
        answer = self.gets("/ws", **HANDSHAKE | headers)
        assert answer.status == 101, answer
        assert answer.headers["sec-websocket-accept"] == ACCEPTED
        assert "sec-websocket-extensions" not in answer.headers
        self.hello = self.hears(answer="hello")

    def comes(self, name: str, **more: object) -> None:
        self.name = name
        self.asks("come", name=name, **more)
        self.user = self.hears(event="arrived", name=name)["user"]

    def asks(self, do: str, **more: object) -> None:
        self.writes(json.dumps({"do": do, **more}))

    def writes(self, text: str) -> None:
        self.sends(frame(1, text.encode()))

    def reads_frame(self) -> tuple[int, bytes]:
        """The next frame: its first byte, and what it brings."""
        first, size = self._takes_all(2)
        assert not size & 0x80, "a server does not mask"
        if size >= 126:
            size = int.from_bytes(self._takes_all(2 if size == 126 else 8))
        return first, self._takes_all(size)

    def _takes_all(self, count: int) -> bytes:
        while len(self._unread) < count:
            data = self._sock.recv(65536)
            assert data, f"{self.name or 'somebody'} was hung up on after {self._unread!r}"
            self._unread += data
        return self.takes(count) if count else b""

    def reads(self) -> dict:
        """The next message, which is a JSON object in one frame."""
        first, data = self.reads_frame()
        assert first == 0x81, (first, data)
        return json.loads(data)

    def hears(self, **expected: object) -> dict:
        """The next message, in which these are. It has a label only if one is expected, and never an origin."""
        heard = self.reads()
        assert heard | expected == heard, f"{self.name} heard {heard} instead of {expected}"
        assert heard.get("label") == expected.get("label"), f"{self.name} heard {heard} instead of {expected}"
        assert not {"origin", "place"} & heard.keys()
        return heard

    def has_heard_all(self) -> None:
        """What they ask now is the next thing that they hear of."""
        self.asks("ping", label="now")
        self.hears(answer="pong", label="now")

    def is_closed(self, code: int, reason: str | None = None) -> None:
        """The server closes the connection, and says so."""
        first, data = self.reads_frame()
        assert (first, data[:2]) == (0x88, code.to_bytes(2)), (first, data)
        assert reason is None or data[2:].decode() == reason, data
        self.sends(frame(8, data[:2]))
        assert not [one for one in frames(self.reads_to_the_end()) if one[0] != 0x88]


def frame(opcode: int, data: bytes, fin: bool = True, mask: bytes = MASK) -> bytes:
    """A frame as clients send it."""
    size = len(data)
    first = bytes([opcode | (0x80 if fin else 0)])
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = b"\xfe" + size.to_bytes(2)
    else:
        length = b"\xff" + size.to_bytes(8)
    padded = (mask * (size // 4 + 1))[:size]
    return first + length + mask + (int.from_bytes(data) ^ int.from_bytes(padded)).to_bytes(size)


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """What a server sent, frame by frame: its first byte, and what it brings."""
    found = []
    while data:
        assert not data[1] & 0x80, "a server does not mask"
        wide = {126: 2, 127: 8}.get(data[1], 0)
        size = int.from_bytes(data[2 : 2 + wide]) if wide else data[1]
        assert len(data) >= 2 + wide + size
        found.append((data[0], data[2 + wide : 2 + wide + size]))
        data = data[2 + wide + size :]
    return found


def asks(port: int, data: bytes, patience: float = PATIENCE) -> bytes:
    """Send bytes on a connection of their own; give all that comes until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), patience) as sock:
        sock.sendall(data)
        answer = b""
        try:
            while more := sock.recv(65536):
                answer += more
        except ConnectionResetError:
            pass
        return answer
