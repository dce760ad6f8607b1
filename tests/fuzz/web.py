"""Throws bytes at the web's door, HTTP and frames, and holds it to what it promises.

    python tests/fuzz/web.py -max_total_time=600      (make fuzz)

Needs atheris (coverage-guided). `check` is what tests/test_web_http.py calls with hypothesis, too.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

MOST = 300
MOST_BODY = 50
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Tape:
    """A transport on which everything has come already, in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]
        self.sent = b""

    def recv(self, size: int) -> bytes:
        if not self.pieces:
            return b""
        data, rest = self.pieces[0][:size], self.pieces[0][size:]
        self.pieces[:1] = [rest] if rest else []
        return data

    def send(self, data: bytes) -> int:
        self.sent += data
        return len(data)


def cut(data: bytes, cuts: bytes) -> list[bytes]:
    places = [0, *sorted(at * len(data) // 255 for at in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


def check(data: bytes) -> None:
    """Feed a client's bytes: to HTTP, or behind a handshake, as the first of them says; cut as the next say."""
    kind, cuts, data = data[:1], data[1:4], data[4:]
    if kind >= b"\x80":
        check_frames(data, cuts)
    else:
        whole = check_http(data, b"")
        assert check_http(data, cuts) == whole


def check_http(data: bytes, cuts: bytes) -> list[tuple[str, str, bytes]]:
    """Return the requests that these bytes are; each is answered, and whatever is none is told so."""
    tape = Tape(cut(data, cuts))
    connection, found = HttpConnection(Outbox(tape, SlowReaders(10**6, 10)), Patience(10), MOST_BODY), []
    last: Response | None = None
    try:
        while (request := connection.read()) is not None:
            found.append((request.method, request.path, request.body))
            assert len(request.body) <= MOST_BODY
            if is_handshake(request):
                accepted = shake_hands(request)
                if not isinstance(accepted, Response):
                    check_frames(connection.switch(accepted[0]), b"")
                    break
                connection.answer(accepted, last=True)
                break
            connection.answer(Response(200, b"ok"), request.method == "HEAD")
    except BadRequestError as error:
        last = error.response
    if last is not None:
        assert 400 <= last.status < 600
        connection.answer(last, last=True)
        assert tape.sent.endswith(last.body)
    return found


def check_frames(data: bytes, cuts: bytes) -> None:
    """Hold frames to giving the same messages however they are cut, and wherever they are written down."""
    whole, _ = take(data, [data], moved=False)
    pieces = cut(data, cuts)
    assert take(data, pieces, moved=False)[0] == whole
    assert take(data, pieces, moved=True)[0] == whole


def take(data: bytes, pieces: list[bytes], moved: bool) -> tuple[list[str | bytes], bytes]:
    taker, found, reply = Messages(MOST), [], b""
    for piece in pieces:
        found += taker.feed(piece)
        reply += taker.take_reply()
        if not taker.is_open:
            break
        if moved:
            state = json.loads(json.dumps(taker.state()))
            taker.drop()
            taker = Messages(MOST)
            taker.restore(state)
    taker.drop()
    assert sum(map(len, found)) <= len(data)
    assert len(reply) <= len(data) + 130
    return found, reply


def main() -> None:
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    import atheris

    with atheris.instrument_imports():
        from gchatd.delivery.outbox import Outbox, SlowReaders
        from gchatd.doors.patience import Patience
        from gchatd.doors.web.frames import Messages, is_handshake, shake_hands
        from gchatd.doors.web.http import BadRequestError, HttpConnection, Response
    main()
else:
    from gchatd.delivery.outbox import Outbox, SlowReaders
    from gchatd.doors.patience import Patience
    from gchatd.doors.web.frames import Messages, is_handshake, shake_hands
    from gchatd.doors.web.http import BadRequestError, HttpConnection, Response
