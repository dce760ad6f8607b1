"""From the journal to everybody's outbox: a turn's events, rendered once per wire format, the same bytes to all.

One greenlet does this for the whole server. Each round is a *turn*: it takes what was committed since the last one,
however many people said it, and sends every listener all of it at once. While a big room is being sent to, new lines
gather for the next turn: the busier, the cheaper per line. To follow one line:

    run                    takes a batch from the journal, and cuts it into turns
    deliver                applies each event (folding.py), and notes who hears it and how (turn.py)
    _deliver_share         cuts a share of their own for the few who need something different
    _send_to_listeners     walks over all others, and lets the rest of the server have its turn
    _send_to_some          gives the kernel the bytes, 64 listeners at a time
    Outbox.keep            (outbox.py) keeps what the kernel did not take
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

from ..chat.events import Edited, Said, Told
from ..chat.folding import Heard, fold
from .audience import Listeners
from .pace import Pace
from .turn import Turn
from .welcome import Welcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from ..chat.events import Event
    from ..chat.rooms import Room
    from ..hub import Hub, User
    from ..journal import Journal
    from ..session import Session
    from .formats import Format
    from .outbox import SlowReaders
    from .turn import Share

    Send = Callable[[bytes], int]
    Several = dict[tuple[Format, tuple[Room, ...], str], list[Session]]
    """Sessions that are in several rooms, by their format, those rooms, and the name of the current one."""

logger = logging.getLogger(__name__)

TURN_BYTES = 65536
"""About how much a turn brings a listener: well below `limits.sendq`, so that no turn fills an outbox by itself."""

_EVENT_BYTES = 32  # what an event takes beside its text: a name, the line's end
_BETWEEN_EVENTS = 16  # applied before it asks: one takes 0.6 ms where 1,900 people ignored somebody who leaves
_BETWEEN_PAUSES = 64  # listeners sent to before fan-out asks whether it is others' turn


def _by_format(sessions: Iterable[Session]) -> dict[Format, Listeners]:
    groups: dict[Format, list[Session]] = defaultdict(list)
    for session in sessions:
        groups[session.format].append(session)
    return {format: Listeners(group) for format, group in groups.items()}


def _turns(batch: list[Event]) -> Iterator[list[Event]]:
    """Cut a batch into turns of about TURN_BYTES."""
    turn: list[Event] = []
    size = 0
    for event in batch:
        turn.append(event)
        size += _EVENT_BYTES + (_most_bytes(event.text) if isinstance(event, (Said, Edited, Told)) else 0)
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
        self._welcomes = Welcomes()

    def run(self) -> None:
        """Deliver until the journal is closed and empty. The body of the fan-out greenlet."""
        while batch := self._journal.take():
            for events in _turns(batch):
                try:
                    self.deliver(events)
                except BaseException:  # a bug of ours, but the others' lines still go out
                    logger.exception("cannot deliver %d events from %d on", len(events), events[0].id)
                self._hub.delivered(events)
                self._pace.breathe()

    def deliver(self, events: list[Event]) -> None:
        """Apply a turn's events in order, then send everybody what they hear of them. Switches now and then."""
        turn = self._apply(events)
        alone = turn.find_special(self._pace.breathe)
        several = self._in_several(turn.parts) if len(turn.parts) > 1 else {}
        elsewhere = {session for group in several.values() for session in group}
        for room, part in turn.parts.items():
            audience = room.audience.groups(room)
            if any(format.mentions for format in audience):
                turn.find_named(part)
            for format, listeners in list(audience.items()):
                if elsewhere:
                    listeners = Listeners(session for session in listeners.sessions if session not in elsewhere)
                self._deliver_share(turn, turn.share(format, (room,)), (room,), listeners)
        for (format, rooms, current), sessions in several.items():
            self._deliver_share(turn, turn.share(format, rooms, current), rooms, Listeners(sessions))
        for session in alone:
            self._send_share(turn, session, turn.share(session.format, ()), ())

    def _apply(self, events: list[Event]) -> Turn:
        """Apply events in order and collect them in a turn. Switches now and then."""
        turn = Turn(self._hub, self._render)
        for at, event in enumerate(events):
            if not at % _BETWEEN_EVENTS:
                self._pace.breathe()
            heard = self._fold(event)
            if heard.room is not None or heard.sessions:
                turn.add(heard)
            if heard.entered is not None:
                session, room = self._hub.sessions[event.origin], heard.entered
                turn.welcome(session, room, self._welcomes.welcome(session, room, heard.greets))
        return turn

    def take_leave(self, sessions: Iterable[Session], text: str) -> None:
        """Send many people a last message from the server. Switches now and then."""
        for format, listeners in _by_format(sessions).items():
            self._send_to_listeners(listeners, format.farewell(text))

    def _in_several(self, rooms: Collection[Room]) -> Several:
        """Find the sessions that are in several of these rooms. Switches now and then."""
        several: Several = defaultdict(list)
        seen: set[User] = set()
        for room in sorted(rooms, key=lambda room: len(room.members))[:-1]:  # whoever is in two is in one of these
            for at, user in enumerate(list(room.members)):
                if not at % _BETWEEN_PAUSES:
                    self._pace.breathe()
                if len(user.rooms) > 1 and user not in seen:
                    seen.add(user)
                    theirs = tuple(sorted((one for one in user.rooms if one in rooms), key=id))  # the same for all
                    for session in user.sessions if len(theirs) > 1 else ():
                        current = session.room.name if session.room in theirs else ""
                        several[session.format, theirs, current].append(session)
        return several

    def _deliver_share(self, turn: Turn, share: Share, rooms: Sequence[Room], listeners: Listeners) -> None:
        """Send listeners what they hear: a share of their own to some, the same bytes to all others.

        Switches now and then.
        """
        personal = listeners.places(set().union(*(turn.parts[room].special(share.format) for room in rooms)))
        for place in personal:
            self._send_share(turn, listeners.sessions[place], share, rooms)
        if share.data:
            self._send_to_listeners(listeners, share.framed, personal)

    def _send_share(self, turn: Turn, session: Session, share: Share, rooms: Sequence[Room]) -> None:
        """Send one session its own share. Switches now and then."""
        if data := turn.personal_share(session, share, rooms):
            session.outbox.display(share.format.frame(data, alert=True))
        self._pace.breathe()

    def _send_to_listeners(self, listeners: Listeners, data: bytes, but: Sequence[int] = ()) -> None:
        """Send the same bytes to every listener but those in some places. Switches now and then."""
        changes = self._slow_readers.changes
        ways = listeners.ways(self._slow_readers, but)
        for start in range(0, len(ways), _BETWEEN_PAUSES):
            self._pace.breathe()
            if changes != self._slow_readers.changes:  # somebody fell behind, caught up or was lost meanwhile
                changes = self._slow_readers.changes
                ways = listeners.ways(self._slow_readers, but)
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

    def _fold(self, event: Event) -> Heard:
        """Apply an event. If that fails, nobody hears of it."""
        try:
            return fold(self._hub, event)
        except BaseException:  # a bug of ours; the other events are still heard
            logger.exception("cannot apply %s from session %d", type(event).__name__, event.origin)
            return Heard(event)

    def _render(self, how: Callable[[Event], bytes], event: Event) -> bytes:
        """Render one event. If that fails, nobody gets it, and the session that caused it is closed."""
        try:
            return how(event)
        except BaseException:  # SystemExit and KeyboardInterrupt too: one client's trouble stays one client's
            logger.exception("cannot render %s from session %d", type(event).__name__, event.origin)
            culprit = self._hub.sessions.get(event.origin)
            if culprit is not None:
                culprit.outbox.fail("what it sent cannot be rendered")
            return b""
