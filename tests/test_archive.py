"""History without a server: what `gchat.py history` and `backup` print, and what a data directory must be like."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from people import PATIENCE, ROOT, eventually
from remembered import answer, gchat, history, said

from gchatd.chat.events import Said
from gchatd.errors import StoreError
from gchatd.operate.archive import back_up, print_history


@pytest.fixture
def server(start):
    return start(history__replay=20)


def test_history_is_printed_while_the_server_runs(server, enter):
    said(server, enter, "hello", "/me waves")
    status, text, complaints = history(server.data)
    assert (status, complaints) == (0, "")
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(f"{stamp} \\[lobby\\] Ann : hello\n{stamp} \\[lobby\\] \\* Ann waves\n", text)
    first, second = map(json.loads, history(server.data, "--format", "jsonl")[1].splitlines())
    assert {**first, "at": 0} == {"event": "said", "room": "lobby", "name": "Ann", "id": 1, "at": 0, "text": "hello"}
    assert (second["text"], second["action"]) == ("waves", True)
    assert history(server.data, "--since", "2020-01-01", "--room", "lobby")[1] == text


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--room", "dev"], "{data}: nothing was said in dev"),
        (["--since", "2030-01-01"], "{data}: nothing was said since 2030-01-01"),
        (["--since", "x"], "--since: That is not a time: x. Try 1h, 18:30, 2026-11-22 or 2026-11-22 18:30 (UTC)."),
        (["--data", "/no/where"], "/no/where/history.db: no history is kept here"),
    ],
)
def test_history_that_is_not_there_is_told_in_one_line(server, enter, args, told):
    said(server, enter, "hello")
    assert history(server.data, *args) == (1, "", f"gchat: {told.format(data=server.data)}\n")


def test_a_reader_that_has_seen_enough_is_no_trouble(server, enter):
    said(server, enter, *(f"line {number}" for number in range(50)))
    shell = f"{sys.executable} {ROOT}/gchat.py history --data {server.data} | head -1; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.stdout.splitlines()[1:] == ["0"]
    assert ended.stderr == ""


def test_a_backup_is_made_while_the_server_runs_and_can_be_served_from(server, start, enter, tmp_path):
    ann = said(server, enter, "hello")
    file = tmp_path / "history.db"
    status, told, complaints = gchat("backup", file, "--data", server.data)
    assert (status, complaints) == (0, "")
    assert told.startswith(f"{file}: 1 line, ")
    ann.says("not in the copy")
    assert history(tmp_path)[1].count("\n") == 1
    other = start(data=tmp_path)
    assert answer(enter(other, "Bob"), "/search hello")[1:] == ["[hh:mm] Ann : *hello*"]


def test_a_backup_that_cannot_be_made_is_told_in_one_line(server, enter, tmp_path):
    file = tmp_path / "mine"
    file.touch()
    assert gchat("backup", file, "--data", server.data) == (1, "", f"gchat: {file}: exists already\n")
    (tmp_path / "history.db").write_text("mine, too")
    assert gchat("backup", tmp_path / "b", "--data", tmp_path) == (
        1,
        "",
        f"gchat: {tmp_path}/history.db: not a gchat database\n",
    )


def test_a_backup_has_as_many_lines_as_history_prints(server, enter, tmp_path):
    ann = said(server, enter, "hello", "helo", "oops")
    ann.says("/delete")
    ann.says("/topic greetings")
    ann.says("bye")
    eventually(lambda: history(server.data)[1].count("\n") == 3)
    _, told, _ = gchat("backup", tmp_path / "copy", "--data", server.data)
    assert told.startswith(f"{tmp_path / 'copy'}: 3 lines, ")


def test_a_room_is_found_however_its_name_is_typed(server, enter):
    said(server, enter, "hello", "/join Büro", "psst")
    eventually(lambda: "psst" in history(server.data)[1])
    assert history(server.data, "--room", "LOBBY")[1].endswith("[lobby] Ann : hello\n")
    assert history(server.data, "--room", "bÜRO")[1].endswith("[Büro] Ann : psst\n")
    assert history(server.data, "--room", "no \udcff room")[0] == 1


@pytest.mark.parametrize("since", ["1h", "30m", "2d", "90 S", "1w"])
def test_history_is_printed_since_so_long_ago(server, enter, since):
    said(server, enter, "hello")
    assert history(server.data, "--since", since)[1].endswith("Ann : hello\n")
    status, _, told = history(server.data, "--since", "0s")
    assert (status, told) == (1, f"gchat: {server.data}: nothing was said since 0s\n")


def test_a_folder_that_may_not_be_read_is_told_in_one_line(tmp_path, monkeypatch):
    def refuses(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    told = f"^{tmp_path}/history.db: permission denied$"
    monkeypatch.setattr(Path, "stat", refuses)  # root may read every folder
    for attempt in (lambda: print_history(tmp_path, None, None, "text"), lambda: back_up(tmp_path, tmp_path / "copy")):
        with pytest.raises(StoreError, match=told):
            attempt()


def test_the_fields_of_a_line_of_json_are_documented():
    page = (ROOT / "docs/history.md").read_text()
    fields = {*msgspec.structs.asdict(Said(name="", text="")), "event"} - {
        "origin",
        "place",
        "user",
    }  # those are never kept
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == fields


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: no such file or directory"),
        (b"\xff", "is not UTF-8 at byte 0"),
        (b"\n" * 51, "has 51 lines, expected at most 50"),
    ],
)
def test_a_message_of_the_day_that_cannot_be_shown_is_told_in_one_line(tmp_path, content, told):
    motd = tmp_path / "motd.txt"
    if content is not None:
        motd.write_bytes(content)
    args = ("--listen", "127.0.0.1:0", "--data", tmp_path, "--set", f"server.motd={motd}")
    assert gchat(*args) == (2, "", f"gchat: command line: [server] motd = {motd}: {told}\n")


def test_a_second_server_on_the_same_data_is_refused_with_the_pid_of_the_first(server):
    status, _, told = gchat("--listen", "127.0.0.1:0", "--data", server.data)
    assert status == 2
    assert told.endswith(f": in use by another gchat, process {server.process.pid}\n")


def test_a_server_does_not_start_on_what_is_no_database_of_its_own(tmp_path):
    with sqlite3.connect(tmp_path / "history.db") as db:
        db.execute("create table mine(x)")
    db.close()
    status, _, told = gchat("--listen", "127.0.0.1:0", "--data", tmp_path)
    assert (status, told.count("\n")) == (2, 1)
    assert told.endswith(f"[server] data = {tmp_path}: {tmp_path}/history.db: not a gchat database\n")
