r"""Makes what people type safe on other people's terminals. Knows text; knows no bytes, no people.

This is the one place where that happens, on the way in: after `clean`, a line is safe to show, log or store as it is.
"""

from __future__ import annotations

import re
import unicodedata

MARKS_IN_A_ROW = 5
"""How many combining marks a letter may have. Burmese needs 4, pointed Hebrew 5; "zalgo" text has dozens."""

_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")  # letters that show nothing

# Escape sequences go whole, parameters and all: ECMA-48 sections 5.4 and 5.6, in their 7-bit and 8-bit forms.
# A string (OSC, DCS, SOS, PM, APC) that ESC opened and nothing ends takes the rest of the line with it, as it would
# on a terminal. Its 8-bit form does so only when something ends it, since the same bytes are letters in Windows-1252.
# No alternative can rescan what another one already scanned in vain, so time is linear in the text.
_SEQUENCE = re.compile(
    r"""
      (?: \x1b\[ | \x9b ) [0-?]* [\ -/]* [@-~]?                               # CSI parameters final
    | \x1b [PX\]^_] [^\x07\x1b\x9c]* (?: \x07 | \x1b\\ | \x9c )?   # OSC and the like
    | [\x90\x98\x9d-\x9f] [^\x07\x1b\x90\x98\x9c-\x9f]* (?: \x07 | \x1b\\ | \x9c )
    | \x1b [\ -/]* [0-~]?                                                     # ESC intermediates final
    """,
    re.VERBOSE,
)

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0a-\x1f\x7f-\x9f"  # C0 (TAB becomes a space), DEL, C1
    "\u2028\u2029"  # line and paragraph separator
    "\u202a-\u202e\u2066-\u2069"  # bidi embeddings, overrides, isolates
    "\u206a-\u206f\ufff9-\ufffb"  # deprecated format characters, interlinear annotation
    "\U000e0000-\U000e007f"  # tags: invisible text
    "\ud800-\udfff"  # lone surrogates have no UTF-8
    "]"
)


def clean(text: str) -> str:
    """Make a line safe for any terminal: remove what a terminal would obey and what would fool a reader.

    Escape sequences, control characters, bidi embeddings, overrides and isolates, line separators and tag characters
    go, a TAB becomes a space, and a stack of combining marks is cut to the first few. Joined emoji stay whole.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _SEQUENCE.sub("", text.replace("\t", " "))
    return _unstack(_UNSAFE.sub("", text))


def is_blank(text: str) -> bool:
    """Return whether a text shows nothing: it is empty, or made of spaces and invisible characters."""
    if text.isascii():
        return not text or text.isspace()
    return all(unicodedata.category(char) in _INVISIBLE or char in _FILLERS for char in text)


def _unstack(text: str) -> str:
    """Cut stacks of combining marks to the first few. Invisible characters neither count nor end a stack."""
    kept = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        if category in ("Mn", "Me"):
            marks += 1
            if marks > MARKS_IN_A_ROW:
                continue
        elif category not in ("Cf", "Cn", "Mc") and char not in _FILLERS:
            marks = 0
        kept.append(char)
    return "".join(kept)
