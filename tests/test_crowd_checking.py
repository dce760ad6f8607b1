"""Whether everybody heard every line, once and in order: a checker that cannot fail is worthless."""

from __future__ import annotations

import math
import re

import pytest

from gchatd.crowd.checking import ALONE, Listener, Stream
from gchatd.crowd.facts import verdict
from gchatd.crowd.lines import AlteredError, Said, Script


def script(talkers: int, start: int, rate: float = math.inf) -> Script:
    made = Script("ab12", talkers)
    made.begin(start, rate)
    return made


SCRIPT = script(2, 1000)
ALONE_SCRIPT = script(1, 0, rate=1e6)  # one talker; their line n is due at 1000 n


def heard(talker: int, number: int) -> bytes:
    return SCRIPT.heard(talker, number) + b"\r\n"


def lines(*said: tuple[int, int]) -> bytes:
    return b"".join(heard(*one) for one in said)


def listen(*heard_by: bytes, said: tuple[int, ...] = (2, 2), stream: Stream | None = None) -> tuple[int, Stream]:
    """Let people hear these bytes, a piece of them at a time; give how many lines all missed, and the stream."""
    stream = stream or Stream(SCRIPT, len(said))
    people = [Listener() for _ in heard_by]
    for start in range(0, max(map(len, heard_by)), 50):
        for person, data in zip(people, heard_by, strict=True):
            if piece := data[start : start + 50]:
                stream.hear(person, piece, 1500)
    return sum(stream.missed(person, said) for person in people), stream


ALL = lines((0, 0), (1, 0), (0, 1), (1, 1))


def test_who_hears_every_line_once_and_in_order_misses_nothing():
    missed, stream = listen(ALL, ALL, ALL)
    assert missed == stream.duplicated == stream.disordered == stream.altered == 0
    assert stream.late == [500] * 12


@pytest.mark.parametrize("first", [True, False], ids=["by the first who hears", "by another"])
def test_a_lost_line_is_found(first):
    short = lines((0, 0), (0, 1), (1, 1))
    missed, stream = listen(*((short, ALL, ALL) if first else (ALL, short, ALL)))
    assert (missed, stream.duplicated, stream.disordered) == (1, 0, 0)


def test_lines_lost_in_the_end_are_found():
    assert listen(ALL, lines((0, 0), (1, 0)), ALL)[0] == 2
    assert listen(ALL[:-1], ALL[:-1])[0] == 2  # the last line never ended
    assert listen(ALL, ALL, said=(2, 3))[0] == 2
    assert listen(ALL, b"", ALL)[0] == 4


def test_a_line_lost_in_the_beginning_is_found():
    assert listen(ALL, lines((1, 0), (0, 1), (1, 1)))[0] == 1
    assert listen(lines((1, 0), (0, 1), (1, 1)), ALL)[0] == 1


def test_a_line_that_nobody_was_sent_is_missed_by_all():
    assert listen(lines((0, 0), (1, 0), (1, 1)), lines((0, 0), (1, 0), (1, 1)))[0] == 2


@pytest.mark.parametrize("first", [True, False], ids=["by the first who hears", "by another"])
def test_a_line_heard_twice_is_found(first):
    twice = lines((0, 0), (1, 0), (1, 0), (0, 1), (1, 1))
    missed, stream = listen(*((twice, ALL) if first else (ALL, twice)))
    assert (missed, stream.duplicated, stream.disordered) == (0, 1, 0)


def test_a_wrong_order_is_found():
    missed, stream = listen(ALL, lines((0, 1), (1, 0), (0, 0), (1, 1)), ALL)
    assert (missed, stream.duplicated, stream.disordered) == (0, 0, 1)


def test_an_altered_line_is_found():
    altered = ALL.replace(SCRIPT.line(1, 0)[:5], b"oops ")
    missed, stream = listen(ALL, altered)
    assert (missed, stream.altered) == (1, 1)
    with pytest.raises(AlteredError):
        SCRIPT.read(altered.split(b"\r\n")[1])


@pytest.mark.parametrize(
    "altered",
    [b"ada-0-ab12 : the kettle is on. #2", b"ada-0-ab12 : the kettle is on #3", b"ada-0-ab12 : the kettle is on #2 "],
)
def test_every_byte_of_a_line_counts(altered):
    true = SCRIPT.heard(0, 1)
    assert true == b"ada-0-ab12 : the kettle is on #2"
    assert SCRIPT.read(true) == Said(0, 1, 1000)
    missed, stream = listen(ALL, ALL.replace(true, altered))
    assert missed == 1
    assert stream.altered == (not altered.endswith(b" "))  # without its number it is nobody's line


def test_a_line_is_easy_on_the_eye():
    for talker in range(20):
        for number in range(200):
            assert re.fullmatch(rb"[A-Za-z ,.;?]+ #\d+", SCRIPT.line(talker, number))


def test_lines_are_due_in_turns():
    turns = script(3, 1_000, rate=1e9)
    assert [turns.due(talker, number) for number in (0, 1) for talker in (0, 1, 2)] == list(range(1_000, 1_006))


def test_who_was_sent_something_else_is_all_right_again_after_it():
    private = lines((0, 0)) + b"server: only you are told this\r\n" + lines((1, 0), (0, 1), (1, 1))
    stream = Stream(SCRIPT, 2)
    one, other = Listener(), Listener()
    stream.hear(one, ALL, 1500)
    stream.hear(other, private, 1500)
    assert other.position == one.position != ALONE
    assert stream.missed(other, (2, 2)) == 0


def test_a_talker_does_not_hear_itself_and_all_else():
    stream = Stream(SCRIPT, 2)
    talker, listener = Listener(own=1), Listener()
    stream.hear(listener, ALL, 1500)
    stream.hear(talker, lines((0, 0), (0, 1)), 1500)
    assert stream.missed(talker, (2, 2)) == 0
    assert stream.missed(talker, (3, 2)) == 1
    stream.hear(talker, lines((1, 1)), 1500)
    assert stream.duplicated == 1
    assert stream.missed(Listener(own=0), (2, 2)) == 2


def test_what_others_say_is_not_ours():
    others = b"eve : hello\r\nserver: hi\r\n" + b"eve : " + SCRIPT.line(0, 0) + b"\r\n"
    others += b"alan-1 : " + SCRIPT.line(1, 0) + b"\r\n"  # of another crowd: without our tag
    missed, stream = listen(others + ALL, others + ALL, ALL)
    assert (missed, stream.duplicated, stream.altered) == (0, 0, 0)
    assert len(stream.late) == 12


def test_a_newcomer_owes_what_was_due_since():
    stream = Stream(ALONE_SCRIPT, 1)
    early = [heard(0, number) for number in range(4)]
    there = Listener()
    for line in early:
        stream.hear(there, line, 9000)
    in_time, late, silent = Listener(since=1500), Listener(since=1500), Listener(since=1500)
    stream.hear(in_time, early[2] + early[3], 9000)
    stream.hear(late, early[3], 9000)
    assert [stream.missed(one, (4,)) for one in (there, in_time, late, silent)] == [0, 0, 1, 2]
    assert stream.forget(silent, until=2500) == 1


def test_a_newcomer_who_is_ahead_waits_for_the_others():
    stream = Stream(script(1, 1000), 1)
    there, ahead = Listener(), Listener(since=1)
    stream.hear(there, heard(0, 0), 1500)
    stream.hear(ahead, heard(0, 2), 1600)
    assert len(stream.late) == 1
    stream.hear(there, heard(0, 1) + heard(0, 2), 1700)
    assert sorted(stream.late) == [500, 600, 700, 700]
    assert ahead.position == there.position


def test_what_all_have_heard_is_forgotten_and_the_check_goes_on():
    stream = Stream(script(1, 0, rate=1e9), 1)
    people = [Listener(), Listener()]
    for number in range(40_000):
        for person in people:
            stream.hear(person, heard(0, number), number)
        if number % 5000 == 0:
            stream.trim(people, now=10**12)
    assert len(stream._text) < 2_000_000
    newcomer = Listener(since=10**9)
    stream.hear(newcomer, heard(0, 39_999), 50_000)
    assert newcomer.position == people[0].position
    assert stream.missed(people[1], (40_000,)) == 0
    assert stream.missed(people[1], (40_001,)) == 1


def test_the_verdict_says_what_was_wrong():
    assert verdict(5, 0, 0, 0, 0) == "nothing lost"
    assert verdict(5, 1200, 1, 0, 0) == "1,200 lost, 1 heard twice"
    assert verdict(0, 0, 0, 0, 0) == "nothing was said"
