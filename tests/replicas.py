"""What tests of replicas share: the stream of a cluster, a node that reads it, and a disk that fails."""

from __future__ import annotations

import threading

from people import PATIENCE
from stored import NOW, wait_until

from gchatd.chat.events import Origin, Said
from gchatd.journal import History, schema
from gchatd.journal.reader import Reader
from gchatd.journal.replica import Replica
from gchatd.journal.store import Writer
from gchatd.settings import History as Settings

GAP = 2**20
"""What ids may jump by from one event to the next."""


class Stream:
    """All that was committed so far, in order."""

    def __init__(self) -> None:
        self.events = []
        self.place = 0

    def add(self, *events, gap: int = 1):
        """Let something happen; return it as it was committed."""
        for event in events:
            self.place += gap
            stamp = {"place": self.place, "at": NOW + len(self.events), "id": self.place if event.kept else 0}
            self.events.append(type(event)(**{**as_dict(event), **stamp}))
        return self.events[-len(events) :]

    def say(self, *texts: str, room: str = "lobby", gap: int = 1):
        return self.add(*(line(text, room) for text in texts), gap=gap)

    def after(self, place: int, most: int):
        return [event for event in self.events if event.place > place][:most]


def as_dict(event) -> dict:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def line(text: str, room: str = "lobby") -> Said:
    return Said(room=room, name="Ann", text=text, user=7, origin=Origin(3, 4))


class Node:
    """A replica, with what reads the stream for it: one step at a time."""

    def __init__(self, directory, stream: Stream, chunk: int = 4, **settings) -> None:
        self.replica = Replica(directory, Settings(**settings))
        self.past = History(directory)
        self.replica.on_loss, self.past.on_search = self.past.let_go, self.replica.index_soon
        self.stream, self.chunk, self.delivered = stream, chunk, stream.place

    def deliver(self) -> None:
        """Deliver what is new in the stream."""
        self.replica.store(self.stream.after(self.delivered, 10**6))
        self.delivered = self.stream.place

    def fill(self) -> bool:
        """Give it a chunk if it wants one; return whether it is live."""
        after = self.replica.wants()
        if after is not None:
            chunk = [event for event in self.stream.after(after, self.chunk) if event.place <= self.delivered]
            self.replica.store(chunk)
            if not chunk or chunk[-1].place == self.delivered:
                self.replica.go_live()
        return self.replica.live

    def catch_up(self) -> None:
        """Fill until all that was delivered is stored."""
        wait_until(lambda: self.fill() and not self.replica.unstored)

    def ids(self):
        look = Reader(self.directory)
        found = [id for (id,) in schema.rows(look._db, "select id from events order by id")]
        look.close()
        return found

    @property
    def directory(self):
        return self.replica._directory

    def close(self) -> None:
        self.past.let_go(PATIENCE)
        self.replica.close(PATIENCE)


class StoringDisk:
    """What happens when a replica stores something: `trouble` is raised, `thawed` is waited for."""

    def __init__(self, monkeypatch) -> None:
        self.trouble: Exception | None = None
        self.too_late = False
        self.thawed = threading.Event()
        self.thawed.set()
        self.tries = 0
        store = Writer.store

        def stores(writer, events):
            self.tries += 1
            self.thawed.wait(PATIENCE)
            if self.trouble and not self.too_late:
                raise self.trouble
            store(writer, events)
            if self.trouble:
                raise self.trouble  # what was written is there, as after an fsync that failed

        monkeypatch.setattr(Writer, "store", stores)
