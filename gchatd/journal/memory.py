"""A journal that keeps nothing: it puts events in order and gives them ids and times; a restart forgets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent.event
import msgspec

from ..text import times

if TYPE_CHECKING:
    from ..chat.events import Event


class MemoryJournal:
    """See the contract in `gchatd.journal`. An event is committed the moment it is appended."""

    shared = False
    fenced = ""
    unstored = 0
    trouble = ""

    def __init__(self, after: int = 0, incarnation: int = 1) -> None:
        """Begin an empty journal, whose events have places, and ids, above `after`.

        There is no data directory that tells the number of an earlier run: who takes over its snapshot says it.
        """
        self.incarnation = incarnation
        self._committed: list[Event] = []
        self._last_id = after  # no id is above its event's place
        self._last_place = after
        self._closed = False
        self._news = gevent.event.Event()

    @property
    def uncommitted(self) -> int:
        return 0

    def append(self, event: Event) -> None:
        if self._closed:
            return
        self._last_place += 1
        self._last_id += event.kept
        stamped = msgspec.structs.replace(
            event, id=self._last_id if event.kept else 0, at=times.now(), place=self._last_place
        )
        self._committed.append(stamped)
        self._news.set()

    def take(self) -> list[Event]:
        """Wait for events; return together what the clients said in one iteration of the event loop."""
        while not self._committed and not self._closed:
            self._news.clear()
            self._news.wait()
        batch, self._committed = self._committed, []
        return batch

    def close(self) -> None:
        self._closed = True
        self._news.set()
