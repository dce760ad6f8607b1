"""Whether a crowd that is spread over several workers of a server checks what it should: one order for all, though some
workers are ahead of others, and people come in anywhere.
"""

from __future__ import annotations

import random

import pytest

from gchatd.crowd.checking import Listener, Stream
from gchatd.crowd.lines import Script

TALKERS = 4
LINES = 60  # of each talker
STEP = 1000  # nanoseconds from one line to the next


def script() -> Script:
    made = Script("ab12", TALKERS)
    made.begin(STEP, 1e9 / STEP)
    return made


SCRIPT = script()
SAID = [LINES] * TALKERS
TURNS = [(place % TALKERS, place // TALKERS) for place in range(TALKERS * LINES)]
"""What the one stream brings, in its order."""


def heard(talker: int, number: int) -> bytes:
    return SCRIPT.heard(talker, number) + b"\r\n"


class Worker:
    """Sends what the stream brings to its people, some time after others do. It may forge what it sends."""

    def __init__(self, lag: int, turns: list[tuple[int, int]] = TURNS) -> None:
        self.lag = lag
        self.turns = turns
        self.sent = 0
        self.people: list[Listener] = []

    def goes_on(self, stream: Stream, now: int, chance: random.Random) -> None:
        """Send what is due by now, to each in pieces of their own."""
        until = min(max(0, now // STEP - self.lag), len(self.turns))
        data = [one for one in self.turns[self.sent : until] if one is not None]
        self.sent = until
        for person in self.people:
            text = b"".join(heard(*one) for one in data if one[0] != person.own)
            while text:
                piece = chance.randrange(1, 200)
                stream.hear(person, text[:piece], now)
                text = text[piece:]


def run(seed: int, *workers: Worker, churn: bool = True) -> tuple[int, Stream, int]:
    """Let a crowd hear it all; give how many lines they missed, the stream, and how many people there were."""
    chance = random.Random(seed)
    stream = Stream(SCRIPT, TALKERS)
    everybody = [Listener(own=talker) for talker in range(TALKERS)] + [Listener() for _ in range(12)]
    for place, person in enumerate(everybody):
        workers[place % len(workers)].people.append(person)
    for tick in range(1, TALKERS * LINES + max(worker.lag for worker in workers) + 2):
        now = tick * STEP + STEP // 2
        for worker in chance.sample(workers, len(workers)):
            worker.goes_on(stream, now, chance)
        if churn and chance.random() < 0.2 and tick < TALKERS * LINES:
            everybody.append(Listener(since=now))  # named by their worker just now
            chance.choice(workers).people.append(everybody[-1])
        if chance.random() < 0.1:
            stream.trim(everybody, now)
    return sum(stream.missed(one, SAID) for one in everybody), stream, len(everybody)


def wrong(stream: Stream) -> tuple[int, int, int]:
    return stream.duplicated, stream.disordered, stream.altered


@pytest.mark.parametrize("seed", range(30))
def test_whichever_worker_people_come_through_and_however_late_it_is_they_miss_nothing(seed):
    missed, stream, people = run(seed, Worker(0), Worker(seed % 4), Worker(9))
    assert (missed, wrong(stream)) == (0, (0, 0, 0))
    assert people > 30


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("lag", [0, 5], ids=["by the first worker", "by a later one"])
def test_a_line_that_one_worker_loses_is_missed_by_its_people(seed, lag):
    forgetful = [None if turn == (1, 20) else turn for turn in TURNS]
    missed, stream, _ = run(seed, Worker(2), Worker(lag, forgetful), churn=False)
    assert missed == 7  # eight people came through it, of whom one talks: the talker of that line
    assert wrong(stream) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("lag", [0, 5], ids=["by the first worker", "by a later one"])
def test_a_line_that_one_worker_brings_twice_is_heard_twice_by_its_people(seed, lag):
    twice = [*TURNS[:50], TURNS[49], *TURNS[50:]]
    missed, stream, _ = run(seed, Worker(2), Worker(lag, twice), churn=False)
    assert (missed, stream.disordered) == (0, 0)
    assert stream.duplicated == 7


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("lag", [0, 5], ids=["by the first worker", "by a later one"])
def test_two_lines_in_another_order_than_at_the_other_worker_are_found(seed, lag):
    """Also if they are of different talkers, so that each talker's own lines are in order."""
    other = [*TURNS[:50], TURNS[51], TURNS[50], *TURNS[52:]]
    missed, stream, _ = run(seed, Worker(2), Worker(lag, other), churn=False)
    assert (missed, stream.duplicated) == (0, 0)
    assert stream.disordered == 7  # eight people came through it, of whom one said one of the two


def test_people_of_a_worker_that_does_not_belong_to_the_chat_miss_everything():
    missed, _, _ = run(1, Worker(0), Worker(0, []), churn=False)
    assert missed == 8 * TALKERS * LINES - 2 * LINES  # of eight people; two of them talk


def test_talkers_who_are_ahead_of_all_who_listen_are_compared_with_them_later():
    stream = Stream(SCRIPT, TALKERS)
    talker, listener = Listener(own=3), Listener()
    stream.hear(talker, heard(1, 0) + heard(0, 0), STEP)
    assert stream.disordered == 0
    stream.hear(listener, heard(0, 0) + heard(1, 0), STEP)
    assert stream.disordered == 1


def test_where_everybody_talks_nothing_is_kept_for_ever():
    stream = Stream(SCRIPT, TALKERS)
    talkers = [Listener(own=talker) for talker in range(2)]
    for number in range(3000):
        for talker in talkers:
            stream.hear(talker, heard(2, number), STEP)
    assert all(len(talker.alone.order) <= 1024 for talker in talkers)
    assert wrong(stream) == (0, 0, 0)


def test_what_is_only_needed_by_some_is_not_kept_for_everybody():
    """Each byte of a listener is 100 KB with 100,000 of them."""
    stream = Stream(SCRIPT, TALKERS)
    one, other = Listener(), Listener()
    for listener in (one, other):
        stream.hear(listener, heard(0, 0), STEP)
        assert (listener.alone, listener.hearing) == (None, None)
    stream.hear(one, heard(2, 0), STEP)
    stream.hear(other, heard(2, 0) + heard(2, 0), STEP)
    assert other.alone is None, "all is well again"
    stream.hear(one, heard(2, 1) + heard(2, 2), STEP)
    stream.hear(other, heard(2, 2), STEP)
    assert other.alone.missing == {(2, 1)}
    assert stream.missed(other, [1, 0, 3, 0]) == 1
