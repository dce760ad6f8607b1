"""What one turn of fan-out brings, to whom. Knows rooms, sessions and formats; sends nothing.

A *turn* is some events in their order. Each is heard by the people of one room, by a few others, or by both. Most
people hear what was said in one room, and read the same format as many others: these get a *share* (share.py), one
bytes object for all of them. Those who are in several rooms where something happened hear all of it in its order: a
share for each combination of rooms. A few need bytes of their own (authors, people who came in or left meanwhile, whose
name is mentioned, who ignore an author): theirs are cut out of the same share.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING

from ..chat.events import (
    Claimed,
    Departed,
    Edited,
    Invited,
    MadePrivate,
    NodeJoined,
    NodeLost,
    NodeReady,
    NotSent,
    Renamed,
    Restored,
    Said,
    SnapshotAsked,
    Told,
    Vanished,
)
from ..text.names import WORD, compared
from .share import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..chat.events import Event
    from ..chat.folding import Outcome
    from ..chat.state import Room, State, User
    from ..errors import Refusal
    from .formats import Format
    from .listener import Listener
    from .sessions import Sessions

    How = Callable[[Event], bytes]
    """A method of a format: `render`, `render_own`, or `render_mention` for some name."""

    Render = Callable[[How, Event], bytes]


MOST_NAMED = 20
"""The most people that a line can name for each of them to see it marked. One that names more is a list of names, and
looks the same to all. Each is rendered anew, and everybody waits: a line with 500 names kept them waiting for seconds.
"""

BETWEEN_NODES = (Claimed, NodeJoined, NodeReady, NodeLost, SnapshotAsked, NotSent)
"""What a hub has to know of (`Hub.happened`), whoever else hears of it."""

NOBODY_HEARS = (Restored, Vanished, Claimed)
"""Not even who caused them: a room that was found in the history, with its key, may be one they must not enter."""


class Part:
    """What happened in one room, as indexes of the turn's events, and which sessions there need bytes of their own."""

    def __init__(self) -> None:
        self.events: list[int] = []
        self.since: dict[int, int] = {}  # by the id of a session that came in during the turn: the first event it hears
        # Ids of sessions:
        self.talked: set[int] = set()  # said something
        self.named: set[int] = set()  # a line mentions their user
        self.others: set[int] = set()  # need bytes of their own for any other reason

    def special(self, format: Format) -> set[int]:
        """Return the sessions that need bytes of their own, if they read this format."""
        special = self.others if format.echo else self.others | self.talked
        return special | self.named if format.mentions else special


class Turn:
    """The events of a turn, and what each session needs of them.

    `render` calls a method of a format with an event, and returns nothing if that fails.
    """

    def __init__(self, state: State, sessions: Sessions, render: Render) -> None:
        self.parts: dict[Room, Part] = {}
        self._state = state
        self._sessions = sessions
        self._render = render
        self._events: list[Event] = []
        self._refusals: dict[int, Refusal] = {}  # by the index of the event that was refused
        self._wide: dict[tuple[Format, tuple[Room, ...], tuple[Format, ...]], Share] = {}
        # What is rendered once for several formats: by rooms, and (for those who are in several) by event.
        self._unstamped: dict[tuple[Format, tuple[Room, ...]], Sequence[bytes]] = {}
        self._rendered: dict[Format, dict[int, bytes]] = defaultdict(dict)
        self._hears_more: set[int] = set()  # ids of sessions that also hear something that their rooms do not
        # By the id of a session, indexes of events:
        self._own: dict[int, list[int]] = defaultdict(list)  # what it caused
        self._besides: dict[int, list[int]] = defaultdict(list)  # what it alone hears
        self._greetings: dict[int, list[tuple[float, bytes]]] = defaultdict(list)  # what greets it, and where
        self._named: dict[int, list[int]] = defaultdict(list)  # what names its user
        self._hidden: dict[int, list[list[int]]] = defaultdict(list)  # what each person did whom it ignores
        self._authors: dict[str | int, list[int]] = defaultdict(list)  # what people did whom anybody ignores

    def add(self, outcome: Outcome, origin: Listener | None) -> None:
        """Add an event, which came from the session `origin` if that is here."""
        event, room = outcome.event, outcome.room
        index = len(self._events)
        self._events.append(event)
        if outcome.refusal is not None:
            self._refusals[index] = outcome.refusal
        part = self.part(room) if room is not None else None
        if part is not None:
            part.events.append(index)
        if origin is not None:
            if part is not None and isinstance(event, Said):
                self._own[origin.id].append(index)
                labelled = event.origin is not None and event.origin.label
                (part.others if labelled else part.talked).add(origin.id)
            elif outcome.entered is None and not isinstance(event, NOBODY_HEARS):  # else it is greeted
                self._add_for_origin(origin, part if room not in outcome.left else None, index)
        if outcome.left and outcome.user is not None:
            for left in outcome.left:
                self._leave(outcome.user, index, left)
        if outcome.others:
            self._add_for_others(outcome.others, event, index)
        if self._state.ignorers:
            self._note_author(event, index)

    def _add_for_origin(self, origin: Listener, part: Part | None, index: int) -> None:
        """Note that a session caused an event, which it hears in a room, or alone."""
        if part is None:
            self._add_for(origin, index)
        else:
            self._own[origin.id].append(index)
            part.others.add(origin.id)

    def _add_for(self, session: Listener, index: int) -> None:
        self._besides[session.id].append(index)
        self._hears_more.add(session.id)

    def _add_for_others(self, others: Iterable[User], event: Event, index: int) -> None:
        a_notice = isinstance(event, (Departed, Renamed))
        for user in others:
            for session in self._sessions.of(user.id):
                if session.format.notices or not a_notice:
                    self._add_for(session, index)

    def greet(self, session: Listener, room: Room, data: bytes) -> None:
        """Note that a session has just come into a room and is greeted with `data` (often nothing)."""
        part = self.parts.get(room)
        if not data and (part is None or not part.events):
            return
        part = self.part(room)
        part.since[session.id] = len(self._events)
        part.others.add(session.id)
        self._greetings[session.id].append((len(self._events) - 0.5, data))  # between two events
        self._hears_more.add(session.id)

    def shut_out(self, session: Listener, room: Room, last_words: bytes) -> None:
        """Note that a session hears no more of a room from the last event on, but what came before, and last words."""
        part = self.parts.get(room)
        self._greetings[session.id].append((len(self._events) - 0.5, last_words))
        self._hears_more.add(session.id)
        if part is not None:
            self._hears_until(session, part, len(self._events) - 1)

    def find_named(self, part: Part) -> None:
        """Note whose names the events in a room mention, except their authors'."""
        for index in part.events:
            event = self._events[index]
            named = self._named_in(event.text) if isinstance(event, (Said, Edited)) else ()
            for user in named if len(named) <= MOST_NAMED else ():
                for session in self._sessions.of(user.id):
                    if user.id != event.user:
                        part.named.add(session.id)
                        self._named[session.id].append(index)

    def _named_in(self, text: str) -> Sequence[User]:
        """Return the users whom a text names (2 us for ten words)."""
        words, names = WORD.findall(text.lower()), self._state.names  # as names are compared (text/names.py)
        return [names[word] for word in names.keys() & words]

    def find_special(self, breathe: Callable[[], None]) -> list[Listener]:
        """Note which sessions need bytes of their own. Returns those in whose rooms nothing happened.

        Calls `breathe` now and then, which may switch; who ignores whom does not change meanwhile.
        """
        for author, indexes in self._authors.items():
            breathe()
            for user in self._state.ignorers.get(author, ()):
                for session in self._sessions.of(user):
                    if session.id not in self._hidden:
                        self._mark(session)
                    self._hidden[session.id].append(indexes)
        alone = []
        for id in self._hears_more:
            one = self._sessions.by_id.get(id)
            if one is not None and not self._mark(one):
                alone.append(one)
        return alone

    def _mark(self, session: Listener) -> bool:
        """Note that a session needs bytes of its own in all its rooms. Returns whether anything happened there."""
        rooms = session.user.rooms if session.user is not None else ()
        parts = [self.parts[room] for room in rooms if room in self.parts]
        for part in parts:
            part.others.add(session.id)
        return bool(parts)

    def share(self, format: Format, rooms: Sequence[Room], formats: tuple[Format, ...] = ()) -> Share:
        """Return what people hear who read a format and are in these rooms; each of several in one of `formats`.

        Those whose windows are wide enough for all of it get the same share, whatever the width.
        """
        wide = format.wide
        if wide is format:
            return self._share(format, rooms, formats)
        key = wide, tuple(rooms), tuple(one.wide for one in formats)
        share = self._wide.get(key)
        if share is None:
            share = self._wide[key] = self._share(*key)
        return share if format.fits(share.width) else self._share(format, rooms, formats)

    def _share(self, format: Format, rooms: Sequence[Room], formats: tuple[Format, ...]) -> Share:
        if not rooms:
            return Share(format, (), ())
        if not formats:
            events = self.parts[rooms[0]].events
            return Share(format, events, self._segments(format, tuple(rooms), events))
        merged = sorted((index, n) for n, room in enumerate(rooms) for index in self.parts[room].events)
        by_event = [formats[n] for _, n in merged]
        segments = []
        for (index, _), heard_in in zip(merged, by_event, strict=True):
            rendered = self._rendered[heard_in.unstamped]
            if index not in rendered:
                rendered[index] = self._render(heard_in.unstamped.render, self._events[index])
            segments.append(rendered[index] and heard_in.stamp(self._events[index].at) + rendered[index])
        return Share(format, [index for index, _ in merged], segments, by_event)

    def _segments(self, format: Format, rooms: tuple[Room, ...], indexes: Sequence[int]) -> Sequence[bytes]:
        """Render events once for all formats that differ in nothing but the time that stands before a line."""
        events, key = self._events, (format.unstamped, rooms)
        segments = self._unstamped.get(key)
        if segments is None:
            render, how = self._render, format.unstamped.render
            segments = self._unstamped[key] = [render(how, events[index]) for index in indexes]
        if not (segments and format.stamp(events[indexes[0]].at)):
            return segments
        second, stamp, stamped = -1, b"", []
        for index, segment in zip(indexes, segments, strict=True):
            at = events[index].at
            if at // 1000 != second:
                second, stamp = at // 1000, format.stamp(at)
            stamped.append(segment and stamp + segment)
        return stamped

    def personal_share(self, session: Listener, share: Share, rooms: Sequence[Room]) -> bytes:
        """Cut what one session hears out of the share of those in the same rooms."""
        id, first = session.id, 0
        instead: dict[int, bytes] = {}
        if self._named and share.format.mentions:
            self._put_instead(instead, share, self._named.get(id, ()), _mention_for(session))
        if id in self._own:
            self._put_instead(instead, share, self._own[id], _own)
        if self._hidden:
            self._put_instead(instead, share, itertools.chain(*self._hidden.get(id, ())), None)
        for room in rooms:
            part = self.parts[room]
            if id in part.since:
                before = bisect_left(part.events, part.since[id])
                if len(rooms) == 1:
                    first = before
                else:
                    self._put_instead(instead, share, part.events[:before], None)
        if id not in self._hears_more:
            if len(instead) == len(share.events):  # all of it is their own words, as often
                return b"".join(instead[index] for index in range(first, len(instead)))
            return share.cut(first, instead, [])
        heard = ((index, self._as_heard_by(session, index)) for index in self._besides.get(id, ()))
        return share.cut(first, instead, [*heard, *self._greetings.get(id, ())])

    def _put_instead(
        self, instead: dict[int, bytes], share: Share, events: Iterable[int], method: Callable[[Format], How] | None
    ) -> None:
        """Render those of some events that are in the share by another method of their format; None: not at all."""
        for event in events:
            index = share.index(event)
            if index is not None:
                how = method(share.format_of(index)) if method is not None else None
                instead[index] = self._render(how, self._events[event]) if how is not None else b""

    def part(self, room: Room) -> Part:
        """Return the part of a room; create it if nothing happened there before."""
        part = self.parts.get(room)
        if part is None:
            part = self.parts[room] = Part()
        return part

    def _as_heard_by(self, session: Listener, index: int) -> bytes:
        """Render an event for one session, whatever rooms it is in."""
        event, format = self._events[index], session.format
        if any(index in indexes for indexes in self._hidden.get(session.id, ())):
            return b""
        if index in self._refusals:
            refusal, label = self._refusals[index], event.origin.label if event.origin is not None else ""
            return self._render(lambda _: format.refuse(refusal, label), event)
        if self._sessions.origin(event) is session:
            return self._render(format.render_own, event)
        if isinstance(event, (Told, Invited)):
            return self._render(_mention_for(session)(format), event)
        return self._render(session.format_in(event.room).render, event)

    def _leave(self, user: User, index: int, room: Room) -> None:
        """Note that somebody leaves a room, but still hears what happened there earlier in this turn."""
        part = self.parts.get(room)
        if part is None:
            return
        for session in self._sessions.of(user.id):
            self._hears_until(session, part, index)

    def _hears_until(self, session: Listener, part: Part, index: int) -> None:
        """Note that a session still hears what happened in a room before an event."""
        since = part.since.pop(session.id, 0)
        for before in part.events:
            if since <= before < index:
                self._add_for(session, before)

    def _note_author(self, event: Event, index: int) -> None:
        """Note an event whose author somebody ignores. (That a room became private is for everybody in it.)"""
        ignorers = self._state.ignorers
        if not isinstance(event, MadePrivate):
            for key in (compared(event.name), event.user):
                if key in ignorers:
                    self._authors[key].append(index)


def _own(format: Format) -> How:
    return format.render_own


def _mention_for(session: Listener) -> Callable[[Format], How]:
    name = session.user.name.compared if session.user is not None else ""
    return lambda one: lambda event: one.render_mention(event, name)
