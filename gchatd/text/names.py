"""What usernames and room names may be. A name is taken as you typed it, or refused with a reason; never changed.

RFC 8265 (PRECIS) says how a name is shown (UsernameCasePreserved, section 3.4) and compared (UsernameCaseMapped,
section 3.3); which characters are allowed at all is narrower than PRECIS and said here.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Literal

import msgspec
from precis_i18n import get_profile

from ..errors import Refusal, Refused
from .cleaning import clean

LONGEST_NAME = 32
"""The longest username, in characters as shown."""

LONGEST_ROOM = 64
"""The longest name of a room, in characters as shown."""

SYMBOLS = frozenset("_-[]{}|^`")
"""What a name may contain besides letters and digits."""

RESERVED = frozenset({"server"})
"""Compared forms that nobody can have: the server uses them."""

WORD = re.compile(r"[^\s,:;.!?()<>\"'/\\]+")
"""A word of a text that may be somebody's name."""

# RFC 8264 section 9.1: the letters and digits of any script, vowel signs and accents among them.
_LETTER_DIGITS = frozenset({"Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"})

_PLAIN = re.compile(rf"(?!\d+\Z)[\w{re.escape(''.join(sorted(SYMBOLS)))}]+", re.ASCII)
"""A name that PRECIS would not change, as most are: so it need not be asked, which takes its time."""

_shown = get_profile("UsernameCasePreserved")
_compared = get_profile("UsernameCaseMapped")


class Name(msgspec.Struct, frozen=True, gc=False):
    """A valid name, of a user or a room. Two names are the same if their `compared` forms are equal."""

    shown: str
    compared: str


class NameNotAllowed(Refusal, frozen=True):
    """Nobody, or no room, can have this name."""

    of: Literal["user", "room"]
    why: Literal["empty", "long", "character", "digits", "accent", "accents", "mixture", "reserved"]
    """It has too many characters, one that is not allowed, digits only; it begins with an accent, has too many accents
    on a letter, mixes characters in a way that RFC 8264 forbids, or is the server's."""

    detail: str = ""
    """The character, what RFC 8264 says, or the name that is reserved."""

    length: int = 0
    most: int = 0
    """How many characters it has, and may have, if it is too long."""


def parse_name(name: str) -> Name:
    """Read a username as someone typed it. Raises Refused (NameNotAllowed) if nobody can have that name."""
    parsed = _parse(name, "user", LONGEST_NAME)
    if parsed.compared in RESERVED:
        raise Refused(NameNotAllowed("user", "reserved", parsed.shown))
    return parsed


def parse_room(name: str) -> Name:
    """Read a room name as someone typed it. Raises Refused, as `parse_name` does."""
    return _parse(name, "room", LONGEST_ROOM)


@functools.lru_cache(1024)
def compared(name: str) -> str:
    """Return the compared form of a name that is known to be valid: the name itself, if it is that already."""
    folded: str = name.lower() if name.isascii() else _compared.enforce(name)
    return name if folded == name else folded


def _parse(name: str, of: Literal["user", "room"], most: int) -> Name:
    if len(name) <= most and _PLAIN.fullmatch(name):
        return Name(name, name.lower())
    _check_characters(name, of, most)
    try:
        shown, folded = _shown.enforce(name), _compared.enforce(name)
    except UnicodeEncodeError as error:
        raise Refused(NameNotAllowed(of, "mixture", error.reason)) from None
    if len(shown) > most:
        raise Refused(NameNotAllowed(of, "long", length=len(shown), most=most))
    if unicodedata.category(shown[0]).startswith("M"):
        raise Refused(NameNotAllowed(of, "accent"))
    if clean(shown) != shown:
        raise Refused(NameNotAllowed(of, "accents"))
    return Name(shown, folded)


def _check_characters(name: str, of: Literal["user", "room"], most: int) -> None:
    """Raise Refused for what cannot be a name in any form."""
    if not name:
        raise Refused(NameNotAllowed(of, "empty"))
    if len(name) > 4 * most:  # no composing makes it short enough, and PRECIS takes its time
        raise Refused(NameNotAllowed(of, "long", length=len(name), most=most))
    for char in name:
        if char not in SYMBOLS and unicodedata.category(char) not in _LETTER_DIGITS:
            raise Refused(NameNotAllowed(of, "character", char))
    if name.isdigit():
        raise Refused(NameNotAllowed(of, "digits"))
