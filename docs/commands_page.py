"""Makes docs/commands.md from the table of commands: `make docs`, or `python docs/commands_page.py`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from gchatd.doors.terminal.commands.details import DETAILS
from gchatd.doors.terminal.commands.table import FIRST, TOPICS
from gchatd.wire.lineedit import KEYS_HELP

PAGE = ROOT / "docs/commands.md"
_FIRST = ", ".join(f"`/{name}`" for name in FIRST)
_INTRODUCTION = f"""\
# Commands

What you type goes to everyone in your current room, unless it starts with a slash: then it is a command. To start a
message with a slash, type two. The five commands to start with are {_FIRST}. `/help COMMAND`
shows you what this page says. If you have a `>` prompt, the Tab key completes commands, names and rooms, and
lines that you paste wait for Enter, which sends them as one message.

In the first column, replace WORDS in capitals with your own, leave out `[what is in brackets]` if you like, and choose
one of `a|b`. A list that is longer than your window stops when the window is full: `/more` shows the next page.
"""


def page() -> str:
    """Give the text of the page."""
    parts = [_INTRODUCTION]
    for topic, commands in TOPICS.items():
        parts += [f"\n## {topic}\n", "\n| command | what it does | for example |\n|---|---|---|\n"]
        for command in commands:
            also = f", also {', '.join(f'`/{alias}`' for alias in command.aliases)}" if command.aliases else ""
            what = f"{command.help[0].upper()}{command.help[1:]}. {DETAILS[command.name]}"
            cells = (f"`{command.usage}`{also}", what, f"`{command.example}`")
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    parts += ["\n## Keys\n\nIf you have a `>` prompt, these keys edit the line you are typing (`/help keys`):\n"]
    parts += ["\n| keys | what they do |\n|---|---|\n", *(f"| {keys} | {what} |\n" for keys, what in KEYS_HELP)]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
