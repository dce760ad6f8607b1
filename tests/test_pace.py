"""Taking turns, when very many want one."""

from __future__ import annotations

import time

import gevent
import greenlet

from gchatd.delivery.pace import SLICE_SECONDS, Pace


def _work(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def test_those_who_pause_go_on_in_the_order_in_which_they_came():
    pace, went_on = Pace(), []

    def one(number: int) -> None:
        pace.pause()
        went_on.append(number)
        _work(SLICE_SECONDS / 4)

    gevent.joinall([gevent.spawn(one, number) for number in range(50)], raise_error=True)
    assert went_on == [*range(50)]


def test_thousands_who_pause_do_not_spend_the_time_on_looking_whether_there_is_any():
    pace, switches = Pace(), 0

    def count(event: str, args: object) -> None:
        nonlocal switches
        switches += 1

    def one() -> None:
        pace.pause()
        _work(SLICE_SECONDS / 40)

    ones = [gevent.spawn(one) for _ in range(1000)]
    before = greenlet.settrace(count)
    try:
        gevent.joinall(ones, raise_error=True)
    finally:
        greenlet.settrace(before)
    assert switches < 10 * len(ones)  # looking by itself, each took 90


def test_one_who_fails_or_is_ended_while_it_waits_keeps_nobody_else_waiting():
    pace, went_on = Pace(), []

    def one(number: int) -> None:
        pace.pause()
        _work(SLICE_SECONDS)
        went_on.append(number)

    ones = [gevent.spawn(one, number) for number in range(9)]
    gevent.sleep(0)
    ones[4].kill(block=False)
    gevent.joinall(ones)
    assert went_on == [0, 1, 2, 3, 5, 6, 7, 8]
