"""The keys of the line editor: how terminals send them, what each does to the line, and what people call them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .linebuffer import LineBuffer

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_SEQUENCE: Final = 32
"""The most characters of an escape sequence. What is longer is not taken for one."""

KEY = re.compile(
    r"""
      \x1b\[ [0-?]* [\ -/]* [@-~]      # CSI
    | \x1bO [\ -~]                     # SS3
    | \x1b [^\[O\x1b]                  # Alt and a key
    | [\x00-\x1a\x1c-\x1f\x7f]         # Ctrl and a key
    | [^\x00-\x1f\x7f]+                # text
    | \x1b (?= [^\[O] )                # a lone Escape
    """,
    re.VERBOSE,
)
BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?")
"""The beginning of an escape sequence."""

# Keys that do more than change the line: see lineedit.py.
CTRL_C, CTRL_D, TAB, LF, CTRL_L, CR, CTRL_Y = "\x03", "\x04", "\t", "\n", "\x0c", "\r", "\x19"
PASTE, PASTE_END = "\x1b[200~", "\x1b[201~"

EDITS: dict[str, Callable[[LineBuffer], None]] = {
    **dict.fromkeys(["\x1b[D", "\x1bOD", "\x02"], LineBuffer.left),
    **dict.fromkeys(["\x1b[C", "\x1bOC", "\x06"], LineBuffer.right),
    **dict.fromkeys(["\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~", "\x01"], LineBuffer.home),
    **dict.fromkeys(["\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~", "\x05"], LineBuffer.end),
    **dict.fromkeys(["\x1bb", "\x1b[1;5D", "\x1b[1;3D", "\x1b[5D", "\x1bOd"], LineBuffer.word_left),
    **dict.fromkeys(["\x1bf", "\x1b[1;5C", "\x1b[1;3C", "\x1b[5C", "\x1bOc"], LineBuffer.word_right),
    **dict.fromkeys(["\x7f", "\x08"], LineBuffer.backspace),
    **dict.fromkeys(["\x1b[3~", CTRL_D], LineBuffer.delete),
    **dict.fromkeys(["\x1b[A", "\x1bOA", "\x10"], LineBuffer.earlier),
    **dict.fromkeys(["\x1b[B", "\x1bOB", "\x0e"], LineBuffer.later),
    **dict.fromkeys(["\x1b\x7f", "\x1b\x08"], LineBuffer.kill_word_left),
    "\x1bd": LineBuffer.kill_word_right,
    CTRL_C: LineBuffer.clear,
    "\x0b": LineBuffer.kill_to_end,
    "\x15": LineBuffer.kill_to_start,
    "\x17": LineBuffer.kill_word,
}
"""What each key does to the line."""

KEYS: Final = [
    ("Enter", "send the line", (CR, LF)),
    ("Left, Right", "move by a character", ("\x1b[D", "\x1bOD", "\x02", "\x1b[C", "\x1bOC", "\x06")),
    ("Ctrl-Left, Alt-B", "move to the start of the word", ("\x1bb", "\x1b[1;5D", "\x1b[1;3D", "\x1b[5D", "\x1bOd")),
    ("Ctrl-Right, Alt-F", "move to the end of the word", ("\x1bf", "\x1b[1;5C", "\x1b[1;3C", "\x1b[5C", "\x1bOc")),
    ("Home, Ctrl-A", "move to the start of the line", ("\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~", "\x01")),
    ("End, Ctrl-E", "move to the end of the line", ("\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~", "\x05")),
    ("Up, Ctrl-P", "bring back the line before", ("\x1b[A", "\x1bOA", "\x10")),
    ("Down, Ctrl-N", "go forward to newer lines again", ("\x1b[B", "\x1bOB", "\x0e")),
    ("Tab", "complete a command or a name; twice, list them", (TAB,)),
    ("Backspace, Delete", "delete a character", ("\x7f", "\x08", "\x1b[3~")),
    ("Ctrl-W", "delete back to a space", ("\x17",)),
    ("Alt-Backspace", "delete to the start of the word", ("\x1b\x7f", "\x1b\x08")),
    ("Alt-D", "delete to the end of the word", ("\x1bd",)),
    ("Ctrl-U", "delete to the start of the line", ("\x15",)),
    ("Ctrl-K", "delete to the end of the line", ("\x0b",)),
    ("Ctrl-Y", "insert what these deleted last", (CTRL_Y,)),
    ("Ctrl-L", "clear the screen", (CTRL_L,)),
    ("Ctrl-C", "drop the line", (CTRL_C,)),
    ("Ctrl-D", "delete a character; on an empty line, leave", (CTRL_D,)),
]
"""What people call the keys, what they do, and what terminals send for them. (A paste is not a key.)"""

KEYS_HELP: Final = [(keys, what) for keys, what, _ in KEYS]
"""The same for people, without what terminals send."""
