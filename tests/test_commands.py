"""Commands, where a transcript cannot show it: the height of a window, the Tab key, limits, the passing of time."""

from __future__ import annotations

import re
import time
import types

import pytest
from room import FakeSession, Stage

from gchatd.chat.events import Joined, Left, MadePrivate, Said
from gchatd.chat.rules import LONGEST_TOPIC, MOST_JOINED
from gchatd.chat.state import LOBBY
from gchatd.doors.terminal.commands import COMMANDS
from gchatd.doors.terminal.commands.details import DETAILS
from gchatd.doors.terminal.completion import complete
from gchatd.doors.terminal.pages import PAGE_LINES
from gchatd.doors.terminal.words import LONGEST_LIST
from gchatd.journal.reader import Page
from gchatd.link import Request
from gchatd.text import times
from gchatd.text.cells import rows_of
from gchatd.text.cleaning import clean
from gchatd.text.phrases import plainly, wrapped
from gchatd.wire.typed import TOO_LONG


@pytest.fixture
def stage():
    return Stage(announce_up_to=0)


def asks(session: FakeSession, line: str) -> list[str]:
    """What somebody is answered to a command."""
    session.handle(Request(line))
    session.terminal.send_answers()
    return session.screen()


def crowd(stage: Stage, count: int) -> FakeSession:
    """Somebody among so many."""
    people = [stage.enters(f"somebody{number:05}") for number in range(count)]
    stage.turn()
    return people[0]


@pytest.mark.parametrize("height", [0, 5, 10, 24, 60])
def test_a_long_list_is_shown_a_page_at_a_time_that_fits_the_window(stage, height):
    ann = crowd(stage, 1000)
    ann.terminal.telnet.height = height
    pages = [asks(ann, "/names")]
    while pages[-1][-1].endswith(": /more"):
        pages.append(asks(ann, "/more"))
    assert all(len(page) <= (height - 2 if height >= 6 else 5 if height else PAGE_LINES + 1) for page in pages)
    assert len(pages) > 1
    names = " ".join(line.removeprefix("server: ") for page in pages for line in page if "/more" not in line)
    assert names.count("somebody") == 1000
    assert asks(ann, "/more") == ["server: There is nothing more to show."]


@pytest.mark.parametrize("width", [20, 40, 200])
@pytest.mark.parametrize("height", [8, 10, 24])
@pytest.mark.parametrize("asked", ["/names", "/help all", "/help keys", "/rooms", "/history 500", "/search x"])
def test_no_page_of_a_list_takes_more_rows_than_the_window_has(stage, width, height, asked):
    ann = crowd(stage, 60)
    for number in range(60):
        ann.causes(Joined, room=f"room{number}")
    said = [Said(room=LOBBY, name="Bob", text=f"{number} " + "漢 word" * number, id=number) for number in range(1, 30)]
    page = Page(said, True)
    stage.hub.history = types.SimpleNamespace(last=lambda *args: page, search=lambda *args: page)
    stage.turn()
    ann.screen()
    ann.terminal.telnet.width, ann.terminal.telnet.height = width, height
    pages = [asks(ann, asked)]
    while pages[-1][-1].endswith(": /more"):
        pages.append(asks(ann, "/more"))
    for shown in pages:
        rows = [rows_of(line, width) for line in shown]
        assert sum(rows) <= max(height - 1, rows[0] + rows[-1])  # beside the line being typed; one may be too long
    if asked in ("/history 500", "/search x"):
        assert sum("Bob : " in line for shown in pages for line in shown) == 29


def test_a_list_is_laid_out_for_a_narrow_window(stage):
    ann = crowd(stage, 60)
    ann.terminal.telnet.width, ann.terminal.telnet.height = 40, 10
    for line in ("/names", "/rooms", "/help", "/help join", "/help all", "/help keys"):
        assert max(map(len, asks(ann, line))) < 40, line


def test_a_short_answer_leaves_the_rest_of_a_long_list_for_more(stage):
    ann = crowd(stage, 1000)
    asks(ann, "/names")
    assert asks(ann, "/topic") == ["server: lobby has no topic."]
    assert "somebody" in asks(ann, "/more")[0]


def test_a_room_with_a_long_name_hides_nobody_of_the_others_in_a_narrow_window(stage):
    ann = crowd(stage, 1)
    ann.terminal.telnet.width, ann.terminal.telnet.height = 40, 10
    bob = stage.enters("Bob")
    bob.causes(Joined, room="long" * 16)
    bob.causes(Left, room=LOBBY)
    stage.turn()
    ann.screen()
    head, lobby, _ = rooms = asks(ann, "/rooms")
    assert lobby.split() == ["server:", ">", "lobby", "1", "person"], head
    assert max(map(len, rooms[1:])) < 40


def test_a_row_of_a_table_has_its_last_column_below_the_others_where_it_would_be_narrow_beside_them():
    row = "  /names [ROOM]     list the people in a room"
    assert wrapped(row, 45) == [row]
    assert wrapped(row, 40) == ["  /names [ROOM]     list the people in a", "                    room"]
    assert wrapped(row, 31) == ["  /names [ROOM]", "      list the people in a room"]
    assert wrapped(row, 20) == ["  /names [ROOM]", "      list the", "      people in a", "      room"]


def test_a_list_that_is_too_long_for_anybody_is_capped_and_says_so(stage):
    ann = crowd(stage, 4000)
    answer = asks(ann, "/names")
    while answer[-1].endswith("/more"):
        answer = answer[:-1] + asks(ann, "/more")
    assert answer[0] == "server: 4000 in lobby: somebody00000, somebody00001, somebody00002,"
    assert (len(answer), answer[-1]) == (LONGEST_LIST + 1, "server: ... and more (4,000 in all).")


@pytest.mark.parametrize(("typed", "missing"), [("/join", "which room"), ("/msg", "who to tell"), ("/reply", "what")])
def test_blanks_of_any_kind_are_no_words(stage, typed, missing):
    ann = stage.enters("Ann")
    stage.turn()
    assert asks(ann, f"{typed} \t\u2003") == asks(ann, typed)
    assert missing in asks(ann, typed)[0]


ESCAPED = "\x1b]0;title\x07\x1b[31mred\x9b2J\u202e"


@pytest.mark.parametrize(
    "typed",
    [
        "/join #",
        "/join ",
        "/go ",
        "/nick ",
        "/msg ",
        "/names ",
        "/whois ",
        "/invite ",
        "/ignore ",
        "/theme ",
        "/help ",
        "/",
    ],
)
def test_what_is_echoed_back_has_nothing_that_a_terminal_obeys(stage, typed):
    ann = stage.enters("Ann")
    stage.turn()
    answer = asks(ann, typed + ESCAPED)
    stage.catch_up()
    answer = "".join([*answer, *ann.screen()])
    assert answer
    assert clean(answer) == answer


def words_after(session: FakeSession, typed: str) -> list[str]:
    return complete(session, typed).words


def test_tab_lists_people_where_a_command_wants_one_unless_they_are_many(stage):
    ann, _ = stage.enters("Ann"), stage.enters("Bob")
    stage.enters("Carl")
    stage.turn()
    assert words_after(ann, "/msg ") == ["Bob ", "Carl "]
    assert words_after(ann, "/msg Bob ") == words_after(ann, "") == words_after(ann, "hello ") == []
    crowd(stage, 60)
    assert words_after(ann, "/msg ") == []
    assert words_after(ann, "/msg b") == ["Bob "]


def test_tab_knows_the_words_of_each_command_and_nothing_of_rooms_one_may_not_enter(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    for room in ("dev", "den"):
        ann.causes(Joined, room=room)
    stage.turn()
    ann.causes(MadePrivate, room="den", key="k")
    stage.turn()
    assert words_after(ann, "/join de") == ["den ", "dev "]
    assert words_after(bob, "/join de") == ["dev "]
    assert words_after(bob, "/names ") == ["dev ", "lobby "]
    assert words_after(bob, "/go ") == ["lobby "]
    assert words_after(ann, "/leave d") == ["den ", "dev "]
    assert words_after(bob, "/tell a") == ["Ann "]
    assert words_after(bob, "/msg Ann hello b") == []
    assert words_after(bob, "/theme c") == ["colour ", "contrast "]
    assert words_after(bob, "/time ") == ["full ", "hh:mm ", "off "]
    assert words_after(bob, "/help jo") == ["join "]
    assert words_after(bob, "/topic hello a") == ["Ann "]
    assert words_after(bob, "a") == ["Ann: "]
    assert words_after(bob, "/topi") == ["/topic "]
    assert words_after(bob, "hello ") == []


def test_tab_knows_whom_one_ignores(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    stage.turn()
    asks(ann, "/ignore Carl")
    stage.turn()
    assert words_after(ann, "/unignore ") == ["Carl "]
    assert words_after(bob, "/unignore ") == []


def test_what_was_said_can_be_changed_for_ten_minutes(stage, monkeypatch):
    ann = stage.enters("Ann")
    ann.says("hello")
    stage.turn()
    now = times.now()
    monkeypatch.setattr(times, "now", lambda: now + 599_000)
    assert asks(ann, "/edit hallo") == []
    stage.turn()
    assert ann.screen() == ["server: Edited."]
    monkeypatch.setattr(times, "now", lambda: now + 601_000)
    told = ["server: Your last message is more than 10 minutes old: too late to change it."]
    assert asks(ann, "/edit hullo") == asks(ann, "/delete") == told


def test_after_a_line_that_was_too_long_the_one_before_cannot_be_changed(stage):
    ann = stage.enters("Ann")
    ann.says("hello")
    stage.turn()
    assert asks(ann, TOO_LONG) == ["server: That line was too long, so it was dropped. The limit is 4096 bytes."]
    told = ["server: Your last message was not sent, so there is nothing to change."]
    assert asks(ann, "/edit what was too long") == asks(ann, "/delete") == told


def test_what_somebody_of_the_same_name_said_before_cannot_be_changed(stage):
    first = stage.enters("Ann")
    first.says("hello")
    first.leaves()
    second = stage.enters("Ann")
    stage.turn()
    told = ["server: You have no message that you can change."]
    assert asks(second, "/edit hallo") == told


def test_nobody_is_in_more_rooms_than_anybody_can_follow(stage):
    ann = stage.enters("Ann")
    for number in range(MOST_JOINED - 1):
        ann.causes(Joined, room=f"room{number}")
    stage.turn()
    ann.screen()
    assert asks(ann, "/join onemore") == [
        f"server: You are in {MOST_JOINED} rooms, and that is the limit. Leave one first: /leave ROOM"
    ]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (f"/topic {'x' * (LONGEST_TOPIC + 1)}", "A topic can have at most 300 characters; that one has 301."),
        (f"/away {'x' * 201}", "A reason can have at most 200 characters; that one has 201."),
        (f"/msg {'x' * 101} hello", "That is too long to be a name."),
    ],
)
def test_what_is_too_long_is_told(stage, typed, told):
    ann = stage.enters("Ann")
    stage.turn()
    assert asks(ann, typed) == [f"server: {told}"]


def test_somebody_can_be_told_something_in_several_lines_and_nobody_can_forge_any(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob")
    stage.turn()
    asks(ann, "/msg Bob one\nBob : two")
    asks(ann, "/topic one\nBob : two")
    stage.turn()
    assert bob.screen() == ["Ann -> you : one", "    Bob : two", "server: Ann set the topic of lobby: one Bob : two"]


def test_who_names_somebody_in_a_private_room_rings_no_bell_outside(stage):
    ann, bob = stage.enters("Ann"), stage.enters("Bob", rich=True, bell="mentions")
    ann.causes(Joined, room="den")
    stage.turn()
    bob.outbox.pieces.clear()
    ann.causes(Said, room="den", text="about Bob")
    stage.turn()
    assert bob.outbox.pieces == []
    ann.causes(Said, room=LOBBY, text="hello Bob")
    stage.turn()
    assert b"\a" in b"".join(bob.outbox.pieces)


def test_what_help_says_fits_a_window_of_80_columns(stage):
    ann = stage.enters("Ann")
    stage.turn()
    ann.terminal.telnet.height = 1000
    assert max(map(len, [*asks(ann, "/help"), *asks(ann, "/help all")])) <= 79


def test_each_command_is_explained_beyond_its_row_in_the_table():
    assert list(DETAILS) == list(COMMANDS)
    for name, detail in DETAILS.items():
        assert detail.endswith("."), name
        assert len(detail) > len(COMMANDS[name].help), name
        assert COMMANDS[name].help.lower() not in detail.lower(), name


def test_a_room_with_a_long_topic_takes_one_line_of_a_list(stage):
    ann = stage.enters("Ann")
    stage.turn()
    asks(ann, f"/topic {'x' * LONGEST_TOPIC}")
    stage.turn()
    ann.screen()
    assert len(asks(ann, "/rooms")[1]) == 78


@pytest.mark.parametrize(
    ("number", "written"), [(0.0, "0"), (10.0, "10"), (0.25, "0.25"), (1e8, "100000000"), (1e9, "1000000000")]
)
def test_numbers_are_written_without_an_exponent(number, written):
    assert plainly(number) == written


def test_a_clock_that_is_set_changes_neither_uptime_nor_how_long_somebody_has_been_here(stage, monkeypatch):
    ann = stage.enters("Ann")
    stage.turn()
    ann.screen()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000 * 86400 * 365)  # the year 1971
    (told,) = asks(ann, "/uptime")
    assert re.fullmatch(r"server: The server has been up for \d+ s\. 1 person is here\.", told)
    whois = asks(ann, "/whois Ann")[0]
    assert re.fullmatch(r"server: Ann has been here since (1970-12-31 23:59|00:00) UTC \(\d+ s\)\.", whois)
