"""Serves /metrics and /healthz, to few at a time: `metrics.listen`. Knows no chat.

Whoever asks has REQUEST_SECONDS and REQUEST_BYTES for one question, and the connection is closed after the answer.
"""

from __future__ import annotations

import logging
import socket
import time
from typing import TYPE_CHECKING, Any, Final

import gevent
import gevent.socket
from gevent import pywsgi
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from .metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..meters import Meters
    from ..settings import Settings
    from .metrics import Sources

logger = logging.getLogger(__name__)

MOST_CONNECTIONS: Final = 16
REQUEST_SECONDS: Final = 10.0
REQUEST_BYTES: Final = 16384
DELAY_SECONDS: Final = 0.1
"""How far apart the looks at the event loop's delay are."""

_TEXT: Final = "text/plain; charset=utf-8"
_BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

Answer = tuple[str, str, bytes]
"""A status, a content type, and what to say."""


def bind(config: Settings, sources: Sources, number: int = 1) -> pywsgi.WSGIServer:
    """Listen where `metrics.listen` says, the worker with this number on a port of its own; return what to `start`.

    Raises ConfigError.
    """
    address = config.metrics.listen
    assert address is not None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Metrics(sources))
    ProcessCollector(registry=registry)
    answers = Answers(sources.trouble, lambda: generate_latest(registry))
    port = address.port + number - 1 if address.port else 0
    try:
        if port > 65535:
            raise OSError(f"there is no port {port}")
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        listener = socket.create_server((address.host, port), family=family)
    except (OSError, UnicodeError) as error:
        trouble = (getattr(error, "strerror", "") or str(error)).lower().partition(" (while")[0]
        more = f" (port {port}, for worker {number})" if number > 1 else ""
        raise config.complain("metrics", "listen", address, trouble + more) from None
    return pywsgi.WSGIServer(
        gevent.socket.socket(fileno=listener.detach()),
        answers,
        spawn=MOST_CONNECTIONS,
        log=None,
        error_log=None,
        handler_class=_Handler,
    )


def measure_delay(meters: Meters) -> None:
    """Measure how late the event loop is, for ever. The body of a greenlet that ends with the process."""
    while True:
        due = time.monotonic() + DELAY_SECONDS
        gevent.sleep(DELAY_SECONDS)
        meters.delay_seconds.observe(max(0.0, time.monotonic() - due))


class Answers:
    """The WSGI application."""

    def __init__(self, trouble: Callable[[], str], metrics: Callable[[], bytes]) -> None:
        self._trouble = trouble
        self._metrics = metrics

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        status, type, body = self._answer(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        headers = [("Content-Type", type), ("Content-Length", str(len(body))), ("Connection", "close")]
        start_response(status, headers)
        return [body] if environ["REQUEST_METHOD"] != "HEAD" else []

    def _answer(self, method: str, path: str) -> Answer:
        if path not in ("/metrics", "/healthz"):
            return "404 Not Found", _TEXT, b"There are /metrics and /healthz.\n"
        if method not in ("GET", "HEAD"):
            return "405 Method Not Allowed", _TEXT, b"Ask with GET.\n"
        if path == "/metrics":
            return "200 OK", CONTENT_TYPE_PLAIN_0_0_4, self._metrics()
        trouble = self._trouble()
        if trouble:
            return "503 Service Unavailable", _TEXT, f"{trouble}\n".encode()
        return "200 OK", _TEXT, b"ok\n"


class _Request:
    """What a client sends, up to REQUEST_BYTES; after that, as if nothing more came."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = REQUEST_BYTES

    def readline(self, size: int = REQUEST_BYTES) -> bytes:
        return self._took(self._file.readline(self._at_most(size)))

    def read(self, size: int = REQUEST_BYTES) -> bytes:
        return self._took(self._file.read(self._at_most(size)))

    def _at_most(self, size: int) -> int:
        return self._left if size < 0 else min(size, self._left)

    def _took(self, data: bytes) -> bytes:
        self._left -= len(data)
        return data

    @property
    def closed(self) -> bool:
        return bool(self._file.closed)

    def close(self) -> None:
        self._file.close()


class _Handler(pywsgi.WSGIHandler):
    """gevent's, for strangers: bounded in time and size, and without tracebacks for what they send."""

    def __init__(self, sock: Any, address: Any, server: Any) -> None:
        super().__init__(sock, address, server)
        self.rfile: Any = _Request(self.rfile)

    def handle(self) -> None:
        with gevent.Timeout(REQUEST_SECONDS, False):  # type: ignore[arg-type]  # gevent's stubs do not know False
            super().handle()

    def read_request(self, raw_requestline: str) -> Any:
        understood = super().read_request(raw_requestline)
        self.close_connection = True  # after this answer
        return understood

    def log_request(self) -> None:
        pass

    def log_error(self, msg: str, *args: Any) -> None:
        pass

    def _handle_client_error(self, _: BaseException) -> tuple[str, bytes]:
        return "400", _BAD_REQUEST

    def handle_error(self, t: Any, v: Any, tb: Any) -> None:
        self.close_connection = True
        if not isinstance(v, (gevent.Timeout, OSError)):
            logger.error("cannot answer %s", self.requestline, exc_info=(t, v, tb))
            self._send_error_response_if_possible(500)  # type: ignore[attr-defined]  # gevent's stubs leave it out
