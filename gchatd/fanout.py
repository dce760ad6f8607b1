"""From the journal to everybody's outbox: a turn's events, rendered once per wire format, the same bytes to all.

One greenlet does this for the whole server. Each round is a *turn*: it takes all that was committed since the last one,
however many people said it, and sends every listener all of it at once. While a big room is being sent to, new lines
gather for the next turn: the busier, the cheaper per line.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Protocol

import gevent

from .events import Joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .events import Event
    from .hub import Hub
    from .journal import Journal
    from .rooms import Room
    from .session import Session

log = logging.getLogger(__name__)

SLICE_SECONDS = 0.01
"""How long fan-out keeps the event loop before it lets others at it."""

BREATH_SECONDS = 5e-5
"""How long it then sleeps. Sleeping 0 would not poll for input, and a native thread would wait for its turn."""

_BETWEEN_LOOKS = 64  # listeners sent to between two looks at the clock


class Format(Protocol):
    """A wire format: a small frozen value. People with equal formats are sent the same bytes object."""

    @property
    def notices(self) -> bool:
        """Whether comings and goings are shown."""
        ...

    def render(self, event: Event) -> bytes:
        """Give an event as its listeners see it, or nothing if they do not."""
        ...

    def notice(self, text: str) -> bytes:
        """Give what the server itself says to one person."""
        ...

    def __hash__(self) -> int: ...


class Turn:
    """What a turn brings to one room, and who of its people needs something else than the rest."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.own: dict[int, list[int]] = {}  # session number: which of the events it caused, so does not get
        self.since: dict[int, int] = {}  # session number: how many events happened before it came in

    def add(self, event: Event, heard: bool) -> None:
        """Note an event; one that is not `heard` is not sent, but somebody may have come in with it."""
        if heard:
            if event.origin:
                self.own.setdefault(event.origin, []).append(len(self.events))
            self.events.append(event)
        if isinstance(event, Joined) and event.origin:
            self.since[event.origin] = len(self.events)

    def share(self, session: int, segments: list[bytes]) -> bytes:
        """Assemble what one session gets of the rendered events."""
        start = self.since.get(session, 0)
        own = set(self.own.get(session, ()))
        return b"".join(segment for at, segment in enumerate(segments) if at >= start and at not in own)


class Fanout:
    """Delivers what the journal commits."""

    def __init__(self, hub: Hub, journal: Journal) -> None:
        self._hub = hub
        self._journal = journal

    def run(self) -> None:
        """Deliver until the journal is closed and empty. The body of the fan-out greenlet; switches between slices."""
        while batch := self._journal.take():
            try:
                self.deliver(batch)
            except BaseException:  # ours to mend, but no reason for everybody to fall silent
                log.exception("cannot deliver %d events from %d on", len(batch), batch[0].id)

    def deliver(self, batch: list[Event]) -> None:
        """Let a batch of committed events happen: fold each into its room, then send each room its turn.

        A room's events keep their order; those of two rooms may change places within one turn.
        """
        turns: dict[Room, Turn] = {}
        for event in batch:
            heard = self._hub.fold(event)
            turns.setdefault(self._hub.rooms[event.room], Turn()).add(event, heard)
        for room, turn in turns.items():
            if turn.events:
                for format, listeners in room.audience().items():
                    self._send_turn(turn, format, listeners)

    def send_to_all(self, sessions: Iterable[Session], text: str) -> None:
        """Say something to many people as the server. Switches between slices."""
        by_format: dict[Format, list[Session]] = {}
        for session in sessions:
            by_format.setdefault(session.format, []).append(session)
        for format, listeners in by_format.items():
            self._send(listeners, format.notice(text))

    def _send_turn(self, turn: Turn, format: Format, listeners: Sequence[Session]) -> None:
        segments = [self._render(format, event) for event in turn.events]
        personal = turn.own.keys() | turn.since.keys()
        if personal:
            for session in listeners:
                if session.number in personal:
                    self._send((session,), turn.share(session.number, segments))
            listeners = [session for session in listeners if session.number not in personal]
        self._send(listeners, b"".join(segments))

    def _send(self, listeners: Sequence[Session], data: bytes) -> None:
        """Put the same bytes into every listener's outbox, in slices."""
        if not data:
            return
        until = time.perf_counter() + SLICE_SECONDS
        for start in range(0, len(listeners), _BETWEEN_LOOKS):
            for session in listeners[start : start + _BETWEEN_LOOKS]:
                try:
                    session.outbox.put(data)
                except BaseException:
                    log.exception("%s cannot be sent to", session)
                    session.outbox.fail("cannot be sent to")
            if time.perf_counter() > until:
                gevent.sleep(BREATH_SECONDS)
                until = time.perf_counter() + SLICE_SECONDS

    def _render(self, format: Format, event: Event) -> bytes:
        """Render one event. Should that fail, the session that caused the event is closed, and nobody gets it."""
        try:
            return format.render(event)
        except BaseException:  # SystemExit and KeyboardInterrupt too: one client's trouble stays one client's
            log.exception("cannot render %s from session %d", type(event).__name__, event.origin)
            culprit = self._hub.sessions.get(event.origin)
            if culprit is not None:
                culprit.outbox.fail("what it sent cannot be rendered")
            return b""
