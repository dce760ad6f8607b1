"""Who is sent something now and then, so that nothing on the way forgets the connection. Knows no clients."""

from __future__ import annotations

import time
from typing import TypeVar

Client = TypeVar("Client")


def take_due(due: dict[Client, float], seconds: float) -> list[Client]:
    """Return the clients whose time has come; each is due again in so many seconds.

    `due` says when each is (monotonic), the soonest first, so those who are not due yet cost nothing.
    """
    now = time.monotonic()
    found = []
    for client, at in due.items():
        if at > now:
            break
        found.append(client)
    for client in found:
        del due[client]
        due[client] = now + seconds
    return found
