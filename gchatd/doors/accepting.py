"""Accepts connections, and copes when descriptors run out. Knows no protocol and no people."""

from __future__ import annotations

import logging
import time
from socket import SOCK_STREAM
from typing import Any

import gevent
from gevent.server import StreamServer
from gevent.socket import socket

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.1
"""How long to wait before accepting again after a failure."""

REMARK_SECONDS = 60.0
"""How often the log mentions it."""


class PatientServer(StreamServer):
    """A `StreamServer` that goes on accepting by itself when it can again; gevent's would log a traceback each time."""

    _remarked_at = float("-inf")

    def do_read(self) -> tuple[socket, Any] | None:  # type: ignore[override]  # gevent's may give None, too
        """Accept a connection, if one can be accepted. Never switches."""
        try:
            descriptor, address = self.socket._accept()  # type: ignore[attr-defined]
        except BlockingIOError:
            return None
        except OSError as error:
            if self.is_fatal_error(error):  # the listener is closed
                raise
            self._wait_after(error)
            return None
        return socket(self.family, SOCK_STREAM, 0, descriptor), address

    def _wait_after(self, error: OSError) -> None:
        """Leave new connections in the kernel's backlog for a while."""
        self.stop_accepting()
        gevent.spawn_later(PAUSE_SECONDS, self._go_on)  # ours; ends at once
        now = time.monotonic()
        if now - self._remarked_at >= REMARK_SECONDS:
            self._remarked_at = now
            logger.warning("cannot accept connections just now: %s", (error.strerror or str(error)).lower())

    def _go_on(self) -> None:
        if self.started:
            self.start_accepting()
