"""Recognizes HTTP requests: any web page can make its visitors' browsers send one to a chat.

At the web's door they are welcome. At a terminal's, its body would run as chat commands: who sends one there, after
something else, is answered here, and nothing that follows is looked at.
"""

from __future__ import annotations

import re
from typing import Final

_TEXT = b"An HTTP request has to be the first thing on its connection.\n"
ANSWER: Final = b"\r\n".join(
    [
        b"HTTP/1.1 400 Bad Request",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: %d" % len(_TEXT),
        b"Connection: close",
        b"",
        _TEXT,
    ]
)
"""The whole answer to a client that begins to speak HTTP where a username is expected (RFC 9112)."""

_METHOD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110 section 5.6.2, "token"
_REQUEST = re.compile(rf"{_METHOD} +\S+ +HTTP/\d.*|GET +/\S*\s*")
_BEGUN = re.compile(rf"{_METHOD} +(?:/|\*|[A-Za-z][A-Za-z0-9+.-]*:)".encode())


def is_request(line: str) -> bool:
    """Return whether a first line is an HTTP request, HTTP/0.9 included. No username looks like one."""
    return " " in line and _REQUEST.fullmatch(line) is not None


def begins_request(data: bytes) -> bool:
    """Return whether input begins like an HTTP request, for a first line too long to be read whole."""
    return _BEGUN.match(data) is not None
