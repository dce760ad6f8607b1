"""Listening on a name: on all of its addresses that this machine has."""

from __future__ import annotations

import contextlib
import errno
import socket

import pytest

from gchatd.doors import listening
from gchatd.errors import ConfigError
from gchatd.settings import load

NOWHERE = "203.0.113.1"  # for documentation (RFC 5737): no machine has it
NO_SUCH_FAMILY = 4711


@pytest.fixture
def listen(monkeypatch):
    """Listen on a name that stands for some addresses; gives the sockets' own, and closes them."""
    with contextlib.ExitStack() as open_sockets:

        def listen(*addresses: tuple[int, str], count: int = 1, port: int = 0) -> list[tuple[str, int]]:
            found = [(family, socket.SOCK_STREAM, 6, "", (host, port)) for family, host in addresses]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
            config = load(None, [("server", "listen", f"somewhere:{port}")])
            places = []
            for listeners in listening.listen(config, count):
                for listener in listeners:
                    open_sockets.enter_context(listener)
                places.append(listeners[0].getsockname())
            return places

        yield listen


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("missing", "why"),
    [((socket.AF_INET, NOWHERE), "cannot assign requested address"), ((NO_SUCH_FAMILY, "::1"), "not supported")],
)
@pytest.mark.parametrize("first", [True, False])
def test_an_address_that_this_machine_has_not_is_left_out_and_the_log_says_so(
    listen, caplog, missing, why, first, count
):
    there = (socket.AF_INET, "127.0.0.1")
    ((host, _),) = listen(*((missing, there) if first else (there, missing)), count=count)
    assert host == "127.0.0.1"
    (line,) = caplog.messages
    assert line.startswith(
        f"cannot listen on {'[::1]' if '::' in missing[1] else missing[1]}:0, one of the addresses of "
    )
    assert why in line


def test_if_it_has_none_of_them_that_is_an_error(listen, caplog):
    with pytest.raises(ConfigError, match=r"\[server\] listen = somewhere:0: cannot assign requested address$"):
        listen((socket.AF_INET, NOWHERE), (socket.AF_INET, "198.51.100.1"))
    assert caplog.messages == []


@pytest.mark.parametrize("count", [1, 3])
def test_an_address_that_is_in_use_is_an_error_and_named(listen, capsys, count):
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=rf"listen = somewhere:{port}: address already in use \(127.0.0.2:{port}\)$"
        ):
            listen((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.2"), port=port, count=count)
    assert len(capsys.readouterr().out.splitlines()) == 3  # of the one that worked


def test_an_address_that_a_name_has_twice_is_no_trouble_to_itself(listen, caplog):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    same = (socket.AF_INET, "127.0.0.1")
    assert listen(same, same, port=port) == [("127.0.0.1", port)]
    assert caplog.messages == []


def test_what_else_goes_wrong_with_one_of_them_is_an_error(listen, monkeypatch):
    def refuses(family: int, *, shared: bool) -> socket.socket:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(listening, "_socket", refuses)
    with pytest.raises(ConfigError, match=r"permission denied \(127.0.0.1:0\)$"):
        listen((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.2"))
