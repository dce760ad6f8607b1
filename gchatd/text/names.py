"""What usernames and room names may be. A name is taken as you typed it, or refused with a reason; never changed.

RFC 8265 (PRECIS) says how a name is shown (UsernameCasePreserved, section 3.4) and compared (UsernameCaseMapped,
section 3.3); which characters are allowed at all is narrower than PRECIS and said here.
"""

from __future__ import annotations

import functools
import re
import unicodedata

import msgspec
from precis_i18n import get_profile

from ..errors import UserError
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

_shown = get_profile("UsernameCasePreserved")
_compared = get_profile("UsernameCaseMapped")


class Name(msgspec.Struct, frozen=True, gc=False):
    """A valid name, of a user or a room. Two names are the same if their `compared` forms are equal."""

    shown: str
    compared: str


def parse_name(name: str) -> Name:
    """Read a username as someone typed it.

    Raises UserError if nobody can have that name, with a sentence that says what would be right.
    """
    parsed = _parse(name, "username", LONGEST_NAME)
    if parsed.compared in RESERVED:
        raise UserError(f"That username is reserved: {parsed.shown}.")
    return parsed


def parse_room(name: str) -> Name:
    """Read a room name as someone typed it. Raises UserError, as `parse_name` does."""
    return _parse(name, "room name", LONGEST_ROOM)


@functools.lru_cache(1024)
def compared(name: str) -> str:
    """Give the compared form of a name that is known to be valid."""
    return name.lower() if name.isascii() else _compared.enforce(name)


def _parse(name: str, what: str, longest: int) -> Name:
    _check_characters(name, what, longest)
    if name.isascii():  # 12 us faster than PRECIS, which would change nothing
        shown, folded = name, name.lower()
    else:
        try:
            shown, folded = _shown.enforce(name), _compared.enforce(name)
        except UnicodeEncodeError as error:
            raise UserError(f"That {what} mixes characters in a way that is not allowed ({error.reason}).") from None
    if len(shown) > longest:
        raise _too_long(shown, what, longest)
    if unicodedata.category(shown[0]).startswith("M"):
        raise UserError(f"A {what} cannot begin with an accent: it needs a letter to sit on.")
    if clean(shown) != shown:
        raise UserError(f"That {what} has too many accents on one letter.")
    return Name(shown, folded)


def _check_characters(name: str, what: str, longest: int) -> None:
    """Raise UserError for what cannot be a name in any form."""
    if not name:
        raise UserError(f"A {what} cannot be empty.")
    if len(name) > 4 * longest:  # no composing makes it short enough, and PRECIS takes its time
        raise _too_long(name, what, longest)
    for char in name:
        if char not in SYMBOLS and unicodedata.category(char) not in _LETTER_DIGITS:
            raise UserError(
                f"A {what} cannot contain {_describe(char)}: use letters, digits and {' '.join(sorted(SYMBOLS))}."
            )
    if name.isdigit():
        raise UserError(f"A {what} cannot be all digits.")


def _too_long(name: str, what: str, longest: int) -> UserError:
    return UserError(f"A {what} can have at most {longest} characters; that one has {len(name)}.")


def _describe(char: str) -> str:
    """Describe a character in words that are safe on any terminal."""
    if char == " ":
        return "a space"
    if char.isprintable() and not unicodedata.combining(char):
        return f"'{char}'"
    return f"the character U+{ord(char):04X}"
