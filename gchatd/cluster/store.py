"""What a node asks of the store that the nodes share, and what can come of it. Knows no Redis and does no I/O.

The operations are those of script.lua, which says what each does. Every one of them can raise `StoreGone`; then nobody
knows whether it was done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from ..errors import GchatError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NO_NODE = 0
"""Stands as the node of entries that are no node's batch: that a node has joined, is ready, or is lost; or a cut."""


class Entry(NamedTuple):
    """One entry of the stream: a node's batch of `size` events, as JSON. `at` is in milliseconds since 1970.

    One without events is a cut: what was in the stream between the place `batch` and this has been lost.
    """

    first: int
    size: int
    node: int
    batch: int
    at: int
    data: bytes

    @property
    def id(self) -> str:
        return f"{self.first}-{self.size}"

    @property
    def last(self) -> int:
        """The place of its last event."""
        return self.first + self.size - 1


class Peer(msgspec.Struct):
    """A node as all others know it: `batch` is its last one in the stream, and `first` the place where that begins.

    `contact` counts how often it has spoken with the store anew after a connection was lost.
    """

    name: str
    identity: str
    ready: bool = False
    batch: int = 0
    first: int = 0
    contact: int = 0


class Joined(NamedTuple):
    """What a node is told when it joins: its number, the place of its joining, and its peers.

    `last` was the last place before; some of what is below `trimmed` is no longer in the stream.
    """

    node: int
    place: int
    last: int
    trimmed: int
    peers: dict[int, Peer]


class Fine(NamedTuple):
    """The node and the store agree; `batch` is the node's last one that is in the stream."""

    batch: int


class Refill(NamedTuple):
    """The store, in this run of it, has lost what was after the place `last`; this node knows most of it."""

    run: str
    last: int


class Leases(NamedTuple):
    """The last place; and by node, for how many milliseconds its lease is good."""

    last: int
    left: dict[int, int]


class StoreGone(GchatError):  # noqa: N818  the store may be back in a moment
    """The store does not answer, or cannot be reached. The text says why."""


class StoreRefused(GchatError):  # noqa: N818
    """The store did not do an operation, nor any part of it: it is full, or its disk is. The text says why."""


class Restarted(GchatError):  # noqa: N818
    """The store was started anew, so the nodes have to agree on what it still has: see `Member.agree`."""


class Recovering(GchatError):  # noqa: N818
    """The store was started anew, and its nodes have not agreed on that yet."""


class Outdated(GchatError):  # noqa: N818
    """The node did not join: its data directory had a higher number already, `incarnation`. It can try with that."""

    def __init__(self, incarnation: int) -> None:
        super().__init__(f"its last number was {incarnation}")
        self.incarnation = incarnation


class Fenced(GchatError):  # noqa: N818
    """The others go on without this node: its lease ran out, or it has seen what the store no longer has."""


class BoundsDifferError(GchatError):
    """Nodes whose `bounds` differ would not fold alike. The text is the bounds of the others."""


class Store(Protocol):
    """The operations. Those of a node that is not, or no longer, a member raise Fenced; after a restart, Restarted."""

    def join(self, identity: str, name: str, incarnation: int, place: int, bounds: str) -> Joined:
        """Become a node; `incarnation` and `place` are the highest that its data directory knows of.

        Raises Recovering, Outdated, BoundsDifferError.
        """

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
        """Add a batch to the stream, or find it there; return its first place. Raises StoreRefused.

        `contact` is that of the last report, and `seen` the last place that was read.
        """

    def found(self, node: int) -> int | None:
        """Begin the chat anew if no node that is ready is left; return the place where it begins."""

    def ready(self, node: int, place: int) -> bool:
        """Take clients from now on, with the state of a place. Returns False if the chat began anew after it."""

    def renew(self, node: int) -> Leases:
        """Keep the node's place among the others, and end those that were not heard of."""

    def leave(self, node: int) -> None:
        """End as a node."""

    def report(
        self, node: int, contact: int, seen: int, after: int, ready: bool, others: Sequence[int]
    ) -> Fine | Refill | None:
        """Agree on what the store still has; None: wait for the others.

        The node has read to the place `seen`, and remembers all after the place `after`. What it sent before, and the
        store does only after this, has no effect. `contact` grows with each report.
        """

    def refill(
        self, node: int, run: str, bounds: str, counter: int, peers: Mapping[int, Peer], after: int, last: int,
        entries: Sequence[Entry],
    ) -> None:  # fmt: skip
        """Put entries back that the store has lost: all that there was between two places. Raises Restarted.

        `peers` are the nodes as of the last place, and `counter` the highest number that one ever had.
        """

    def entries(self, after: int, most: int) -> list[Entry]:
        """Return the entries with events after a place."""

    def secret(self, key: str) -> str | None:
        """Return the text of a private message; None if it was not fetched in time."""

    def give_snapshot(self, place: int, data: bytes) -> None:
        """Keep a snapshot of the state at a place for a minute."""

    def snapshot(self, place: int) -> bytes | None:
        """Return the snapshot of the state at a place, if there is one."""
