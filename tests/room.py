"""A room without sockets: fake people whose screen is a list of lines."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import gevent
import pytest

from gchatd.chat.events import Event, Renamed, Said
from gchatd.chat.state import LOBBY, Bounds, State
from gchatd.delivery.fanout import Fanout
from gchatd.delivery.outbox import SlowReaders
from gchatd.delivery.sessions import Sessions
from gchatd.doors.sentences import sentence
from gchatd.doors.terminal.link import TerminalLink
from gchatd.doors.terminal.look import Look
from gchatd.errors import Refused
from gchatd.hub import Hub
from gchatd.journal import MemoryJournal
from gchatd.session import Session
from gchatd.text.names import parse_name

if TYPE_CHECKING:
    from collections.abc import Iterator


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


class FakeConnection:
    """A connection on which nothing is typed."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.outbox = Screen()
        self.height = self.width = 0
        self.line_limit = 4096
        self.prompt = ""

    def take_held(self) -> bytes:
        return b""

    def trust(self) -> None:
        pass

    def name_room(self, room: str) -> None:
        self.prompt = room

    def restyle(self, **changes: object) -> None:
        self.look = Look(**changes)


class FakeSession(Session):
    """A session whose lines are given to it by the test."""

    __slots__ = ("name", "terminal")

    def __init__(self, hub: Hub, sessions: Sessions, look: Look) -> None:
        self.terminal = TerminalLink(FakeConnection(look))
        super().__init__(hub, sessions, self.terminal)

    def says(self, text: str, room: str = LOBBY) -> None:
        self.causes(Said, text=text, room=room)

    def causes(self, event: type[Event], **more: object) -> None:
        """Broadcast an event in the name of this session."""
        self.broadcast(self._signed(event(**more), self.claimed, self.name))

    def becomes(self, name: str) -> None:
        if name != self.name:
            self.hub.claim(parse_name(name), self.claimed)
            self.causes(Renamed, to=name)
            self.name = name

    def wait_for_effect(self, seconds: float | None = None) -> bool:
        """Wait, unless it is the test itself that would have to."""
        return not self.unheard if gevent.getcurrent().parent is None else super().wait_for_effect(seconds)

    def looks(self, **look: object) -> None:
        """Look different from now on."""
        self.terminal.restyle(**look)

    def leaves(self, words: str = "") -> None:
        self.quit(words)
        self.depart()

    def screen(self) -> list[str]:
        """What it was sent since the last look."""
        seen = b"".join(self.outbox.pieces).decode().splitlines()
        self.outbox.pieces.clear()
        return seen


class Stage:
    """A hub whose turns happen when told."""

    def __init__(self, announce_up_to: int = 50, replay: int = 0, most_rooms: int = 10_000) -> None:
        self.journal = MemoryJournal()
        self.hub = Hub(self.journal, State(Bounds(most_rooms, announce_up_to, replay)))
        self.sessions = Sessions(self.hub.node)
        slow_readers = SlowReaders(sendq=0, stalled_seconds=0)
        self.fanout = Fanout(self.hub, self.sessions, self.journal, slow_readers)

    def connects(self, **look: object) -> FakeSession:
        return FakeSession(self.hub, self.sessions, Look(**look))

    def enters(self, name: str, **look: object) -> FakeSession:
        session = self.connects(**look)
        session.arrive(parse_name(name))
        session.name = name
        return session

    def turn(self) -> None:
        """Deliver all that happened since the last turn, in one batch."""
        self.fanout.take_turn(self.journal.take())

    def catch_up(self) -> None:
        """Deliver what there is, if there is anything."""
        if self.journal._committed:
            self.turn()


@contextlib.contextmanager
def is_told(pattern: str) -> Iterator[None]:
    """What happens in here is refused, with a sentence that matches."""
    with pytest.raises(Refused) as refused:
        yield
    assert re.search(pattern, sentence(refused.value.refusal))
