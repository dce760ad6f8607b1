"""What was said stays said: replay, /history, /search, and what a disk can do to them."""

from __future__ import annotations

import json
import re
import resource
import signal
from datetime import UTC, datetime, timedelta

import pytest
from people import eventually
from remembered import TIME, answer, asks, history, reads_until, said

CAME = ["server: Input username.", "server: Your username is Bob."]


@pytest.fixture
def server(start):
    return start(history__replay=20)


# Coming in.


def test_whoever_comes_in_sees_what_was_said_lately_with_its_time(server, enter):
    ann = said(server, enter, "hello", "/me waves")
    bob = enter(server)
    bob.says("Bob")
    bob.sees(*CAME, "server: The last 2 lines in lobby, times in UTC:")
    assert re.fullmatch(TIME + "Ann : hello", bob.reads_line())
    assert re.fullmatch(TIME + r"\* Ann waves", bob.reads_line())
    bob.sees("server: What follows is live.")
    ann.says("hello Bob")
    bob.sees("Ann : hello Bob")


def test_nothing_is_shown_for_an_empty_history(server, enter):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    ann.says("hello")
    bob.sees("Ann : hello")


def test_as_many_lines_are_shown_as_are_set(start, enter):
    server = start(history__replay=3)
    said(server, enter, *"abcdef")
    bob = enter(server)
    bob.says("Bob")
    bob.sees(*CAME, "server: The last 3 lines in lobby, times in UTC:")
    assert [bob.reads_line()[-1] for _ in range(3)] == ["d", "e", "f"]


def test_a_line_is_either_in_what_one_is_shown_or_heard_and_never_both(server, enter):
    talker = said(server, enter, "line 0")
    newcomers = []
    for number in range(1, 400):
        talker.says(f"line {number}")
        if number % 20 == 0:
            newcomers.append((enter(server), f"b{number}"))
            newcomers[-1][0].says(f"b{number}")
    for person, name in newcomers:
        reads_until(person, f"server: Your username is {name}.")
    talker.says("the end")
    for person, _ in newcomers:
        lines = reads_until(person, "Ann : the end")
        numbers = [int(line.split()[-1]) for line in lines if "Ann : line" in line]
        assert numbers == list(range(numbers[0], 400))
        live = lines.index("server: What follows is live.")
        assert all(re.match(TIME, line) for line in lines[1:live])
        assert not any(re.match(TIME, line) for line in lines[live:])


def test_a_replay_of_long_lines_does_not_lock_anybody_out(start, enter):
    server = start(history__replay=100)
    lines = [f"{number} {'x' * 4000}" for number in range(60)]
    said(server, enter, *lines)
    bob = enter(server, buffer=4096)
    bob.says("Bob")
    bob.sees(*CAME)
    assert re.fullmatch(r"server: The last 1\d lines in lobby, times in UTC:", bob.reads_line())
    assert reads_until(bob, "server: What follows is live.")[-1].endswith(lines[-1])


def test_what_was_said_is_there_after_a_restart(start, enter, tmp_path):
    first = start(data=tmp_path, history__replay=20)
    said(first, enter, "hello", "again")
    assert first.stop() == 0
    assert {file.name for file in tmp_path.iterdir()} == {"history.db", "lock"}
    second = start(data=tmp_path, history__replay=20)
    bob = enter(second)
    bob.says("Bob")
    bob.sees(*CAME, "server: The last 2 lines in lobby, times in UTC:")
    assert [bob.reads_line().split("Ann : ")[1] for _ in range(2)] == ["hello", "again"]


def test_a_line_that_was_heard_survives_kill_9(start, enter, tmp_path):
    for number in range(3):
        server = start(data=tmp_path)
        ann, bob = enter(server, "Ann"), enter(server, "Bob")
        ann.says(f"line {number}")
        bob.sees(f"Ann : line {number}")
        server.stop(signal.SIGKILL)
    assert [line.split(" : ")[1] for line in history(tmp_path)[1].splitlines()] == ["line 0", "line 1", "line 2"]


def test_without_history_nothing_is_kept_and_no_disk_is_needed(start, enter, tmp_path):
    (tmp_path / "data").touch()  # no folder can be made here
    server = start(history__keep="no", history__replay=20, data=tmp_path / "data")
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    ann.says("hello")
    bob.sees("Ann : hello")
    enter(server, "Carl")
    for command in ("/history", "/search hello"):
        ann.says(command)
        ann.sees("server: This server keeps no history.")


# Commands.


def test_history_pages_back(server, enter):
    ann = said(server, enter, *(f"line {number}" for number in range(6)))
    assert answer(ann, "/history") == [
        "server: 6 lines in lobby, times in UTC:",
        *(f"[hh:mm] Ann : line {number}" for number in range(6)),
        "server: There are no earlier lines.",
    ]
    page = answer(ann, "/history 2")
    assert page[1:3] == ["[hh:mm] Ann : line 4", "[hh:mm] Ann : line 5"]
    again = page[-1].removeprefix("server: For earlier lines: ")
    page = answer(ann, again)
    assert page[1:3] == ["[hh:mm] Ann : line 2", "[hh:mm] Ann : line 3"]
    page = answer(ann, page[-1].removeprefix("server: For earlier lines: "))
    assert page[-1] == "server: There are no earlier lines."


def test_what_one_just_said_is_found(server, enter):
    ann = enter(server, "Ann")
    ann.sends(b"hello\n/history\n/search hello\n")
    ann.sees("server: 1 line in lobby, times in UTC:")
    assert ann.reads_line().endswith("Ann : hello")
    ann.sees("server: There are no earlier lines.", "server: 1 line in lobby, newest first, times in UTC:")


def test_history_before_a_time(server, enter):
    ann = said(server, enter, "hello")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert answer(ann, f"/history before {tomorrow}")[1:2] == ["[hh:mm] Ann : hello"]
    assert answer(ann, f"/HISTORY 5 Before {tomorrow} 12:00")[1:2] == ["[hh:mm] Ann : hello"]
    nothing = "server: Nothing was said in lobby before 2020-01-01 00:00 UTC."
    assert answer(ann, "/history before 2020-01-01") == [nothing]


def test_search_finds_words_phrases_and_beginnings(server, enter):
    ann = said(server, enter, "hello Alice", "Alice is not here", "goodbye")
    assert answer(ann, "/search alice") == [
        "server: 2 lines in lobby, newest first, times in UTC:",
        "[hh:mm] Ann : *Alice* is not here",
        "[hh:mm] Ann : hello *Alice*",
    ]
    assert answer(ann, '/search "hello alice"')[1:] == ["[hh:mm] Ann : *hello Alice*"]
    assert answer(ann, "/search good*")[1:] == ["[hh:mm] Ann : *goodbye*"]
    assert answer(ann, "/search nothing") == ["server: Nothing in lobby matches: nothing"]


def test_a_search_finds_what_was_heard_a_moment_ago(start, enter):
    server = start(program="tests/probe_server.py")  # which makes lines searchable only when somebody searches
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    for number in range(20):
        ann.says(f"word{number}")
        bob.sees(f"Ann : word{number}")
        assert answer(bob, f"/search word{number}")[1:] == [f"[hh:mm] Ann : *word{number}*"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("/history x", "That is neither a number of lines nor a time: /history [N] [before TIME|#LINE]"),
        ("/history 5 6", "That is neither a number of lines nor a time: /history [N] [before TIME|#LINE]"),
        ("/history before", "That is neither a number of lines nor a time: /history [N] [before TIME|#LINE]"),
        ("/history before noon", "That is not a time: noon. Try 18:30, 2026-11-22 or 2026-11-22 18:30 (UTC)."),
        ("/history before #x", "That is not a time: #x. Try 18:30, 2026-11-22 or 2026-11-22 18:30 (UTC)."),
        ("/history", "Nothing was said in lobby yet."),
        ("/history before 2020-01-01 10:00+02:00", "Nothing was said in lobby before 2020-01-01 08:00 UTC."),
        (
            "/history before 0001-01-01",
            "That is not a time: 0001-01-01. Try 18:30, 2026-11-22 or 2026-11-22 18:30 (UTC).",
        ),
        ("/history before #1", "Nothing was said in lobby before #1."),
        ("/search", "Say what to look for: /search WORDS"),
        ("/search :-)", "There is no word to search for in: :-)"),
        ("/search hello", "Nothing in lobby matches: hello"),
    ],
)
def test_a_question_about_the_past_that_has_no_answer_gets_a_sentence(server, enter, typed, told):
    ann = enter(server, "Ann")
    assert answer(ann, typed) == [f"server: {told}"]


def test_a_private_room_that_is_not_in_memory_is_as_private_as_before(start, enter, tmp_path):
    server = start(data=tmp_path)
    ann = enter(server, "Ann")
    ann.says("/join den")
    ann.sees("server: You are in den, alone.")
    ann.says("/private")
    key = ann.reads_line().split()[-1]
    for line in ("a secret", "/join a", "x", "/join b", "x"):
        ann.says(line)
    ann.sees("server: You are in a, alone.", "server: You are in b, alone.")
    asks(ann, "/history 1", "x")
    server.close()
    server = start(data=tmp_path, rooms__most=2)
    bob = enter(server, "Bob")
    assert answer(bob, "/rooms")[1:] == ["server: > lobby  1 person", "server:   b      nobody"]
    assert answer(bob, "/join den") == ["server: den is private. Ask someone in it to /invite you."]
    bob.says(f"/join den {key}")
    bob.sees("server: You are in den, alone.", f"server: den is private. To come back: /join den {key}")
    assert answer(bob, "/search secret")[1:] == ["[hh:mm] Ann : a *secret*"]


def test_a_line_that_was_edited_is_marked_as_such_in_history_search_and_replay(server, enter):
    ann = said(server, enter, "hello al", "goodbye")
    said(server, enter, "hello all", name="Bob")
    ann.says("/edit goodbye, then")
    edited = "[hh:mm] Ann : goodbye, then (edited)"
    eventually(lambda: edited in answer(ann, "/history"))
    assert answer(ann, "/history")[1:-1] == ["[hh:mm] Ann : hello al", edited, "[hh:mm] Bob : hello all"]
    eventually(lambda: answer(ann, "/search then")[1:] == ["[hh:mm] Ann : goodbye, *then* (edited)"])
    carl = enter(server, "Carl")
    replayed = [re.sub(TIME, "", line) for line in reads_until(carl, "server: What follows is live.")]
    assert "Ann : goodbye, then (edited)" in replayed
    assert "Ann : goodbye, then (edited)" in history(server.data)[1]
    assert json.loads(history(server.data, "--format", "jsonl")[1].splitlines()[1])["edited"] is True


def test_history_before_a_time_of_day_says_which_day_was_meant(server, enter):
    ann = said(server, enter, "hello")
    later = datetime.now(UTC) + timedelta(minutes=30)
    day = (later - timedelta(days=1)).strftime("%Y-%m-%d %H:%M")
    assert answer(ann, f"/history before {later:%H:%M}") == [f"server: Nothing was said in lobby before {day} UTC."]
    assert answer(ann, "/history 1 before #2")[0] == "server: 1 line in lobby before #2, times in UTC:"
    soon = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d %H:%M")
    head = f"server: 1 line in lobby before {soon}, times in UTC:"
    assert answer(ann, f"/history 1 before {soon}")[0] == head


def test_history_reads_a_time_in_the_zone_in_which_it_shows_times(server, enter):
    ann = said(server, enter, "hello")
    ann.says("/time off +14:00")
    moment = datetime.now(UTC) + timedelta(hours=14)
    before = (moment - timedelta(minutes=10)).strftime("%Y-%m-%d %H:%M")
    after = (moment + timedelta(minutes=10)).strftime("%Y-%m-%d %H:%M")
    told = answer(ann, f"/history before {before}")
    assert told[-1] == f"server: Nothing was said in lobby before {before} UTC+14:00."
    told = answer(ann, f"/history before {after}")
    assert told[0] == f"server: 1 line in lobby before {after}, times in UTC+14:00:"


# Trouble with the disk.


def test_when_history_is_deleted_the_log_says_so_and_the_server_goes_on_with_a_new_one(start, enter, tmp_path):
    server = start(data=tmp_path)
    ann = said(server, enter, "one", "two")
    for file in tmp_path.glob("history.db*"):
        file.unlink()
    server.logs(r"ERROR .*history\.db was deleted or replaced\. What was said before is lost")
    server.logs("WARNING history is written again")
    ann.says("three")
    eventually(lambda: "[hh:mm] Ann : three" in answer(ann, "/history"))
    assert answer(ann, "/history") == [
        "server: 1 line in lobby, times in UTC:",
        "[hh:mm] Ann : three",
        "server: There are no earlier lines.",
    ]
    assert server.stop() == 0
    (line,) = history(tmp_path, "--format", "jsonl")[1].splitlines()
    assert (json.loads(line)["text"], json.loads(line)["id"]) == ("three", 3)


def test_when_the_disk_takes_no_more_the_author_is_told_and_nobody_hears_it(start, enter):
    server = start()
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    ann.says("hello")
    bob.sees("Ann : hello")
    pid, unlimited = server.process.pid, resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    size = (server.data / "history.db-wal").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, unlimited[1]))
    for _ in range(3):
        ann.says("is this heard?")
        ann.sees("server: Not sent: the disk has failed (I/O error).")
    ann.says("/who")
    ann.sees("server: 2 in lobby: Ann, Bob")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)

    eventually(lambda: ann.says("and now?") or "Ann : and now?" in answer(ann, "/history 1")[1])
    bob.sees("Ann : and now?")
    server.logs("WARNING history is written again")
    assert len(re.findall("history cannot be written", server.log())) == 1
    assert history(server.data)[1].count("is this heard?") == 0


@pytest.fixture
def frozen(start, tmp_path):
    """A server whose disk froze after it had started."""
    server = start(program="tests/probe_server.py", data=tmp_path, history__queue=5)
    yield server
    (tmp_path / "frozen").unlink(missing_ok=True)


def test_a_frozen_disk_stalls_nothing_that_does_not_need_it(frozen, enter):
    ann, bob = enter(frozen, "Ann"), enter(frozen, "Bob")
    (frozen.data / "frozen").touch()
    ann.says("hello")
    for person in (ann, bob):
        person.says("/who")
        person.sees("server: 2 in lobby: Ann, Bob")
    carl = enter(frozen, "Carl")
    carl.says("/nonsense")
    assert carl.reads_line().startswith("server: Unknown command")
    carl.hangs_up()
    (frozen.data / "frozen").unlink()
    bob.sees("Ann : hello")


def test_past_a_full_queue_each_author_waits_and_is_told_after_a_while(frozen, enter):
    ann, bob, carl = (enter(frozen, name) for name in ("Ann", "Bob", "Carl"))
    (frozen.data / "frozen").touch()
    for number in range(7):
        ann.says(f"line {number}")
    bob.says("/who")
    bob.sees("server: 3 in lobby: Ann, Bob, Carl")
    bob.says("me too")
    carl.says("/who")
    carl.sees("server: 3 in lobby: Ann, Bob, Carl")
    for person in (ann, ann, bob):
        person.sees("server: Not sent: the server's disk cannot keep up. Try again later.")
    (frozen.data / "frozen").unlink()
    carl.sees(*(f"Ann : line {number}" for number in range(5)))
    ann.says("line 7")
    carl.sees("Ann : line 7")


def test_a_frozen_disk_does_not_keep_the_server_from_stopping(start, enter, tmp_path):
    server = start(program="tests/probe_server.py", data=tmp_path, server__drain_seconds=0.3)
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    (tmp_path / "frozen").touch()
    ann.says("hello")
    bob.says("/who")
    bob.sees("server: 2 in lobby: Ann, Bob")
    assert server.stop() == 0
    assert bob.reads_to_the_end() == b"server: The server is shutting down.\r\n"
