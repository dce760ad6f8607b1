"""What a node of a cluster does, and when: it appends batches, reads the stream, and survives failures of the store.

1. One batch is on its way at a time, and has a number. If its answer was lost, it is sent again under this number, and
   the store knows it: nothing is lost, nothing comes twice.
2. Nothing is heard before it is read back from the stream. So everybody hears the same, in the same order.
3. Each node remembers what it read lately. If the store comes back without the last of it, whoever read most puts it
   back (`agree`), and only then is anything new appended.
4. A node that the others have given up, or that has read what they never will, stops (`Fenced`).

Knows no Redis and no sockets: what is done is behind `Store`, whose operations block.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import msgspec

from ..chat import events
from ..chat.events import (
    Arrived,
    Claimed,
    Deleted,
    Edited,
    Event,
    NodeJoined,
    NodeLost,
    NodeReady,
    NotSent,
    Said,
    Told,
    TopicSet,
)
from ..chat.state import Node, node_of
from .store import NO_NODE, Fenced, Fine, Outdated, Peer, StoreRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .store import Entry, Joined, Leases, Store

MOST_IN_BATCH = 1000
"""Events that go to the store together, at most."""

MOST_BATCH_CHARACTERS = 500_000
"""About how long the texts of a batch may be."""

REMEMBERED_BYTES = 8 * 2**20
"""How much of what was read a node remembers, to put it back if the store loses it: seconds of the busiest chat."""

TALK = (Said, Edited, Deleted, Told, TopicSet, Claimed, Arrived)
"""What its author is told was not sent: also that they cannot come in, or have another name.

All else waits until the store is back: a goodbye must not get lost."""

_KINDS = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
_KINDS.remove(Event)
_decode: Any = msgspec.json.Decoder(list[Union[tuple(_KINDS)]]).decode  # type: ignore[misc]  # noqa: UP007


class Batch(NamedTuple):
    """Some events of this node, with the texts of the private messages among them for other nodes, by their keys."""

    number: int
    events: Sequence[Event]
    secrets: Sequence[tuple[str, str]]


class Member:
    """A node, as the store and the others know it. Its methods block while the store does, and raise `StoreGone`."""

    def __init__(self, store: Store, identity: str, name: str, bounds: str) -> None:
        """`identity` names the data directory for ever; nodes whose `bounds` differ do not work together."""
        self.node = 0
        self.place = 0
        """The place of the last event that was read."""
        self.peers: dict[int, Peer] = {}
        """All nodes, this one too, as of that place."""
        self._store = store
        self._identity = identity
        self._name = name
        self._bounds = bounds
        self._begin()

    def _begin(self) -> None:
        self._ready = False
        self._contact = 0  # how often this node has reported
        self._highest = 0  # number of a node that was ever heard of
        self._waiting: deque[Event] = deque()  # events that are in no batch yet
        self._unread: deque[Batch] = deque()  # batches that were sent and not read back yet
        self._sent = 0  # the number of the last batch that is known to be in the stream
        self._read = 0  # and of the last that was read back
        self._recent: deque[Entry] = deque()
        self._recent_bytes = 0
        self._recent_after = 0  # the place after which all that was read is remembered
        self._secrets: dict[str, str] = {}  # the texts of this node's private messages that were not read back yet
        self._last_secret = 0

    # Beginning and ending.

    def join(self, incarnation: int, place: int) -> Joined:
        """Become a node; `incarnation` and `place` are the highest that its data directory knows of.

        Raises Recovering, BoundsDifferError. If anything goes wrong before the node is ready, do it again: what was
        begun before is forgotten, and lost to the others.
        """
        try:
            joined = self._store.join(self._identity, self._name, incarnation, place, self._bounds)
        except Outdated as outdated:  # a process before this one, or this one, was never told its number
            joined = self._store.join(self._identity, self._name, outdated.incarnation, place, self._bounds)
        self._begin()
        self.node, self.peers, self._highest = joined.node, joined.peers, joined.node
        self.place = self._recent_after = joined.place - 1  # its joining is the first that it reads
        return joined

    def found(self) -> int | None:
        """Begin the chat anew if no other node knows the state; return the place where it begins."""
        return self._store.found(self.node)

    def ready(self, place: int) -> bool:
        """Take clients from now on, with the state of a place.

        Returns False if the chat has begun anew meanwhile, or may have: then that is not the state of the others.
        """
        self._ready = self._store.ready(self.node, place)
        return self._ready

    def leave(self) -> None:
        """End as a node: everybody who is connected here departs."""
        self._store.leave(self.node)

    def renew(self) -> Leases:
        """Keep this node's place among the others. Do it several times in the length of a lease."""
        return self._store.renew(self.node)

    @property
    def nodes(self) -> dict[int, Node]:
        """All nodes, as a state has them."""
        return {number: Node(peer.name, peer.identity, peer.ready) for number, peer in self.peers.items()}

    # Appending.

    def queue(self, new: Iterable[Event]) -> None:
        """Have events appended, after those that wait already."""
        self._waiting.extend(new)

    @property
    def has_unsent(self) -> bool:
        """Whether there is something to append."""
        return bool(self._waiting or (self._unread and self._unread[-1].number > self._sent))

    def append(self) -> list[NotSent]:
        """Append the next batch, if there is one. Returns what stands for events that were refused.

        Raises Restarted and Fenced, too.
        """
        batch = next((one for one in self._unread if one.number > self._sent), None) or self._next_batch()
        if batch is None:
            return []
        data, size = msgspec.json.encode(batch.events), len(batch.events)
        try:
            self._store.append(self.node, batch.number, self._contact, self.place, size, data, batch.secrets)
        except StoreRefused as refused:
            return self._take_back(batch, str(refused))
        self._sent = batch.number
        return []

    def _next_batch(self) -> Batch | None:
        chosen: list[Event] = []
        secrets, characters = [], 0
        while self._waiting and len(chosen) < MOST_IN_BATCH and characters < MOST_BATCH_CHARACTERS:
            event = self._waiting.popleft()
            if isinstance(event, Told):
                event, secret = self._seal(event)
                if node_of(event.target) != self.node:
                    secrets.append(secret)
            characters += len(getattr(event, "text", ""))
            chosen.append(event)
        if not chosen:
            return None
        batch = Batch(self._sent + 1, chosen, secrets)
        self._unread.append(batch)
        return batch

    def _seal(self, told: Told) -> tuple[Told, tuple[str, str]]:
        """Take the text out of a private message: it is for two nodes, and the stream is for all."""
        self._last_secret += 1
        key = f"{self.node}-{self._last_secret}"
        self._secrets[key] = told.text
        return msgspec.structs.replace(told, text="", sealed=key), (key, told.text)

    def _take_back(self, batch: Batch, why: str) -> list[NotSent]:
        """Give up what people said in a batch that the store refused; the rest of it waits again, before all else.

        So do batches that were sent after it, before the store lost them all.
        """
        while (last := self._unread.pop()) is not batch:
            self._waiting.extendleft(self._unsealed(event) for event in reversed(last.events))
        self._waiting.extendleft(event for event in reversed(batch.events) if not isinstance(event, TALK))
        return [_not_sent(self._unsealed(event), why) for event in batch.events if isinstance(event, TALK)]

    def _unsealed(self, event: Event) -> Event:
        """Undo `_seal`."""
        if not isinstance(event, Told):
            return event
        return msgspec.structs.replace(event, text=self._secrets.pop(event.sealed), sealed="")

    def give_up(self, why: str) -> list[NotSent]:
        """Give up what people said that is in no batch yet. (A batch may be in the stream, so it is not given up.)"""
        waiting = list(self._waiting)
        self._waiting = deque(event for event in waiting if not isinstance(event, TALK))
        return [_not_sent(event, why) for event in waiting if isinstance(event, TALK)]

    # Reading.

    def read(self, entry: Entry) -> list[Event]:
        """Return the events of the next entry, stamped; none of an entry that was read before.

        Raises Fenced once this node is lost.
        """
        if entry.first <= self.place:
            return []
        if not entry.size and self.place not in (entry.batch, entry.last):
            raise Fenced("the store has lost something that was heard here, and by nobody who is left")
        read = [self._opened(event) if isinstance(event, Told) else event for event in stamped(entry)]
        if entry.node == self.node:
            while self._unread and self._unread[0].number <= entry.batch:
                self._unread.popleft()
            self._sent, self._read = max(self._sent, entry.batch), entry.batch
            for event in read:
                if isinstance(event, Told):
                    self._secrets.pop(event.sealed, None)
        peer = self.peers.get(entry.node)
        if peer is not None:
            peer.batch, peer.first = entry.batch, entry.first
        elif entry.node == NO_NODE:
            for event in read:
                self._note_peer(event)
        self.place = entry.last
        self._remember(entry)
        return read

    def _opened(self, told: Told) -> Event:
        """Return a private message with its text, if one of the two is here; if it came too late, without."""
        text: str | None = ""
        if node_of(told.user) == self.node:
            text = self._secrets.get(told.sealed, "")
        elif node_of(told.target) == self.node:
            text = self._store.secret(told.sealed)
        return msgspec.structs.replace(told, text=text or "")

    def _note_peer(self, event: Event) -> None:
        if isinstance(event, NodeJoined):
            self.peers[event.node] = Peer(event.name, event.identity)
            self._highest = max(self._highest, event.node)
        elif isinstance(event, NodeReady) and event.node in self.peers:
            self.peers[event.node].ready = True
        elif isinstance(event, NodeLost):
            if event.node == self.node:
                raise Fenced("the others have not heard of this node for too long")
            self.peers.pop(event.node, None)

    def _remember(self, entry: Entry) -> None:
        self._recent.append(entry)
        self._recent_bytes += len(entry.data)
        while self._recent_bytes > REMEMBERED_BYTES:
            forgotten = self._recent.popleft()
            self._recent_bytes -= len(forgotten.data)
            self._recent_after = forgotten.last

    # After a connection was lost.

    def agree(self) -> bool:
        """Agree with the store, and with all who share it, on what it has. Returns whether that is so; else try again.

        Call it after each new connection, and after Restarted. Raises Fenced.
        """
        others = [number for number in self.peers if number != self.node]
        self._contact += 1
        answer = self._store.report(self.node, self._contact, self.place, self._recent_after, self._ready, others)
        if isinstance(answer, Fine):
            if answer.batch < self._read:
                raise Fenced("the store has lost what was heard here")
            self._sent = answer.batch
            return True
        if answer is not None:
            lost = [entry for entry in self._recent if entry.last > answer.last]
            self._store.refill(
                self.node, answer.run, self._bounds, self._highest, self.peers, self._recent_after, self.place, lost
            )
        return False


def stamped(entry: Entry) -> list[Event]:
    """Return the events of an entry with their places, ids and times."""
    return [
        msgspec.structs.replace(event, id=place if event.kept else 0, at=entry.at, place=place)
        for place, event in enumerate(_decode(entry.data), entry.first)
    ]


def _not_sent(event: Event, why: str) -> NotSent:
    kind = type(event).__name__.lower()
    return NotSent(room=event.room, user=event.user, name=event.name, origin=event.origin, why=why, of=kind)
