"""Where a crowd may go: to this machine, and elsewhere only if a person at the terminal agrees."""

from __future__ import annotations

import socket
import sys

import msgspec

from ..errors import ConfigError
from ..settings import Address


class Target(msgspec.Struct, frozen=True):
    """A server that is already running. `host` is its numeric address."""

    name: str
    host: str
    port: int
    here: bool  # on this machine


def resolve(text: str) -> Target:
    """Find out where `HOST:PORT` is. Raises ConfigError.

    If a name has several addresses on this machine (127.0.0.1 and ::1), this picks one where a server listens.
    """
    try:
        address = Address.parse(text)
        if not address.port:
            raise ValueError("expected a port from 1 to 65535")
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except ValueError as error:  # UnicodeError is one: not the name of a host
        trouble = "not the name of a host" if isinstance(error, UnicodeError) else str(error)
        raise ConfigError(f"--connect {text}: {trouble}") from None
    except OSError as error:
        raise ConfigError(f"--connect {text}: {(error.strerror or str(error)).lower()}") from None
    hosts = {str(where[0]): family for family, _, _, _, where in found}
    elsewhere = [host for host, family in hosts.items() if not is_this_machine(host, family)]
    if elsewhere:
        return Target(str(address), elsewhere[0], address.port, here=False)
    host = next(iter(hosts))
    if len(hosts) > 1:
        host = next((one for one in hosts if _answers(one, address.port)), host)
    return Target(str(address), host, address.port, here=True)


def is_this_machine(host: str, family: int) -> bool:
    """Tell whether a numeric address is this machine's own: a socket can be bound only to those."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def ask_before_leaving(target: Target, allowed: bool, clients: str) -> None:
    """Raise ConfigError unless the target is this machine, or a person agrees to go to another.

    Asks on standard error and waits for the answer. Without a terminal the answer is no.
    """
    if target.here:
        return
    if not allowed:
        raise ConfigError(f"--connect {target.name}: {target.host} is not this machine: see --not-this-machine")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(f"--connect {target.name}: not this machine, and there is no terminal to ask you on")
    sys.stderr.write(
        f"This sends {clients} to {target.host}, port {target.port}, which is not this machine.\n"
        "Do that only if the server is yours, or its owner agrees. Go on? [y/N] "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ConfigError(f"--connect {target.name}: not this machine, and you did not agree")
