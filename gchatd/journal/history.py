"""History, for the hub's thread: native threads of its own answer every question.

Readers and the writer (`sqlite.py`) share nothing but the database: nobody who talks waits for somebody who searches.
Nor does anybody who pages back, or enters a room: searches, which may take long, have a thread to themselves.
"""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING, TypeVar

import apsw
from gevent.threadpool import ThreadPool

from ..errors import Refused, StoreError
from .folder import FILE, complaining, reason
from .reader import Reader
from .refusals import HistoryUnreadable, TooManySearches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..chat.events import Event
    from .reader import Page

    Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)

NICENESS = 19
"""The niceness (nice(2)) of a reading thread: others go first where there are fewer processors than threads."""

MOST_SEARCHES = 10
"""Searches that may wait for each other; one more is refused."""


class History:
    """What was said. Each method switches until it has its answer; a page of history takes a millisecond."""

    def __init__(self, directory: Path) -> None:
        """Read from the database of a data directory, which exists by the time of the first question."""
        self.on_search: Callable[[], None] = lambda: None
        """Called before a search: whoever makes lines searchable must not let it wait."""
        self._directory = directory
        self._pages = _Asker(directory)
        self._searches = _Asker(directory)

    def rooms(self, most: int, lines: int, always: str) -> list[tuple[str, list[Event]]]:
        """Return the rooms in which something was said last, newest first, and `always`: see `Reader.restored`.

        Raises StoreError if history cannot be read.
        Blocks: for the start, when nobody is kept waiting. (In a thread, which is nice, it waited for others.)
        """
        with complaining(self._directory / FILE), contextlib.closing(Reader(self._directory)) as reader:
            name_of_always = reader.named(always)
            names = dict.fromkeys([*reader.rooms(most), *([name_of_always] if name_of_always is not None else [])])
            return [reader.restored(name, lines) for name in names]

    def newest(self) -> int:
        """Return the id of the newest event. Raises StoreError if history cannot be read. Blocks: see `rooms`."""
        with complaining(self._directory / FILE), contextlib.closing(Reader(self._directory)) as reader:
            return reader.newest()

    def room(self, name: str, lines: int) -> tuple[str, list[Event]] | None:
        """Return the room of a compared name: see `Reader.restored`. Raises Refused if history cannot be read."""
        return self._pages.ask(lambda reader: reader.restored(room, lines) if (room := reader.named(name)) else None)

    def last(self, room: str, count: int) -> Page:
        """Return a room's last lines. Raises Refused if history cannot be read."""
        return self._pages.ask(lambda reader: reader.page(room, count))

    def before_line(self, room: str, count: int, id: int) -> Page:
        """Return the last lines before the one with that id. Raises Refused if history cannot be read."""
        return self._pages.ask(lambda reader: reader.page(room, count, id))

    def before(self, room: str, count: int, at: int) -> Page:
        """Return the last lines before `at` (milliseconds since 1970). Raises Refused if history cannot be read."""
        return self._pages.ask(lambda reader: reader.page(room, count, reader.first_id_since(at)))

    def after_line(self, room: str, count: int, id: int) -> Page:
        """Return the first lines after that id: see `Reader.after`. Raises Refused if history cannot be read."""
        return self._pages.ask(lambda reader: reader.after(room, count, id))

    def search(self, room: str, words: str, count: int) -> Page:
        """Find lines: see `Reader.search`. Raises Refused."""
        if self._searches.waiting >= MOST_SEARCHES:
            raise Refused(TooManySearches())
        self.on_search()
        return self._searches.ask(lambda reader: reader.search(room, words, count))

    def let_go(self, seconds: float = 0) -> None:
        """Close the database until the next question. Switches, for so many seconds at most.

        Call it before the writer closes it, which tidies up only if it is the last; and when its files are gone.
        """
        for asker in (self._pages, self._searches):
            asker.let_go(seconds)


class _Asker:
    """A native thread that answers questions, one after the other, and its connection to the database."""

    def __init__(self, directory: Path) -> None:
        self.waiting = 0
        """Questions without an answer yet."""
        self._directory = directory
        self._reader: Reader | None = None
        self._trouble = ""  # what was logged last, while history cannot be read
        self._thread = ThreadPool(1)

    def ask(self, question: Callable[[Reader], Answer]) -> Answer:
        """Ask a question and return its answer. Switches. Raises Refused."""
        self.waiting += 1
        try:
            answer: Answer | Refused | StoreError = self._thread.apply(self._answer, (question,))
        finally:
            self.waiting -= 1
        if isinstance(answer, StoreError):
            if str(answer) != self._trouble:
                self._trouble = str(answer)
                logger.error("history cannot be read: %s", answer)
            raise Refused(HistoryUnreadable(str(answer)))
        if isinstance(answer, Refused):
            try:
                raise answer
            finally:  # an error knows this frame: leave no cycle behind, which would keep whoever asked for ever
                del answer
        self._trouble = ""
        return answer

    def let_go(self, seconds: float) -> None:
        self._thread.spawn(self._close).wait(seconds)

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _answer(self, question: Callable[[Reader], Answer]) -> Answer | Refused | StoreError:
        """Answer a question, on the thread. Return an error instead of raising it: gevent would log it."""
        try:
            if self._reader is None:
                os.setpriority(os.PRIO_PROCESS, 0, NICENESS)  # on Linux that is this thread alone
                self._reader = Reader(self._directory)
            return question(self._reader)
        except (apsw.Error, StoreError) as error:
            self._reader = None
            return StoreError(reason(error).removeprefix(f"{self._directory / FILE}: "))  # others see no paths of ours
        except Refused as error:
            return error
