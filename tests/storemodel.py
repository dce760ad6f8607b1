"""What script.lua does, in Python: a store for tests, with a clock of their own, that fails as they want it to.

A test compares the two, operation by operation.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from gchatd.cluster.store import (
    BoundsDifferError,
    Entry,
    Fenced,
    Fine,
    Joined,
    Leases,
    Outdated,
    Peer,
    Recovering,
    Refill,
    Restarted,
    StoreRefused,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GAP, PLACES_PER_MS, EPOCH, SPARE_NODES = 2**20, 1024, 1767225600000, 16
GRACE, RECOVERY, MARK, SECRET, SNAPSHOT = 1000, 5000, 60_000, 60_000, 60_000


class Report(NamedTuple):
    """The place that a node has read to, that after which it remembers all, when it said so, if it takes clients."""

    place: int
    after: int
    when: int
    ready: bool


@dataclasses.dataclass
class Recovery:
    """A recovery that goes on, with the reports by node."""

    run: str
    since: int
    nodes: tuple[int, ...] = ()
    reports: dict[int, Report] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Keys:
    """All that is kept, as in Redis."""

    run: str | None = None
    last: int = 0
    counter: int = 0
    bounds: str = ""
    trimmed: int = 0
    renewed: int = 0
    base: int = 0
    cut: int = 0
    founded: int = 0
    fresh: int = 0
    nodes: dict[int, Peer] = dataclasses.field(default_factory=dict)
    identities: dict[str, int] = dataclasses.field(default_factory=dict)
    leases: dict[int, int] = dataclasses.field(default_factory=dict)
    stream: tuple[Entry, ...] = ()
    marks: tuple[tuple[int, int], ...] = ()
    recovery: Recovery | None = None
    dead: frozenset[int] = frozenset()
    told: dict[str, tuple[str, int]] = dataclasses.field(default_factory=dict)
    snapshots: dict[int, tuple[bytes, int]] = dataclasses.field(default_factory=dict)

    def copy(self) -> Keys:
        """Return a copy that nothing changes any more."""
        recovery = self.recovery and dataclasses.replace(self.recovery, reports=dict(self.recovery.reports))
        return dataclasses.replace(
            self, nodes=dict(self.nodes), identities=dict(self.identities), leases=dict(self.leases),
            recovery=recovery, told=dict(self.told), snapshots=dict(self.snapshots),
        )  # fmt: skip


class Model:
    """See `Store`; `now` is its time in milliseconds."""

    def __init__(self, now: int = EPOCH + 1_000_000_000, lease: int = 15_000, retain: int = 86_400_000) -> None:
        self.now = now
        self.keys = Keys()
        self.starts = 1
        """How often it was started: connections end with that."""
        self.full = False
        self.on_agree: Callable[[dict[int, Report], int], None] = lambda _, __: None
        """Called when a recovery has ended, with what was reported, and how long it took."""
        self._lease = lease
        self._retain = retain

    @property
    def run(self) -> str:
        return f"run{self.starts}"

    def copy(self) -> Keys:
        """Return what is kept now, for `restart`."""
        return self.keys.copy()

    def restart(self, keys: Keys | None = None) -> None:
        """Start anew, with an older copy of all keys if that is given."""
        self.starts += 1
        if keys is not None:
            self.keys = keys.copy()

    def flush(self) -> None:
        """Delete all keys; connections stay."""
        self.keys = Keys()

    # The operations, in the order of script.lua.

    def join(self, identity: str, name: str, incarnation: int, place: int, bounds: str) -> Joined:
        keys = self.keys
        old = keys.identities.get(identity)
        if old is not None and old > incarnation:
            raise Outdated(old)
        if not self._is_agreed():
            most = self._recover()
            assert keys.recovery is not None
            if old is not None:
                keys.dead |= {old}
            empty = keys.run is None
            is_new = empty and not incarnation and not place and most < 0
            is_early = empty and self.now - keys.recovery.since < RECOVERY
            if not is_new and (not self._all_reported() or most > keys.last or is_early):
                raise Recovering
            self._agree()
            old = keys.identities.get(identity)
        if old is not None:
            self._lose(old)
        self._reap()
        if keys.nodes and keys.bounds != bounds:
            raise BoundsDifferError(keys.bounds)
        last = keys.last
        if place > last:
            keys.last = self._leap(place)
        new = keys.counter = max(keys.counter, incarnation) + 1
        joined_at = self._note(event="nodejoined", node=new, name=name, identity=identity)
        keys.bounds, keys.identities[identity], keys.nodes[new] = bounds, new, Peer(name, identity)
        keys.leases[new] = self.now + self._lease
        peers = {number: msgspec.structs.replace(keys.nodes[number]) for number in self._all_nodes()}
        return Joined(new, joined_at, last, keys.trimmed, peers)

    def append(
        self,
        node: int,
        batch: int,
        contact: int,
        seen: int,
        count: int,
        events: bytes,
        secrets: Sequence[tuple[str, str]],
    ) -> int:
        if self.full:
            raise StoreRefused("Redis has no memory left")
        peer = self._member(node, seen)
        if peer.contact != contact:
            raise Restarted
        if batch == peer.batch:
            return peer.first
        if batch != peer.batch + 1:
            raise Fenced("a batch is missing")
        first = self._add(node, batch, count, events)
        self.keys.nodes[node] = msgspec.structs.replace(peer, batch=batch, first=first)
        self.keys.told.update((key, (text, self.now + SECRET)) for key, text in secrets)
        return first

    def renew(self, node: int) -> Leases:
        self._member(node)
        keys, now = self.keys, self.now
        keys.leases[node] = now + self._lease
        self._reap()
        if not keys.marks or now - keys.marks[-1][0] > MARK:
            keys.marks += ((now, keys.last),)
        while keys.marks and now - keys.marks[0][0] > self._retain:
            keys.trimmed, keys.marks = keys.marks[0][1], keys.marks[1:]
            keys.stream = tuple(one for one in keys.stream if one.first >= keys.trimmed)
        return Leases(keys.last, {number: keys.leases[number] - now for number in self._all_nodes()})

    def found(self, node: int) -> int | None:
        self._member(node)
        self.keys.leases[node] = self.now + self._lease
        self._reap()
        if any(peer.ready for peer in self.keys.nodes.values()):
            return None
        self.keys.founded = self.keys.fresh = self._be_ready(node)
        return self.keys.founded

    def ready(self, node: int, place: int) -> bool:
        self._member(node)
        if place < self.keys.fresh:
            return False
        self._be_ready(node)
        return True

    def leave(self, node: int) -> None:
        self._member(node)
        self._lose(node)

    def report(
        self, node: int, contact: int, seen: int, after: int, ready: bool, others: Sequence[int]
    ) -> Fine | Refill | None:
        keys = self.keys
        if self._is_agreed(seen):
            peer = keys.nodes.get(node)
            if peer is None or self._is_astray(seen) or (ready and seen < keys.founded):
                raise Fenced("the others have given this node up")
            keys.nodes[node] = msgspec.structs.replace(peer, contact=max(contact, peer.contact))
            if ready:
                self._be_ready(node)
            return Fine(peer.batch)
        most = self._recover(node, Report(seen, after, self.now, ready))
        assert keys.recovery is not None
        if seen == most:
            keys.recovery.nodes = tuple(others)
        if self._all_reported():
            if keys.last >= most:
                self._agree()
            elif self._puts_back(node):
                return Refill(self.run, keys.last)
        return None

    def refill(
        self, node: int, run: str, bounds: str, counter: int, peers: Mapping[int, Peer], after: int, last: int,
        entries: Sequence[Entry],
    ) -> None:  # fmt: skip
        keys = self.keys
        if self.run != run or self._is_agreed() or keys.recovery is None or keys.recovery.run != run:
            raise Restarted
        self._recover()
        if node not in keys.recovery.reports or keys.recovery.reports[node].place != last or not self._puts_back(node):
            raise Restarted
        if after > keys.last:
            self._put(Entry(after + 1, 0, 0, after, self.now, b"[]"))
            keys.trimmed = after + 1
        for one in entries:
            if one.last > keys.last:
                if not one.size:
                    keys.stream = tuple(each for each in keys.stream if each.first <= one.batch)
                self._put(one)
        keys.nodes = {number: msgspec.structs.replace(peer) for number, peer in peers.items()}
        keys.identities = {peer.identity: number for number, peer in peers.items()}
        keys.leases = dict.fromkeys(peers, 0)
        keys.last, keys.bounds, keys.counter = last, bounds, max(keys.counter, counter)

    # What is read.

    def entries(self, after: int, most: int) -> list[Entry]:
        return [one for one in self.keys.stream if one.last > after][:most]

    def secret(self, key: str) -> str | None:
        text, until = self.keys.told.get(key, ("", 0))
        return text if self.now < until else None

    def give_snapshot(self, place: int, data: bytes) -> None:
        self.keys.snapshots[place] = data, self.now + SNAPSHOT

    def snapshot(self, place: int) -> bytes | None:
        data, until = self.keys.snapshots.get(place, (b"", 0))
        return data if self.now < until else None

    # Below.

    def _member(self, node: int, seen: int = 0) -> Peer:
        if not self._is_agreed(seen):
            raise Restarted
        if node not in self.keys.nodes or self._is_astray(seen):
            raise Fenced("the others have given this node up")
        return self.keys.nodes[node]

    def _is_agreed(self, seen: int = 0) -> bool:
        if seen > self.keys.last and self.keys.run == self.run:
            self.keys.run = ""
        return self.keys.run == self.run

    def _is_astray(self, seen: int) -> bool:
        return self.keys.base < seen < self.keys.cut - 1

    def _put(self, entry: Entry) -> None:
        stream = self.keys.stream
        assert not stream or stream[-1][:2] < entry[:2], f"{entry} comes after {stream[-1]}"
        self.keys.stream = (*stream, entry)

    def _add(self, node: int, batch: int, count: int, events: bytes) -> int:
        first = self.keys.last + 1
        self._put(Entry(first, count, node, batch, self.now, events))
        self.keys.last += count
        return first

    def _note(self, **event: Any) -> int:
        return self._add(0, 0, 1, json.dumps([event]).encode())

    def _leap(self, last: int) -> int:
        return max(last + GAP, (self.now - EPOCH) * PLACES_PER_MS)

    def _all_nodes(self) -> list[int]:
        return sorted(self.keys.leases, key=lambda node: (self.keys.leases[node], str(node)))

    def _lose(self, node: int) -> None:
        self._note(event="nodelost", node=node)
        identity = self.keys.nodes.pop(node).identity
        if self.keys.identities.get(identity) == node:
            del self.keys.identities[identity]
        del self.keys.leases[node]

    def _reap(self) -> None:
        keys = self.keys
        if self.now - keys.renewed > self._lease / 2:
            keys.leases = dict.fromkeys(keys.leases, self.now + self._lease)
        keys.renewed = self.now
        for node in self._all_nodes():
            if keys.leases[node] <= self.now:
                self._lose(node)

    def _be_ready(self, node: int) -> int:
        if self.keys.nodes[node].ready:
            return self.keys.last
        self.keys.nodes[node] = msgspec.structs.replace(self.keys.nodes[node], ready=True)
        return self._note(event="nodeready", node=node)

    def _recover(self, node: int = 0, report: Report | None = None) -> int:
        keys = self.keys
        if keys.recovery is None or keys.recovery.run != self.run:
            keys.recovery, keys.dead = Recovery(self.run, self.now), frozenset()
        reports = keys.recovery.reports
        if report is not None:
            reports[node] = report
        for silent in [node for node, one in reports.items() if self.now - one.when >= RECOVERY]:
            del reports[silent]
        return max((one.place for one in reports.values()), default=-1)

    def _puts_back(self, node: int) -> bool:
        """Whether a node puts back what is missing: nobody leaves a smaller hole, nor has read more."""
        assert self.keys.recovery is not None
        last, reports = self.keys.last, self.keys.recovery.reports
        mine, more = reports[node], [one for one in reports.values() if one.place > last]
        return mine in more and all(
            (max(one.after, last), -one.place) >= (max(mine.after, last), -mine.place) for one in more
        )

    def _all_reported(self) -> bool:
        keys = self.keys
        assert keys.recovery is not None
        awaited = {*keys.recovery.nodes, *keys.leases} - keys.recovery.reports.keys() - keys.dead
        return self.now - keys.recovery.since >= (RECOVERY if awaited else GRACE)

    def _agree(self) -> None:
        keys = self.keys
        assert keys.recovery is not None
        reports, took = keys.recovery.reports, self.now - keys.recovery.since
        base, last = keys.last, self._leap(keys.last)
        self._put(Entry(last + 1, 0, 0, base, self.now, b"[]"))
        keys.run, keys.last, keys.base, keys.cut, keys.fresh, keys.renewed = self.run, last, base, last + 1, last, 0
        keys.counter = keys.counter + SPARE_NODES if base else self.now % 65536
        self._reap()
        for node in sorted(keys.dead, key=str):
            if node in keys.nodes:
                self._lose(node)
        for node in self._all_nodes():
            keys.nodes[node] = msgspec.structs.replace(keys.nodes[node], contact=-1)
            if node in reports and reports[node].ready:
                self._be_ready(node)
        keys.recovery, keys.dead = None, frozenset()
        self.on_agree(reports, took)
