"""Sockets that listen: for this process, or several at one address, for as many processes. Needs no event loop."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import sys
from typing import TYPE_CHECKING, Any, Final

from ..settings import Address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..settings import Settings

logger = logging.getLogger(__name__)

BACKLOG = 4096
"""How many connections may wait to be accepted. The kernel has a limit, too (net.core.somaxconn)."""

KEEPALIVE_SECONDS = 120
"""After this much silence the kernel asks a client's machine whether it is still there,"""

KEEPALIVE_AGAIN_SECONDS = 15
"""and if it does not answer, asks again this often."""

DEAD_SECONDS = 150
"""A client's machine that acknowledges nothing for so long is gone."""

_NOT_HERE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What is wrong with an address that this machine has not got: ::1, where IPv6 is turned off."""

SEND_BUFFER = 65536
"""Bytes that the kernel may hold for a client that does not read. What waits in the server costs less: it is shared."""


def listen(config: Settings, count: int = 1) -> Iterator[list[socket.socket]]:
    """Yield so many listening sockets for each address, and announce it on standard output in the original's words.

    The kernel deals new connections out to the sockets of an address (SO_REUSEPORT), evenly. Raises ConfigError.
    """
    for address in config.server.listen:
        try:
            yield from _listen(address, count)
        except OSError as error:
            raise config.complain("server", "listen", address, _trouble(error)) from None
        except UnicodeError:
            raise config.complain("server", "listen", address, "not the name of a host") from None


def _listen(address: Address, count: int) -> Iterator[list[socket.socket]]:
    """Listen on an address, or on all that a name stands for and this machine has. Raises OSError.

    That is an error if it has none of them, or if one is in use: people would find another program there.
    """
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    places = dict.fromkeys((family, where) for family, _, _, _, where in found)  # /etc/hosts may name one twice
    missing: dict[str, OSError] = {}
    for family, where in places:
        try:
            yield _listeners(family, where, count)
        except OSError as error:
            if len(places) == 1:
                raise
            name = str(Address(str(where[0]), int(where[1])))
            if error.errno not in _NOT_HERE:
                raise OSError(error.errno, f"{error.strerror} ({name})") from None
            missing[name] = error
    if len(missing) == len(places):
        raise next(iter(missing.values()))
    for name, why in missing.items():
        logger.warning("cannot listen on %s, one of the addresses of %s: %s", name, address.host, _trouble(why))


def _listeners(family: int, where: Any, count: int) -> list[socket.socket]:
    """Make so many sockets that listen at one place, and announce it. Raises OSError."""
    with contextlib.ExitStack() as unless_all_is_well:
        listeners = [unless_all_is_well.enter_context(_socket(family, shared=count > 1)) for _ in range(count)]
        if count > 1 and where[1]:
            with _socket(family, shared=False) as probe:
                probe.bind(where)  # fails if there is another server; sockets that share would share with it, too
        listeners[0].bind(where)
        for listener in listeners[1:]:
            listener.bind(listeners[0].getsockname())  # has the port, if the system chose it
        for listener in listeners:
            listener.listen(BACKLOG)
        unless_all_is_well.pop_all()
    print("Socket successfully created", flush=True)
    print(f"Socket binded to port {listeners[0].getsockname()[1]}.", flush=True)
    print("Socket is listening.", flush=True)
    return listeners


def _trouble(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _socket(family: int, *, shared: bool) -> socket.socket:
    """Make a socket. Those that it accepts inherit the options set here."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a turn's lines are gathered already
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)  # telnet's urgent mark is a byte of the stream
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a peer that vanished is not here for ever
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_AGAIN_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_SECONDS * 1000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return sock


def say_what_to_type(address: tuple[str, int], encrypted: bool) -> None:
    """Print, on standard error, how a person on this machine gets to an address that we listen on.

    `encrypted`: only with TLS.
    """
    host, port, *_ = address
    if host in ("127.0.0.1", "0.0.0.0", "::1", "::"):  # noqa: S104 - only looked at
        host = "localhost"
    with contextlib.suppress(OSError):  # whoever read it has gone (`| head -3`): no reason not to serve
        telnet, scheme = ("telnet-ssl -z ssl", "https") if encrypted else ("telnet", "http")
        print(f"In another terminal: {telnet} {host} {port}", file=sys.stderr)
        print(f"Or in a browser: {scheme}://{Address(host, port)}/", file=sys.stderr, flush=True)
