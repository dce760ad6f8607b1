"""A room without sockets: fake people whose screen is a list of lines."""

from __future__ import annotations

from gchatd.chat.events import Event, Said
from gchatd.chat.rooms import LOBBY
from gchatd.delivery.fanout import Fanout
from gchatd.delivery.outbox import SlowReaders
from gchatd.doors.terminal.look import Look
from gchatd.hub import Hub
from gchatd.journal import MemoryJournal
from gchatd.session import Session
from gchatd.text.names import parse_name


class Screen:
    """An outbox that keeps all it is given."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.failed = ""

    def send(self, data: bytes) -> int:
        self.pieces.append(data)
        return len(data)

    put = display = send

    def fail(self, why: str) -> None:
        self.failed = why

    def lose(self, error: OSError) -> None:
        self.fail(str(error))


class FakeLink:
    """A connection on which nothing is typed."""

    def __init__(self, look: Look) -> None:
        self.format = look
        self.outbox = Screen()
        self.height = self.width = 0
        self.prompt = ""

    def take_held(self) -> bytes:
        return b""

    def name_room(self, room: str) -> None:
        self.prompt = room


class FakeSession(Session):
    """A session whose lines are given to it by the test."""

    def says(self, text: str, room: str = LOBBY) -> None:
        self.hub.broadcast(Said(room=room, name=str(self.user), text=text, origin=self.number))

    def causes(self, event: type[Event], **more: object) -> None:
        """Let something happen in the name of this session."""
        self.hub.broadcast(event(name=str(self.user), origin=self.number, **more))

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

    def __init__(self, announce_up_to: int = 50, replay: int = 0) -> None:
        self.journal = MemoryJournal()
        self.hub = Hub(self.journal, announce_up_to, replay=replay)
        self.fanout = Fanout(self.hub, self.journal, SlowReaders(sendq=0, stalled_seconds=0))

    def connects(self, **look: object) -> FakeSession:
        return FakeSession(self.hub, FakeLink(Look(**look)), 4096)

    def enters(self, name: str, **look: object) -> FakeSession:
        session = self.connects(**look)
        self.hub.claim(parse_name(name), session)
        return session

    def turn(self) -> None:
        """Deliver all that happened since the last turn, in one batch."""
        events = self.journal.take()
        self.fanout.deliver(events)
        self.hub.delivered(events)

    def catch_up(self) -> None:
        """Deliver what there is, if there is anything."""
        if self.journal._committed:
            self.turn()
