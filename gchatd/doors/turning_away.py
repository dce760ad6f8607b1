"""Hanging up on a client so that it sees why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent

if TYPE_CHECKING:
    from ..delivery.transport import Transport

LINGER_SECONDS = 1.0
"""How long a client may take to read what it is answered, and to hang up."""

_CHUNK = 4096


def hang_up(transport: Transport) -> None:
    """Say that nothing more will come, and drop what the client still sends, for a moment. Switches; raises nothing.

    Closing at once would reset the connection where something has come that was not read, and the client would never
    see what it was sent.
    """
    try:
        with gevent.Timeout(LINGER_SECONDS):
            transport.end_sending()
            while not _has_hung_up(transport):
                transport.wait_readable()
    except (OSError, gevent.Timeout):
        pass  # it was faster, or too slow


def _has_hung_up(transport: Transport) -> bool:
    """Drop a chunk of what has come; tell whether there was an end to it instead."""
    try:
        return not transport.recv(_CHUNK)
    except BlockingIOError:
        return False
