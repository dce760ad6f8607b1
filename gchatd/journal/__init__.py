"""The order of events, and their history. Knows nothing of rooms, sockets or people.

Everything that happens passes through one journal, in one order, before anybody hears of it: commit, then deliver.
What a journal promises, whatever stands behind it:

1. `append` returns at once. What is appended first comes out first.
2. `take` returns committed events only, each once, each with its time; those that are history with an `id` that grows,
   in the order of their ids. Instead of one that could not be committed it returns a `NotSent`.
3. Every event that `take` returns has a `place`: its position in the stream, which grows from one event to the next
   (gaps are allowed). So one that is delivered twice can be dropped: its place is not above the last one. A `NotSent`
   has the place of what it stands for. Places begin at 1 in each run, or after the place that the journal was made
   with (`after`), for a process that takes over a snapshot.
4. `incarnation` is the number of this run: above that of every earlier run on the same data directory, also if its
   database was lost meanwhile. It is on the disk before the first event is handed back.
5. After `close`, what was appended before still comes out; from then on `take` returns an empty list.
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
    def incarnation(self) -> int:
        """The number of this run, which no other has. It grows by one a run, so it stays far below 2**20."""

    @property
    def shared(self) -> bool:
        """Whether other nodes append to the same stream. `take` then returns their events, too."""

    @property
    def uncommitted(self) -> int:
        """How many events have been appended and not committed yet."""

    @property
    def unstored(self) -> int:
        """How many events that were committed are not in the history yet."""

    @property
    def fenced(self) -> str:
        """Why the other nodes have given this one up, in a few words; nothing, as long as they have not."""

    @property
    def trouble(self) -> str:
        """Why what is appended cannot be committed just now, in a few words; nothing, if it can, or was not tried."""

    def append(self, event: Event) -> None:
        """Queue an event to be committed. Never blocks. After `close`, drops it."""

    def take(self) -> list[Event]:
        """Wait for committed events; return all there are, in order. Switches. No events: the journal has closed."""

    def close(self) -> None:
        """Accept no more events."""
