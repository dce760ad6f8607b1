"""Waits for clients, but not for ever. Costs no greenlet, and nothing once somebody need not wait any more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import gevent
from greenlet import getcurrent

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlet import greenlet

_AT_LEAST = 0.005  # seconds from one ring to the next: those who come close together are told together


FOR_EVER: Final = 1e6
"""Seconds that a client may take where a setting of 0 says that it may take for ever."""


class Patience:
    """How many seconds clients have for something. One timer rings for all of them.

    time_left = patience.begin()
    while not there():
        if not time_left.wait(transport.wait_readable):
            break  # too late
    time_left.end()
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._waits: dict[TimeLeft, None] = {}  # soonest first
        self._timer: Any = None  # while it runs

    def begin(self) -> TimeLeft:
        """Return the time that somebody has from now on. Whoever was given it ends it."""
        left = TimeLeft(self, time.monotonic() + self.seconds)
        self._waits[left] = None
        if self._timer is None:
            self._set(self.seconds)
        return left

    def forget(self, left: TimeLeft) -> None:
        """Ring for this one no more."""
        self._waits.pop(left, None)

    def _set(self, seconds: float) -> None:
        self._timer = gevent.get_hub().loop.timer(max(_AT_LEAST, seconds))
        self._timer.start(self._ring)

    def _ring(self) -> None:
        """Wake those whose time is over. Called by the event loop, so it can throw into greenlets that wait."""
        self._timer.close()
        self._timer = None
        now = time.monotonic()
        due = []
        for left in self._waits:
            if left.until > now:
                break
            due.append(left)
        for left in due:
            self.forget(left)
            left.ring()
        if self._waits and self._timer is None:
            self._set(next(iter(self._waits)).until - time.monotonic())


class _OverError(BaseException):
    """Thrown into a greenlet that has waited long enough."""


class TimeLeft:
    """The time that one client has. For the client's own greenlet only."""

    __slots__ = ("_greenlet", "_patience", "until")

    def __init__(self, patience: Patience, until: float) -> None:
        self.until = until
        self._patience = patience
        self._greenlet: greenlet | None = None  # while it waits

    def end(self) -> None:
        """It does not matter any more."""
        self._patience.forget(self)

    def wait(self, until_ready: Callable[[], None]) -> bool:
        """Call a function that waits; return whether it came to its end in time. Switches, if there is time left."""
        if time.monotonic() >= self.until:
            return False
        self._greenlet = getcurrent()
        try:
            until_ready()
        except _OverError:
            return False
        finally:
            self._greenlet = None
        return True

    def ring(self) -> None:
        """End the wait, if there is one. Only for the event loop."""
        if self._greenlet is not None:
            self._greenlet.throw(_OverError)
