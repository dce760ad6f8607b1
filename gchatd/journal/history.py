"""History, for those who are on the hub's thread: native threads of its own answer every question.

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

from ..errors import StoreError, UserError
from .folder import FILE, complaining, reason
from .reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..chat.events import Event
    from .reader import Page

    Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)

NICENESS = 19
"""How far a reading thread stands back where there are fewer processors than threads (nice(2))."""

MOST_SEARCHES = 10
"""Searches that may wait for each other; whoever asks for one more is told to try again."""


class History:
    """What was said. Each method switches until its answer is there; a page of history takes a millisecond."""

    def __init__(self, directory: Path) -> None:
        """Read from the database of a data directory, which exists by the time of the first question."""
        self._directory = directory
        self._pages = _Asker(directory)
        self._searches = _Asker(directory)

    def rooms(self, most: int, lines: int, always: str) -> list[tuple[str, list[Event]]]:
        """Give the rooms in which something was said last, newest first, and `always`: see `Reader.restored`.

        Raises StoreError if history cannot be read.
        Blocks: for the start, when nobody is kept waiting. (Threads that stand back made it wait for other programs.)
        """
        with complaining(self._directory / FILE), contextlib.closing(Reader(self._directory)) as reader:
            shown = reader.named(always)
            names = dict.fromkeys([*reader.rooms(most), *([shown] if shown is not None else [])])
            return [reader.restored(name, lines) for name in names]

    def room(self, name: str, lines: int) -> tuple[str, list[Event]] | None:
        """Give a room of a compared name: see `Reader.restored`. Raises UserError if history cannot be read."""
        return self._pages.ask(lambda reader: reader.restored(shown, lines) if (shown := reader.named(name)) else None)

    def last(self, room: str, count: int) -> Page:
        """Give a room's last lines. Raises UserError if history cannot be read."""
        return self._pages.ask(lambda reader: reader.page(room, count))

    def before_line(self, room: str, count: int, id: int) -> Page:
        """Give the last lines before the one with that id. Raises UserError if history cannot be read."""
        return self._pages.ask(lambda reader: reader.page(room, count, id))

    def before(self, room: str, count: int, at: int) -> Page:
        """Give the last lines that were said before then. Raises UserError if history cannot be read."""
        return self._pages.ask(lambda reader: reader.page(room, count, reader.first_id_since(at)))

    def search(self, room: str, words: str, count: int) -> Page:
        """Find lines: see `Reader.search`. Raises UserError, also for words that cannot be searched for."""
        if self._searches.waiting >= MOST_SEARCHES:
            raise UserError("Many people are searching just now. Try again in a moment.")
        return self._searches.ask(lambda reader: reader.search(room, words, count))

    def let_go(self, seconds: float = 0) -> None:
        """Let go of the database: the next question opens it anew. Switches, for so long at most.

        Before the writer ends, so that the writer, the last, leaves it tidy; and when its files are gone.
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
        """Have a question answered. Switches. Raises UserError."""
        self.waiting += 1
        try:
            answer: Answer | UserError | StoreError = self._thread.apply(self._answer, (question,))
        finally:
            self.waiting -= 1
        if isinstance(answer, StoreError):
            if str(answer) != self._trouble:
                self._trouble = str(answer)
                logger.error("history cannot be read: %s", answer)
            raise UserError(f"History cannot be read: {answer}.")
        if isinstance(answer, UserError):
            raise answer
        self._trouble = ""
        return answer

    def let_go(self, seconds: float) -> None:
        self._thread.spawn(self._close).wait(seconds)

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _answer(self, question: Callable[[Reader], Answer]) -> Answer | UserError | StoreError:
        """Runs on the thread. Gives an error rather than raise it: gevent would log it."""
        try:
            if self._reader is None:
                os.setpriority(os.PRIO_PROCESS, 0, NICENESS)  # on Linux that is this thread alone
                self._reader = Reader(self._directory)
            return question(self._reader)
        except (apsw.Error, StoreError) as error:
            self._reader = None
            return StoreError(reason(error).removeprefix(f"{self._directory / FILE}: "))  # others see no paths of ours
        except UserError as error:
            return error
