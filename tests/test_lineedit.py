"""The line editor, without a telnet: keys in, a screen and finished lines out."""

from __future__ import annotations

import pyte
import pytest
from fuzz.terminal import check
from hypothesis import example, given, settings
from hypothesis import strategies as st
from terminal import laid_out

from gchatd.wire import keys as all_keys
from gchatd.wire.keys import CR, CTRL_D, CTRL_L, CTRL_Y, EDITS, KEYS_HELP, LF, TAB
from gchatd.wire.linebuffer import MOST_PASSED
from gchatd.wire.lineedit import (
    END,
    ERASE,
    MOST_WORK,
    PROMPT,
    Ask,
    Candidates,
    Completions,
    Interrupt,
    LineEditor,
    Quit,
    TooMuch,
)
from gchatd.wire.telnet import TelnetWire

LEFT, RIGHT, UP, DOWN = b"\x1b[D", b"\x1b[C", b"\x1b[A", b"\x1b[B"


class Screen:
    """An editor, and a screen that shows what it gives."""

    def __init__(self, columns: int = 80, rows: int = 24, limit: int = 1000, most_lines: int = 100) -> None:
        self.editor = LineEditor(limit, most_lines, columns, rows)
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.stream.feed(self.editor.begin())
        self.typed: list = []

    def types(self, *keys: bytes, complete=None) -> None:
        for key in keys:
            typed, shown = self.editor.feed(key, complete)
            self.typed += typed
            self.stream.feed(shown)

    def hears(self, line: str) -> None:
        self.stream.feed(self.editor.around(ERASE + line.encode() + b"\r\n" + PROMPT))

    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display]

    def shows(self, above: list[str], text: str, at: int, prompt: str = "> ") -> None:
        """The screen has these rows last, then the line with the cursor in its place, then nothing."""
        rows, y, x = laid_out(text, at, self.screen.columns, prompt)
        expected = [*above, *(row.rstrip() for row in rows)]
        most = self.screen.lines
        shown = self.rows()
        end = self.screen.cursor.y - y + len(rows)
        assert not any(shown[end:])
        assert shown[max(0, end - len(expected)) : end] == expected[-min(len(expected), end) :]
        assert (self.screen.cursor.y, self.screen.cursor.x) == (end - len(rows) + y, x)
        assert end <= most


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


def test_what_is_said_goes_from_the_screen_and_a_command_stays(screen):
    screen.types(b"hello\r")
    screen.shows([], "", 0)
    screen.types(b"/who\r/he")
    screen.shows(["> /who"], "/he", 3)
    assert screen.typed == ["hello", "/who"]


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


def names(before: str) -> Completions:
    start = before.rfind(" ") + 1
    found = [
        name
        for name in ("Alice: ", "alina: ", "Bob: ")
        if before[start:] and name.casefold().startswith(before[start:])
    ]
    return Completions.of(start, found)


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


def test_a_line_that_is_higher_than_the_window_shows_the_rows_around_the_cursor():
    screen = Screen(20, 4)
    screen.hears("above")
    screen.types(b"".join(b"%03d " % number for number in range(40)))
    assert screen.rows()[-1].endswith("039")
    screen.types(b"\x01")
    assert screen.rows()[-3].startswith("> 000 ")
    screen.hears("more")
    screen.types(b"\x15")
    screen.types(b"\x05\x15")
    screen.shows(["more"], "", 0)


def test_the_same_line_over_and_over_is_not_sent_with_two_keys_each():
    editor = LineEditor(1000)
    editor.feed(b"x" * 900 + b"\r")
    typed, _ = editor.feed(b"\x10\r" * 500)
    assert 1 <= len(typed) <= 2


def test_ctrl_c_gets_one_out_of_a_paste_without_an_end(screen):
    screen.types(b"a\x1b[200~lost", b"\x03b")
    assert screen.editor.text == "ab"


def test_a_completion_that_does_not_fit_leaves_the_word():
    screen = Screen(limit=8)
    screen.types(b"xxxx b\t", complete=names)
    assert screen.editor.text == "xxxx b"


def test_what_was_on_its_way_when_a_client_became_a_terminal_finds_its_place(screen):
    screen.types(b"half")
    screen.stream.feed(screen.editor.around(b"Bob : hi\r\n"))
    screen.shows(["Bob : hi"], "half", 4)


def test_ctrl_l_wipes_the_screen_but_the_line(screen):
    screen.hears("above")
    screen.types(b"hello\x0c")
    assert screen.rows()[0] == "> hello"
    assert not any(screen.rows()[1:])


KEYS = {
    "text": st.sampled_from(["a", "b c", "さく", "é", "word ", "e\u0301", "👩", "longer than the others are, by far"]),
    "key": st.sampled_from(["left", "right", "home", "end", "back", "delete", "clear", "up"]),
}
BYTES = {
    "left": LEFT, "right": RIGHT, "home": b"\x01", "end": b"\x05", "back": b"\x7f", "delete": b"\x04", "clear": b"\x03",
    "up": UP,
}  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([(80, 24), (40, 10), (13, 30)]),
    st.lists(
        st.tuples(st.just("text"), KEYS["text"])
        | st.tuples(st.just("key"), KEYS["key"])
        | st.tuples(st.just("hear"), st.integers(0, 99))
        | st.tuples(st.just("enter"), st.just(0)),
        max_size=40,
    ),
)
@example(
    (13, 30),
    [("text", "longer than the others are, by far"), ("key", "home"), ("hear", 1), ("text", "さく"), ("hear", 2)],
)
def test_editor_and_screen_agree_with_a_simple_model(size, steps):  # noqa: C901
    """Whatever is pressed and heard, the screen shows what was heard, in order, and then the line and the cursor."""
    screen = Screen(*size)
    text, at = [], 0  # the line, a character with its marks an item
    above, said = [], []
    for kind, what in steps:
        if kind == "text":
            if len(text) > 60:
                continue
            screen.types(what.encode())
            parts = [what] if what == "e\u0301" else list(what)
            text[at:at] = parts
            at += len(parts)
        elif kind == "hear":
            screen.hears(f"Bob {what}")
            above.append(f"Bob {what}")
        elif kind == "enter":
            screen.types(b"\r")
            said.append("".join(text) if "".join(text).strip() else "")
            text, at = [], 0
        elif what == "delete" and not text:
            continue  # that is quitting
        elif what == "up":
            continue
        else:
            screen.types(BYTES[what])
            if what in ("back", "delete"):
                gone = at - 1 if what == "back" else at
                if 0 <= gone < len(text):
                    del text[gone]
                    at -= what == "back"
            elif what == "clear":
                text, at = [], 0
            else:
                at = {"left": max(0, at - 1), "right": min(len(text), at + 1), "home": 0, "end": len(text)}[what]
        line, before = "".join(text), "".join(text[:at])
        assert screen.editor.text == line
        if "e\u0301" not in line:  # the emulator makes one character of it
            screen.shows(above, line, len(before))
    assert [one for one in screen.typed if not isinstance(one, Interrupt)] == said


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


def paste(text: str) -> bytes:
    return b"\x1b[200~" + text.encode() + b"\x1b[201~"


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


def test_others_lines_find_room_above_a_line_whose_removal_is_not_shown_yet():
    screen = Screen(20)
    screen.types(b"a line that takes three rows of a window")
    screen.types(b"\x15" + b"\x05" * MOST_WORK)
    assert screen.editor.behind
    assert not screen.editor.text
    assert screen.editor.stands
    screen.hears("Bob : hello")
    while screen.editor.behind:
        screen.types(b"")
    screen.shows(["Bob : hello"], "", 0)
    assert not screen.editor.stands
    assert not any(screen.rows()[2:])


def test_ctrl_l_wipes_the_screen_also_where_there_was_no_time_for_what_follows(screen):
    screen.hears("Bob : hello")
    screen.types(CTRL_L.encode() + b"\x05" * MOST_WORK)
    while screen.editor.behind:
        screen.types(b"")
    assert not any(row for row in screen.rows() if "hello" in row)


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


def test_a_fast_paste_without_marks_is_done_at_once():
    editor = LineEditor(8192)
    data = b"".join(b"line number %d of a file\r" % number for number in range(200))[:4096]
    typed, _ = editor.feed(data)
    assert not editor.behind
    assert len(typed) == data.count(b"\r")


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


def test_ctrl_c_on_an_empty_line_wants_to_know_how_to_leave(screen):
    screen.types(b"a\x03\x03\x03", b"\x03")
    assert [type(one) for one in screen.typed] == [Interrupt, Interrupt]  # once for a piece of input


# The prompt.


def test_the_prompt_names_the_room(screen):
    screen.stream.feed(screen.editor.name_room("dev"))
    screen.types(b"hello")
    screen.shows([], "hello", 5, "dev> ")
    screen.hears("Bob : hi")
    screen.shows(["Bob : hi"], "hello", 5, "dev> ")
    screen.types(b"\x15")
    screen.hears("Bob : ho")
    screen.shows(["Bob : hi", "Bob : ho"], "", 0, "dev> ")
    screen.types(b"/go lobby\r")
    screen.stream.feed(screen.editor.name_room(""))
    screen.shows(["Bob : hi", "Bob : ho", "dev> /go lobby"], "", 0)


@pytest.mark.parametrize(
    ("columns", "room", "prompt"),
    [
        (80, "さくら", "さくら> "),
        (80, "a-room-with-a-long-name", "a-room-with-a-lon…> "),
        (80, "さくらさくらさくらさくら", "さくらさくらさく…> "),
        (20, "a-room-with", "a-room-…> "),
        (10, "さくら", "さ…> "),
    ],
)
def test_a_prompt_has_twenty_columns_at_most_and_half_of_the_window(columns, room, prompt):
    screen = Screen(columns)
    screen.stream.feed(screen.editor.name_room(room))
    for number in range(5):
        screen.types(b"word")
        screen.shows([], "word" * (number + 1), 4 * number + 4, prompt)
    screen.types(b"\x01")
    screen.shows([], "word" * 5, 0, prompt)


def test_what_is_typed_is_wrapped_at_words():
    screen = Screen(20)
    screen.types(b"some words that are longer than a row")
    assert screen.rows()[:3] == ["> some words that", "are longer than a", "row"]
    screen.types(LEFT * 6)
    screen.shows([], "some words that are longer than a row", 31)
    screen.types(b"\x05\r/a command of some words too\r")
    assert screen.rows()[:3] == ["> /a command of", "some words too", ">"]


def test_the_last_thing_the_server_says_leaves_an_empty_row(screen):
    screen.types(b"half a line")
    screen.stream.feed(screen.editor.around(ERASE + b"server: The server is shutting down.\r\n" + END))
    assert screen.rows()[:2] == ["server: The server is shutting down.", ""]
    assert (screen.screen.cursor.y, screen.screen.cursor.x) == (1, 0)


def test_every_key_is_in_the_list_of_keys():
    listed = [sent for _, _, all_sent in all_keys.KEYS for sent in all_sent]
    assert len(listed) == len(set(listed))
    assert {*EDITS, CR, LF, TAB, CTRL_D, CTRL_L, CTRL_Y} == set(listed)
    assert all(len(keys) <= 20 and len(what) <= 50 for keys, what in KEYS_HELP)
