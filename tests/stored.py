"""What tests of the journals and of the database of history share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import gevent
from people import PATIENCE

from gchatd.chat.events import Origin, Said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gchatd.chat.events import Event
    from gchatd.journal import Journal
    from gchatd.journal.store import Writer

NOW = time.time_ns() // 1_000_000
DAY = 86_400_000


def said(*texts: str, room: str = "lobby") -> list[Said]:
    return [Said(room=room, name="Ann", text=text, origin=Origin(1, 3)) for text in texts]


def says(writer: Writer, *lines: str, at: int = NOW, room: str = "lobby") -> None:
    writer.append(said(*lines, room=room), at)
    writer.index(1000)


def texts(page) -> list[str]:
    return [event.text for event in page.lines]


def take(journal: Journal, count: int) -> list[Event]:
    """Take events until there are so many."""
    events: list[Event] = []
    with gevent.Timeout(PATIENCE):
        while len(events) < count:
            events += journal.take()
    assert len(events) == count
    return events


def close(journal: Journal) -> None:
    """Close a journal and wait until it has closed everything."""
    journal.close()
    with gevent.Timeout(PATIENCE):
        while journal.take():
            pass


def wait_until(look: Callable[[], object]) -> None:
    with gevent.Timeout(PATIENCE):
        while not look():
            gevent.sleep(0.005)


def delete_history(directory: Path) -> None:
    for file in directory.glob("history.db*"):
        file.unlink(missing_ok=True)
