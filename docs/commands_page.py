"""Makes docs/commands.md from the table of commands: `make docs`, or `python docs/commands_page.py`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from gchatd.commands.table import FIRST, TOPICS

PAGE = ROOT / "docs/commands.md"
_FIRST = ", ".join(f"`/{name}`" for name in FIRST)
_INTRODUCTION = f"""\
# Commands

What is typed is said to everybody in the current room, unless it begins with a slash; a line that shall begin with one
is typed with two. The five that matter first: {_FIRST}.
`/help COMMAND` tells the same as this page, and Tab completes commands, names and rooms in a terminal that sends every
key.

In the grammar, WORDS in capitals stand for something, `[what is in brackets]` may be left out, `a|b` is a choice. A
list that is longer than one's window is shown a page at a time: `/more` goes on.
"""


def page() -> str:
    """Give the page as it should be."""
    parts = [_INTRODUCTION]
    for topic, commands in TOPICS.items():
        parts += [f"\n## {topic}\n", "\n| command | what it does | for example |\n|---|---|---|\n"]
        for command in commands:
            also = "".join(f", also `/{alias}`" for alias in command.aliases)
            cells = (f"`{command.usage}`{also}", command.help, f"`{command.example}`")
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
