"""The keys that edit the line being typed, for `/help keys`."""

from __future__ import annotations

from typing import Final

KEYS_HELP: Final[tuple[tuple[str, str], ...]] = (
    ("Enter", "send the line"),
    ("Left, Right; Ctrl-B, Ctrl-F", "move by a character"),
    ("Ctrl-Left, Ctrl-Right; Alt-B, Alt-F", "move by a word"),
    ("Home, End; Ctrl-A, Ctrl-E", "move to the start or the end"),
    ("Up, Down; Ctrl-P, Ctrl-N", "bring back a line you typed before"),
    ("Tab", "complete a command or a name; press it twice for a list"),
    ("Backspace, Delete", "delete a character"),
    ("Ctrl-W", "delete the word before the cursor"),
    ("Alt-Backspace, Alt-D", "delete to the start or the end of the word"),
    ("Ctrl-U, Ctrl-K", "delete to the start or the end of the line"),
    ("Ctrl-Y", "paste what you deleted last"),
    ("Ctrl-C", "drop the line"),
    ("Ctrl-D", "leave, on an empty line; otherwise delete a character"),
)
"""Keys, and what they do."""
