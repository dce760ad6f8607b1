"""Clients that do not read, or read slowly: what they are owed, and what the others notice."""

from __future__ import annotations

import signal
import time

from people import PATIENCE, SECOND, Person, eventually

from gchatd.doors.terminal.pages import PAGE_LINES


def fill(server, enter, reader: str) -> Person:
    """Somebody who reads nothing, and is behind by more than the kernel holds for them."""
    lazy, busy = enter(server, reader), enter(server, f"not{reader}")
    for _ in range(3000):
        busy.says("x" * 4000)
    busy.says("/notices")
    busy.sees("server: Notices are off.")
    return lazy


def test_closing_down_waits_for_a_slow_reader_only_so_long(start, enter):
    server = start(server__drain_seconds=0.3 * SECOND, limits__sendq=100_000_000)
    fill(server, enter, "Lazy")
    assert server.stop() == 0


def test_a_second_signal_exits_at_once(start, enter):
    server = start(server__drain_seconds=10 * PATIENCE, limits__sendq=100_000_000)
    fill(server, enter, "Lazy")
    server.process.send_signal(signal.SIGTERM)
    eventually(lambda: not is_listening(enter, server))
    assert server.stop() == -signal.SIGTERM


def is_listening(enter, server) -> bool:
    try:
        enter(server)
    except ConnectionError:
        return False
    return True


def test_a_reader_past_sendq_is_closed_and_the_others_keep_talking(start, enter):
    server = start(limits__sendq=100_000)
    ann, bob, lazy = enter(server, "Ann"), enter(server, "Bob"), enter(server, "Lazy")
    for _ in range(3000):
        ann.says("x" * 4000)
        bob.sees("Ann : " + "x" * 4000)
    server.logs(r"\[telnet 127.0.0.1:\d+ Lazy\] left: slow reader: \d+ bytes wait \(limits.sendq\)")
    bob.says("still here")
    ann.sees("Bob : still here")
    assert len(lazy.reads_to_the_end()) < 3000 * 4000


def test_a_reader_without_progress_is_closed(start, enter):
    server = start(limits__sendq=100_000_000, limits__stalled_seconds=0.2)
    fill(server, enter, "Lazy")
    server.logs(r"Lazy\] left: slow reader: read nothing for 0.2 s \(limits.stalled_seconds\)")


def test_a_reader_who_takes_a_little_all_the_time_is_not_stalled(start, enter):
    server = start(limits__sendq=100_000_000, limits__stalled_seconds=SECOND)
    slow, busy = enter(server, "Slow", buffer=4096), enter(server, "Busy")
    for _ in range(500):
        busy.says("x" * 4000)
    until = time.monotonic() + 3 * SECOND
    while time.monotonic() < until:
        assert slow.takes(500)
        time.sleep(0.02 * SECOND)  # 25 KB a second: the kernel asks for more every 2 s
    busy.says("/who")
    busy.sees("server: 2 in lobby: Busy, Slow")


def test_a_reader_who_is_merely_slow_gets_every_line_once_and_in_order(start, enter):
    server = start(limits__sendq=100_000_000)
    slow, busy = enter(server, "Slow"), enter(server, "Busy")
    for number in range(3000):
        busy.says(f"{number} " + "x" * 4000)
    busy.says("/notices")
    busy.sees("server: Notices are off.")
    assert [int(slow.reads_line().split()[2]) for _ in range(3000)] == list(range(3000))


def test_a_long_answer_waits_for_its_reader_and_closes_nobody(start, enter):
    server = start(limits__sendq=20_000)
    ann, *others = [enter(server, f"{number:x>32}") for number in range(1, 101)]
    ann.sends(b"/who\n" * 4000)  # 7 MB of answers, more than the kernel holds
    others[0].says("meanwhile")
    others[1].sees(f"{others[0].name} : meanwhile")
    answers = "".join(ann.reads_line() for _ in range(4000 * (PAGE_LINES + 1)))
    assert answers.count("server: 100 in lobby:") == 4000


def test_who_asks_for_more_than_they_read_waits_for_their_own_answers(start, enter):
    server = start(limits__sendq=20_000)
    ann, bob, carl = (enter(server, name) for name in ("Ann", "Bob", "Carl"))
    ann.sends(b"/help\n" * 20_000)  # 7 MB of answers
    bob.says("meanwhile")
    carl.sees("Bob : meanwhile")
    answers, heard = 0, []
    while answers < 7 * 20_000:
        line = ann.reads_line()
        if line.startswith("server: "):
            answers += 1
        else:
            heard.append(line)
    assert heard == ["Bob : meanwhile"]
