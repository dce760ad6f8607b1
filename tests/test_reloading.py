"""The settings are read again while the server runs."""

from __future__ import annotations

import logging
import os
import pty
import re
import signal
import subprocess
import sys

import pytest
from people import GREETING, PATIENCE, ROOT, Person, Server

from gchatd.errors import ConfigError
from gchatd.operate.reloading import AT_ONCE, Reloading
from gchatd.settings import Limits, Settings, load


def settings(**given: str) -> Settings:
    return load(None, [(*name.split("__"), value) for name, value in given.items()])


def told(server: Server) -> str:
    """What somebody is told who comes."""
    person = Person(server)
    line = person.reads_line()
    person.hangs_up()
    return line


def test_what_can_change_at_once_does_and_the_log_names_what_cannot(caplog):
    caplog.set_level(logging.INFO, "gchatd")
    went_by = []
    read = settings(log__level="debug", server__greet_after="1", limits__line="100")
    reloading = Reloading(settings(), lambda: read, went_by.append)
    reloading.reload()
    (now,) = went_by
    assert (now.log.level, now.server.greet_after, now.limits.line) == ("debug", 1.0, 4096)
    assert "log.level" in caplog.messages[0]
    assert "server.greet_after" in caplog.messages[0]
    assert caplog.messages[1:] == ["these settings change when the server is started again: limits.line"]


def test_what_was_changed_before_is_no_change(caplog):
    caplog.set_level(logging.INFO, "gchatd")
    read = settings(log__level="debug")
    reloading = Reloading(settings(), lambda: read)
    reloading.reload()
    reloading.reload()
    assert caplog.messages[1] == "settings read again; changed: nothing"


@pytest.mark.parametrize("which", ["read", "configure"])
def test_if_anything_is_wrong_nothing_changes_and_the_log_says_why(caplog, which):
    right = True

    def read() -> Settings:
        if which == "read" and not right:
            raise ConfigError("config.ini: [log] level = loud: no such thing")
        return settings(log__level="error" if right else "debug")

    def configure(now: Settings) -> None:
        if which == "configure" and not right:
            raise ConfigError("config.ini: [log] level = loud: no such thing")
        went_by.append(now.log.level)

    went_by: list[str] = []
    reloading = Reloading(settings(), read, configure)
    right = False
    reloading.reload()
    assert caplog.messages == ["the settings stay as they are: config.ini: [log] level = loud: no such thing"]
    right = True
    reloading.reload()
    assert went_by == ["error"]


def test_a_server_reads_its_file_again_and_nobody_is_disconnected(tmp_path):
    file = tmp_path / "config.ini"
    file.write_text("[log]\nlevel = warning\n")
    server = Server("--config", str(file))
    try:
        ann = Person(server, "Ann")
        file.write_text("[log]\nlevel = info\n[limits]\nline = 99\n")
        server.process.send_signal(signal.SIGHUP)
        server.logs("settings read again; changed: log.level")
        server.logs("started again: limits.line")
        file.write_text("[log]\nlevel = loud\n")
        server.process.send_signal(signal.SIGHUP)
        server.logs("stay as they are: .*loud")
        ann.says("/who")
        ann.sees("server: 1 in lobby: Ann")
        ann.hangs_up()
        server.logs("Ann. left")  # at the level info
    finally:
        server.close()


def test_limits_and_the_message_of_the_day_change_for_those_who_are_here_and_whoever_comes(tmp_path):
    file, motd = tmp_path / "config.ini", tmp_path / "motd"
    motd.write_text("Welcome.\n")
    slow = "burst = 2\nlines_per_second = 0.01\nexempt =\n"
    file.write_text(f"[server]\nmotd = {motd}\n[limits]\n{slow}per_address = 3\nlogin_seconds = 0\n")
    server = Server("--config", str(file), limits__flood=True)
    try:
        people = ann, bob, silent = Person(server, "Ann"), Person(server, "Bob"), Person(server)
        ann.sees("server: Welcome.")
        bob.sees("server: Welcome.")
        silent.sees(GREETING)
        assert told(server) == "server: There are too many connections from your address."
        motd.write_text("Tea at five.\n")
        file.write_text(f"[server]\nmotd = {motd}\nclients = 1\n[limits]\nburst = 50\nlogin_seconds = 1\n")
        server.process.send_signal(signal.SIGHUP)
        changed = (
            "burst, limits.exempt, limits.lines_per_second, limits.login_seconds, limits.per_address, server.clients"
        )
        server.logs(f"settings read again; changed: limits.{changed}$")
        ann.says("/motd")
        ann.sees("server: Tea at five.")
        assert told(server) == "server: This server is full. Try again later."
        assert b"no username for 1 s" in silent.reads_to_the_end()
        for number in range(20):
            ann.says(str(number))
            bob.sees(f"Ann : {number}")
        for person in people:
            person.hangs_up()
    finally:
        server.close()


def test_if_one_setting_is_wrong_none_changes(tmp_path):
    file = tmp_path / "config.ini"
    file.write_text("[log]\nlevel = info\n")
    server = Server("--config", str(file))
    try:
        ann = Person(server, "Ann")
        file.write_text(f"[log]\nlevel = error\n[limits]\nidle = 1\n[server]\nmotd = {tmp_path}/none\nclients = 1\n")
        server.process.send_signal(signal.SIGHUP)
        server.logs(r"ERROR the settings stay as they are: .*\[server\] motd = .*/none: cannot be read: no such file")
        file.write_text(f"[log]\nlevel = error\n[tls]\ncertificate = {tmp_path}/none\n[server]\nclients = 1\n")
        server.process.send_signal(signal.SIGHUP)
        server.logs(r"ERROR the settings stay as they are: .*\[tls\] certificate")
        bob = Person(server, "Bob")
        server.logs("Bob. came")
        ann.hangs_up()
        bob.hangs_up()
    finally:
        server.close()


def test_what_changes_at_once_is_what_config_ini_says():
    told = (ROOT / "config.ini").read_text()
    assert {name for name in AT_ONCE if name.startswith("server.")} == {
        f"server.{option}"
        for option in re.search(r"of \[server\] ([\w, ]+);", told)[1].replace(" and", ",").split(", ")
    }
    not_at_once = re.search(r"\[limits\] but ([\w, ]+)\.", told)[1].replace(" and", ",").split(", ")
    assert {f"limits.{option}" for option in Limits.__struct_fields__ if option not in not_at_once} == {
        name for name in AT_ONCE if name.startswith("limits.")
    }
    for whole in ("tls", "telnet"):
        assert {f"{whole}.{option}" for option in getattr(Settings(), whole).__struct_fields__} <= AT_ONCE


def test_a_server_whose_terminal_is_closed_ends(tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, str(ROOT / "gchat.py"), "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data")]
    server = subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        os.close(theirs)
        assert server.stderr is not None
        assert b"In another terminal" in server.stderr.readline()
        assert b"Or in a browser" in server.stderr.readline()
        server.send_signal(signal.SIGHUP)
        assert b"settings read again" in server.stderr.readline()
        os.close(ours)
        server.send_signal(signal.SIGHUP)
        assert server.wait(PATIENCE) == 0
    finally:
        server.kill()
        server.communicate()
