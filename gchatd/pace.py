"""Taking turns: nobody keeps the event loop for long."""

from __future__ import annotations

import time

import gevent

SLICE_SECONDS = 0.01
"""How long the greenlets together may run before the event loop polls for input again."""

BREATH_SECONDS = 5e-5
"""How long one then sleeps. Sleeping 0 would not poll, and a native thread would wait for its turn for seconds."""


class Pace:
    """Keeps the time since the event loop last polled. The clients' greenlets share one; fan-out, which all wait for,
    has one of its own.
    """

    def __init__(self) -> None:
        self._loop = gevent.get_hub().loop
        self._polls = -1
        self._until = 0.0

    def breathe(self) -> None:
        """Let everybody else have a turn, once, if the time for that has come. Switches, then; else costs 0.2 us."""
        if not self._has_time_left():
            gevent.sleep(BREATH_SECONDS)

    def pause(self) -> None:
        """Do the same, and go on only when nobody else who shares this pace has used the time up. Switches, then."""
        while not self._has_time_left():
            gevent.sleep(BREATH_SECONDS)

    def _has_time_left(self) -> bool:
        if self._loop.iteration != self._polls:
            self._polls = self._loop.iteration
            self._until = time.perf_counter() + SLICE_SECONDS
        return time.perf_counter() < self._until
