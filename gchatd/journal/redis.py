"""A journal that several nodes share: one stream of events in Redis (docs/cluster.md). This is the hub's side of it.

The contract of `gchatd.journal` holds, and what another node appends comes out of `take`, too: everybody hears
everything in one order. A native thread (redisthread.py) speaks with Redis, so the hub never waits for it.
"""

from __future__ import annotations

import collections
import logging
import os
import queue
import threading
import time
from typing import TYPE_CHECKING

import gevent
import gevent.event

from .redisthread import CLOSE_SECONDS, RedisThread

if TYPE_CHECKING:
    from ..chat.answers import Figures
    from ..chat.events import Event
    from ..chat.state import Node, Snapshot, State
    from ..cluster.member import Member
    from ..cluster.redisstore import RedisStore
    from ..errors import GchatError
    from ..settings import Cluster
    from .replica import Replica

logger = logging.getLogger(__name__)


class RedisJournal:
    """See the contract in `gchatd.journal`."""

    shared = True

    def __init__(
        self,
        store: RedisStore,
        member: Member,
        replica: Replica | None,
        settings: Cluster,
    ) -> None:
        """Join the other nodes, and wait until this one knows what they know.

        Then `state` is the one that another node gave, or None: nobody else knows one, and the chat begins anew at the
        place `began_at`, with these `nodes`. Without a `replica` no history is kept.

        Blocks, for as long as it takes. Raises StoreGone, StoreRefused, BoundsDifferError, Fenced.
        """
        self._appended = self._returned = 0
        self._gathered: list[Event] = []  # in this iteration of the event loop
        self._out: collections.deque[list[Event]] = collections.deque()
        self._remarks: collections.deque[tuple[int, str]] = collections.deque()
        self._closed = self._ended = False
        self.fenced = ""
        """Why this node has to end, if so: the others go on without it."""
        self._replica = replica
        self._news = gevent.event.Event()
        self._loop = gevent.get_hub().loop
        self._wake = self._loop.async_()
        self._wake.start(self._on_wake)
        self._to_thread = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = RedisThread(self, store, member, replica, settings, self._to_thread)
        begun: queue.SimpleQueue[GchatError | None] = queue.SimpleQueue()
        threading.Thread(target=self._thread.run, args=(begun,), name="redis", daemon=True).start()
        error = begun.get()
        while self._remarks:
            logger.log(*self._remarks.popleft())
        if error is not None:
            raise error
        self.incarnation = member.node
        self.state: State | None = self._thread.state
        self.began_at: int = self._thread.began_at
        self.nodes: dict[int, Node] = self._thread.nodes

    # On the hub's thread.

    @property
    def uncommitted(self) -> int:
        return self._appended - self._returned

    @property
    def unstored(self) -> int:
        return self._replica.unstored if self._replica is not None else 0

    @property
    def trouble(self) -> str:
        gone_at = self._thread.gone_at
        if gone_at:
            return f"Redis has been out of reach for {time.monotonic() - gone_at:.0f} s"
        return self._thread.refused

    @property
    def figures(self) -> Figures:
        """How the node does, as it was lately."""
        return self._thread.figures

    def append(self, event: Event) -> None:
        if self._closed:
            return
        self._appended += 1
        self._gathered.append(event)
        if len(self._gathered) == 1:
            self._loop.run_callback(self._give)

    def take(self) -> list[Event]:
        while not (self._out or self._ended):
            self._news.clear()
            self._news.wait()
        batch: list[Event] = []
        while self._out:
            part = self._out.popleft()
            self._ended = not part
            batch += part
        self._thread.taken += len(batch)
        if self._ended and self._replica is not None:
            self._replica.close(CLOSE_SECONDS)
        return batch

    def give_snapshot(self, snapshot: Snapshot) -> None:
        """Give a snapshot of the state, as it is at its place, to the node that asked for it there."""
        self._thread.snapshots.append(snapshot)
        os.eventfd_write(self._to_thread, 1)

    def index_soon(self) -> None:
        """See `SqliteJournal.index_soon`."""
        if self._replica is not None:
            self._replica.index_soon()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._give()
            self._thread.closing = True
            os.eventfd_write(self._to_thread, 1)

    def _give(self) -> None:
        """Hand the thread everything that clients did in this iteration of the event loop, together."""
        if self._gathered:
            self._thread.given.append(self._gathered)
            self._gathered = []
            os.eventfd_write(self._to_thread, 1)

    def _on_wake(self) -> None:
        while self._remarks:
            logger.log(*self._remarks.popleft())
        self._news.set()

    # On the thread's side: what it hands back.

    def hand_back(self, batch: list[Event], own: int) -> None:
        """Hand the hub events, of which so many are this node's. No events: it has ended."""
        self._returned += own
        self._out.append(batch)
        self._wake.send()

    def remark(self, level: int, text: str) -> None:
        """Let the hub's thread log something, so that the two never wait for each other."""
        self._remarks.append((level, text))
        self._wake.send()
