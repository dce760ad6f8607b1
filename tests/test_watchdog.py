"""What keeps the hub is told, with its stack; what is nobody's fault in here is told in other words."""

from __future__ import annotations

import logging
import os
import re
import signal
import time

import gevent
import pytest
from people import PATIENCE, SECOND, Person, eventually

from gchatd.operate.keeping import EVERY_SECONDS, QUIET_SECONDS, Keeping, Sample
from gchatd.operate.watchdog import Watchdog


class Hub:
    """A hub as the watchdog sees it, sample by sample."""

    def __init__(self) -> None:
        self.keeping = Keeping()
        self.told: list[str] = []
        self._now = Sample(1000.0, 0.0, 1, True, 5.0, 5.0, False)
        self._look("nothing")

    def _look(self, stack: str) -> None:
        self.told += [line for _, line in self.keeping.look(self._now, lambda: stack)]

    def _passes(self, seconds: float, cpu: float, stack: str, others: float = 0.0, **more: object) -> None:
        now = self._now
        used = {"cpu": now.cpu + cpu, "all_cpu": now.all_cpu + cpu + others}
        self._now = now._replace(at=now.at + seconds, **used, **more)
        self._look(stack)

    def polls(self, seconds: float = EVERY_SECONDS) -> None:
        """Everything is well for so long."""
        for _ in range(round(seconds / EVERY_SECONDS)):
            self._passes(EVERY_SECONDS, 0.001, "", iteration=self._now.iteration + 3, waits=True, runnable=False)

    def begins(self) -> None:
        """Somebody is called."""
        self._passes(EVERY_SECONDS, 0.0, "begins", iteration=self._now.iteration + 1, waits=False, runnable=True)

    def computes(self, seconds: float, others: float = 0.0) -> None:
        for _ in range(round(seconds / EVERY_SECONDS)):
            self._passes(EVERY_SECONDS, EVERY_SECONDS, "turn.py:1 sort", others * EVERY_SECONDS, runnable=True)

    def waits_for_a_disk(self, seconds: float) -> None:
        for _ in range(round(seconds / EVERY_SECONDS)):
            self._passes(EVERY_SECONDS, 0.0, "os.py:1 fsync", runnable=False)

    def gets_no_cpu(self, seconds: float) -> None:
        """It would go on; the watchdog itself is woken in time."""
        for _ in range(round(seconds / EVERY_SECONDS)):
            self._passes(EVERY_SECONDS, 0.0, "turn.py:1 sort", runnable=True)

    def is_stopped(self, seconds: float) -> None:
        self._passes(seconds, 0.0, "turn.py:1 sort")

    def sleeps(self, seconds: float) -> None:
        self._passes(EVERY_SECONDS, 0.0, "", asleep=self._now.asleep + seconds)

    def is_in_c(self, seconds: float, polls: int = 0) -> None:
        """A call lets no other thread run."""
        iteration = self._now.iteration + polls
        self._passes(seconds, seconds, "", iteration=iteration, waits=False, runnable=True)


@pytest.fixture
def hub() -> Hub:
    return Hub()


def test_who_keeps_the_hub_is_told_once_with_how_long_and_what_it_did(hub):
    hub.polls()
    hub.begins()
    hub.computes(0.4)
    hub.polls(10)
    assert hub.told == ["the hub was kept for 0.40 s (CPU 0.40 s) by turn.py:1 sort"]
    assert (hub.keeping.times, round(hub.keeping.seconds, 2)) == (1, 0.4)


def test_what_takes_less_than_a_tenth_of_a_second_is_not_told(hub):
    for _ in range(20):
        hub.begins()
        hub.computes(0.05)
        hub.polls()
    assert hub.told == []


def test_a_hub_that_waits_in_one_iteration_is_kept_by_nobody(hub):
    for _ in range(20):
        hub._passes(EVERY_SECONDS, 0.0, "", waits=True)
    hub.polls()
    assert hub.told == []


def test_who_waits_for_a_disk_keeps_the_hub_without_using_the_cpu(hub):
    hub.begins()
    hub.waits_for_a_disk(0.3)
    hub.polls()
    assert hub.told == ["the hub was kept for 0.30 s (CPU 0.00 s) by os.py:1 fsync"]


def test_it_is_told_that_other_threads_used_the_cpu_meanwhile(hub):
    hub.begins()
    for _ in range(6):
        hub._passes(EVERY_SECONDS, 0.0, "turn.py:1 sort", EVERY_SECONDS, runnable=False)
    hub.polls()
    assert hub.told == ["the hub was kept for 0.30 s (CPU 0.00 s, other threads 0.30 s) by turn.py:1 sort"]


def test_who_goes_on_for_long_is_told_of_meanwhile_and_when_it_is_over(hub):
    hub.begins()
    hub.computes(1.2)
    (told,) = hub.told
    assert re.fullmatch(r"the hub is being kept, for 1.0\d s so far \(CPU 1.0\d s\) by turn.py:1 sort", told)
    hub.computes(30)
    hub.polls()
    assert hub.told[1:] == ["the hub is free again, after 31.20 s"]


def test_lines_are_few_seconds_apart_and_say_how_many_were_left_out(hub):
    for _ in range(10):
        hub.begins()
        hub.computes(0.2)
        hub.polls(0.2)
    assert len(hub.told) == 1
    hub.polls(QUIET_SECONDS)
    assert hub.told[1:] == ["the hub was kept 9 more times, for 0.20 s at most"]
    hub.polls(10)
    assert len(hub.told) == 2
    assert hub.keeping.times == 10


@pytest.mark.parametrize("busy", [True, False])
def test_a_process_that_was_stopped_has_kept_nothing(hub, busy):
    if busy:
        hub.begins()
    hub.is_stopped(3)
    hub.polls(10)
    assert len(hub.told) == 1
    assert re.match(r"this process got no CPU for (2.9|3.0) s: it was stopped", hub.told[0])
    assert hub.keeping.times == 0


def test_only_the_time_that_is_not_lost_counts(hub):
    hub.begins()
    hub.computes(0.2)
    hub.is_stopped(3)
    hub.polls()
    assert hub.told[1].startswith("the hub was kept for 0.")
    assert hub.keeping.seconds < 0.3


def test_a_machine_that_has_no_time_is_told_in_other_words(hub):
    hub.begins()
    hub.gets_no_cpu(2)
    hub.polls(10)
    assert hub.told == ["the hub got no CPU for 2.0 s: the machine had no time for it"]


def test_on_a_machine_that_is_busy_only_the_time_that_it_gives_us_counts(hub):
    hub.begins()
    for _ in range(6):
        hub._passes(0.09, 0.01, "turn.py:1 sort")
    hub.polls()
    assert hub.told == []
    hub.begins()
    for _ in range(20):
        hub._passes(0.09, 0.01, "turn.py:1 sort")
    hub.polls()
    assert re.fullmatch(r"the hub was kept for 0\.\d+ s \(CPU 0.20 s\) by turn.py:1 sort", hub.told[0])
    assert hub.keeping.seconds < 0.25


def test_a_laptop_that_slept_is_told_in_other_words(hub):
    hub.sleeps(3600)
    hub.polls()
    assert hub.told == ["this machine was asleep for 3600.0 s"]


def test_what_lets_no_thread_run_is_told_if_it_must_have_been_long(hub):
    hub.polls()
    hub.is_in_c(0.4, polls=1)
    hub.polls(10)
    assert hub.told == ["the hub was kept for at least 0.20 s by what was over when it could be seen"]


def test_what_began_while_nobody_could_look_counts_with_the_cpu_that_it_used(hub):
    hub.polls()
    hub.is_in_c(0.4)
    hub.polls(10)
    assert hub.told == ["the hub was kept for 0.40 s (CPU 0.40 s) by what was over when it could be seen"]


def test_a_call_that_lets_no_thread_run_counts_in_full(hub):
    hub.begins()
    hub.is_in_c(0.4)
    hub.polls()
    assert hub.told == ["the hub was kept for 0.40 s (CPU 0.40 s) by what was over when it could be seen"]


def test_many_short_iterations_while_the_watchdog_is_late_are_no_long_one(hub):
    hub.is_in_c(0.4, polls=20)
    hub.polls(10)
    assert hub.told == []


# The real one.


@pytest.fixture
def watchdog(caplog):
    caplog.set_level(logging.INFO, "gchatd")
    dog = Watchdog()
    dog.start()
    gevent.sleep(3 * EVERY_SECONDS)  # it has looked
    yield dog
    dog.stop()


def keeps_computing(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def keeps_waiting(seconds: float) -> None:
    time.sleep(seconds)


@pytest.mark.parametrize("keeps", [keeps_computing, keeps_waiting])
def test_the_line_of_the_log_names_the_function_that_keeps_the_hub(watchdog, caplog, keeps):
    with gevent.Timeout(PATIENCE):
        gevent.spawn(keeps, 0.4).join()
        while not any("the hub was kept" in line for line in caplog.messages):
            gevent.sleep(EVERY_SECONDS)
    (line,) = (line for line in caplog.messages if "the hub was kept" in line)
    assert re.search(rf"for 0\.\d+ s .* by tests/test_watchdog.py:\d+ {keeps.__name__}", line)
    assert len(line.splitlines()) == 1


def test_a_server_that_was_stopped_says_so_and_blames_nobody(server):
    person = Person(server, "Ann")
    server.logs("Ann. came")
    time.sleep(3 * EVERY_SECONDS)  # it has looked
    os.kill(server.process.pid, signal.SIGSTOP)
    until = time.monotonic() + 1.2 * SECOND
    eventually(lambda: time.monotonic() > until)
    os.kill(server.process.pid, signal.SIGCONT)
    server.logs(r"WARNING this process got no CPU for \d\.\d s: it was stopped")
    assert "the hub was kept" not in server.log()
    person.hangs_up()
