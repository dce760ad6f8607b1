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

    def __init__(self) -> None:
        self._committed: list[Event] = []
        self._last_id = 0
        self._closed = False
        self._news = gevent.event.Event()

    @property
    def uncommitted(self) -> int:
        return 0

    def append(self, event: Event) -> None:
        if self._closed:
            return
        self._last_id += event.kept
        stamped = msgspec.structs.replace(event, id=self._last_id if event.kept else 0, at=times.now())
        self._committed.append(stamped)
        self._news.set()

    def take(self) -> list[Event]:
        """Wait for events; what the clients of one turn of the event loop said comes out together."""
        while not self._committed and not self._closed:
            self._news.clear()
            self._news.wait()
        batch, self._committed = self._committed, []
        return batch

    def close(self) -> None:
        self._closed = True
        self._news.set()
