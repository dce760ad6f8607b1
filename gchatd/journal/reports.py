"""What the native thread of a journal has to report, to the hub's thread. Neither waits for the other."""

from __future__ import annotations

import collections
import logging
import threading
from typing import TYPE_CHECKING

import gevent

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class Reports:
    """Remarks for the log, that the files of the database are gone, that there is news. Made on the hub's thread."""

    def __init__(self, on_loss: Callable[[], None], on_news: Callable[[], None]) -> None:
        """Call these two on the hub's thread: `on_loss`, in a greenlet of its own, after `lose`, `on_news` after all.

        `on_news` must not switch.
        """
        self._on_loss = on_loss
        self._on_news = on_news
        self._remarks: collections.deque[tuple[int, str]] = collections.deque()  # for the log, which is the hub's
        self._loss = threading.Event()
        self._wake = gevent.get_hub().loop.async_()
        self._wake.start(self._on_wake)

    # On the native thread.

    def remark(self, level: int, text: str) -> None:
        """Have something logged."""
        self._remarks.append((level, text))
        self._wake.send()

    def lose(self) -> None:
        """Say that the files were deleted or replaced: whoever has them open must close them."""
        self._loss.set()
        self._wake.send()

    def news(self) -> None:
        """Wake whoever waits for this thread."""
        self._wake.send()

    # On the hub's.

    def _on_wake(self) -> None:
        while self._remarks:
            logger.log(*self._remarks.popleft())
        if self._loss.is_set():
            self._loss.clear()
            gevent.spawn(self._on_loss)
        self._on_news()
