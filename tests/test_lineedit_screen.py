"""The screen of the line editor: the line below what others say, on as many rows as it needs."""

from __future__ import annotations

import pytest
from editing import LEFT, RIGHT, UP, Screen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gchatd.wire.keys import CTRL_L
from gchatd.wire.lineedit import END, ERASE, MOST_WORK, Interrupt


@pytest.fixture
def screen():
    return Screen()


def test_what_is_said_goes_from_the_screen_and_a_command_stays(screen):
    screen.types(b"hello\r")
    screen.shows([], "", 0)
    screen.types(b"/who\r/he")
    screen.shows(["> /who"], "/he", 3)
    assert screen.typed == ["hello", "/who"]


def test_what_was_on_its_way_when_a_client_became_a_terminal_finds_its_place(screen):
    screen.types(b"half")
    screen.stream.feed(screen.editor.around(b"Bob : hi\r\n"))
    screen.shows(["Bob : hi"], "half", 4)


def test_what_is_typed_is_wrapped_at_words():
    screen = Screen(20)
    screen.types(b"some words that are longer than a row")
    assert screen.rows()[:3] == ["> some words that", "are longer than a", "row"]
    screen.types(LEFT * 6)
    screen.shows([], "some words that are longer than a row", 31)
    screen.types(b"\x05\r/a command of some words too\r")
    assert screen.rows()[:3] == ["> /a command of", "some words too", ">"]


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


def test_ctrl_l_wipes_the_screen_but_the_line(screen):
    screen.hears("above")
    screen.types(b"hello\x0c")
    assert screen.rows()[0] == "> hello"
    assert not any(screen.rows()[1:])


def test_the_last_thing_the_server_says_leaves_an_empty_row(screen):
    screen.types(b"half a line")
    screen.stream.feed(screen.editor.around(ERASE + b"server: The server is shutting down.\r\n" + END))
    assert screen.rows()[:2] == ["server: The server is shutting down.", ""]
    assert (screen.screen.cursor.y, screen.screen.cursor.x) == (1, 0)


# What there was no time for yet.


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


# Whatever is pressed and heard.


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
