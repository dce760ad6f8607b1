"""The settings are read again while the server runs."""

from __future__ import annotations

import logging
import os
import pty
import signal
import subprocess
import sys

import pytest
from people import PATIENCE, ROOT, Person, Server

from gchatd.errors import ConfigError
from gchatd.operate.reloading import Reloading
from gchatd.settings import Settings, load


def settings(**given: str) -> Settings:
    return load(None, [(*name.split("__"), value) for name, value in given.items()])


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
        server.send_signal(signal.SIGHUP)
        assert b"settings read again" in server.stderr.readline()
        os.close(ours)
        server.send_signal(signal.SIGHUP)
        assert server.wait(PATIENCE) == 0
    finally:
        server.kill()
        server.communicate()
