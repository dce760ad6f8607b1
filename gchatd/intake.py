"""What a client asks for, read ahead and handled at a pace that is fair to the others. Knows no sockets.

Nothing is refused because it came too fast: it waits, here, in the client's own greenlet (see "flood" in config.ini).
Meanwhile reading goes on, so that a terminal still echoes keys, until enough is held; then TCP holds the client back.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import gevent

from .chat.answers import Flooding
from .limits.flood import MUTED_SECONDS

if TYPE_CHECKING:
    from .delivery.outbox import Outbox
    from .delivery.sessions import Sessions
    from .hub import Hub
    from .limits.flood import Bucket
    from .link import Link, Request

MOST_HELD: Final = 64
MOST_HELD_BYTES: Final = 16384
"""No more is read while so many requests wait, or so many bytes of them. (What is read in one go may be more.)"""

LOOK_SECONDS: Final = 1.0
"""How often somebody who waits without reading is looked at: whether the connection was given up."""


class Intake:
    """The requests of one client. The base of `Session`."""

    __slots__ = ("_ask_full_at", "_delayed", "_full_at", "_gone", "_link", "_requests", "_sessions", "hub", "outbox")

    hub: Hub
    outbox: Outbox

    def __init__(self, sessions: Sessions, link: Link) -> None:
        self._sessions = sessions
        self._link = link
        self._requests: list[Request] | tuple[()] = ()  # not handled yet, the next one last
        self._gone = False  # whether nothing more comes
        self._full_at = 0.0  # of the bucket for requests: see limits/flood.py
        self._ask_full_at = 0.0  # of that for expensive questions
        self._delayed = 0.0  # seconds of delay since the bucket for requests was full

    def owed(self) -> tuple[float, float, float]:
        """Return how long each bucket takes to be full again, and the delay so far, in seconds. See `owes`."""
        now = time.monotonic()
        return max(0.0, self._full_at - now), max(0.0, self._ask_full_at - now), self._delayed

    def owes(self, owed: tuple[float, float, float]) -> None:
        """Go on with buckets that were as full as that."""
        now = time.monotonic()
        self._full_at, self._ask_full_at, self._delayed = now + owed[0], now + owed[1], owed[2]

    def let_others_run(self) -> None:
        """Let others run who have waited for long. May switch."""
        self._sessions.pace.pause()

    def expects_much(self) -> None:
        """Wait, if this client has asked many expensive questions lately. May switch."""
        flood = self._sessions.flood
        if flood is not None:
            self._ask_full_at = self._wait_for(flood.questions, self._ask_full_at)

    def catch_up(self) -> None:
        """Wait until history has all that has been heard so far, though not for long. Switches then."""
        self.hub.catch_up()

    def _read(self) -> None:
        """Take what the client has sent. Never waits."""
        requests = self._link.read()
        if requests is None:
            self._gone = True
        elif requests:
            self._requests = [*reversed(requests), *self._requests]

    def _wait_for_turn(self, request: Request) -> None:
        """Wait, if this client has asked for much lately, until its next request may be handled. May switch.

        Afterwards there may be more requests behind that one; or none at all, if they have been dropped.
        """
        flood = self._sessions.flood
        if flood is None:
            return
        if self._delayed and self._full_at <= time.monotonic():
            self._delayed = 0.0
        self._full_at = self._wait_for(flood.requests, self._full_at, flood.tokens(request.text))

    def _wait_for(self, bucket: Bucket, full_at: float, tokens: float = 1.0) -> float:
        """Wait until a bucket has a token. Returns when it will be full again. May switch."""
        delay = bucket.delay(full_at, time.monotonic())
        if delay:
            self._wait(delay)
        return bucket.take(full_at, time.monotonic(), tokens)

    def _wait(self, seconds: float) -> None:
        """Wait so long, and read meanwhile. Too much of that and the client is muted. Switches."""
        assert self._sessions.flood is not None
        self._delayed += seconds
        if self._delayed > self._sessions.flood.most_delay:
            if self._gone:  # nobody is there for whom it would be worth to go on
                self._requests = ()
                return
            self._delayed, seconds = 0.0, MUTED_SECONDS
            self._link.refuse(Flooding(round(seconds)), "")
        self._link.send_answers()
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.hub.closed:
            if self.outbox.failed:
                self._gone, self._requests = True, ()
                return
            if self._gone or self._holds_enough():
                gevent.sleep(min(left, LOOK_SECONDS))
                continue
            with gevent.Timeout(left, False):  # type: ignore[arg-type]  # gevent's stubs do not know False
                self._link.wait()
            self._read()
            self.let_others_run()

    def _holds_enough(self) -> bool:
        requests = self._requests
        return len(requests) >= MOST_HELD or sum(len(one.text) for one in requests) >= MOST_HELD_BYTES
