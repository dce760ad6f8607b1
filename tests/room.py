"""A room without sockets: fake people whose screen is a list of lines."""

from __future__ import annotations

from gchatd.doors.look import Look
from gchatd.events import Said
from gchatd.fanout import Fanout
from gchatd.hub import Hub
from gchatd.journal import MemoryJournal
from gchatd.names import parse_name
from gchatd.outbox import SlowReaders
from gchatd.rooms import LOBBY


class Screen:
    """An outbox that keeps all it is given."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.failed = ""

    def send(self, data: bytes) -> int:
        self.pieces.append(data)
        return len(data)

    put = show = send

    def fail(self, why: str) -> None:
        self.failed = why


class FakeSession:
    """What hub, rooms and fan-out know of a session."""

    def __init__(self, hub: Hub, notices: bool = False) -> None:
        self.hub = hub
        self.user = None
        self.format = Look(notices=notices)
        self.outbox = Screen()
        self.number = hub.number(self)

    def says(self, text: str) -> None:
        self.hub.broadcast(Said(room=LOBBY, name=self.user.name.shown, text=text, origin=self.number))

    def becomes(self, name: str) -> None:
        self.hub.rename(self.user, parse_name(name), self)

    def leaves(self, words: str = "") -> None:
        self.hub.depart(self, words)

    def screen(self) -> list[str]:
        """What it was sent since the last look."""
        seen = b"".join(self.outbox.pieces).decode().splitlines()
        self.outbox.pieces.clear()
        return seen


class Stage:
    """A hub whose turns happen when told."""

    def __init__(self, announce_up_to: int = 50) -> None:
        self.journal = MemoryJournal()
        self.hub = Hub(self.journal, announce_up_to)
        self.fanout = Fanout(self.hub, self.journal, SlowReaders(sendq=0, stalled_seconds=0))

    def connects(self, notices: bool = False) -> FakeSession:
        return FakeSession(self.hub, notices)

    def enters(self, name: str, notices: bool = False) -> FakeSession:
        session = self.connects(notices)
        self.hub.claim(parse_name(name), session)
        return session

    def turn(self) -> None:
        """Deliver all that happened since the last turn, in one batch."""
        self.fanout.deliver(self.journal.take())
