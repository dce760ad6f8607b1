"""What a username may be. Names are rejected, never repaired: you get what you typed, as PRECIS writes it, or a reason.

RFC 8265 (PRECIS) says how a name is shown (UsernameCasePreserved, section 3.4) and compared (UsernameCaseMapped,
section 3.3); which characters are allowed at all is narrower than PRECIS and said here.
"""

from __future__ import annotations

import unicodedata

import msgspec
from precis_i18n import get_profile

from .errors import UserError
from .wire.text import clean

LONGEST_NAME = 32
"""The longest username, in characters as shown."""

SYMBOLS = frozenset("_-[]{}|^`")
"""What may stand in a name beside letters and digits."""

RESERVED = frozenset({"server"})
"""Compared forms that nobody may have: the server speaks under them."""

# RFC 8264 section 9.1: the letters and digits of any script, vowel signs and accents among them.
_LETTER_DIGITS = frozenset({"Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"})

_shown = get_profile("UsernameCasePreserved")
_compared = get_profile("UsernameCaseMapped")


class Name(msgspec.Struct, frozen=True, gc=False):
    """A name that somebody may have: as it is shown, and as it is compared (two are the same if `compared` is)."""

    shown: str
    compared: str


def parse_name(name: str) -> Name:
    """Read a name as somebody typed it.

    Raises UserError, with a sentence that says what would be right, for a name that nobody may have.
    """
    _check_characters(name)
    if name.isascii():  # the same, 12 us sooner: PRECIS leaves these as they are
        shown, compared = name, name.lower()
    else:
        try:
            shown, compared = _shown.enforce(name), _compared.enforce(name)
        except UnicodeEncodeError as error:
            raise UserError(f"That username mixes characters in a way that is not allowed ({error.reason}).") from None
    if len(shown) > LONGEST_NAME:
        raise _too_long(shown)
    if unicodedata.category(shown[0]).startswith("M"):
        raise UserError("A username cannot begin with an accent: there is no letter before it to carry it.")
    if clean(shown) != shown:
        raise UserError("That username has too many accents on one letter.")
    if compared in RESERVED:
        raise UserError(f"That username is reserved: {shown}.")
    return Name(shown, compared)


def _check_characters(name: str) -> None:
    """Refuse what is no name in any form. Raises UserError."""
    if not name:
        raise UserError("A username cannot be empty.")
    if len(name) > 4 * LONGEST_NAME:  # no composing makes it short enough, and PRECIS takes its time
        raise _too_long(name)
    for char in name:
        if char not in SYMBOLS and unicodedata.category(char) not in _LETTER_DIGITS:
            raise UserError(
                f"A username cannot contain {_describe(char)}: use letters, digits and {' '.join(sorted(SYMBOLS))}."
            )
    if name.isdigit():
        raise UserError("A username cannot be digits only.")


def _too_long(name: str) -> UserError:
    return UserError(f"A username has at most {LONGEST_NAME} characters; that one has {len(name)}.")


def _describe(char: str) -> str:
    """Name a character in words that are safe on any terminal."""
    if char == " ":
        return "a space"
    if char.isprintable() and not unicodedata.combining(char):
        return f"'{char}'"
    return f"the character U+{ord(char):04X}"
