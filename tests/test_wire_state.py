"""A wire or an editor that is written down and put back goes on as if nothing had happened."""

from __future__ import annotations

from itertools import cycle

import msgspec
import pytest
from fuzz.terminal import complete
from hypothesis import given, settings
from hypothesis import strategies as st

from gchatd.wire.lineedit import ERASE, PROMPT, LineEditor
from gchatd.wire.negotiation import Negotiation
from gchatd.wire.telnet import TelnetWire

LIMIT = 64
NAWS, TTYPE, IS_TERMINAL = b"\xff\xfb\x1f", b"\xff\xfb\x18", b"\xff\xfd\x01\xff\xfd\x03"
NAME, SIZE = b"\xff\xfa\x18\0xterm\xff\xf0", b"\xff\xfa\x1f\0\x14\0\x05\xff\xf0"
BEHIND = b"\t\t"  # a Tab uses up the time there is: see MOST_WORK
UP, DOWN, LEFT = b"\x1b[A", b"\x1b[B", b"\x1b[D"


class Served:
    """A wire that is served as the door does it."""

    def __init__(self, wire: TelnetWire | None = None) -> None:
        self.wire = wire or TelnetWire(LIMIT)

    def after(self, *steps) -> Served:
        self.takes(*steps)
        return self

    def takes(self, *steps) -> list:
        """Take what is sent (bytes) or done (words); give all that comes of it."""
        return [self._take(step) for step in steps]

    def _take(self, step) -> tuple:
        wire, editor = self.wire, self.wire.editor
        typed, sent = [], b""
        match step:
            case bytes():
                typed, sent = wire.feed(step, complete)
            case "probe":
                sent = wire.probe()
            case "insist":
                sent = wire.probe(insists=True)
            case "edit" if editor is None:
                typed, sent = wire.edit(LineEditor(LIMIT, 8, 20, 5))
            case "edit no more" if editor is not None:
                sent = wire.edit_no_more()
            case "hear" if editor is not None:
                sent = editor.around(ERASE + b"Bob : hi\r\n" + PROMPT)
            case "resize" if editor is not None:
                sent = editor.resize(12, 3)
            case "go to dev" if editor is not None:
                sent = editor.name_room("dev")
        if wire.negotiation is not None and wire.negotiation.stage == "rich" and wire.editor is None:
            more, shown = wire.edit(LineEditor(LIMIT, 8, wire.negotiation.columns, wire.negotiation.height))
            typed, sent = [*typed, *more], sent + shown
        return comparable(typed), sent, wire.behind, wire.unfinished

    def moved(self) -> Served:
        """One with a wire that stands where this one does."""
        return Served(TelnetWire.restore(as_json(self.wire.state())))


def comparable(typed) -> list:
    return [one if isinstance(one, (str, tuple)) else type(one) for one in typed]


def as_json(state: dict) -> dict:
    return msgspec.json.decode(msgspec.json.encode(state))


def contents(value):
    """All slots of an object, and of those that it holds; of anything else its type and value."""
    slots = [slot for cls in type(value).__mro__ for slot in getattr(cls, "__slots__", ())]
    if not slots or isinstance(value, tuple):
        return type(value), value
    return {f"{type(value).__name__}.{slot}": contents(getattr(value, slot)) for slot in slots}


def unlike(one, other) -> set[str]:
    """The slots in which two objects differ, those of the objects in them included."""
    found = set()
    for slot, held in one.items():
        there = other[slot]
        if isinstance(held, dict) and isinstance(there, dict):
            found |= unlike(held, there)
        elif held != there:
            found.add(slot)
    return found


MOMENTS = {
    "half a line": ([b"hel"], [b"lo\r\n"]),
    "a CR that may be half of an end": ([b"one\r"], [b"\ntwo\n"]),
    "a line too long": ([b"x" * 100], [b"yz\r\nnext\n"]),
    "half of a doubled 255": ([b"\xff"], [b"\xff!\n"]),
    "half of a command": ([b"\xff\xfb"], [b"\x22hi\n"]),
    "half of a subnegotiation": (["probe", NAWS + TTYPE, NAME[:5]], [NAME[5:], b"\xff\xfa\x18\0m\xff\xf0"]),
    "a subnegotiation about to end": ([NAWS, TTYPE, b"\xff\xfa\x18\0a\xff"], [b"\xf0hi\n"]),
    "an option that was refused": ([b"\xff\xfb\x22"], [b"\xff\xfb\x22\xff\xfb\x23"]),
    "a question without an answer": (["probe"], [NAWS]),
    "a terminal that tells its name": (["probe", NAWS + SIZE + TTYPE + NAME], [NAME]),
    "a terminal that was offered to be rich": (["probe", NAWS + TTYPE + NAME * 2, b"\xff\xfd\x01"], [b"\xff\xfd\x03"]),
    "a simple terminal whose user insists": (["insist", NAWS], [TTYPE, NAME.replace(b"xterm", b"dumb") * 2]),
    "options that are on": (["insist", NAWS, b"\xff\xfd\x2a\xff\xfb\x2a"], [b"\xff\xfb\x2a\xff\xfe\x2a"]),
    "lines that an editor had no time for": (
        ["edit", BEHIND + b"one\rtwo\r\n", "edit no more"],
        [b"", b"three\n"],
    ),
    "a cursor within the line": (["edit", b"hello" + LEFT * 2], [b"X", "hear", b"\x05\r"]),
    "half a character": (["edit", "さ".encode()[:2]], ["さ".encode()[2:] + b"\r"]),
    "half an escape sequence": (["edit", b"ab\x1b["], [b"Dc\r"]),
    "a CR that may be half of an Enter": (["edit", b"a\r"], [b"\nb\r"]),
    "half of a paste": (["edit", b"\x1b[200~one\rtw"], [b"o\x1b[201~", b"\r"]),
    "a message with room for few lines": (["edit", b"1\r"], [b"\x1b[200~1\r2\r3\r4\r5\r6\r7\r8\r9\x1b[201~"]),
    "an Enter that was asked about": (["edit", b"\x1b[200~1\r2\r3\r4\x1b[201~\r"], [b"\r"]),
    "the first of two Tabs": (["edit", b"al\t"], [b"\t"]),
    "lines one can go back to": (["edit", b"one\rtwo\rdra" + UP * 2], ["hear", DOWN, DOWN, b"\r"]),
    "what was killed": (["edit", b"one two\x17"], [b"\x19\x19"]),
    "Tabs that may still be looked up": (["edit", b"al\t" * 6], [b""] * 6),
    "characters that may still be sent": (["edit", b"x" * 40 + BEHIND + b"\r" + (UP + b"\r") * 9], [b""] * 3),
    "a Ctrl-C that was told of": (["edit", b"\x03" + BEHIND + b"\x03\x03"], [b""] * 3),
    "a screen to be wiped": (["edit", b"hi\x0c" + BEHIND + b"\x05"], [b""] * 3),
    "the name of a room": (["edit", "go to dev", b"hi"], [b"!", b"?" * 15, "hear", b"\x15", "hear", b"/x\r"]),
    "a line of several rows": (["edit", b"some words that take rows"], [b"!" * 12, "hear", b"\x01", "hear"]),
    "a line whose window changed": (["edit", b"some words that take rows", "resize"], [b"!", "hear"]),
}
"""What a client does before its wire is moved, and what then shows whether anything was lost."""


@pytest.mark.parametrize(("before", "later"), MOMENTS.values(), ids=MOMENTS.keys())
def test_a_wire_that_is_moved_at_this_moment_goes_on_just_so(before, later):
    stayed = Served().after(*before)
    moved = stayed.moved()
    assert contents(moved.wire) == contents(stayed.wire)
    expected = stayed.takes(*later)
    assert moved.takes(*later) == expected
    assert contents(moved.wire) == contents(stayed.wire)
    assert any(typed or sent for typed, sent, _, _ in expected)


def test_every_slot_that_there_is_has_something_to_lose_at_one_of_these_moments():
    """Who adds a slot adds such a moment; it is then compared like all others."""
    fresh = TelnetWire(1, negotiation=Negotiation(), editor=LineEditor(1))
    seen = {"LineEditor._line"}  # what differs is in it
    for before, _ in MOMENTS.values():
        seen |= unlike(contents(Served().after(*before).wire), contents(fresh))
    assert seen == slots_of(contents(fresh))


def slots_of(held) -> set[str]:
    return {*held, *(slot for one in held.values() if isinstance(one, dict) for slot in slots_of(one))}


PIECES = [
    *[b"hello", b"\r", b"\n", b"\0", b"\x7f", b"\x03", b"\x0c", b"\t", BEHIND, b"al", b"\x15", b"\x17", b"\x19", b"/x"],
    *[UP, DOWN, LEFT, b"\x1b[200~", b"\x1b[201~", b"\x1b", "さく".encode(), b"\xf0\x9f", b"x" * 70],
    *[b"\xff", b"\xff\xfa", b"\xff\xf0", b"\xff\xf6", b"\xff\xfb\x22", b"\xff\xfd\x2a", b"\xff\xfe\x01"],
    *[NAWS, TTYPE, IS_TERMINAL, NAME, SIZE, NAWS + TTYPE + NAME + NAME + IS_TERMINAL],
]
WORDS = ["probe", "insist", "edit", "edit no more", "hear", "resize", "go to dev"]
streams = st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=30).map(b"".join)
deeds = st.lists(st.sampled_from(WORDS) | st.integers(1, 40), min_size=1, max_size=12)


def cut(data: bytes, deeds: list) -> list:
    """What is sent, in pieces of so many bytes, with what is done between them."""
    steps, turn = [], cycle([*deeds, 7])
    while data:
        deed = next(turn)
        steps.append(deed if isinstance(deed, str) else data[:deed])
        data = data if isinstance(deed, str) else data[deed:]
    return steps


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([None, *WORDS[:3]]), streams, deeds, st.integers(0, 60))
def test_a_wire_that_is_moved_goes_on_as_one_that_stays(first, data, deeds, when):
    steps = [first, *cut(data, deeds)]
    when %= len(steps) + 1
    stays = Served().after(*steps[:when])
    state = stays.wire.state()
    expected = stays.takes(*steps[when:])
    moved = Served(TelnetWire.restore(as_json(state)))  # as it was then
    assert moved.takes(*steps[when:]) == expected
    assert contents(moved.wire) == contents(stays.wire)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([None, *WORDS[:3]]), streams)
def test_a_wire_that_is_moved_after_every_byte_goes_on_as_one_that_stays(first, data):
    stays = Served().after(first)
    moves = Served().after(first)
    for at in range(len(data)):
        moves = moves.moved()
        assert moves.takes(data[at : at + 1]) == stays.takes(data[at : at + 1])
    assert contents(moves.wire) == contents(stays.wire)


@settings(max_examples=100, deadline=None)
@given(streams, st.integers(0, 200))
def test_an_editor_that_is_moved_goes_on_as_one_that_stays(data, when):
    when %= len(data) + 1
    stays = LineEditor(LIMIT, 8, 20, 5)
    stays.feed(data[:when], complete)
    moved = LineEditor.restore(as_json(stays.state()))
    for piece in (data[when:], b"", b""):
        (typed, screen), (expected, shown) = moved.feed(piece, complete), stays.feed(piece, complete)
        assert (comparable(typed), screen) == (comparable(expected), shown)
    assert contents(moved) == contents(stays)


def test_a_state_is_of_its_moment_and_holds_nothing_that_changes():
    wire = Served().after("edit", b"\x1b[200~one").wire
    state = wire.state()
    wire.feed(b"two")
    assert TelnetWire.restore(state).feed(b"\x1b[201~\r")[0] == ["one"]
    wire.restore(state).feed(b"three")
    assert TelnetWire.restore(state).feed(b"\x1b[201~\r")[0] == ["one"]


def test_the_state_of_another_version_is_understood_as_far_as_it_goes():
    assert contents(TelnetWire.restore({"limit": LIMIT, "one_day": 1})) == contents(TelnetWire(LIMIT))
    editor = LineEditor.restore({"limit": LIMIT, "_line": {"text": "hi", "at": 2}})
    assert editor.feed(b"!\r")[0] == ["hi!"]


def test_what_is_no_state_is_not_restored():
    for state in ({}, {"limit": "many"}, {"limit": 1, "_partial": 5}, {"limit": 1, "editor": {"limit": None}}):
        with pytest.raises(msgspec.ValidationError):
            TelnetWire.restore(state)


def test_a_wire_can_be_a_field_of_a_record():
    class Connection(msgspec.Struct):
        wire: TelnetWire

    sent = msgspec.json.encode(Connection(Served().after("edit", b"hel").wire))
    assert msgspec.json.decode(sent, type=Connection).wire.feed(b"lo\r")[0] == ["hello"]
