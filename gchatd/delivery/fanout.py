"""From the journal to everybody's outbox: a turn's events, rendered once per wire format, the same bytes to all.

One greenlet does this for the whole server. Each round is a *turn*: it takes what was committed since the last one,
however many people said it, and sends every listener all of it at once. While a big room is being sent to, new lines
gather for the next turn: the busier, the cheaper per line. To follow one line:

    Hub.broadcast          (hub.py) puts it into the journal, which orders and commits it
    run                    takes a batch from the journal, and cuts it into turns
    take_turn              drops what came before, and afterwards lets go on who waits for what they did to take effect
    deliver                has the whole turn folded first, then goes from room to room, and from format to format
    _fold                  folds the event into the state (chat/folding.py), notes who hears it (turn.py), and has
                           sessions follow their users into rooms and out of them (_follow)
    _deliver_share         cuts a share of their own for the few who need something different (turn.py, share.py)
    _send_to_listeners     walks over all others, and lets the rest of the server run now and then
    _send_to_some          gives the kernel the bytes, 128 listeners at a time
    Outbox.keep            (outbox.py) keeps what the kernel did not take
"""

from __future__ import annotations

import logging
from collections import defaultdict
from itertools import islice, repeat
from operator import call
from typing import TYPE_CHECKING

from ..chat.events import Arrived, Departed, MadePrivate, Said, Told, Vanished, size
from ..chat.folding import Outcome, fold
from ..text.names import compared
from .audience import Listeners
from .pace import Pace
from .turn import BETWEEN_NODES, Turn
from .welcome import Welcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from ..chat.events import Event
    from ..chat.state import Room, User
    from ..hub import Hub
    from ..journal import Journal
    from ..meters import Meters
    from .formats import Format
    from .listener import Listener
    from .outbox import SlowReaders
    from .sessions import Sessions
    from .share import Share

    Send = Callable[[bytes], int]
    Several = dict[tuple[Format, tuple[Room, ...], tuple[Format, ...]], list[Listener]]
    """Sessions that are in several rooms, by their format, those rooms, and the format in which they read each."""

logger = logging.getLogger(__name__)

TURN_BYTES = 65536
"""About how much a turn brings a listener: well below `limits.sendq`, so that no turn fills an outbox by itself."""

_BETWEEN_EVENTS = 16  # folded before it asks: one takes 0.6 ms where 1,900 people ignored somebody who leaves
_BETWEEN_PAUSES = 128  # listeners sent to before fan-out asks whether others have to run


def _by_format(sessions: Iterable[Listener]) -> dict[Format, Listeners]:
    groups: dict[Format, list[Listener]] = defaultdict(list)
    for session in sessions:
        groups[session.format].append(session)
    return {format: Listeners(group) for format, group in groups.items()}


def _turns(batch: list[Event]) -> Iterator[list[Event]]:
    """Cut a batch into turns of about TURN_BYTES."""
    turn: list[Event] = []
    held = 0
    for event in batch:
        turn.append(event)
        held += size(event)
        if held > TURN_BYTES:
            yield turn
            turn, held = [], 0
    if turn:
        yield turn


class Fanout:
    """Delivers what the journal commits."""

    def __init__(
        self,
        hub: Hub,
        sessions: Sessions,
        journal: Journal,
        slow_readers: SlowReaders,
        meters: Meters | None = None,
    ) -> None:
        self._hub = hub
        self._sessions = sessions
        self._journal = journal
        self._slow_readers = slow_readers
        self._meters = meters
        self._pace = Pace()
        self._welcomes = Welcomes()
        sessions.pace.must_wait_aside = hub.many_come_and_go

    def run(self) -> None:
        """Deliver until the journal is closed and empty. The body of the fan-out greenlet."""
        while batch := self._journal.take():
            for events in _turns(batch):
                if self._meters is None:
                    self.take_turn(events)
                else:
                    self._meters.turn(events, self.take_turn)
                self._pace.breathe()

    def take_turn(self, events: list[Event]) -> None:
        """Deliver a turn's events, then let sessions go on that wait for them to take effect. Switches now and then."""
        events = self._new(events)
        self._sessions.begin_turn()
        try:
            self.deliver(events)
        except BaseException:  # a bug of ours, but the others' lines still go out
            logger.exception("cannot deliver %d events up to %d", len(events), events[-1].place if events else 0)
        for waiting in self._sessions.end_turn():
            try:
                waiting()
            except BaseException:  # as above
                logger.exception("cannot let a visitor come or go")
        self._note_delivered(events)

    def _new(self, events: list[Event]) -> list[Event]:
        """Return those of some events that did not come before. (What was not sent may have no place in the stream.)"""
        last, new = self._hub.state.place, []
        for event in events:
            if event.place > last:
                last = event.place
                new.append(event)
            elif not event.place:
                new.append(event)
        return new

    def deliver(self, events: list[Event]) -> None:
        """Fold a turn's events in order, then send everybody what they hear of them. Switches now and then."""
        turn = self._fold_all(events)
        alone = turn.find_special(self._pace.breathe)
        several = self._in_several(turn.parts) if len(turn.parts) > 1 else {}
        are_in_several = {session for group in several.values() for session in group}
        for room, part in turn.parts.items():
            audience = self._sessions.audiences.get(room)
            if audience is None:
                continue
            groups = audience.groups(room.name)
            if any(format.mentions for format in groups):
                turn.find_named(part)
            for format, listeners in list(groups.items()):
                if are_in_several:
                    listeners = Listeners(session for session in listeners.sessions if session not in are_in_several)
                if not listeners.sessions:
                    continue  # nothing is rendered for nobody
                self._deliver_share(turn, turn.share(format, (room,)), (room,), listeners)
        for (format, rooms, formats), sessions in several.items():
            self._deliver_share(turn, turn.share(format, rooms, formats), rooms, Listeners(sessions))
        for session in alone:
            self._send_share(turn, session, turn.share(session.format, ()), ())

    def _fold_all(self, events: list[Event]) -> Turn:
        """Fold events in order and collect them in a turn. Switches now and then."""
        turn = Turn(self._hub.state, self._sessions, self._render)
        for count, event in enumerate(events):
            if not count % _BETWEEN_EVENTS:
                self._pace.breathe()
            self._fold(event, turn)
        return turn

    def _fold(self, event: Event, turn: Turn) -> None:
        """Fold an event and add what came of it to a turn. If that fails, nobody hears of it."""
        try:
            outcome = fold(self._hub.state, event) if event.place else Outcome(event)
            if outcome is not None:
                origin = self._sessions.origin(event)
                turn.add(outcome, origin)
                if isinstance(event, Said):
                    return
                if outcome.refusal is None:
                    self._follow(outcome, origin, turn)
                elif origin is not None:
                    origin.happened(outcome)
                for departure in outcome.departures:
                    turn.add(departure, None)
                if outcome.vanished and self._tells_of_vanished(event):
                    for name in outcome.vanished:
                        self._hub.broadcast(Vanished(room=name))
                if isinstance(event, BETWEEN_NODES):
                    self._hub.happened(outcome, self._pace.breathe)
        except BaseException:  # a bug of ours; the other events are still heard
            logger.exception("cannot apply %s from user %d", type(event).__name__, event.user)

    def _tells_of_vanished(self, event: Event) -> bool:
        """Whether this node tells the journal that rooms vanished: one alone does, that from which the event came."""
        if event.origin is None:  # a node was lost
            return self._hub.state.giver(0, 0) == self._hub.node
        return event.origin.node == self._hub.node

    def _shut_out_visitors(self, outcome: Outcome, turn: Turn) -> None:
        """Let visitors hear no more of a room that has become private by this, or that is gone.

        They still hear what came before; then they are told, and once all of that has been sent they go.
        """
        if self._sessions.visitors:
            private, state = outcome.room if isinstance(outcome.event, MadePrivate) else None, self._hub.state
            closed = self._sessions.visitors_of(lambda one: one is private or state.room(one.name) is not one)
            for visitor, room in closed:
                turn.shut_out(visitor, room, visitor.last_words(room))
                self._sessions.leave(visitor, room)
                self._sessions.between_turns(visitor.go)

    def _follow(self, outcome: Outcome, origin: Listener | None, turn: Turn) -> None:
        """Take the sessions here along with their users: into the chat and out of it, into rooms and out of them."""
        event = outcome.event
        self._shut_out_visitors(outcome, turn)
        if isinstance(event, Arrived) and origin is not None and outcome.user is not None:
            self._sessions.arrive(origin, outcome.user)
        sessions = self._sessions.of(event.user)
        for session in sessions:
            for room in outcome.left:
                self._sessions.leave(session, room)
        if origin is not None:
            origin.happened(outcome)
        if outcome.entered is not None:
            for session in sessions:
                self._enter(session, outcome.entered, event, turn)
        if isinstance(event, Told):
            self._note_told(event, outcome.others)
        elif isinstance(event, Departed):
            for session in sessions:
                self._sessions.remove(session)

    def _enter(self, session: Listener, room: Room, event: Event, turn: Turn) -> None:
        """Add a session to the listeners of the room that its user has entered by an event, and have it greeted."""
        self._sessions.enter(session, room)
        own = session is self._sessions.origin(event)
        data = self._render(session.format.render_own, event) if own else b""
        data += self._welcomes.welcome(session, room, greets=not isinstance(event, Arrived))
        turn.greet(session, room, data)

    def _note_told(self, event: Told, told: Iterable[User]) -> None:
        """Tell the sessions of somebody who was told something by whom, unless they ignore that person."""
        for user in told:
            if not (compared(event.name) in user.ignoring or event.user in user.ignoring):
                for session in self._sessions.of(user.id):
                    session.told_by = event.user, event.name

    def _note_delivered(self, events: Sequence[Event]) -> None:
        """Tell this node's hub, and the sessions that wait for what they did to take effect."""
        node, by_id = self._sessions.node, self._sessions.by_id
        own = [event for event in events if event.origin is not None and event.origin.node == node]
        for event in own:
            assert event.origin is not None
            session = by_id.get(event.origin.session)
            if session is not None:
                session.unheard -= 1
                if not session.unheard:
                    session.wait_no_more()
        self._hub.delivered(own)

    def take_leave(self) -> None:
        """Tell everybody that the server is shutting down, or that it is lost to the others. Switches now and then."""
        lost = bool(self._journal.fenced)
        for format, listeners in _by_format(self._sessions.by_id.values()).items():
            self._send_to_listeners(listeners, format.farewell(lost))

    def _in_several(self, rooms: Collection[Room]) -> Several:
        """Find the sessions that are in several of these rooms. Switches now and then."""
        several: Several = defaultdict(list)
        seen: set[int] = set()
        for room in sorted(rooms, key=lambda room: len(room.members))[:-1]:  # whoever is in two is in one of these
            for count, user in enumerate(list(room.members.values())):
                if not count % _BETWEEN_PAUSES:
                    self._pace.breathe()
                if len(user.rooms) > 1 and user.id not in seen:
                    seen.add(user.id)
                    theirs = tuple(sorted((one for one in user.rooms if one in rooms), key=id))  # the same for all
                    for session in self._sessions.of(user.id) if len(theirs) > 1 else ():
                        formats = tuple(session.format_in(one.name) for one in theirs)
                        several[session.format, theirs, formats].append(session)
        return several

    def _deliver_share(self, turn: Turn, share: Share, rooms: Sequence[Room], listeners: Listeners) -> None:
        """Send listeners what they hear: a share of their own to some, the same bytes to all others.

        Switches now and then.
        """
        special = listeners.indexes(set().union(*(turn.parts[room].special(share.format) for room in rooms)))
        for index in special:
            self._send_share(turn, listeners.sessions[index], share, rooms)
        if share.data:
            self._send_to_listeners(listeners, share.framed, special)

    def _send_share(self, turn: Turn, session: Listener, share: Share, rooms: Sequence[Room]) -> None:
        """Send one session its own share. Switches now and then."""
        if data := turn.personal_share(session, share, rooms):
            session.outbox.display(share.format.frame(data, alert=True))
            if self._meters is not None:
                self._meters.delivers(1, len(data))
        self._pace.breathe()

    def _send_to_listeners(self, listeners: Listeners, data: bytes, but: Sequence[int] = ()) -> None:
        """Send the same bytes to every listener but those at some indexes. Switches now and then."""
        changes = self._slow_readers.changes
        ways = listeners.ways(self._slow_readers, but)
        if self._meters is not None:
            self._meters.delivers(len(ways) - len(but), len(data))
        for start in range(0, len(ways), _BETWEEN_PAUSES):
            self._pace.breathe()
            if changes != self._slow_readers.changes:  # somebody fell behind, caught up or was lost meanwhile
                changes = self._slow_readers.changes
                ways = listeners.ways(self._slow_readers, but)
            self._send_to_some(listeners, ways[start : start + _BETWEEN_PAUSES], data, start)

    def _send_to_some(self, listeners: Listeners, ways: list[Send], data: bytes, start: int) -> None:
        """Send to a few listeners, the first of whom stands at the index `start`. Never switches.

        The loop over them runs in C: 2 to 4 % of a turn. If a send raises, it goes on behind that one.
        """
        size, sent = len(data), list[int]()
        while len(sent) < len(ways):
            try:
                sent.extend(map(call, islice(ways, len(sent), None), repeat(data)))  # keeps what there was before
            except BlockingIOError:
                sent.append(0)
            except OSError as error:
                listeners.sessions[start + len(sent)].outbox.lose(error)
                sent.append(size)
        if sent.count(size) != len(sent):
            for index, taken in enumerate(sent, start):
                if taken != size:
                    listeners.sessions[index].outbox.keep(data, taken)

    def _render(self, how: Callable[[Event], bytes], event: Event) -> bytes:
        """Render one event. If that fails, nobody gets it, and the session that caused it is closed."""
        try:
            return how(event)
        except BaseException:  # SystemExit and KeyboardInterrupt too: one client's trouble stays one client's
            logger.exception("cannot render %s from user %d", type(event).__name__, event.user)
            culprit = self._sessions.origin(event)
            if culprit is not None:
                culprit.outbox.fail("what it sent cannot be rendered")
            return b""
