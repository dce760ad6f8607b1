"""How fast an address may ask for things over HTTP, where no session stays that has buckets. Knows no sockets.

As everywhere, what comes too fast is delayed; but a script that would have to wait long is told to come back later.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from .addresses import network_of

if TYPE_CHECKING:
    from .flood import Bucket

MOST_DELAY: Final = 10.0
"""Seconds that a request may wait."""

MOST_KNOWN: Final = 10_000
"""Of how many addresses it is known how much they asked for. Beyond that, who asked longest ago is forgotten."""


class Passing:
    """What each address has asked for lately, by kinds of requests, which have a bucket each: see flood.py."""

    def __init__(self) -> None:
        self._full_at: OrderedDict[tuple[str, str], float] = OrderedDict()

    def delay(self, bucket: Bucket, kind: str, host: str, tokens: float = 1.0) -> float:
        """Return how many seconds a request has to wait; if more than MOST_DELAY, it is not to be done at all."""
        now, key = time.monotonic(), (kind, network_of(host) or host)
        full_at = self._full_at.pop(key, 0.0)
        delay = bucket.delay(full_at, now)
        self._full_at[key] = full_at if delay > MOST_DELAY else bucket.take(full_at, now, tokens)
        if len(self._full_at) > MOST_KNOWN:
            self._full_at.popitem(last=False)
        return delay
