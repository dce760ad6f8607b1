"""Recognizes IRC clients by the first thing they say, and answers them."""

from __future__ import annotations

import re
from typing import Final

ANSWER: Final = b"ERROR :Closing link: this is a chat for terminals, not an IRC server. Connect with telnet or nc.\r\n"
"""The whole answer to a client that speaks IRC (RFC 2812 section 3.7.4)."""

_REGISTRATION = re.compile(r"(?:CAP|NICK|USER|PASS) +\S.*")


def is_registration(line: str) -> bool:
    """Return whether a line is how an IRC client introduces itself. No username looks like one.

    IRC's commands may have small letters, too, but clients write capitals; `nick ann` was typed by a person.
    """
    return _REGISTRATION.fullmatch(line) is not None
