r"""Makes what people type safe on other people's terminals. Knows text; knows no bytes, no people.

This is the one place where it is done, on the way in: past `clean` a line can be shown, logged or stored as it is.
"""

from __future__ import annotations

import re
import unicodedata

TOO_LONG = "\n"
"""Stands among the lines of a wire where one was dropped for its length. No line has a LF in it: it is unmistakable."""

MARKS_IN_A_ROW = 5
"""How many combining marks one letter may carry. Burmese needs 4, pointed Hebrew 5; "zalgo" text has dozens."""

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
    """Give a line as it may appear on anybody's terminal: without what a terminal obeys or a reader is fooled by.

    Escape sequences, control characters, bidi embeddings, overrides and isolates, line separators and tag characters
    are removed, a TAB becomes a space, and of a stack of combining marks the first few stay. Joined emoji stay whole.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _SEQUENCE.sub("", text.replace("\t", " "))
    return _unstack(_UNSAFE.sub("", text))


def _unstack(text: str) -> str:
    """Drop the combining marks of a stack past the first few. What is invisible neither counts nor starts anew."""
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
