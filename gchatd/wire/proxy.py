"""The PROXY protocol, versions 1 and 2: where a client is that comes through a proxy. No I/O.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt. A proxy sends a header before anything else:

    PROXY TCP4 192.0.2.7 198.51.100.1 51422 1337\\r\\n
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import msgspec

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
"""How version 2 begins."""

LONGEST: Final = 2048
"""The longest header that is taken, in bytes. Those of version 1 have at most 107; the rest is for what proxies add."""

_LONGEST_LINE: Final = 107
_BEGINS = re.compile(rb"PROXY [TU]")
_LINE = re.compile(rb"PROXY TCP([46]) (\S+) (\S+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})")
_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?")
_HEAD: Final = 16
_LENGTHS: Final = {0x11: 4, 0x21: 16}  # TCP over IPv4 and IPv6: how long an address is


class BadHeaderError(ValueError):
    """What came is no PROXY header, or one that is too long."""


class Header(msgspec.Struct, frozen=True):
    """What a proxy says before its client does."""

    size: int
    """How many bytes the header has."""

    source: tuple[str, int] | None
    """Where the client is. None if the proxy itself is the client, as when it sees whether we are there."""


def may_begin(data: bytes) -> bool:
    """Return whether input begins with a header, as far as it goes: with 7 bytes of version 1, or 12 of version 2."""
    return begins(data) or SIGNATURE.startswith(data)


def begins(data: bytes) -> bool:
    """Return whether input begins with a header."""
    return data.startswith(SIGNATURE) or _BEGINS.match(data) is not None


def read(data: bytes) -> Header | None:
    """Read the header with which input begins; None while it is not complete. Raises BadHeaderError."""
    if data.startswith(SIGNATURE[:1]):
        return _read_binary(data)
    return _read_line(data)


def _read_line(data: bytes) -> Header | None:
    """Read version 1: a line."""
    line, end, _ = data[:_LONGEST_LINE].partition(b"\r\n")
    if not end:
        if len(data) >= _LONGEST_LINE or not (b"PROXY ".startswith(data[:6])):
            raise BadHeaderError("no PROXY header")
        return None
    size = len(line) + len(end)
    if _UNKNOWN.fullmatch(line):
        return Header(size, None)
    match = _LINE.fullmatch(line)
    if match is None:
        raise BadHeaderError("no PROXY header")
    try:
        kind = IPv4Address if match[1] == b"4" else IPv6Address
        source = kind(match[2].decode("ascii"))
        kind(match[3].decode("ascii"))
        if b"%" in line:  # a scope, which Python would take and no proxy may send
            raise ValueError
    except ValueError:
        raise BadHeaderError("a PROXY header with a wrong address") from None
    port = int(match[4])
    if port > 65535 or int(match[5]) > 65535:
        raise BadHeaderError("a PROXY header with a wrong port")
    return Header(size, (_plain(source), port))


def _read_binary(data: bytes) -> Header | None:
    """Read version 2: a signature, version and command, family, length; then two addresses, two ports, and more."""
    if not (data.startswith(SIGNATURE) or SIGNATURE.startswith(data)):
        raise BadHeaderError("no PROXY header")
    if len(data) < _HEAD:
        return None
    command, family, length = data[12], data[13], int.from_bytes(data[14:16])
    size = _HEAD + length
    if command not in (0x20, 0x21):
        raise BadHeaderError("a PROXY header of another version")
    if size > LONGEST:
        raise BadHeaderError(f"a PROXY header of {size} bytes")
    if len(data) < size:
        return None
    if command == 0x20 or family not in _LENGTHS:
        return Header(size, None)
    each = _LENGTHS[family]
    if length < 2 * each + 4:
        raise BadHeaderError("a PROXY header that is too short")
    source = ip_address(data[_HEAD : _HEAD + each])
    ports = _HEAD + 2 * each
    return Header(size, (_plain(source), int.from_bytes(data[ports : ports + 2])))


def _plain(address: IPv4Address | IPv6Address) -> str:
    """Write an address the one way that limits and bans know it: without a scope, IPv4 as such."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(address).partition("%")[0]
    return str(address)
