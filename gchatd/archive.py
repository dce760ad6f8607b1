"""What can be done with a data directory beside the server: print its history, copy it. Needs no event loop."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import msgspec

from . import times
from .errors import StoreError, UserError
from .journal.reader import Reader, copy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .events import Said


def _text(event: Said) -> str:
    text = event.text.replace("\n", "\n    ")
    words = f"* {event.name} {text}" if event.action else f"{event.name} : {text}"
    return f"{times.show_fully(event.at)} [{event.room}] {words}"


def _jsonl(event: Said) -> str:
    return msgspec.json.encode(event).decode()


FORMATS: dict[str, Callable[[Said], str]] = {"text": _text, "jsonl": _jsonl}
"""How a line of history is printed, by the name of the format."""


def print_history(directory: Path, room: str | None, since: str | None, format: str) -> None:
    """Print what was said, oldest first, to standard output. Raises StoreError if there is nothing, or no history."""
    show = FORMATS[format]
    try:
        at = times.parse(since) if since is not None else None
    except UserError as error:
        raise StoreError(f"--since: {error}") from None
    reader = Reader(directory)
    anything = False
    try:
        for event in reader.everything(room, reader.first_id_since(at) if at is not None else 0):
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
    """Copy the database, also while a server runs, and say so. Raises StoreError; then there is no copy."""
    lines = copy(directory, file)
    print(f"{file}: {lines} lines, {file.stat().st_size / 1e6:.1f} MB")
