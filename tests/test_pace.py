"""Giving everybody a chance to run, when very many want one. The clock is the tests' own."""

from __future__ import annotations

from types import SimpleNamespace

import gevent
import gevent.event
import gevent.socket
import greenlet
import pytest
from people import PATIENCE

from gchatd.delivery import pace as module
from gchatd.delivery.pace import SLICE_SECONDS, Pace


@pytest.fixture(autouse=True)
def work(monkeypatch):
    """Let so many seconds pass."""
    clock = SimpleNamespace(now=1000.0)

    def work(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    with gevent.Timeout(PATIENCE):
        yield work


@pytest.fixture
def switches():
    """Which greenlets were switched to, one by one."""
    seen: list[greenlet.greenlet] = []
    before = greenlet.settrace(lambda event, greenlets: seen.append(greenlets[1]))
    yield seen
    greenlet.settrace(before)


# Breathing.


def test_who_breathes_runs_on_until_the_slice_is_over_and_then_lets_others_run(work, switches):
    pace = Pace()
    pace.breathe()
    work(SLICE_SECONDS * 0.9)
    pace.breathe()
    assert not switches
    work(SLICE_SECONDS * 0.2)
    pace.breathe()
    assert switches
    switches.clear()
    work(SLICE_SECONDS * 0.9)  # of a new slice
    pace.breathe()
    assert not switches


def test_what_has_arrived_is_read_while_somebody_works_and_breathes(work):
    pace, (ours, theirs) = Pace(), gevent.socket.socketpair()
    reading = gevent.spawn(ours.recv, 1)
    gevent.sleep(0)
    theirs.sendall(b"x")
    breaths = 0
    while not reading.dead:
        work(SLICE_SECONDS)
        pace.breathe()
        breaths += 1
    assert breaths < 20  # mostly 1; sleeping 0 seconds, which does not poll: hundreds
    ours.close()
    theirs.close()


# Pausing.


def test_who_pauses_while_there_is_time_goes_on_at_once(work, switches):
    pace = Pace()
    pace.pause()
    work(SLICE_SECONDS * 0.9)
    pace.pause()
    assert not switches


def test_those_who_pause_go_on_in_the_order_in_which_they_came(work):
    pace, went_on = Pace(), []

    def one(number: int) -> None:
        pace.pause()
        went_on.append(number)
        work(SLICE_SECONDS / 4)

    gevent.joinall([gevent.spawn(one, number) for number in range(50)], raise_error=True)
    assert went_on == [*range(50)]


def test_who_comes_while_there_is_time_does_not_overtake_those_who_wait(work):
    pace, (ours, theirs) = Pace(), gevent.socket.socketpair()
    went_on: list[int] = []

    def one(number: int) -> None:
        pace.pause()
        went_on.append(number)

    def late() -> None:
        ours.recv(1)
        one(5)

    arriving = gevent.spawn(late)
    gevent.sleep(0)
    theirs.sendall(b"x")
    pace.pause()
    work(SLICE_SECONDS)
    gevent.joinall([arriving, *(gevent.spawn(one, number) for number in range(5))], raise_error=True)
    assert went_on == [*range(6)]
    ours.close()
    theirs.close()


def test_who_pauses_again_and_again_waits_for_all_others_each_time(work):
    pace, went_on = Pace(), []

    def greedy() -> None:
        for _ in range(5):
            pace.pause()
            went_on.append("greedy")
            work(SLICE_SECONDS)

    def one(number: int) -> None:
        pace.pause()
        went_on.append(str(number))
        work(SLICE_SECONDS / 2)

    pace.pause()
    work(SLICE_SECONDS)
    gevent.joinall([gevent.spawn(greedy), *(gevent.spawn(one, number) for number in range(20))], raise_error=True)
    assert went_on == ["greedy", *map(str, range(20)), *["greedy"] * 4]


def test_what_has_arrived_is_read_while_very_many_pause(work):
    pace, (ours, theirs) = Pace(), gevent.socket.socketpair()
    went_on: list[str] = []

    def one() -> None:
        pace.pause()
        went_on.append("one")
        work(SLICE_SECONDS / 4)

    def read() -> None:
        ours.recv(1)
        went_on.append("reader")

    reading = gevent.spawn(read)
    gevent.sleep(0)
    theirs.sendall(b"x")
    gevent.joinall([reading, *(gevent.spawn(one) for _ in range(100))], raise_error=True)
    assert went_on.index("reader") < 20  # mostly after a slice or two, which is 4 or 8
    ours.close()
    theirs.close()


def test_thousands_who_pause_do_not_spend_the_time_on_looking_whether_there_is_any(work, switches):
    pace = Pace()

    def one() -> None:
        pace.pause()
        work(SLICE_SECONDS / 40)

    ones = [gevent.spawn(one) for _ in range(1000)]
    gevent.joinall(ones, raise_error=True)
    assert len(switches) < 10 * len(ones)  # looking by itself, each took 90


def test_one_who_fails_or_is_ended_while_it_waits_keeps_nobody_else_waiting(work):
    pace, went_on = Pace(), []

    def one(number: int) -> None:
        pace.pause()
        work(SLICE_SECONDS)
        went_on.append(number)

    ones = [gevent.spawn(one, number) for number in range(9)]
    gevent.sleep(0)
    ones[4].kill(block=False)
    gevent.joinall(ones)
    assert went_on == [0, 1, 2, 3, 5, 6, 7, 8]


def wait_in_line(pace, went_on, work, *names: str) -> list[gevent.Greenlet]:
    """Let people pause whose names say where they stand: `aside 1`, `talker 1`. Three of them fill a slice."""

    def one(name: str) -> None:
        pace.pause(lambda: name.startswith("aside"))
        went_on.append(name)
        work(SLICE_SECONDS * 0.4)

    pace._has_time_left = lambda: False
    ones = [gevent.spawn(one, name) for name in names]
    while len(pace._waiting) + len(pace._waiting_aside) < len(names):
        gevent.sleep(0)
    del pace._has_time_left
    return ones


def test_those_who_stand_aside_and_all_others_go_on_in_turn(work):
    pace, went_on = Pace(), []
    leavers = [f"aside {number}" for number in range(100)]
    ones = wait_in_line(pace, went_on, work, *leavers, "talker 1", "talker 2")
    assert pace.is_crowded()
    gevent.joinall(ones, raise_error=True)
    assert went_on[:4] == ["talker 1", "aside 0", "talker 2", "aside 1"]
    assert went_on[4:] == leavers[2:]
    assert not pace.is_crowded()


def test_while_others_are_busy_with_them_one_of_those_aside_goes_on_in_a_slice(work):
    pace, went_on, busy = Pace(), [], [True] * 3
    pace.must_wait_aside = lambda: bool(busy and busy.pop())
    talkers = [f"talker {number}" for number in range(8)]
    ones = wait_in_line(pace, went_on, work, *(f"aside {number}" for number in range(5)), *talkers)
    gevent.joinall(ones, raise_error=True)
    assert went_on == [
        *("talker 0", "aside 0", "talker 1"),  # a slice
        *("talker 2", "aside 1", "talker 3"),
        *("talker 4", "aside 2", "talker 5"),
        *("talker 6", "aside 3", "talker 7", "aside 4"),
    ]


def test_nobody_is_asked_where_they_stand_while_there_is_time(work):
    Pace().pause(lambda: pytest.fail("asked"))


def test_fan_out_waits_for_nobody_who_shares_another_pace(work, switches):
    clients, fanout = Pace(), Pace()
    clients.pause()
    work(SLICE_SECONDS)
    waiting = gevent.spawn(clients.pause)
    gevent.sleep(0)
    switches.clear()
    fanout.pause()
    assert not switches
    waiting.join()
