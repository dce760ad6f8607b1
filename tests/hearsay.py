"""A model of the chat, to test against: who is where, what is refused, and who hears what. Knows events only.

It is told batches, as one node takes them, and says what each session is sent of them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from stream import line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gchatd.chat.events import Event
    from gchatd.chat.state import Bounds

Address = tuple[int, int]  # node and session
Keys = frozenset[object]  # what an author can be ignored by: a name in small letters, an id

LATE = 10 * 60_000


class Refused(Exception):  # noqa: N818
    """What somebody did is refused, for this reason: the name of a refusal."""


class Person:
    def __init__(self, event: Event) -> None:
        self.id, self.name = event.user, event.name
        self.address = event.origin.node, event.origin.session
        self.rooms: list[str] = []  # in small letters, as all names are compared here
        self.away = False
        self.lines: list[tuple[int, str, int, str]] = []  # id, room, time, text
        self.ignoring: dict[object, str] = {}
        self.ignored = {frozenset()}  # whom, at each moment of this batch
        self.told_by: tuple[int, str] | None = None


class Hall:
    def __init__(self, name: str, founder: int = 0, topic: str = "", key: str = "") -> None:
        self.name, self.founder, self.topic, self.key = name, founder, topic, key
        self.people: list[int] = []
        self.invited: set[int] = set()
        self.spoken = False
        self.lines: list[list] = []  # id, text, whether it was edited, the author's name and id


class Model:
    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.people: dict[int, Person] = {}
        self.rooms = {"lobby": Hall("lobby")}
        self.gone: list[str] = []
        """Rooms that vanished, and had a topic or a key that nobody shall inherit."""
        self._hung_up: set[Address] = set()
        self._sent: dict[Address, list[tuple[str, Keys, Person | None]]] = defaultdict(list)

    def batch(self, events: Iterable[Event]) -> dict[Address, tuple[list[str], set[str]]]:
        """Return what each session hears, and what it may or may not hear.

        Those are lines by people whom its user began to ignore, or stopped ignoring, in this batch.
        """
        for event in events:
            self._happens(event)
        told = {address: self._certain(sent) for address, sent in self._sent.items() if address not in self._hung_up}
        for person in self.people.values():
            person.ignored = {frozenset(person.ignoring)}
        self._sent.clear()
        return told

    def _certain(self, sent: list[tuple[str, Keys, Person | None]]) -> tuple[list[str], set[str]]:
        certain, perhaps = [], set()
        for text, author, person in sent:
            hidden = {bool(author & ignored) for ignored in person.ignored} if person is not None else {False}
            if len(hidden) > 1:
                perhaps.add(text)
            elif hidden == {False}:
                certain.append(text)
        return certain, perhaps

    def _happens(self, event: Event) -> None:
        kind = type(event).__name__.lower()
        me = self.people.get(event.user)
        try:
            if kind == "departed":
                self._hung_up.add(_address(event))
            if me is None and kind not in ("arrived", "restored", "vanished", "notsent"):
                raise Refused("NotHere")
            getattr(self, kind)(event, me)
        except Refused as refused:
            self._sent[_address(event)].append((f"refused {refused} {event.origin.label}", frozenset(), None))
        for person in self.people.values():
            person.ignored.add(frozenset(person.ignoring))

    # Who hears it.

    def _own(self, event: Event) -> None:
        self._sent[_address(event)].append((line("own", event), frozenset(), None))

    def _others(self, event: Event, people: Iterable[int], always: bool = False) -> None:
        keys = frozenset(() if always else (event.name.lower(), event.user))
        for person in [self.people[id] for id in people if id != event.user]:
            self._sent[person.address].append((line("heard", event), keys, person))

    def _everybody(self, event: Event, room: Hall, always: bool = False) -> None:
        self._own(event)
        self._others(event, room.people, always)

    def _small(self, room: Hall) -> list[int]:
        return room.people if len(room.people) <= self.bounds.announce_up_to else []

    def _neighbours(self, me: Person) -> Iterable[int]:
        return {id: None for name in me.rooms for id in self._small(self.rooms[name])}

    def _greet(self, me: Person, room: Hall, who: bool) -> None:
        lines = [entry for entry in room.lines if not me.ignoring.keys() & {entry[3].lower(), entry[4]}]
        said = [f"recalled {id} {text} {edited}" for id, text, edited, *_ in lines]
        others = ",".join(sorted(self.people[id].name for id in room.people if id != me.id)) if who else ""
        if len(room.people) > 10:
            others = ""
        welcome = f"welcome {room.name} {len(room.people) if who else 0} {others} {room.topic} {room.key}"
        if who or room.lines or room.topic or room.key:
            for text in [welcome, *said]:
                self._sent[me.address].append((text, frozenset(), None))

    # Coming and going.

    def _called(self, name: str) -> Person | None:
        return next((person for person in self.people.values() if person.name.lower() == name.lower()), None)

    def arrived(self, event, me):
        if self._called(event.name):
            raise Refused("NameTaken")
        me = self.people[event.user] = Person(event)
        self._enter(me, self.rooms["lobby"])
        self._own(event)
        self._others(event, self._small(self.rooms["lobby"]))
        self._greet(me, self.rooms["lobby"], who=False)

    def departed(self, event, me):
        self._others(event.__class__(**{**_fields(event), "name": me.name}), self._neighbours(me))
        for name in list(me.rooms):
            self._leave(me, name)
        for room in self.rooms.values():
            room.invited.discard(me.id)
        for person in self.people.values():
            person.ignoring.pop(me.id, None)
        del self.people[me.id]

    def renamed(self, event, me):
        if event.to == me.name:
            raise Refused("SameName")
        if self._called(event.to) not in (None, me):
            raise Refused("NameTaken")
        for other in self.people.values():
            if me.name.lower() in other.ignoring:
                other.ignoring.setdefault(me.id, me.name)
        me.ignoring.pop(event.to.lower(), None)
        me.name = event.to
        self._own(event)
        self._others(event, self._neighbours(me))

    def wentaway(self, event, me):
        if len(event.words) > 200:
            raise Refused("TooLong")
        me.away = True
        self._own(event)

    def cameback(self, event, me):
        if not me.away:
            raise Refused("NotAway")
        me.away = False
        self._own(event)

    # In a room.

    def _room_of(self, event, me) -> Hall | None:
        return self.rooms[event.room.lower()] if event.room.lower() in me.rooms else None

    def said(self, event, me):
        room = self._room_of(event, me)
        if room is None:
            raise Refused("NotInRoom")
        room.spoken = True
        room.lines.append([event.id, event.text, False, event.name, event.user])
        del room.lines[: -self.bounds.replay or None]
        me.lines = [*me.lines, (event.id, event.room, event.at, event.text)][-10:]
        self._everybody(event, room)

    def edited(self, event, me):
        found = [one for one in me.lines if one[:2] == (event.line, event.room)]
        if not found:
            raise Refused("CannotChange")
        if event.at - found[0][2] > LATE:
            raise Refused("TooLateToChange")
        text = getattr(event, "text", None)
        if text == found[0][3]:
            raise Refused("SameText")
        room = self._room_of(event, me)
        if room is None:
            raise Refused("NotInRoom")
        me.lines = [_changed(one, 3, text) if one is found[0] else one for one in me.lines]
        me.lines = [one for one in me.lines if one[3] is not None]
        for one in [one for one in room.lines if one[0] == event.line]:
            one[1:3] = text, True
        room.lines = [one for one in room.lines if one[1] is not None]
        self._everybody(event, room)

    deleted = edited

    def joined(self, event, me):
        room = self.rooms.get(event.room.lower())
        if room is None:
            if event.key:
                raise Refused("NoSuchPrivateRoom")
            if not self._can_add():
                raise Refused("TooManyRooms")
        elif me.id in room.people:
            raise Refused("AlreadyInRoom")
        elif event.key and not room.key:
            raise Refused("RoomHasNoKey")
        elif room.key and me.id not in room.invited and event.key != room.key:
            raise Refused("RoomIsPrivate")
        room = room or self._add(Hall(event.room, founder=me.id))
        self._enter(me, room)
        self._own(event)
        self._others(event, self._small(room))
        self._greet(me, room, who=True)

    def left(self, event, me):
        room = self._room_of(event, me)
        if room is None:
            raise Refused("NotInRoom")
        self._own(event)
        self._others(event, self._small(room))
        self._leave(me, event.room.lower())

    def topicset(self, event, me):
        room = self._room_of(event, me)
        if room is None:
            raise Refused("NotInRoom")
        if len(event.topic) > 300:
            raise Refused("TooLong")
        if event.topic == room.topic:
            raise Refused("SameTopic")
        room.topic = event.topic
        self._everybody(event, room)

    def madeprivate(self, event, me):
        room = self._room_of(event, me)
        if room is None:
            raise Refused("NotInRoom")
        if room.key:
            raise Refused("AlreadyPrivate")
        if room.name == "lobby":
            raise Refused("AlwaysPublic")
        if room.founder != me.id:
            raise Refused("NotFounder")
        room.key = event.key
        room.invited.update(room.people)
        self._everybody(event, room, always=True)

    def restored(self, event, me):
        room = self.rooms.get(event.room.lower())
        if room is None:
            room = self._add(Hall(event.room, key=event.key))
        elif room.name != "lobby" or room.spoken:
            return
        room.spoken = True
        room.topic = room.topic or event.topic
        room.lines = [[said.id, said.text, said.edited, said.name, 0] for said in event.lines]
        del room.lines[: -self.bounds.replay or None]

    def vanished(self, event, me): ...

    def notsent(self, event, me):
        self._own(event)

    def _enter(self, me: Person, room: Hall) -> None:
        room.people.append(me.id)
        me.rooms.append(room.name.lower())
        if room.key:
            room.invited.add(me.id)

    def _leave(self, me: Person, name: str) -> None:
        room = self.rooms[name]
        room.people.remove(me.id)
        me.rooms.remove(name)
        if room.founder == me.id:
            room.founder = 0
        if not (room.people or room.key or room.spoken or name == "lobby"):
            del self.rooms[name]
            self.gone += [room.name] if room.topic else []

    def _empty(self) -> Iterator[str]:
        return (name for name, room in self.rooms.items() if not room.people and name != "lobby")

    def _can_add(self) -> bool:
        return len(self.rooms) < self.bounds.most_rooms or any(self._empty())

    def _add(self, room: Hall) -> Hall:
        empty = next(self._empty(), None)
        if empty is not None and len(self.rooms) >= self.bounds.most_rooms:
            gone = self.rooms.pop(empty)
            self.gone += [] if gone.spoken else [gone.name]
        self.rooms[room.name.lower()] = room
        return room

    # Between two people.

    def told(self, event, me):
        if event.target not in self.people:
            raise Refused("NotDelivered")
        if event.target == me.id:
            raise Refused("ThatIsYou")
        self._own(event)
        self._others(event, [event.target])
        target = self.people[event.target]
        if not target.ignoring.keys() & {me.id, event.name.lower()}:
            target.told_by = me.id, event.name

    def invited(self, event, me):
        room = self._room_of(event, me)
        if room is None:
            raise Refused("NotInRoom")
        if event.target not in self.people:
            raise Refused("UserLeft")
        if event.target in room.people:
            raise Refused("AlreadyMember")
        room.invited.add(event.target)
        self._own(event)
        self._others(event, [event.target])

    def ignored(self, event, me):
        name, person = event.whom.lower(), self._called(event.whom)
        if event.on:
            if person is me:
                raise Refused("ThatIsYou")
            if name in me.ignoring:
                raise Refused("AlreadyIgnoring")
            me.ignoring[name] = event.whom
            if person:
                me.ignoring[person.id] = event.whom
        else:
            typed = me.ignoring.get(person.id, name).lower() if person else name
            if name not in me.ignoring and not (person and person.id in me.ignoring):
                raise Refused("NotIgnoring")
            me.ignoring = {key: whom for key, whom in me.ignoring.items() if whom.lower() not in (name, typed)}
        self._own(event)


def _address(event: Event) -> Address:
    return event.origin.node, event.origin.session


def _fields(event: Event) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def _changed(values: tuple, index: int, value: object) -> tuple:
    return (*values[:index], value, *values[index + 1 :])
