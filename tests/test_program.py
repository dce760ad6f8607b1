"""What gchat.py makes of its command line, and what it says once it serves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest
from people import PATIENCE, ROOT, gchat


def test_a_wrong_command_line_is_told_in_one_line_with_exit_status_2(tmp_path):
    (tmp_path / "config.ini").write_text("[log]\nlevel = loud\n")
    for args, told in [
        (["--set", "limits=5"], "command line: --set limits=5: expected SECTION.OPTION=VALUE"),
        (["--set", "limits.line"], "command line: --set limits.line: expected SECTION.OPTION=VALUE"),
        (["--config", "no.ini"], "no.ini: cannot be read: no such file or directory"),
        (["serve", "--config", "no.ini"], "no.ini: cannot be read: no such file or directory"),
        ([], "config.ini: [log] level = loud: expected one of debug, info, warning, error"),
        (["--log-level", "mute"], "command line: [log] level = mute: expected one of debug, info, warning, error"),
    ]:
        assert gchat(*args, cwd=tmp_path) == (2, "", f"gchat: {told}\n")


def test_an_address_that_is_in_use_is_told_in_one_line_with_exit_status_2(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "my.ini").write_text(f"[server]\nlisten = {address}\n")
        for args, source in [
            (["--listen", address], "command line"),
            (["serve", "--set", f"server.listen={address}"], "command line"),
            (["--config", "my.ini"], "my.ini"),
        ]:
            status, _, told = gchat(*args, cwd=tmp_path)
            assert (status, told) == (2, f"gchat: {source}: [server] listen = {address}: address already in use\n")


@pytest.mark.parametrize("args", [["--version"], ["serve", "--version"]])
def test_version_is_told_with_exit_status_0(tmp_path, args):
    status, told, complaints = gchat(*args, cwd=tmp_path)
    assert (status, complaints) == (0, "")
    assert told.split()[0] == "gchat"
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("command", [[], ["serve"]])
def test_serve_is_what_a_command_line_without_a_command_means(tmp_path, command):
    words = [sys.executable, str(ROOT / "gchat.py"), *command, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            greeting = [process.stdout.readline() for _ in range(3)]
            assert greeting[2] == "Socket is listening.\n"
            port = int(greeting[1].rstrip(".\n").split()[-1])
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as person:
                assert person.recv(100) == b"server: Input username.\r\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("listen", "host"),
    [
        (["127.0.0.1:0"], "localhost"),
        (["0.0.0.0:0"], "localhost"),
        (["127.0.0.2:0"], "127.0.0.2"),
        (["localhost:0", "127.0.0.1:0"], "localhost"),
    ],
)
def test_once_it_listens_standard_error_says_what_to_type(start, listen, host):
    server = start(listen=listen)
    told = server.logs("In another terminal")
    assert told == f"In another terminal: telnet {host} {server.port}"
    server.logs(f"^Or in a browser: http://{host}:{server.port}/$")
    assert server.stop() == 0
    assert server.log().count("In another terminal") == 1


def test_the_server_serves_even_if_nobody_can_read_what_to_type(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, str(ROOT / "gchat.py"), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=writing, text=True) as process:
        os.close(writing)
        try:
            greeting = [process.stdout.readline() for _ in range(3)]
            port = int(greeting[1].rstrip(".\n").split()[-1])
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as person:
                assert person.recv(100) == b"server: Input username.\r\n"
        finally:
            process.kill()


def test_listen_may_be_repeated_and_overrides_the_file(tmp_path):
    (tmp_path / "config.ini").write_text("[server]\nlisten = nowhere.invalid:1\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, announced, told = gchat("--listen", "127.0.0.1:0", "--listen", address, cwd=tmp_path)
    assert announced.count("Socket is listening.") == 1
    assert (status, told) == (2, f"gchat: command line: [server] listen = {address}: address already in use\n")
