"""Runs Autobahn's test suite of WebSockets, all of it but compression, against gchat's own frames (make autobahn).

Needs kosoku, which has the suite's cases. The server under test echoes, as they want it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gevent import subprocess
from gevent.server import StreamServer

sys.path.insert(0, str(Path(__file__).parent.parent))

from gchatd.delivery.outbox import Outbox, SlowReaders
from gchatd.delivery.transport import PlainTransport
from gchatd.doors.patience import Patience
from gchatd.doors.turning_away import hang_up
from gchatd.doors.web.frames import Messages, shake_hands, text_frame
from gchatd.doors.web.http import HttpConnection, Response

if TYPE_CHECKING:
    from gchatd.delivery.transport import Socket

MOST = 17_000_000
"""Bytes: the suite sends 16 MB in one message."""

_slow_readers = SlowReaders(10 * MOST, 60)
_patience = Patience(60)


def echo(sock: Socket, address: tuple[str, int]) -> None:
    outbox = Outbox(PlainTransport(sock), _slow_readers)
    http = HttpConnection(outbox, _patience, 0)
    request = http.read()
    if request is None:
        return
    accepted = shake_hands(request)
    if isinstance(accepted, Response):
        http.answer(accepted, last=True)
        return
    headers, _ = accepted
    messages, data = Messages(MOST), http.switch(headers)
    while messages.is_open:
        found = messages.feed(data)
        if messages.is_open:
            outbox.put(messages.take_reply())
        for message in found:
            outbox.put(text_frame(message.encode()) if isinstance(message, str) else binary_frame(message))
        outbox.put(messages.take_reply())  # after a close frame comes nothing more
        outbox.flush()
        if messages.is_open and not (data := read(outbox)):
            break
    outbox.flush()
    hang_up(outbox.transport)


def read(outbox: Outbox) -> bytes:
    while not outbox.failed:
        try:
            return outbox.transport.recv(65536)
        except BlockingIOError:
            outbox.transport.wait_readable()
        except OSError as error:
            outbox.lose(error)
    return b""


def binary_frame(data: bytes) -> bytes:
    """A frame that the chat never sends, and the suite wants back."""
    return b"\x82" + text_frame(data)[1:]


def main() -> int:
    server = StreamServer(("127.0.0.1", 0), echo)
    server.start()
    address = f"127.0.0.1:{server.server_port}"
    suite = Path(sys.executable).with_name("kosoku")
    with tempfile.TemporaryDirectory() as reports:
        command = [str(suite), address, "--parallelism=2", "--exclude=12.*", "--exclude=13.*", f"--outdir={reports}"]
        return subprocess.run(command, stderr=subprocess.STDOUT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
