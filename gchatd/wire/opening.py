"""What a client is, told by the first thing it says. No I/O. The input may be cut anywhere."""

from __future__ import annotations

import re
from typing import Final, Literal

from . import http, irc, proxy
from .negotiation import IAC

Opening = Literal["tls", "proxy", "http", "irc", "terminal"]

LONGEST: Final = 4096
"""How many bytes are looked at. A first line that is longer is told by how it begins."""

_HANDSHAKE: Final = 0x16
"""How TLS begins (RFC 8446 section 5.1), and nothing that people type."""

_WORD: Final = re.compile(rb"[^\x16\xff\r\n ][^\n ]*\n")  # a username, as nearly always


def opening_of(data: bytes) -> Opening | None:
    """Return what a client is that has sent these bytes so far (at least one); None while they do not tell.

    Whoever sends no more is a terminal then.
    """
    if _WORD.match(data):
        return "terminal"
    if data[0] == _HANDSHAKE:
        if len(data) == 1:
            return None
        return "tls" if data[1] == 3 else "terminal"
    if data[0] == IAC:
        return "terminal"
    if proxy.may_begin(data):
        return "proxy" if proxy.begins(data) else None
    end = data.find(b"\n")
    if end >= 0:
        return foreign(data[:end].removesuffix(b"\r").decode("latin-1")) or "terminal"
    if len(data) < LONGEST:
        return None
    return "http" if http.begins_request(data) else foreign(data.decode("latin-1")) or "terminal"


def foreign(line: str) -> Literal["http", "irc"] | None:
    """Return what a client is that says this where a username is expected; None if that may be a person."""
    if " " not in line:
        return None
    if http.is_request(line):
        return "http"
    return "irc" if irc.is_registration(line) else None
