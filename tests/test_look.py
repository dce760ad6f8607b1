"""How things look, without a terminal."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from gchatd.chat.events import Deleted, Departed, Edited, Invited, Joined, Left, NotSent, Renamed, Said, Told, TopicSet
from gchatd.doors.terminal.look import COLOURS, Look, _colour, wrapped_at
from gchatd.errors import NotATimeError
from gchatd.text import times

AT = int(datetime(2026, 11, 22, 23, 30, 5, tzinfo=UTC).timestamp() * 1000)


def said(text: str, action: bool = False) -> Said:
    return Said(room="lobby", name="Bob", text=text, action=action, at=AT)


@pytest.mark.parametrize(
    ("look", "event", "shown"),
    [
        (Look(), said("hello"), "Bob : hello"),
        (Look(), said("waves", True), "* Bob waves"),
        (Look(), said("one\ntwo"), "Bob : one\r\n    two"),
        (Look(reader=True), said("one\ntwo"), "Bob : one two"),
        (Look(time="hh:mm"), said("hello"), "23:30 Bob : hello"),
        (Look(time="full"), said("hello"), "2026-11-22 23:30:05 Bob : hello"),
        (Look(time="full", offset=120), said("hello"), "2026-11-23 01:30:05 Bob : hello"),
        (Look(time="hh:mm", offset=-210), said("hello"), "20:00 Bob : hello"),
        (Look(theme="contrast"), said("hello"), "\x1b[1mBob\x1b[0m : hello"),
        (Look(), NotSent(room="lobby", name="Bob", why="the disk is full"), "server: Not sent: the disk is full."),
        (Look(notices=True), Departed(name="Bob", words="bye"), "server: Bob left: bye"),
        (Look(notices=True), Departed(name="Bob"), "server: Bob left."),
        (Look(notices=True), Renamed(name="Bob", to="Rob"), "server: Bob is now Rob."),
        (Look(notices=True), Joined(room="dev", name="Bob"), "server: Bob joined dev."),
        (Look(notices=True), Left(room="dev", name="Bob"), "server: Bob left dev."),
        (Look().elsewhere, said("hello"), "[lobby] Bob : hello"),
        (Look(time="hh:mm").elsewhere, said("waves", True), "23:30 [lobby] * Bob waves"),
        (Look(), Told(name="Bob", target=1, to="Ann", text="one\ntwo"), "Bob -> you : one\r\n    two"),
        (Look(), Edited(room="lobby", name="Bob", line=1, text="hi"), "* Bob edited: hi"),
        (Look(), Deleted(room="lobby", name="Bob", line=1), "* Bob deleted a message."),
        (Look().elsewhere, TopicSet(room="dev", name="Bob", topic="x"), "server: Bob set the topic of dev: x"),
        (Look(), TopicSet(room="dev", name="Bob", topic=""), "server: Bob cleared the topic of dev."),
        (Look(), Invited(room="dev", name="Bob", target=1, to="Ann"), "server: Bob invites you to dev: /join dev"),
    ],
)
def test_an_event_looks_as_one_chose(look, event, shown):
    assert look.render(event).decode() == shown + "\r\n"


def test_comings_and_goings_are_not_shown_to_those_who_did_not_ask():
    assert Look().render(Joined(room="lobby", name="Bob")) == b""


@pytest.mark.parametrize(
    ("look", "shown"),
    [
        (Look(rich=True), "Bob : hi \x1b[1mAnn\x1b[0m\r\n"),
        (Look(rich=True, bell="mentions"), "Bob : hi \x1b[1mAnn\x1b[0m\r\n\a"),
        (Look(theme="contrast"), "\x1b[1mBob\x1b[0m : hi \x1b[7mAnn\x1b[0m\r\n"),
        (Look(theme="colour"), f"{_colour('Bob')}Bob\x1b[0m : hi \x1b[7mAnn\x1b[0m\r\n"),
        (Look(bell="all"), "Bob : hi Ann\r\n\a"),
        (Look(reader=True, theme="colour"), "Bob : hi Ann\r\n"),
    ],
)
def test_in_a_mention_ones_own_name_is_marked_and_it_rings(look, shown):
    assert look.render_mention(said("hi Ann"), "ann").decode() == shown


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("ANN, are you there? Anna is not (ann!)", "<ANN>, are you there? Anna is not (<ann>!)"),
        ("annann ann-lee\nAnn", "annann ann-lee\r\n    <Ann>"),
    ],
)
def test_a_name_is_marked_as_a_whole_word_however_it_is_written(text, marked):
    shown = Look(rich=True).render_mention(said(text), "ann").decode()
    assert shown.replace("\x1b[1m", "<").replace("\x1b[0m", ">") == f"Bob : {marked}\r\n"


def test_what_is_for_one_person_alone_says_you():
    look = Look(rich=True)
    told = look.render_mention(Told(name="Bob", target=1, to="Ann", text="hello you, Ann"), "ann")
    assert told == b"Bob -> \x1b[1myou\x1b[0m : hello you, \x1b[1mAnn\x1b[0m\r\n"
    invited = look.render_mention(Invited(room="dev", name="Bob", target=1, to="Ann"), "ann")
    assert invited == b"server: Bob invites \x1b[1myou\x1b[0m to dev: /join dev\r\n"


def test_an_edit_says_what_it_was_about():
    edited = Edited(room="lobby", name="Ann", line=1, text="hello all", was="helo al")
    assert Look().render(edited) == b'* Ann edited "helo al": hello all\r\n'
    long = Edited(room="lobby", name="Ann", line=1, text="short", was="a line that goes on and on and on and on")
    assert Look(reader=True).render(long).decode() == '* Ann edited "a line that goes on and on an\u2026": short\r\n'
    several = Edited(room="lobby", name="Ann", line=1, text="one", was="one\ntwo")
    assert Look().render(several).decode() == '* Ann edited "one\u2026": one\r\n'


@pytest.mark.parametrize(
    ("columns", "text", "rows"),
    [
        (20, "one two three four five", ["Bob : one two three", "  four five"]),
        (20, "one two three", ["Bob : one two three"]),
        (
            20,
            "see http://example.org/of/an/address and tell",
            ["Bob : see http://example.org/of/an/address", "  and tell"],
        ),
        (20, "さくら" * 6, ["Bob : " + "さくら" * 6]),
        (20, "さくら はな みず いし", ["Bob : さくら はな", "  みず いし"]),
        (20, "a" + " " * 70 + "server: closing", ["Bob : a", "  server: closing"]),
        (
            20,
            "one two three four\nand another line here",
            ["Bob : one two three", "  four", "    and another", "      line here"],
        ),
    ],
)
def test_a_line_that_is_wider_than_the_window_is_wrapped_at_words(columns, text, rows):
    assert Look(rich=True, columns=columns).render(said(text)).decode() == "\r\n".join([*rows, ""])
    coloured = Look(rich=True, columns=columns, theme="colour").render(said(text)).decode()
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == "\r\n".join([*rows, ""])


def test_windows_of_any_width_make_twenty_looks():
    widths = {wrapped_at(columns) for columns in range(1, 1000)}
    assert len(widths) == 20
    assert all(wrapped_at(columns) <= columns for columns in range(10, 1000))
    assert wrapped_at(0) == 0


def test_the_past_is_shown_with_its_time_and_what_was_found_is_marked():
    event = said("say \2hello\3")
    assert Look().recall(event, AT) == b"[23:30] Bob : say *hello*\r\n"
    assert Look().recall(event, AT + 3_600_000) == b"[2026-11-22 23:30] Bob : say *hello*\r\n"
    assert Look(offset=60).recall(event, AT + 3_600_000) == b"[00:30] Bob : say *hello*\r\n"
    assert b"say \x1b[7mhello\x1b[0m" in Look(theme="colour").recall(event, AT)


def test_a_name_has_the_same_colour_however_it_is_written():
    assert _colour("Bob") == _colour("bOB") != _colour("Alice")


def luminance(colour: int) -> float:
    """The relative luminance of one of the 216 colours of the cube, as WCAG defines it."""
    steps = (0, 95, 135, 175, 215, 255)
    red, green, blue = (steps[(colour - 16) // size % 6] / 255 for size in (36, 6, 1))
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_can_be_read_on_black_and_on_white(colour):
    assert (luminance(colour) + 0.05) / 0.05 >= 3.5
    assert 1.05 / (luminance(colour) + 0.05) >= 3.5


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-22", "2026-11-22 00:00:00"),
        ("2026-11-22 18:30", "2026-11-22 18:30:00"),
        ("2026-11-22T18:30:05", "2026-11-22 18:30:05"),
        ("2026-11-22 18:30+02:00", "2026-11-22 16:30:00"),
        ("18:30", "2026-11-22 18:30:00"),
        ("23:45", "2026-11-21 23:45:00"),
        ("18:30+02:00", "2026-11-22 16:30:00"),
    ],
)
def test_a_moment_is_read_in_the_ways_people_write_it(text, shown):
    now = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert times.in_full(times.parse(text, now)) == shown


@pytest.mark.parametrize("text", ["", "noon", "25:00", "2026-13-01", "99999999-01-01", "1e9", "\0"])
def test_what_is_no_moment_is_told(text):
    with pytest.raises(NotATimeError, match="That is not a time"):
        times.parse(text)


@pytest.mark.parametrize(("text", "minutes"), [("+02:00", 120), ("-3", -180), ("+0530", 330), ("+5:45", 345)])
def test_an_offset_is_read(text, minutes):
    assert times.parse_offset(text) == minutes


@pytest.mark.parametrize("text", ["", "2", "+15", "+02:10", "CET", "+1:2", "--2"])
def test_what_is_no_offset_is_told(text):
    with pytest.raises(NotATimeError, match="not a time zone"):
        times.parse_offset(text)
