"""From the journal to everybody's outbox: a turn's events, rendered once per wire format, the same bytes to all.

One greenlet does this for the whole server. Each round is a *turn*: it takes what was committed since the last one,
however many people said it, and sends every listener all of it at once. While a big room is being sent to, new lines
gather for the next turn: the busier, the cheaper per line. To follow one line:

    run                    takes a batch from the journal, and cuts it into turns
    deliver                folds each event into its room, and notes who needs something else than the others
    _deliver_turn          renders the turn once, and cuts their own share out of it for those few
    _send_to_listeners     walks over all others, and lets the rest of the server have its turn
    _send_to_some          gives the kernel the bytes, 64 listeners at a time
    Outbox.keep            (outbox.py) keeps what the kernel did not take
"""

from __future__ import annotations

import itertools
import logging
from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol

from . import times
from .events import Joined, NotSent, Said
from .outbox import send_nowhere
from .pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .events import Event
    from .hub import Hub
    from .journal import Journal
    from .outbox import SlowReaders
    from .rooms import Room
    from .session import Session

    Send = Callable[[bytes], int]

log = logging.getLogger(__name__)

TURN_BYTES = 65536
"""How much a turn brings to a listener, more or less: well below `limits.sendq`, which it must not fill by itself."""

_DAYS_BEGIN_AT = 900_000  # milliseconds: somewhere a day begins at each quarter of an hour, and nowhere in between
_MOST_REPLAYS = 100  # kept for a room, each for a format and a quarter of an hour
_EVENT_BYTES = 32  # a name, a line's end: what an event takes beside its text
_BETWEEN_PAUSES = 64  # listeners sent to before fan-out asks whether it is others' turn


class Format(Protocol):
    """A wire format: a small frozen value. People with equal formats are sent the same bytes object.

    What commands change of it are the fields of `doors.look.Look`.
    """

    @property
    def notices(self) -> bool:
        """Whether comings and goings are shown."""
        ...

    @property
    def theme(self) -> str: ...

    @property
    def time(self) -> str: ...

    @property
    def offset(self) -> int: ...

    @property
    def bell(self) -> str: ...

    @property
    def echo(self) -> bool:
        """Whether one sees one's own words like those of others."""
        ...

    @property
    def mentions(self) -> bool:
        """Whether what names somebody looks different to them."""
        ...

    @property
    def zone(self) -> str:
        """What the times that are shown are in, such as `UTC`."""
        ...

    def render(self, event: Event) -> bytes:
        """Give an event as its listeners see it, or nothing if they do not."""
        ...

    def render_mention(self, event: Event) -> bytes:
        """Give an event as somebody sees it whom it names."""
        ...

    def recall(self, event: Event, now: int) -> bytes:
        """Give something that was said as those who look back, now (milliseconds), see it, with its time."""
        ...

    def frame(self, data: bytes, alert: bool = False) -> bytes:
        """Give whole lines as they are sent; with `alert` there is something new among them."""
        ...

    def farewell(self, text: str) -> bytes:
        """Give the last thing that the server says to somebody, as it is sent."""
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
        self.replays: dict[int, bytes] = {}  # session number: what was said lately, when it came in
        self.named: dict[int, list[int]] = {}  # session number: which of the events name its user

    def add(self, event: Event, heard: bool) -> None:
        """Note an event; one that is not `heard` is not sent, but somebody may have come in with it."""
        if heard:
            if event.origin:
                self.own.setdefault(event.origin, []).append(len(self.events))
            self.events.append(event)
        if isinstance(event, Joined) and event.origin:
            self.since[event.origin] = len(self.events)

    def find_named(self, hub: Hub) -> None:
        """Note whom the events name, but their authors."""
        for at, event in enumerate(self.events):
            for user in hub.named_in(event.text) if isinstance(event, Said) else ():
                for session in user.sessions:
                    if session.number != event.origin:
                        self.named.setdefault(session.number, []).append(at)

    def share(self, session: int, format: Format, data: bytes, bounds: Sequence[int]) -> bytes:
        """Cut what one session gets out of the data that all get. Event n is data[bounds[n] : bounds[n + 1]]."""
        since = self.since.get(session, 0)
        others = {} if format.echo else dict.fromkeys(self.own.get(session, ()), b"")
        if format.mentions:
            for at in self.named.get(session, ()):
                others[at] = format.render_mention(self.events[at])
        pieces = [self.replays.get(session, b"")]
        start = bounds[since]
        for at in sorted(others):
            if at >= since:
                pieces += (data[start : bounds[at]], others[at])
                start = bounds[at + 1]
        return b"".join([*pieces, data[start:]])

    def special(self, format: Format) -> set[int]:
        """Give the numbers of the sessions of a format that may get something else than the others."""
        special = {*self.since}
        if not format.echo:
            special.update(self.own)
        if format.mentions:
            special.update(self.named)
        return special


class Listeners:
    """The people of a room who read the same format, by the number of their sessions.

    Fan-out walks over the ways to them, not over sessions: what is touched for each listener is what a delivery costs,
    and 1,000 sessions do not fit into the cache beside what the kernel needs (4 % at one line a turn).
    """

    def __init__(self, sessions: Iterable[Session]) -> None:
        self.sessions = sorted(sessions, key=_number)
        self._ways: list[Send] = []
        self._changes = -1

    def ways(self, changes: int, but: Sequence[int]) -> list[Send]:
        """Give each one's `Outbox.send`, in order; nothing is sent to those in the places `but`.

        `changes` is `SlowReaders.changes`: while it stays the same, so does how each is sent to.
        """
        if changes != self._changes:
            self._changes = changes
            self._ways = [session.outbox.send for session in self.sessions]
        if not but:
            return self._ways
        ways = self._ways.copy()
        for place in but:
            ways[place] = send_nowhere
        return ways

    def place(self, number: int) -> int | None:
        """Where among the listeners a session stands, or None if it is none of them."""
        place = bisect_left(self.sessions, number, key=_number)
        return place if place < len(self.sessions) and self.sessions[place].number == number else None


_number = attrgetter("number")


def _by_format(sessions: Iterable[Session]) -> dict[Format, Listeners]:
    groups: dict[Format, list[Session]] = {}
    for session in sessions:
        groups.setdefault(session.format, []).append(session)
    return {format: Listeners(group) for format, group in groups.items()}


def _turns(batch: list[Event]) -> Iterator[list[Event]]:
    """Cut a batch into turns that neither keep the event loop for long nor overfill an outbox that was empty."""
    turn: list[Event] = []
    size = 0
    for event in batch:
        turn.append(event)
        size += _EVENT_BYTES + (_most_bytes(event.text) if isinstance(event, Said) else 0)
        if size > TURN_BYTES:
            yield turn
            turn, size = [], 0
    if turn:
        yield turn


def _most_bytes(text: str) -> int:
    return len(text) if text.isascii() else 4 * len(text)


class Fanout:
    """Delivers what the journal commits."""

    def __init__(self, hub: Hub, journal: Journal, slow_readers: SlowReaders) -> None:
        self._hub = hub
        self._journal = journal
        self._slow_readers = slow_readers
        self._pace = Pace()

    def run(self) -> None:
        """Deliver until the journal is closed and empty. The body of the fan-out greenlet."""
        while batch := self._journal.take():
            for events in _turns(batch):
                try:
                    self.deliver(events)
                except BaseException:  # ours to mend, but no reason for everybody to fall silent
                    log.exception("cannot deliver %d events from %d on", len(events), events[0].id)
                self._hub.delivered(len(events))
                self._pace.breathe()

    def deliver(self, events: list[Event]) -> None:
        """Let a turn's events happen: fold each into its room, then send each room its turn.

        A room's events keep their order; those of two rooms may change places within one turn.
        """
        turns: dict[Room, Turn] = {}
        for event in events:
            session = self._hub.sessions.get(event.origin)
            if isinstance(event, NotSent):
                if session is not None:
                    session.outbox.show(session.format.frame(session.format.render(event)))
                continue
            heard = self._hub.fold(event)
            room = self._hub.rooms[event.room]
            turn = turns.get(room)
            if turn is None:
                turn = turns[room] = Turn()
            turn.add(event, heard)
            if isinstance(event, Joined) and session is not None and room.recent:
                turn.replays[event.origin] = self._replay(room, session.format)
        for room, turn in turns.items():
            if turn.events or turn.replays:
                audience = self._audience(room)
                if any(format.mentions for format in audience):
                    turn.find_named(self._hub)
                for format, listeners in audience.items():
                    self._deliver_turn(turn, format, listeners)

    def take_leave(self, sessions: Iterable[Session], text: str) -> None:
        """Say something to many people as the server, for the last time. Switches now and then."""
        for format, listeners in _by_format(sessions).items():
            self._send_to_listeners(listeners, format.farewell(text))

    def _audience(self, room: Room) -> dict[Format, Listeners]:
        """Give a room's listeners by format: worked out when somebody has come, gone or changed format since."""
        if room.audience is None:
            room.audience = _by_format(session for user in room.members for session in user.sessions)
        return room.audience

    def _replay(self, room: Room, format: Format) -> bytes:
        """Give what was said lately in a room, for somebody who comes in."""
        now = times.now()
        key = format, now // _DAYS_BEGIN_AT
        if key not in room.replays:
            lines: list[bytes] = []
            size = 0
            for event in reversed(room.recent):
                lines.append(format.recall(event, now))
                size += len(lines[-1])
                if size > TURN_BYTES:
                    break
            lines.reverse()
            head = format.notice(f"The last {len(lines)} lines in {room.name}, times in {format.zone}:")
            if len(room.replays) > _MOST_REPLAYS:
                room.replays.clear()
            room.replays[key] = b"".join([head, *lines, format.notice("From here on it is live.")])
        return room.replays[key]

    def _deliver_turn(self, turn: Turn, format: Format, listeners: Listeners) -> None:
        """Send a room's turn to those who read one format: their own share to some, the same bytes to all others."""
        segments = [self._render(format, event) for event in turn.events]
        bounds = list(itertools.accumulate(map(len, segments), initial=0))
        data = b"".join(segments)
        personal = []
        for number in turn.special(format):
            place = listeners.place(number)
            if place is not None:
                personal.append(place)
                if share := turn.share(number, format, data, bounds):
                    listeners.sessions[place].outbox.show(format.frame(share, alert=True))
                self._pace.breathe()
        if data:
            self._send_to_listeners(listeners, format.frame(data, alert=True), personal)

    def _send_to_listeners(self, listeners: Listeners, data: bytes, but: Sequence[int] = ()) -> None:
        """Send the same bytes to every listener but those in some places. Switches now and then."""
        changes = self._slow_readers.changes
        ways = listeners.ways(changes, but)
        for start in range(0, len(ways), _BETWEEN_PAUSES):
            self._pace.breathe()
            if changes != self._slow_readers.changes:  # somebody fell behind, caught up or was lost meanwhile
                changes = self._slow_readers.changes
                ways = listeners.ways(changes, but)
            self._send_to_some(listeners, ways[start : start + _BETWEEN_PAUSES], data, start)

    def _send_to_some(self, listeners: Listeners, ways: list[Send], data: bytes, start: int) -> None:
        """Send to a few listeners, the first of whom stands in place `start`. Never switches."""
        size = len(data)
        for place, send in enumerate(ways, start):
            try:
                sent = send(data)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                listeners.sessions[place].outbox.lose(error)
                continue
            if sent != size:
                listeners.sessions[place].outbox.keep(data, sent)

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
