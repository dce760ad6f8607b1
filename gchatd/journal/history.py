"""History, for those who are on the hub's thread: every question is answered by a native thread of its own.

Readers and the writer (`sqlite.py`) share nothing but the database: nobody who talks waits for somebody who searches.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import apsw
from gevent.threadpool import ThreadPool

from ..errors import StoreError, UserError
from .folder import reason
from .reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..events import Event
    from .reader import Page

    Answer = TypeVar("Answer")

NICENESS = 19
"""How far the reading thread stands back where there are fewer processors than threads (nice(2))."""


class History:
    """What was said. Each method switches until its answer is there; a page of history takes a millisecond."""

    def __init__(self, directory: Path) -> None:
        """Read from the database of a data directory, which exists by the time of the first question."""
        self._directory = directory
        self._reader: Reader | None = None
        self._thread = ThreadPool(1)

    def rooms(self, most: int, lines: int) -> list[tuple[str, list[Event]]]:
        """Give the rooms in which something was said: see `Reader.rooms`. Raises UserError if it cannot be read."""
        return self._ask(lambda reader: [reader.restored(name, lines) for name in reader.rooms(most)])

    def room(self, name: str, lines: int) -> tuple[str, list[Event]] | None:
        """Give a room of a compared name: see `Reader.restored`. Raises UserError if history cannot be read."""
        return self._ask(lambda reader: reader.restored(shown, lines) if (shown := reader.named(name)) else None)

    def last(self, room: str, count: int) -> Page:
        """Give a room's last lines. Raises UserError if history cannot be read."""
        return self._ask(lambda reader: reader.page(room, count))

    def before_line(self, room: str, count: int, id: int) -> Page:
        """Give the last lines before the one with that id. Raises UserError if history cannot be read."""
        return self._ask(lambda reader: reader.page(room, count, id))

    def before(self, room: str, count: int, at: int) -> Page:
        """Give the last lines that were said before then. Raises UserError if history cannot be read."""
        return self._ask(lambda reader: reader.page(room, count, reader.first_id_since(at)))

    def search(self, room: str, words: str, count: int) -> Page:
        """Find lines: see `Reader.search`. Raises UserError, also for words that cannot be searched for."""
        return self._ask(lambda reader: reader.search(room, words, count))

    def close(self, seconds: float) -> None:
        """Let go of the database, so that the writer, the last, leaves it tidy. Switches, for so long at most."""
        self._thread.spawn(self._close).wait(seconds)

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def _ask(self, question: Callable[[Reader], Answer]) -> Answer:
        answer: Answer | UserError = self._thread.apply(self._answer, (question,))
        if isinstance(answer, UserError):
            raise answer
        return answer

    def _answer(self, question: Callable[[Reader], Answer]) -> Answer | UserError:
        """Runs on the reading thread. Gives an error rather than raise it: gevent would log it."""
        try:
            if self._reader is None:
                os.setpriority(os.PRIO_PROCESS, 0, NICENESS)  # on Linux that is this thread alone
                self._reader = Reader(self._directory)
            return question(self._reader)
        except (apsw.Error, StoreError) as error:
            self._reader = None
            return UserError(f"History cannot be read: {reason(error)}.")
        except UserError as error:
            return error
