"""Serves /metrics and /healthz, to few at a time: `metrics.listen`. Knows no chat.

Whoever asks has REQUEST_SECONDS for one question, and the connection is closed after the answer.
"""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING, Final

import gevent
import gevent.socket
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from ..delivery.outbox import Outbox
from ..delivery.transport import PlainTransport
from ..doors.accepting import PatientServer
from ..doors.patience import Patience
from ..doors.turning_away import hang_up
from ..doors.web.http import BadRequestError, HttpConnection, Response, health
from ..limits.addresses import Addresses
from .metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..delivery.outbox import SlowReaders
    from ..delivery.transport import Socket
    from ..doors.web.http import Request
    from ..meters import Meters
    from ..settings import Settings
    from .metrics import Sources

MOST_CONNECTIONS: Final = 16
MOST_WAITING: Final = 1_000_000
MOST_BODY: Final = 1024
REQUEST_SECONDS: Final = 2.0
DELAY_SECONDS: Final = 0.1
"""How far apart the looks at the event loop's delay are."""


def bind(config: Settings, sources: Sources, number: int = 1) -> PatientServer:
    """Listen where `metrics.listen` says, the worker with this number on a port of its own; return what to `start`.

    Raises ConfigError.
    """
    address = config.metrics.listen
    assert address is not None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Metrics(sources))
    door = MonitoringDoor(sources.trouble, lambda: generate_latest(registry), sources.slow_readers)
    port = address.port + number - 1 if address.port else 0
    if port and any((one.host, one.port) == (address.host, port) for one in config.server.listen):
        more = f": worker {number} has port {port}" if number > 1 else ""
        raise config.complain("metrics", "listen", address, f"the chat is there (server.listen){more}")
    try:
        if port > 65535:
            raise OSError(f"there is no port {port}")
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        listener = socket.create_server((address.host, port), family=family)
    except (OSError, UnicodeError) as error:
        trouble = (getattr(error, "strerror", "") or str(error)).lower().partition(" (while")[0]
        more = f" (port {port}, for worker {number})" if number > 1 else ""
        raise config.complain("metrics", "listen", address, trouble + more) from None
    accepting = gevent.socket.socket(fileno=listener.detach())
    anybody = Addresses(MOST_WAITING)
    return PatientServer(accepting, door, anybody, sources.sessions, spawn=MOST_CONNECTIONS)  # all others wait


def measure_delay(meters: Meters) -> None:
    """Measure how late the event loop is, for ever. The body of a greenlet that ends with the process."""
    while True:
        due = time.monotonic() + DELAY_SECONDS
        gevent.sleep(DELAY_SECONDS)
        meters.delay_seconds.observe(max(0.0, time.monotonic() - due))


class MonitoringDoor:
    """Answers whoever watches over the server: `StreamServer(listener, MonitoringDoor(...))`."""

    def __init__(self, trouble: Callable[[], str], metrics: Callable[[], bytes], slow_readers: SlowReaders) -> None:
        self._trouble = trouble
        self._metrics = metrics
        self._slow_readers = slow_readers
        self._patience = Patience(REQUEST_SECONDS)

    def __call__(self, sock: Socket, _: object) -> None:
        """Answer one request. The caller closes the socket."""
        outbox = Outbox(PlainTransport(sock), self._slow_readers)
        connection = HttpConnection(outbox, self._patience, MOST_BODY)
        with contextlib.suppress(OSError):
            try:
                request = connection.read()
                if request is None:
                    return
                connection.answer(self._respond(request), request.method == "HEAD", last=True)
            except BadRequestError as error:
                connection.answer(error.response, last=True)
            hang_up(outbox.transport)

    def _respond(self, request: Request) -> Response:
        if request.path not in ("/metrics", "/healthz"):
            return Response(404, b"There are /metrics and /healthz.\n")
        if request.method not in ("GET", "HEAD"):
            return Response(405, b"Ask with GET.\n", headers=(("Allow", "GET, HEAD"),))
        if request.path == "/metrics":
            return Response(200, self._metrics(), CONTENT_TYPE_PLAIN_0_0_4)
        return health(self._trouble())
