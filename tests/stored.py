"""What tests of the database of history share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gchatd.chat.events import Said

if TYPE_CHECKING:
    from gchatd.journal.store import Writer

NOW = time.time_ns() // 1_000_000
DAY = 86_400_000


def said(*texts: str, room: str = "lobby") -> list[Said]:
    return [Said(room=room, name="Ann", text=text, origin=3) for text in texts]


def says(writer: Writer, *lines: str, at: int = NOW, room: str = "lobby") -> None:
    writer.append(said(*lines, room=room), at)
    writer.index(1000)


def texts(page) -> list[str]:
    return [event.text for event in page.lines]
