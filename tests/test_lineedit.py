"""The keys of the line editor, without a telnet: keys in, finished lines out."""

from __future__ import annotations

import pytest
from editing import DOWN, LEFT, UP, Screen, names, paste
from fuzz.terminal import check
from hypothesis import given, settings
from hypothesis import strategies as st

from gchatd.wire import keys as all_keys
from gchatd.wire.keys import CR, CTRL_D, CTRL_L, CTRL_Y, EDITS, KEYS_HELP, LF, TAB
from gchatd.wire.linebuffer import MOST_PASSED
from gchatd.wire.lineedit import MOST_WORK, Ask, Candidates, Completions, Interrupt, LineEditor, Quit, TooMuch
from gchatd.wire.telnet import TelnetWire


@pytest.fixture
def screen():
    return Screen()


@pytest.mark.parametrize(
    ("keys", "text", "at"),
    [
        (b"hello", "hello", 5),
        (b"hello" + LEFT + LEFT + b"X", "helXlo", 4),
        (b"helo" + b"\x02" + b"l" + b"\x06" + b"!", "hello!", 6),
        (b"hello\x7f\x08p", "help", 4),
        (b"ab\x01c\x05d", "cabd", 4),
        (b"ab\x1b[Hc\x1b[Fd\x1b[1~e\x1b[4~f\x1bOHg\x1bOFh", "gecabdfh", 8),
        (b"abc\x01\x1b[3~\x04", "c", 0),
        (b"one two  three\x17\x17x", "one x", 5),
        (b"one two\x01\x0b\x19\x19", "one twoone two", 14),
        (b"one two\x15x\x19", "xone two", 8),
        (b"one two\x1b[1;5D\x1bbX\x1bfY\x1b[1;5C!", "XoneY two!", 10),
        (b"one-two\x1b\x7f\x1b[D\x1b[D\x1b[D\x1bd", "o-", 1),
        (b"gone\x03back", "back", 4),
        ("e\u0301a\u0301".encode() + LEFT + b"\x7f", "a\u0301", 0),
        ("👩\u200d👩\u200d👧".encode() + LEFT + b"x", "x👩\u200d👩\u200d👧", 1),
        (b"\x1b[99;99R\x1b[Zok\x1bOPx", "okx", 3),
        ("naïve \xe9".encode()[:-2] + b"\xe9\xff!", "naïve éÿ!", 9),
        (b"a\x00b\x1cc", "abc", 3),
        ("a\u202eb\u009bc\u2028".encode(), "ab", 2),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_keys_do_what_they_do_elsewhere(keys, text, at, whole):
    screen = Screen()
    screen.types(*([keys] if whole else [keys[at : at + 1] for at in range(len(keys))]))
    if not whole and "\u202e" in keys.decode("latin-1") + keys.decode(errors="replace"):
        text, at = "abc", 3  # the end of a sequence that no longer has a beginning
    assert (screen.editor.text, screen.editor._line.at) == (text, at)


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\0"])
def test_enter_comes_in_four_ways(screen, end):
    screen.types(b"one" + end + b"two" + end)
    assert screen.typed == ["one", "two"]
    screen.shows([], "", 0)


def test_arrows_bring_back_ones_own_lines(screen):
    screen.types(b"one\rtwo\rtwo\r", b"dra", UP)
    screen.shows([], "two", 3)
    screen.types(UP, UP)
    screen.shows([], "one", 3)
    screen.types(DOWN, DOWN, DOWN)
    screen.shows([], "dra", 3)
    screen.types(UP, UP, b"!\r")
    assert screen.typed[-1] == "one!"


def test_ctrl_d_quits_on_an_empty_line_only(screen):
    screen.types(b"a\x04\x01\x04")
    assert (screen.typed, screen.editor.text) == ([], "")
    screen.types(b"\x04")
    assert isinstance(screen.typed[0], Quit)


def test_ctrl_c_on_an_empty_line_wants_to_know_how_to_leave(screen):
    screen.types(b"a\x03\x03\x03", b"\x03")
    assert [type(one) for one in screen.typed] == [Interrupt, Interrupt]  # once for a piece of input


def test_tab_completes_and_shows_what_there_is_at_the_second_press(screen):
    screen.types(b"b\t", complete=names)
    screen.shows([], "Bob: ", 5)
    screen.types(b"\x15a\t", complete=names)
    screen.shows([], "Ali", 3)
    screen.types(b"\x15ali\t", complete=names)
    assert screen.typed == []
    screen.types(b"\t", complete=names)
    assert screen.typed == [Candidates(["Alice: ", "alina: "], 2)]
    screen.types(b"n\t", complete=names)
    assert screen.editor.text == "alina: "
    assert screen.editor.feed(b"x\t", names)[1].count(b"\a") == 1


def test_a_completion_that_does_not_fit_leaves_the_word():
    screen = Screen(limit=8)
    screen.types(b"xxxx b\t", complete=names)
    assert screen.editor.text == "xxxx b"


# Pasting, and what is too long.


def test_what_is_pasted_is_one_message_of_several_lines(screen):
    screen.types(b"\x1b[200~one\r\0two\r\nthree\r\x1b[2", b"01~")
    screen.shows([], "one↵two↵three", 13)
    screen.types(b"\r")
    assert screen.typed == ["one\ntwo\nthree"]


def test_many_pasted_lines_are_asked_about_first(screen):
    screen.types(b"\x1b[200~1\n2\n3\n4\x1b[201~\r")
    assert screen.typed == [Ask(4)]
    screen.types(b"\r")
    assert screen.typed == [Ask(4), "1\n2\n3\n4"]
    screen.types(b"\x1b[200~1\n2\n3\n4\x1b[201~\r\x03\r")
    assert screen.typed[2:] == [Ask(4), ""]


def test_what_is_pasted_is_cleaned_and_keys_in_it_are_text_only(screen):
    screen.types(b"\x1b[200~a\x1b[31mb\x03\x17c\td\x1b[201~")
    screen.shows([], "abc d", 5)


@pytest.mark.parametrize("pasted", [b"x" * 1001, b"x" * 50_000, b"1\n" * 101])
def test_too_much_is_not_pasted(screen, pasted):
    screen.types(b"mine \x1b[200~", *(pasted[at : at + 4096] for at in range(0, len(pasted), 4096)), b"\x1b[201~!")
    assert screen.typed == [TooMuch(1000, 100)]
    screen.shows([], "mine !", 6)


def test_no_line_gets_longer_than_a_message_may_be(screen):
    screen.types(b"x" * 600, b"\x15\x19\x19\x19", b"y" * 500)
    assert screen.editor.text == "x" * 600
    assert b"\a" in screen.editor.feed("é".encode() * 300)[1]


def test_ctrl_c_gets_one_out_of_a_paste_without_an_end(screen):
    screen.types(b"a\x1b[200~lost", b"\x03b")
    assert screen.editor.text == "ab"


def test_a_fast_paste_without_marks_is_done_at_once():
    editor = LineEditor(8192)
    data = b"".join(b"line number %d of a file\r" % number for number in range(200))[:4096]
    typed, _ = editor.feed(data)
    assert not editor.behind
    assert len(typed) == data.count(b"\r")


def test_the_same_line_over_and_over_is_not_sent_with_two_keys_each():
    editor = LineEditor(1000)
    editor.feed(b"x" * 900 + b"\r")
    typed, _ = editor.feed(b"\x10\r" * 500)
    assert 1 <= len(typed) <= 2


# What there is no time for.


LONG = {
    "word": "w" * 2000,
    "dots": "a" + "." * 2000,
    "kana": "語" * 700,
    "joined": "a" + "\u200d" * 700,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
@pytest.mark.parametrize(
    "keys",
    [
        *[
            b"\x1bb\x05",
            b"\x1bf\x01",
            b"\x17\x19",
            b"\x1b\x7f\x19",
            b"\x01\x1bd\x19",
            b"\x15\x19",
            b"\x02\x05",
            b"\x02",
        ],
        *[
            b"a\x02",
            b"\x7f",
            b"\x01\x04",
            b"\x10\x0e",
            b"\x10\r",
            b"\x03\x10",
            b"\t",
            b"\x0c",
            b"\x1b[",
            b"\x1b",
            paste("x"),
        ],
    ],
)
def test_a_piece_of_the_worst_keys_is_worked_off_in_small_steps_and_nothing_of_it_is_lost(text, keys):
    """The work is counted, not the time: so many characters are looked at or copied at a time."""
    editor, patient = LineEditor(8192), LineEditor(8192)
    for one in (editor, patient):
        one.feed(paste(text) + b"\r" + paste(text))
    data = keys * (1024 // len(keys))
    typed, steps = editor.feed(data, lambda before: Completions.of(0, []))[0], 1
    while editor.behind:
        assert editor._line.work <= 2 * MOST_WORK
        typed += editor.feed(b"", lambda before: Completions.of(0, []))[0]
        steps += 1
    assert steps < 1000
    for at in range(0, len(data), 16 * len(keys)):  # so little at a time that it is hardly ever behind
        patient.feed(data[at : at + 16 * len(keys)], lambda before: Completions.of(0, []))
        while patient.behind:
            patient.feed(b"")
    if keys != b"\x10\r":  # the same line over and over: what is sent of that is limited by the piece
        assert (editor.text, editor._line.at) == (patient.text, patient._line.at)


def test_moving_by_a_word_looks_at_no_more_than_it_passes():
    editor = LineEditor(8192)
    editor.feed(paste("w" * 8000 + " end"))
    editor.feed(b"\x1bb")
    near = editor._line.work
    editor.feed(b"\x1bb")
    assert near < 100
    assert editor._line.work < 1000
    assert editor._line.at == 8001 - MOST_PASSED
    editor.feed(b"\x1bf")
    assert editor._line.at == 8000


def test_what_there_was_no_time_for_is_read_as_lines_where_the_terminal_becomes_plain():
    wire = TelnetWire(20_000)
    wire.edit(LineEditor(8192))
    wire.feed(paste("w" * 8000))
    typed, _ = wire.feed(b"\x1bb\x05" * 100 + b"\x15one\rtwo\r\n")
    assert (typed, wire.behind) == ([], True)
    wire.edit_no_more()
    lines = []
    while wire.behind:
        lines += wire.feed(b"")[0]
    assert lines[-1].endswith("two")


def test_tab_looks_at_each_name_once_and_keeps_a_thousand():
    found = Completions.of(0, (f"Room{number} " for number in range(10_000)))
    assert (len(found.words), found.total, found.common) == (1000, 10_000, "room")
    screen = Screen()
    asked = []

    def complete(before: str) -> Completions:
        asked.append(before)
        return found

    screen.types(b"ro\t" + b"\t" * 200, complete=complete)
    while screen.editor.behind:
        screen.types(b"", complete=complete)
    assert asked == ["ro", "Room", "Room", "Room"]
    assert screen.typed == [Candidates(found.words, 10_000)]


# All keys, and anything else.


def test_every_key_is_in_the_list_of_keys():
    listed = [sent for _, _, all_sent in all_keys.KEYS for sent in all_sent]
    assert len(listed) == len(set(listed))
    assert {*EDITS, CR, LF, TAB, CTRL_D, CTRL_L, CTRL_Y} == set(listed)
    assert all(len(keys) <= 20 and len(what) <= 50 for keys, what in KEYS_HELP)


PIECES = [
    *[b"\x1b[200~", b"\x1b[201~", b"\x1b[A", b"\x19", b"\x15", b"\r", b"\t", b"a", "さ".encode(), b"\x1b", b"\x1b["],
    *[b"\xff\xfb\x1f", b"\xff\xfd\x01", b"\xff\xfd\x03", b"\xff\xfe\x01", b"\xff\xfb\x18", b"\xf0\x9f"],
    b"\xff\xfa\x18\0x\xff\xf0",
]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join))
def test_nothing_that_is_sent_breaks_it(data):
    check(data)
    check(b"\xff" + data)
