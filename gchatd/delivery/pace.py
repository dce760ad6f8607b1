"""Gives everybody a chance to run, so that nobody keeps the event loop for long. Knows no clients and no sockets."""

from __future__ import annotations

import time
from collections import deque

import gevent
from gevent.hub import Waiter

SLICE_SECONDS = 0.01
"""How long all greenlets together may run before the event loop polls for input again."""


class Pace:
    """Knows how long ago the event loop last polled, and lets greenlets run on for a slice of time after that.

    The clients' greenlets share one pace. Fan-out, which everyone waits for, has its own.
    """

    def __init__(self) -> None:
        self._loop = gevent.get_hub().loop
        self._polls = -1
        self._until = 0.0
        self._waiting: deque[Waiter[None]] = deque()  # in the order in which they came
        self._poll = self._loop.async_()

    def breathe(self) -> None:
        """Let everybody else run if the slice is over; that switches. Otherwise costs 0.2 us."""
        if not self._has_time_left():
            self._wait()

    def pause(self) -> None:
        """Wait, if the slice is over, for one in which there is time left. May switch.

        Those who wait go on in the order in which they came. If each looked by itself whether there is time, thousands
        of them would spend all of it on looking.
        """
        if self._waiting or not self._has_time_left():
            self._wait()

    def _wait(self) -> None:
        """Wait until the event loop has polled, and there is time. Switches.

        What is sent to an `async_` watcher makes the loop poll without waiting. Any timer, however short, makes epoll
        wait for a whole millisecond, and `sleep(0)` does not let it poll at all.
        """
        waiter: Waiter[None] = Waiter()
        self._waiting.append(waiter)
        if len(self._waiting) == 1:
            self._poll.start(self._go_on)
            self._poll.send()
        waiter.get()

    def _go_on(self) -> None:
        """Resume those who wait, as long as there is time. Runs in the event loop."""
        while self._waiting and self._has_time_left():
            self._waiting[0].switch(None)  # returns when that one waits for something
            self._waiting.popleft()
        if self._waiting:
            self._poll.send()
        else:
            self._poll.stop()

    def _has_time_left(self) -> bool:
        if self._loop.iteration != self._polls:
            self._polls = self._loop.iteration
            self._until = time.perf_counter() + SLICE_SECONDS
        return time.perf_counter() < self._until
