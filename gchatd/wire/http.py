"""What a web browser is answered that was sent to a chat: any web page can have its visitor's browser do that.

The body of such a request would be run as chat in the visitor's name, so nothing of it must be looked at.
"""

from __future__ import annotations

import re
from typing import Final

_TEXT = b"This is a chat for terminals, not a web server: connect with telnet or nc.\n"
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
"""All that is said to one that speaks HTTP (RFC 9112)."""

_METHOD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110 section 5.6.2, "token"
_REQUEST = re.compile(rf"{_METHOD} +\S+ +HTTP/\d.*|GET +/\S*\s*")
_BEGUN = re.compile(rf"{_METHOD} +(?:/|\*|[A-Za-z][A-Za-z0-9+.-]*:)".encode())


def is_request(line: str) -> bool:
    """Tell whether a first line is the first line of an HTTP request (of version 0.9, too). No name looks so."""
    return " " in line and _REQUEST.fullmatch(line) is not None


def begins_request(data: bytes) -> bool:
    """Tell whether what was sent first begins like an HTTP request: for a line that is too long to be looked at."""
    return _BEGUN.match(data) is not None
