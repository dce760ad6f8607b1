"""What people who read one format are sent of a turn, and what is cut out of it for those who need something else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gchatd.delivery.share import Share


class Frame:
    """A format that counts how often it is asked."""

    def __init__(self) -> None:
        self.framed = self.measured = 0

    def frame(self, data: bytes, alert: bool = False) -> bytes:
        self.framed += 1
        return b"<" + data + (b"!>" if alert else b">")

    def width(self, data: bytes) -> int:
        self.measured += 1
        return len(data)


@pytest.fixture
def share():
    """What was heard of the third, fifth, sixth and ninth event of a turn; of the sixth, nothing is seen."""
    return Share(Frame(), [2, 4, 5, 8], [b"two ", b"four ", b"", b"eight "])


def test_most_people_are_sent_the_same_object_which_is_made_once(share):
    assert share.framed == b"<two four eight !>"
    assert share.framed is share.framed
    assert share.width == share.width == len(b"two four eight ")
    assert (share.format.framed, share.format.measured) == (1, 1)


def test_an_event_is_found_by_its_index_in_the_turn(share):
    assert [share.index(event) for event in range(10)] == [None, None, 0, None, 1, 2, None, None, 3, None]


def test_each_event_has_the_format_of_its_room_if_there_are_several(share):
    assert [share.format_of(index) for index in range(4)] == [share.format] * 4
    mixed = Share("here", [0, 1], [b"x", b"y"], ["here", "there"])
    assert [mixed.format_of(index) for index in (0, 1)] == ["here", "there"]


@pytest.mark.parametrize(
    ("first", "instead", "besides", "heard"),
    [
        (0, {}, [], b"two four eight "),
        (1, {}, [], b"four eight "),
        (3, {}, [], b"eight "),
        (4, {}, [], b""),
        (0, {0: b"", 3: b"EIGHT "}, [], b"four EIGHT "),
        (0, {2: b"five "}, [], b"two four five eight "),
        (1, {0: b"TWO ", 1: b"FOUR "}, [], b"FOUR eight "),
        (0, {}, [(0, b"zero "), (9, b"nine "), (7, b"seven ")], b"zero two four seven eight nine "),
        (0, {}, [(4.5, b"hi "), (3, b"three "), (3.5, b"ho ")], b"two three ho four hi eight "),
        (2, {3: b"EIGHT "}, [(7, b"seven "), (0, b"zero ")], b"zero seven EIGHT "),
        (4, {}, [(8.5, b"hi "), (9, b"nine ")], b"hi nine "),
        (0, {1: b""}, [(3, b"three "), (4.5, b"hi ")], b"two three hi eight "),
    ],
)
def test_what_one_person_hears_is_cut_out(share, first, instead, besides, heard):
    assert share.cut(first, instead, besides) == heard
    assert share.cut(first, instead, besides) == heard  # the second time, it is known where the cuts are
    assert share.data == b"two four eight "


def test_of_nothing_only_what_comes_besides_is_heard():
    assert Share(Frame(), (), ()).cut(0, {}, []) == b""
    assert Share(Frame(), (), ()).cut(0, {}, [(5, b"five "), (0.5, b"hi ")]) == b"hi five "


KINDS = st.sampled_from(["besides", "heard", "heard", "unseen", "own", "hidden"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.integers(0, 12), KINDS), st.integers(0, 8))
def test_a_cut_is_what_is_left_when_one_goes_from_event_to_event(kinds, first):
    events = sorted(event for event, kind in kinds.items() if kind != "besides")
    first = min(first, len(events))
    share = Share(Frame(), events, [b"" if kinds[event] == "unseen" else b"(%d)" % event for event in events])
    own = {n: b"own" * (kinds[event] == "own") for n, event in enumerate(events) if kinds[event] in ("own", "hidden")}
    besides = [(event, b"[%d]" % event) for event, kind in kinds.items() if kind == "besides"]
    expected = b""
    for event, kind in sorted(kinds.items()):
        if kind == "besides":
            expected += b"[%d]" % event
        elif events.index(event) >= first:
            expected += {"heard": b"(%d)" % event, "own": b"own"}.get(kind, b"")
    assert share.cut(first, own, besides) == expected
