"""The order of events, and their history. Knows nothing of rooms, sockets or people.

Everything that happens passes through one journal, in one order, before anybody hears of it: commit, then deliver.
What a journal promises, whatever stands behind it:

1. `append` returns at once. What is appended first comes out first.
2. `take` gives committed events only, each once, each with its time; those that are history with an `id` that grows,
   in the order of their ids. In place of one that could not be committed it gives a `NotSent`.
3. After `close`, what was appended before still comes out; from then on `take` returns an empty list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .history import History
from .memory import MemoryJournal
from .sqlite import SqliteJournal

if TYPE_CHECKING:
    from ..chat.events import Event

__all__ = ["History", "Journal", "MemoryJournal", "SqliteJournal"]


class Journal(Protocol):
    @property
    def uncommitted(self) -> int:
        """How many events have been appended and not committed yet."""

    def append(self, event: Event) -> None:
        """Queue an event to be committed. Never blocks. After `close` it is dropped."""

    def take(self) -> list[Event]:
        """Wait for committed events; return all there are, in order. Switches. None: the journal has closed."""

    def close(self) -> None:
        """Accept no more events."""
