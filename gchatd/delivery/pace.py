"""Gives everybody a chance to run, so that nobody keeps the event loop for long. Knows no clients and no sockets."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import gevent
from gevent.hub import Waiter

if TYPE_CHECKING:
    from collections.abc import Callable

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
        self._waiting_aside: deque[Waiter[None]] = deque()  # see `pause`
        self.must_wait_aside: Callable[[], bool] = lambda: False
        """Whether no more than one of those who stand aside goes on in a slice, because others are busy with them."""
        self._poll = self._loop.async_()

    def breathe(self) -> None:
        """Let everybody else run if the slice is over; that switches. Otherwise costs 0.2 us."""
        if not self._has_time_left():
            self._wait(self._waiting)

    def pause(self, stands_aside: Callable[[], bool] | None = None) -> None:
        """Wait, if the slice is over, for one in which there is time left. May switch.

        Those who wait go on in the order in which they came. If each looked by itself whether there is time, thousands
        of them would spend all of it on looking.

        Those who stand aside, because nobody waits for what they do, have a line of their own. The two lines go on in
        turn: somebody who talks is not kept waiting by 18,000 who leave. `stands_aside` is asked only if this one has
        to wait.
        """
        if self._waiting or self._waiting_aside or not self._has_time_left():
            aside = stands_aside is not None and stands_aside()
            self._wait(self._waiting_aside if aside else self._waiting)

    def _wait(self, line: deque[Waiter[None]]) -> None:
        """Wait in a line until the event loop has polled, and there is time. Switches.

        What is sent to an `async_` watcher makes the loop poll without waiting. Any timer, however short, makes epoll
        wait for a whole millisecond, and `sleep(0)` does not let it poll at all.
        """
        waiter: Waiter[None] = Waiter()
        line.append(waiter)
        if len(self._waiting) + len(self._waiting_aside) == 1:
            self._poll.start(self._go_on)
            self._poll.send()
        waiter.get()

    def _go_on(self) -> None:
        """Resume those who wait, as long as there is time. Runs in the event loop."""
        line, aside, must_wait = self._waiting, self._waiting_aside, False
        while (line or (aside and not must_wait)) and self._has_time_left():
            if line:
                _resume(line)
            if aside and not must_wait:
                _resume(aside)
                must_wait = self.must_wait_aside()
        if line or aside:
            self._poll.send()
        else:
            self._poll.stop()

    def is_crowded(self) -> bool:
        """Whether somebody who stands aside has to wait."""
        return bool(self._waiting_aside)

    def _has_time_left(self) -> bool:
        if self._loop.iteration != self._polls:
            self._polls = self._loop.iteration
            self._until = time.perf_counter() + SLICE_SECONDS
        return time.perf_counter() < self._until


def _resume(line: deque[Waiter[None]]) -> None:
    """Resume the first in a line; returns when that one waits for something."""
    line[0].switch(None)
    line.popleft()
