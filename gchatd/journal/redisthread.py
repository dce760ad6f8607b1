"""The native thread through which a node takes part in the cluster: it gives Redis what happens here, and reads on.

Blocks wherever it can. What is to be done, and when, says `Member`; this does it, round after round, and keeps the
node's history up to date. What can go wrong with Redis ends here:

- Redis is gone, or stuck: what happens here waits. After QUEUE_SECONDS people are told that their lines are not sent.
- Redis is full, or cannot write: people are told at once, and it is tried again a second later.
- Redis was started anew: the nodes agree on what it has before anything new is appended.
- The others have given this node up: it ends (`RedisJournal.fenced`).
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec.structs import replace

from ..chat.answers import Figures
from ..chat.events import NodeLost, SnapshotAsked
from ..chat.state import Snapshot, State
from ..cluster.member import stamped
from ..cluster.polling import readable
from ..cluster.store import Fenced, Outdated, Recovering, Restarted, StoreGone, StoreRefused
from ..errors import GchatError, StoreError

if TYPE_CHECKING:
    import queue

    from ..chat.events import Event
    from ..chat.state import Node
    from ..cluster.member import Member
    from ..cluster.redisstore import RedisStore
    from ..settings import Cluster
    from .replica import Replica

QUEUE_SECONDS = 10.0
"""How long what people say waits for a Redis that is gone before they are told that it was not sent."""

START_SECONDS = 10.0
"""How long a node that starts waits for a Redis that cannot be reached."""

RETRY_SECONDS = 0.2
"""How soon to try again after Redis could not be reached, or while nodes have not agreed yet."""

REFUSED_SECONDS = 1.0
"""How soon to append again after Redis refused."""

SNAPSHOT_SECONDS = 3.0
"""How long a node that starts waits for a snapshot before it asks another node."""

RENEWALS = 5
"""How often a lease is renewed in its length."""

MOST_UNTAKEN = 20_000
"""Events that may wait for a hub that is busy; then the stream is not read on."""

FILL_ENTRIES = 100
"""Entries of the stream that the history is given at once while it catches up."""

CLOSE_SECONDS = 3.0
"""How long what was said last may take to reach Redis when the server ends."""


class HubSide(Protocol):
    """The journal, as the thread sees it. Everything here may be called on the thread."""

    fenced: str

    @property
    def uncommitted(self) -> int: ...

    def hand_back(self, batch: list[Event], own: int) -> None: ...

    def remark(self, level: int, text: str) -> None: ...


class RedisThread:
    """What the thread knows. Its public attributes are shared with the hub's thread; lists and numbers, no locks."""

    def __init__(
        self,
        journal: HubSide,
        store: RedisStore,
        member: Member,
        replica: Replica | None,
        settings: Cluster,
        wake: int,
    ) -> None:
        self.given: deque[list[Event]] = deque()
        """What the hub wants appended."""
        self.snapshots: deque[Snapshot] = deque()
        """Snapshots that the hub gives."""
        self.taken = 0
        """How many events the hub has taken."""
        self.closing = False
        self.figures = Figures()
        self.state: State | None = None
        self.began_at = 0
        self.nodes: dict[int, Node] = {}
        self._journal = journal
        self._store = store
        self._member = member
        self._replica = replica
        self._renews_every = settings.lease_seconds / RENEWALS
        self._wake = wake
        self._any_redis = settings.any_redis
        self._handed = 0  # how many events the hub was handed
        self._connected = self._agreed = False
        self.gone_at = 0.0  # monotonic; since when Redis cannot be reached, 0 if it can
        self._renew_at = self._append_at = 0.0
        self.refused = ""  # why Redis refused the last batch, if it did
        self._close_at = 0.0
        self._remarks: dict[str, None] = {}  # of the beginning, each once

    def run(self, begun: queue.SimpleQueue[GchatError | None]) -> None:
        """Take part until the journal is closed, or until the others have given this node up."""
        try:
            self._begin()
        except (GchatError, StoreError) as error:
            begun.put(error)
            return
        except BaseException as error:
            begun.put(StoreError(f"cannot join the others: {error!r}"))
            return
        begun.put(None)
        try:
            while not self._round():
                pass
        except Fenced as fenced:
            self._journal.fenced = str(fenced)
        except BaseException as error:
            self._journal.fenced = f"a failure of its own: {error!r}"
        self._store.disconnect()
        self._journal.hand_back([], 0)

    # Beginning.

    def _begin(self) -> None:
        """Join, fill the history, and find out the state: from another node, or nobody knows one."""
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                self._store.connect()
                self._check_redis()
                self._join()
                break
            except (StoreGone, Restarted, Recovering, Outdated, Fenced) as error:
                if time.monotonic() > until and isinstance(error, StoreGone) and "loading" not in str(error).lower():
                    raise
                time.sleep(RETRY_SECONDS)
        self._connected = self._agreed = True
        for remark in self._remarks:
            self._journal.remark(logging.WARNING, remark)

    def _join(self) -> None:
        """Become a node that knows the state. If anything goes wrong with Redis, do it again."""
        incarnation, last_id = (self._replica.incarnation, self._replica.last_id) if self._replica else (0, 0)
        joined = self._member.join(incarnation, last_id)
        self._renew_at = 0.0
        if self._replica is not None:
            self._replica.note_run(joined.node)
            if joined.trimmed > last_id + 1:
                what = "some of what was said while this node was away is no longer in Redis and misses in its history"
                self._remarks[f"{what}: it can be given a backup of another node's"] = None
        if joined.last < last_id:
            what = f"Redis has nothing of what was said up to {last_id} here: a new or an older one"
            self._remarks[f"{what}; going on above that"] = None
        self._fill_history(joined.place)
        attempt = 0
        while (place := self._know_state(attempt)) is None or not self._member.ready(place):
            attempt += 1

    def _check_redis(self) -> None:
        """Say what this Redis may lose. Raises StoreRefused if that is more than cluster.any_redis allows."""
        unfit, may_lose = self._store.unfit(), self._store.may_lose()
        if unfit and not self._any_redis:
            raise StoreRefused(f"{unfit}. To use it all the same: cluster.any_redis = yes")
        self._remarks |= dict.fromkeys(filter(None, (unfit, may_lose)))

    def _fill_history(self, place: int) -> None:
        """Give the history what was said up to a place, for as long as it takes it."""
        while self._replica is not None and not self._replica.live and self._replica.last_id < place:
            before = self._replica.wants()
            if before is None:
                self._renew_when_due()
                time.sleep(0.002)
            elif not self._fill():
                break

    def _know_state(self, attempt: int) -> int | None:
        """Found the chat, or get a snapshot of it. Returns the place of the state, if that has worked."""
        founded_at = self._member.found()
        if founded_at is not None:
            while self._member.place < founded_at:
                self._read_some()
            self.state, self.began_at, self.nodes = None, founded_at, self._member.nodes
            return founded_at
        self._member.queue([SnapshotAsked(node=self._member.node, attempt=attempt)])
        self._member.append()
        asked_at, until = 0, time.monotonic() + SNAPSHOT_SECONDS
        while time.monotonic() < until:
            events = self._read_some()
            if any(isinstance(event, NodeLost) for event in events):
                return None  # perhaps it was to give the snapshot
            for event in events:
                if isinstance(event, SnapshotAsked) and (event.node, event.attempt) == (self._member.node, attempt):
                    asked_at = event.place
            data = self._store.snapshot(asked_at) if asked_at else None
            if data is not None:
                self.state = _state_of(data)
                return self.state.place
        return None

    def _read_some(self) -> list[Event]:
        """Wait a little for events; hand them to the hub, and return them. Renews the lease when that is due."""
        self._renew_when_due()
        events = self._read()
        self._store.wait(self._wake, 0.01)
        return events

    # A round.

    def _round(self) -> bool:
        """Do what there is to do, then wait for more. Returns whether this was the last round."""
        try:
            while self.given:
                self._member.queue(self.given.popleft())
            if not self._connected:
                self._store.connect()
                self._connected, self._agreed = True, False
            if not self._agreed:
                self._agreed = self._member.agree()
            if self._agreed:
                self._redis_is_back()
                self._renew_when_due()
                self._append()
                self._read()
                self._fill_when_due()
                self._give_snapshots()
        except StoreGone as gone:
            self._connected = False
            self._redis_is_gone(str(gone))
        except Restarted:
            self._agreed = False
        except StoreRefused as refused:
            self._renew_at = max(self._renew_at, time.monotonic() + RETRY_SECONDS)
            self._note_refused(str(refused))
        if self.closing and self._is_over():
            return True
        self._wait()
        return False

    def _wait(self) -> None:
        """Wait until something happens, or something is due."""
        if not (self._connected and self._agreed):
            readable([self._wake], RETRY_SECONDS)
        elif self._is_behind or not self._member.has_unsent or time.monotonic() < self._append_at:
            filling = self._replica is not None and not self._replica.live
            due = min(self._renew_at - time.monotonic(), 0.05 if filling or self._is_behind or self.closing else 1.0)
            if self._is_behind:
                readable([self._wake], due)
            else:
                self._store.wait(self._wake, due)
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)

    @property
    def _is_behind(self) -> bool:
        """Whether the hub has enough to do."""
        return self._handed - self.taken > MOST_UNTAKEN

    def _renew_when_due(self) -> None:
        now = time.monotonic()
        if now >= self._renew_at:
            leases = self._member.renew()
            self._renew_at = now + self._renews_every
            self.figures = replace(self.figures, place=self._member.place, last=leases.last, leases=leases.left)

    def _append(self) -> None:
        now = time.monotonic()
        if not self._member.has_unsent or now < self._append_at:
            return
        refused = self._member.append()
        if refused:
            self._note_refused(refused[0].why)
            self._hand_back(list(refused))
        else:
            if self.refused:
                self.refused = ""
                self._journal.remark(logging.WARNING, "what people say is kept again")
            took = (time.monotonic() - now) * 1000
            self.figures = replace(self.figures, batch=self.figures.batch * 0.9 + took * 0.1)

    def _read(self) -> list[Event]:
        """Read what has come, hand it to the hub, and to the history."""
        events: list[Event] = []
        if self._is_behind:
            return events
        try:
            for entry in self._store.read(self._member.place):
                events += self._member.read(entry)
        finally:  # also if this is the end: what was read, others have heard
            if events:
                self._hand_back(events)
                if self._replica is not None and self._replica.live:
                    self._replica.store(events)
                age = int(time.time() * 1000) - events[-1].at
                self.figures = replace(self.figures, place=self._member.place, age=age)
        return events

    def _hand_back(self, events: list[Event]) -> None:
        node = self._member.node
        self._handed += len(events)
        self._journal.hand_back(events, sum(event.origin is not None and event.origin.node == node for event in events))

    # The history of this node.

    def _fill_when_due(self) -> None:
        if self._replica is not None and not self._replica.live and self._replica.wants() is not None:
            self._fill()

    def _fill(self) -> bool:
        """Give the history the next piece of the stream. Returns whether there was one; if not, it is up to date."""
        assert self._replica is not None
        after = self._replica.wants()
        if after is None:
            return True
        entries = self._store.entries(after, FILL_ENTRIES)
        while entries and not any(one.size for one in entries):  # nothing but cuts
            entries = self._store.entries(entries[-1].last, FILL_ENTRIES)
        read = [one for one in entries if one.last <= self._member.place]
        events = [event for one in read for event in stamped(one) if event.place > after]
        if events:
            self._replica.store(events)
        else:
            self._replica.go_live()
        return bool(events)

    # What can go wrong with Redis.

    def _redis_is_gone(self, why: str) -> None:
        now = time.monotonic()
        if not self.gone_at:
            self.gone_at = now
            self._journal.remark(logging.ERROR, f"cannot reach Redis, so what people say waits: {why}")
        elif now - self.gone_at > QUEUE_SECONDS:
            given_up = self._member.give_up("the server has lost touch with the others")
            if given_up:  # no events would be the end
                self._hand_back(list(given_up))

    def _redis_is_back(self) -> None:
        if self.gone_at:
            seconds = time.monotonic() - self.gone_at
            self.gone_at = 0.0
            self._journal.remark(logging.WARNING, f"Redis is back after {seconds:.1f} s")

    def _note_refused(self, why: str) -> None:
        self._append_at = time.monotonic() + REFUSED_SECONDS
        if why != self.refused:
            self.refused = why
            self._journal.remark(logging.ERROR, f"what people say is refused: {why}")

    def _give_snapshots(self) -> None:
        while self.snapshots:
            snapshot = self.snapshots[0]
            try:
                self._store.give_snapshot(snapshot.place, msgspec.json.encode(snapshot))
            except StoreRefused as refused:  # the one that asked will ask again
                self._journal.remark(logging.ERROR, f"cannot give another node what this one knows: {refused}")
            self.snapshots.popleft()

    # The end.

    def _is_over(self) -> bool:
        """Whether all that happened here is in the stream and was handed back, or there is no more time for it."""
        now = time.monotonic()
        self._close_at = self._close_at or now + CLOSE_SECONDS
        if now < self._close_at and (self.given or self._member.has_unsent or self._journal.uncommitted):
            return False
        if self._connected and self._agreed:
            with contextlib.suppress(StoreGone, StoreRefused, Restarted, Fenced):  # then the others will notice
                self._member.leave()
        return True


def _state_of(data: bytes) -> State:
    """Return the state that a snapshot, as JSON, was taken of."""
    gc.disable()  # else it looks through the growing state again and again
    try:
        return State.restore(msgspec.json.decode(data, type=Snapshot))
    finally:
        gc.enable()
