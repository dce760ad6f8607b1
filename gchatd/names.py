"""What a username and the name of a room may be. Names are rejected, never repaired: what you typed, or a reason.

RFC 8265 (PRECIS) says how a name is shown (UsernameCasePreserved, section 3.4) and compared (UsernameCaseMapped,
section 3.3); which characters are allowed at all is narrower than PRECIS and said here.
"""

from __future__ import annotations

import functools
import re
import unicodedata

import msgspec
from precis_i18n import get_profile

from .errors import UserError
from .wire.text import clean

LONGEST_NAME = 32
"""The longest username, in characters as shown."""

LONGEST_ROOM = 64
"""The longest name of a room, in characters as shown."""

SYMBOLS = frozenset("_-[]{}|^`")
"""What may stand in a name beside letters and digits."""

RESERVED = frozenset({"server"})
"""Compared forms that nobody may have: the server speaks under them."""

WORD = re.compile(r"[^\s,:;.!?()<>\"'/\\]+")
"""A word of a text that may be somebody's name."""

# RFC 8264 section 9.1: the letters and digits of any script, vowel signs and accents among them.
_LETTER_DIGITS = frozenset({"Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"})

_shown = get_profile("UsernameCasePreserved")
_compared = get_profile("UsernameCaseMapped")


class Name(msgspec.Struct, frozen=True, gc=False):
    """A name that somebody or a room may have: as it is shown, and as it is compared (two are the same if that is)."""

    shown: str
    compared: str


def parse_name(name: str) -> Name:
    """Read a username as somebody typed it.

    Raises UserError, with a sentence that says what would be right, for a name that nobody may have.
    """
    parsed = _parse(name, "username", LONGEST_NAME)
    if parsed.compared in RESERVED:
        raise UserError(f"That username is reserved: {parsed.shown}.")
    return parsed


def parse_room(name: str) -> Name:
    """Read the name of a room as somebody typed it. Raises UserError, as `parse_name` does."""
    return _parse(name, "room name", LONGEST_ROOM)


@functools.lru_cache(1024)
def compared(name: str) -> str:
    """Give a name that has been parsed before, as it is compared."""
    return name.lower() if name.isascii() else _compared.enforce(name)


def _parse(name: str, what: str, longest: int) -> Name:
    _check_characters(name, what, longest)
    if name.isascii():  # the same, 12 us sooner: PRECIS leaves these as they are
        shown, folded = name, name.lower()
    else:
        try:
            shown, folded = _shown.enforce(name), _compared.enforce(name)
        except UnicodeEncodeError as error:
            raise UserError(f"That {what} mixes characters in a way that is not allowed ({error.reason}).") from None
    if len(shown) > longest:
        raise _too_long(shown, what, longest)
    if unicodedata.category(shown[0]).startswith("M"):
        raise UserError(f"A {what} cannot begin with an accent: there is no letter before it to carry it.")
    if clean(shown) != shown:
        raise UserError(f"That {what} has too many accents on one letter.")
    return Name(shown, folded)


def _check_characters(name: str, what: str, longest: int) -> None:
    """Refuse what is no name in any form. Raises UserError."""
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
        raise UserError(f"A {what} cannot be digits only.")


def _too_long(name: str, what: str, longest: int) -> UserError:
    return UserError(f"A {what} has at most {longest} characters; that one has {len(name)}.")


def _describe(char: str) -> str:
    """Name a character in words that are safe on any terminal."""
    if char == " ":
        return "a space"
    if char.isprintable() and not unicodedata.combining(char):
        return f"'{char}'"
    return f"the character U+{ord(char):04X}"
