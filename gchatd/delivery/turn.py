"""What one turn of fan-out brings, to whom. Knows rooms, sessions and formats; sends nothing.

A *turn* is some events in their order. Each is heard by the people of one room, by a few sessions, or by both. Most
people hear what was said in one room, and read the same format as many others: these get a *share*, one bytes object
for all of them. Those who are in several rooms where something happened hear all of it in its order: a share for each
combination of rooms. A few need something different (authors, people who came in or left meanwhile, whose
name is mentioned, who ignore an author): theirs is cut out of the same bytes.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING

from ..chat.events import Edited, Invited, MadePrivate, Said, Told
from ..text.names import compared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..chat.events import Event
    from ..chat.folding import Heard
    from ..chat.rooms import Room
    from ..hub import Hub, User
    from ..session import Session
    from .formats import Format

    How = Callable[[Event], bytes]
    Render = Callable[[How, Event], bytes]


MOST_NAMED = 20
"""People whom a line can name so that each is shown it in a way of their own; one that names more is a list of names,
and shown to all alike. Each way takes time, and everybody waits: a line with 500 names kept them waiting for seconds.
"""


class Part:
    """What happened in one room, as places among the turn's events, and who there needs bytes of their own."""

    def __init__(self) -> None:
        self.events: list[int] = []
        self.since: dict[int, int] = {}  # session number: the first place that it hears
        # Numbers of sessions:
        self.talked: set[int] = set()  # said something
        self.named: set[int] = set()  # whose user is named
        self.others: set[int] = set()  # anything else

    def special(self, format: Format) -> set[int]:
        """The numbers of the sessions that need bytes of their own, if they read this format."""
        special = self.others if format.echo else self.others | self.talked
        return special | self.named if format.mentions else special


class Share:
    """What people who read one format hear of some rooms: its nth event is `data[bounds[n] : bounds[n + 1]]`.

    `events` are places among the turn's events. `current`, in a share of several rooms, is the current room of the
    people who get it: lines from the others are headed with their room's name.
    """

    def __init__(self, format: Format, current: str | None, events: Sequence[int], segments: Sequence[bytes]) -> None:
        self.format = format
        self.current = current
        self.events = events
        self.data = b"".join(segments)
        self._segments = segments
        self._bounds: list[int] | None = None  # most shares are never cut
        self._width: int | None = None
        self._framed: bytes | None = None

    @property
    def width(self) -> int:
        """How many columns the widest line takes."""
        if self._width is None:
            self._width = self.format.width(self.data)
        return self._width

    @property
    def framed(self) -> bytes:
        """The bytes that most people are sent; always the same object."""
        if self._framed is None:
            self._framed = self.format.frame(self.data, alert=True)
        return self._framed

    def place(self, event: int) -> int | None:
        """The index in this share of one of the turn's events; None if it is not in it."""
        place = bisect_left(self.events, event)
        return place if place < len(self.events) and self.events[place] == event else None

    def cut(self, first: int, instead: dict[int, bytes], besides: Sequence[tuple[float, bytes]]) -> bytes:
        """The data from index `first` on, with bytes `instead` of some events, and others `besides`, before some."""
        if self._bounds is None:
            self._bounds = list(itertools.accumulate(map(len, self._segments), initial=0))
        data, bounds = self.data, self._bounds
        pieces, start = [], bounds[first]
        more = sorted(((bisect_left(self.events, event), event, shown) for event, shown in besides), reverse=True)
        for place in sorted({*instead, *(place for place, _, _ in more)} if more else instead):
            if start < bounds[place]:
                pieces.append(data[start : bounds[place]])
                start = bounds[place]
            while more and more[-1][0] == place:
                pieces.append(more.pop()[2])
            if place in instead and place >= first:
                pieces.append(instead[place])
                start = bounds[place + 1]
        pieces.append(data[start:])
        return b"".join(pieces)


class Turn:
    """The events of a turn, and what each session needs of them.

    `render` gives what one of a format's methods makes of an event, and nothing where that fails.
    """

    def __init__(self, hub: Hub, render: Render) -> None:
        self.parts: dict[Room, Part] = {}
        self._hub = hub
        self._render = render
        self._events: list[Event] = []
        self._wide: dict[tuple[Format, tuple[Room, ...], str | None], Share] = {}
        # What is rendered once for several formats: by rooms, and (for those who are in several) by places of events.
        self._unstamped: dict[tuple[Format, tuple[Room, ...]], Sequence[bytes]] = {}
        self._rendered: dict[Format, dict[int, bytes]] = defaultdict(dict)
        self._personal: set[int] = set()  # numbers of sessions that also hear something that their rooms do not
        # By the number of a session, places of events:
        self._own: dict[int, list[int]] = defaultdict(list)  # what it caused
        self._besides: dict[int, list[int]] = defaultdict(list)  # what it alone hears
        self._welcomes: dict[int, list[tuple[float, bytes]]] = defaultdict(list)  # what greets it, and where
        self._named: dict[int, list[int]] = defaultdict(list)  # what names its user
        self._hidden: dict[int, list[list[int]]] = defaultdict(list)  # what each person did whom it ignores
        self._authors: dict[str | User, list[int]] = defaultdict(list)  # what people did whom anybody ignores

    def add(self, heard: Heard) -> None:
        """Add an event."""
        event, room = heard.event, heard.room
        place = len(self._events)
        self._events.append(event)
        if room is not None:
            part = self.part(room)
            part.events.append(place)
            if event.origin:
                self._own[event.origin].append(place)
                (part.talked if isinstance(event, Said) else part.others).add(event.origin)
        if heard.left is not None:
            self._leave(event, place, heard.left)
        for session in heard.sessions:
            self._besides[session.number].append(place)
            self._personal.add(session.number)
        if self._hub.ignorers:
            self._note_author(event, place)

    def welcome(self, session: Session, room: Room, data: bytes) -> None:
        """Note that a session has just come into a room and is shown `data` (often nothing)."""
        part = self.parts.get(room)
        if not data and (part is None or not part.events):
            return
        part = self.part(room)
        part.since[session.number] = len(self._events)
        part.others.add(session.number)
        self._welcomes[session.number].append((len(self._events) - 0.5, data))  # between two events
        self._personal.add(session.number)

    def find_named(self, part: Part) -> None:
        """Note whose names the events in a room mention, except their authors'."""
        for place in part.events:
            event = self._events[place]
            named = self._hub.named_in(event.text) if isinstance(event, (Said, Edited)) else ()
            for user in named if len(named) <= MOST_NAMED else ():
                for session in user.sessions:
                    if session.number != event.origin:
                        part.named.add(session.number)
                        self._named[session.number].append(place)

    def find_special(self, breathe: Callable[[], None]) -> list[Session]:
        """Note which sessions need bytes of their own. Returns those in whose rooms nothing happened.

        Calls `breathe` now and then, which may switch; who ignores whom does not change meanwhile.
        """
        for author, places in self._authors.items():
            breathe()
            for user in self._hub.ignorers.get(author, ()):
                for session in user.sessions:
                    if session.number not in self._hidden:
                        self._mark(session, user)
                    self._hidden[session.number].append(places)
        alone = []
        for number in self._personal:
            one = self._hub.sessions.get(number)
            if one is not None and one.user is not None and not self._mark(one, one.user):
                alone.append(one)
        return alone

    def _mark(self, session: Session, user: User) -> bool:
        """Note that a session needs something else wherever it is; tell whether anything happened there."""
        parts = [self.parts[room] for room in user.rooms if room in self.parts]
        for part in parts:
            part.others.add(session.number)
        return bool(parts)

    def share(self, format: Format, rooms: Sequence[Room], current: str | None = None) -> Share:
        """Give what those hear who read a format and are in these rooms, of which one may be current.

        Without `current` all of it is in the format as it is: so it is for one room, and for none. Those whose windows
        are wide enough for all of it get the same share, whatever the width.
        """
        wide = format.wide
        if wide is format:
            return self._share(format, rooms, current)
        key = wide, tuple(rooms), current
        share = self._wide.get(key)
        if share is None:
            share = self._wide[key] = self._share(wide, rooms, current)
        return share if format.fits(share.width) else self._share(format, rooms, current)

    def _share(self, format: Format, rooms: Sequence[Room], current: str | None) -> Share:
        places = self.parts[rooms[0]].events if len(rooms) == 1 else self._merge(rooms)
        if current is None:
            return Share(format, current, places, self._segments(format, tuple(rooms), places))
        segments = []
        for place in places:
            event = self._events[place]
            how = _format_of(event, format, current)
            rendered = self._rendered[how.unstamped]
            if place not in rendered:
                rendered[place] = self._render(how.unstamped.render, event)
            segments.append(rendered[place] and how.stamp(event.at) + rendered[place])
        return Share(format, current, places, segments)

    def _segments(self, format: Format, rooms: tuple[Room, ...], places: Sequence[int]) -> Sequence[bytes]:
        """Render events once for all formats that differ in nothing but the time that they show."""
        events, key = self._events, (format.unstamped, rooms)
        segments = self._unstamped.get(key)
        if segments is None:
            render, how = self._render, format.unstamped.render
            segments = self._unstamped[key] = [render(how, events[place]) for place in places]
        if not (segments and format.stamp(events[places[0]].at)):
            return segments
        second, stamp, stamped = -1, b"", []
        for place, segment in zip(places, segments, strict=True):
            at = events[place].at
            if at // 1000 != second:
                second, stamp = at // 1000, format.stamp(at)
            stamped.append(segment and stamp + segment)
        return stamped

    def personal_share(self, session: Session, share: Share, rooms: Sequence[Room]) -> bytes:
        """Cut what one session hears out of the share of those in the same rooms."""
        number, first = session.number, 0
        instead: dict[int, bytes] = {}
        if self._named and share.format.mentions:
            self._show(instead, share, self._named.get(number, ()), _mention_way(session))
        if number in self._own:
            self._show(instead, share, self._own[number], _own_way)
        if self._hidden:
            self._show(instead, share, itertools.chain(*self._hidden.get(number, ())), None)
        for room in rooms:
            part = self.parts[room]
            if number in part.since:
                before = bisect_left(part.events, part.since[number])
                if len(rooms) == 1:
                    first = before
                else:
                    self._show(instead, share, part.events[:before], None)
        if number not in self._personal:
            return share.cut(first, instead, [])
        heard = ((at, self._as_heard_by(session, at)) for at in self._besides.get(number, ()))
        return share.cut(first, instead, [*heard, *self._welcomes.get(number, ())])

    def _show(
        self, instead: dict[int, bytes], share: Share, events: Iterable[int], how: Callable[[Format], How] | None
    ) -> None:
        """Render those of some events that are in the share differently: by `how`, or not at all if that is None."""
        for at in events:
            place = share.place(at)
            if place is not None:
                event = self._events[at]
                format = _format_of(event, share.format, share.current)
                instead[place] = self._render(how(format), event) if how is not None else b""

    def part(self, room: Room) -> Part:
        """Return the part of a room; create it if nothing happened there before."""
        part = self.parts.get(room)
        if part is None:
            part = self.parts[room] = Part()
        return part

    def _merge(self, rooms: Sequence[Room]) -> Sequence[int]:
        return sorted(place for room in rooms for place in self.parts[room].events)

    def _as_heard_by(self, session: Session, place: int) -> bytes:
        """Render an event for one session, whatever rooms it is in."""
        event, format = self._events[place], session.format
        if any(place in places for places in self._hidden.get(session.number, ())):
            return b""
        if session.number == event.origin:
            return self._render(format.render_own, event)
        if isinstance(event, (Told, Invited)):
            return self._render(_mention_way(session)(format), event)
        current = session.room.name if session.room is not None else ""
        return self._render(_format_of(event, format, current).render, event)

    def _leave(self, event: Event, place: int, room: Room) -> None:
        """Have a session that leaves a room hear on its own what happened there earlier in this turn."""
        part = self.parts.get(room)
        if part is not None and event.origin:
            since = part.since.pop(event.origin, 0)
            self._besides[event.origin] += [before for before in part.events if since <= before < place]

    def _note_author(self, event: Event, place: int) -> None:
        """Note an event whose author somebody ignores. (That a room became private is for everybody in it.)"""
        author = self._hub.sessions.get(event.origin)
        ignorers = self._hub.ignorers
        if not isinstance(event, MadePrivate):
            for key in (compared(event.name), author.user if author is not None else None):
                if key is not None and key in ignorers:
                    self._authors[key].append(place)


def _format_of(event: Event, format: Format, current: str | None) -> Format:
    """The format in which to show an event to somebody whose current room is `current`."""
    return format if current is None or not event.room or event.room == current else format.elsewhere


def _own_way(format: Format) -> How:
    return format.render_own


def _mention_way(session: Session) -> Callable[[Format], How]:
    name = session.user.name.compared if session.user is not None else ""
    return lambda one: lambda event: one.render_mention(event, name)
