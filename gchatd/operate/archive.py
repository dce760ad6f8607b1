"""What you can do with a data directory without the server: print its history, copy it. Needs no event loop."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import msgspec

from ..errors import NotATimeError, StoreError
from ..journal.reader import Reader, copy
from ..text import times
from ..text.names import compared
from ..text.phrases import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..chat.events import Said


def _text(event: Said) -> str:
    text = event.text.replace("\n", "\n    ")
    words = f"* {event.name} {text}" if event.action else f"{event.name} : {text}"
    return f"{times.in_full(event.at)} [{event.room}] {words}{' (edited)' if event.edited else ''}"


def _jsonl(event: Said) -> str:
    return msgspec.json.encode(event).decode()


def _named(reader: Reader, room: str) -> str:
    """Give a room as history writes it; as it was typed, if nothing was said there."""
    try:
        return reader.named(compared(room)) or room
    except UnicodeError:  # no room can be called that
        return room


FORMATS: dict[str, Callable[[Said], str]] = {"text": _text, "jsonl": _jsonl}
"""How to print a line of history, by the name of the format. docs/history.md says what both contain."""


def print_history(directory: Path, room: str | None, since: str | None, format: str) -> None:
    """Print what was said to standard output, oldest first. Raises StoreError if there is nothing to print."""
    show = FORMATS[format]
    try:
        at = times.parse_since(since) if since is not None else None
    except NotATimeError as error:
        raise StoreError(f"--since: {error}") from None
    reader = Reader(directory)
    anything = False
    try:
        named = None if room is None else _named(reader, room)
        for event in reader.everything(named, reader.first_id_since(at) if at is not None else 0):
            anything = True
            print(show(event))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads this has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if not anything:
        which = "".join([f" in {room}" if room else "", f" since {since}" if since else ""])
        raise StoreError(f"{directory}: nothing was said{which}")


def back_up(directory: Path, file: Path) -> None:
    """Copy the database, even while a server runs, and say so. Raises StoreError; then there is no copy."""
    lines = copy(directory, file)
    print(f"{file}: {counted(lines, 'line')}, {file.stat().st_size / 1e6:.1f} MB")
