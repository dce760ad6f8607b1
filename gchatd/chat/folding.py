"""What each event changes. Pure: `fold` looks at the state and the event, and at nothing else.

    outcome = fold(state, event)

Whoever folds the same events in the same order comes to the same state, on this machine or another; an event that comes
twice is dropped. What fan-out has to know is in the outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ..text.names import Name, compared
from . import rules
from .events import (
    Arrived,
    CameBack,
    Deleted,
    Departed,
    Edited,
    Event,
    Ignored,
    Invited,
    Joined,
    Left,
    MadePrivate,
    NotSent,
    Renamed,
    Restored,
    Said,
    Told,
    TopicSet,
    Vanished,
    WentAway,
)
from .state import LOBBY, NOBODY, NOTHING, Room, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, MutableSequence

    from ..errors import Refusal
    from .state import State

MOST_CHANGEABLE = 10
"""How many of their last lines somebody can change, the newest first."""

MOST_CHANGEABLE_CHARACTERS = 10_000
"""How long these may be in all, more or less."""


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What came of an event: facts for those who deliver it. The session that caused the event hears of it always."""

    event: Event
    refusal: Refusal | None = None
    """Why it did not happen; then nobody but its origin hears of it."""

    user: User | None = None
    """Whoever did it."""

    room: Room | None = None
    """The room in which everybody hears of it."""

    others: tuple[User, ...] = ()
    """Who else hears of it, wherever they are."""

    entered: Room | None = None
    """The room that the user is in from now on."""

    left: tuple[Room, ...] = ()
    """The rooms that the user is no longer in."""

    vanished: tuple[str, ...] = ()
    """Rooms that are gone, whose topic and key nobody shall inherit."""


def fold(state: State, event: Event) -> Outcome | None:
    """Apply an event; None for one that was applied before, which changes nothing."""
    if event.place <= state.place:
        return None
    state.place = event.place
    refusal = rules.check(state, event)
    if refusal is not None:
        return Outcome(event, refusal, state.users.get(event.user))
    return FOLDS[type(event)](state, event)


# Coming and going.


def _arrived(state: State, event: Arrived) -> Outcome:
    user = User(event.user, Name(event.name, compared(event.name)), event.at)
    state.users[user.id] = state.names[user.name.compared] = user
    room = state.room(event.room) if event.room else None
    if room is None:
        return Outcome(event, user=user)
    _enter(room, user)
    return Outcome(event, user=user, room=_if_small(state, room), entered=room)


def _departed(state: State, event: Departed) -> Outcome:
    user = state.users[event.user]
    if event.name != user.name.shown:  # they had not come in yet when they left, or were being renamed
        event = msgspec.structs.replace(event, name=user.name.shown)
    neighbours, rooms = _neighbours(state, user), user.rooms
    vanished = _leave(state, user, rooms)
    for key in list(user.ignoring):
        _stop_ignoring(state, user, key)
    for id in state.ignorers.pop(user.id, ()):
        _forget(state.users[id], user.id)
    for room in user.invitations:
        room.invited.discard(user.id)
    del state.users[user.id]
    del state.names[user.name.compared]
    return Outcome(event, user=user, others=neighbours, left=rooms, vanished=vanished)


def _renamed(state: State, event: Renamed) -> Outcome:
    """People who ignored the old name now ignore the person: the new name may be somebody else's tomorrow.

    Nobody ignores a name that is their own: they would not see what they do themselves.
    """
    user = state.users[event.user]
    for id in state.ignorers.get(user.name.compared, ()):
        if user.id not in state.users[id].ignoring:
            _ignore(state, state.users[id], user.id, user.name.shown)
    del state.names[user.name.compared]
    user.name = Name(event.to, compared(event.to))
    if user.name.compared in user.ignoring:
        _stop_ignoring(state, user, user.name.compared)
    state.names[user.name.compared] = user
    return Outcome(event, user=user, others=_neighbours(state, user))


def _went_away(state: State, event: WentAway) -> Outcome:
    user = state.users[event.user]
    user.away = event.words
    return Outcome(event, user=user)


def _came_back(state: State, event: CameBack) -> Outcome:
    user = state.users[event.user]
    user.away = None
    return Outcome(event, user=user)


# In a room.


def _said(state: State, event: Said) -> Outcome:
    user, room = state.users[event.user], state.rooms[compared(event.room)]
    room.spoken = True
    room.recent.append(event)
    room.version = event.place
    _remember(user, event)
    return Outcome(event, None, user, room)


def _changed(state: State, event: Edited | Deleted) -> Outcome:
    user, room = state.users[event.user], state.rooms[compared(event.room)]
    _revise(room.recent, event)
    room.version = event.place
    _revise(user.said, event)
    return Outcome(event, user=user, room=room)


def _joined(state: State, event: Joined) -> Outcome:
    """Create the room if it is new."""
    user, room = state.users[event.user], state.room(event.room)
    vanished: tuple[str, ...] = ()
    if room is None:
        room, vanished = _create(state, event.room)
        room.founder = user.id
    _enter(room, user)
    if event.key or event.room != room.name:  # a key is nobody else's; and one room goes by one name
        event = msgspec.structs.replace(event, key="", room=room.name)
    return Outcome(event, user=user, room=_if_small(state, room), entered=room, vanished=vanished)


def _left(state: State, event: Left) -> Outcome:
    user, room = state.users[event.user], state.rooms[compared(event.room)]
    heard_in = _if_small(state, room)
    vanished = _leave(state, user, (room,))
    return Outcome(event, user=user, room=heard_in, left=(room,), vanished=vanished)


def _topic_set(state: State, event: TopicSet) -> Outcome:
    room = state.rooms[compared(event.room)]
    room.topic = event.topic
    return Outcome(event, user=state.users[event.user], room=room)


def _made_private(state: State, event: MadePrivate) -> Outcome:
    room = state.rooms[compared(event.room)]
    room.key = event.key
    for member in room.members.values():
        _invite(room, member)
    return Outcome(event, user=state.users[event.user], room=room)


def _restored(state: State, event: Restored) -> Outcome:
    """Add a room from history, unless it has come into being meanwhile. The lobby is always there.

    Also if there are too many rooms: whoever joins it next must not create it anew, without its key.
    """
    room = state.room(event.room)
    vanished: tuple[str, ...] = ()
    if room is None:
        room, vanished = _create(state, event.room)
        room.key = event.key
    elif room.name != LOBBY or room.spoken:
        return Outcome(event)
    room.topic = room.topic or event.topic
    room.spoken = True
    room.recent.extend(event.lines)
    room.version = event.place
    return Outcome(event, vanished=vanished)


# Between two people.


def _told(state: State, event: Told) -> Outcome:
    return Outcome(event, user=state.users[event.user], others=(state.users[event.target],))


def _invited(state: State, event: Invited) -> Outcome:
    target = state.users[event.target]
    _invite(state.rooms[compared(event.room)], target)
    return Outcome(event, user=state.users[event.user], others=(target,))


def _ignored(state: State, event: Ignored) -> Outcome:
    """Ignore a name, and also the person who has it now, so that a new name does not help them."""
    user = state.users[event.user]
    name = compared(event.whom)
    person = state.names.get(name)
    if event.on:
        _ignore(state, user, name, event.whom)
        if person is not None:
            _ignore(state, user, person.id, event.whom)
    else:
        typed = user.ignoring.get(person.id, event.whom) if person is not None else event.whom
        for key in [key for key, whom in user.ignoring.items() if compared(whom) in (name, compared(typed))]:
            _stop_ignoring(state, user, key)
    return Outcome(event, user=user)


def _nothing(state: State, event: Event) -> Outcome:
    """Vanished: the journal forgets the room. NotSent: only its origin hears of it."""
    return Outcome(event)


FOLDS: dict[type[Event], Callable[[State, Any], Outcome]] = {
    Arrived: _arrived,
    Departed: _departed,
    Said: _said,
    Edited: _changed,
    Deleted: _changed,
    Joined: _joined,
    Left: _left,
    TopicSet: _topic_set,
    MadePrivate: _made_private,
    Told: _told,
    Invited: _invited,
    Ignored: _ignored,
    Renamed: _renamed,
    WentAway: _went_away,
    CameBack: _came_back,
    Restored: _restored,
    Vanished: _nothing,
    NotSent: _nothing,
}


# What several of them need.


def _if_small(state: State, room: Room) -> Room | None:
    """Return a room that is small enough for everybody to hear who comes and goes."""
    return room if len(room.members) <= state.bounds.announce_up_to else None


def _neighbours(state: State, user: User) -> tuple[User, ...]:
    """Return the others in a user's small rooms: they hear when the user leaves or is renamed."""
    small = [room for room in user.rooms if len(room.members) <= state.bounds.announce_up_to]
    return tuple(dict.fromkeys(other for room in small for other in room.members.values() if other is not user))


def _create(state: State, name: str) -> tuple[Room, tuple[str, ...]]:
    """Create a room, and forget an empty one if there are too many. Return it, and the room to forget for good, if any.

    History still has a forgotten room if anything was said in it. If not, it was a private one: the next room of that
    name must not inherit its key.
    """
    vanished: tuple[str, ...] = ()
    empty = state.empty_room() if len(state.rooms) >= state.bounds.most_rooms else None
    if empty is not None:
        _remove(state, empty)
        vanished = () if empty.spoken else (empty.name,)
    room = state.rooms[compared(name)] = Room(name, state.bounds.replay)
    return room, vanished


def _remove(state: State, room: Room) -> None:
    """Remove an empty room."""
    del state.rooms[compared(room.name)]
    for id in room.invited:
        user = state.users[id]
        user.invitations = tuple(one for one in user.invitations if one is not room)


def _enter(room: Room, user: User) -> None:
    room.members[user.id] = user
    user.rooms = (*user.rooms, room)
    if room.private:
        _invite(room, user)


def _leave(state: State, user: User, rooms: Iterable[Room]) -> tuple[str, ...]:
    """Remove a user from rooms. One that is empty now vanishes, unless it is private or something was said in it.

    Returns the vanished rooms that had a topic.
    """
    user.rooms = tuple(room for room in user.rooms if room not in rooms)
    vanished: tuple[str, ...] = ()
    for room in rooms:
        del room.members[user.id]
        if room.founder == user.id:
            room.founder = 0
        if not (room.members or room.spoken or room.private or room.name == LOBBY):
            _remove(state, room)
            if room.topic:
                vanished += (room.name,)
    return vanished


def _invite(room: Room, user: User) -> None:
    """Let a user into a room, private or not yet, until they depart."""
    if user.id not in room.invited:
        room.invited.add(user.id)
        user.invitations = (*user.invitations, room)


def _ignore(state: State, user: User, whom: str | int, typed: str) -> None:
    state.ignorers.setdefault(whom, set()).add(user.id)
    if user.ignoring is NOBODY:
        user.ignoring = {}
    user.ignoring[whom] = typed


def _stop_ignoring(state: State, user: User, whom: str | int) -> None:
    _forget(user, whom)
    ignorers = state.ignorers[whom]
    ignorers.discard(user.id)
    if not ignorers:
        del state.ignorers[whom]


def _forget(user: User, whom: str | int) -> None:
    del user.ignoring[whom]
    user.ignoring = user.ignoring or NOBODY


def _remember(user: User, event: Said) -> None:
    """Keep a line among those that its author can change."""
    if user.said is NOTHING:
        user.said = []
    lines = user.said
    lines.append(event)
    if len(lines) > MOST_CHANGEABLE:
        del lines[0]
    if len(event.text) > MOST_CHANGEABLE_CHARACTERS // MOST_CHANGEABLE:
        while len(lines) > 1 and sum(len(said.text) for said in lines) > MOST_CHANGEABLE_CHARACTERS:
            del lines[0]


def _revise(lines: MutableSequence[Said], event: Edited | Deleted) -> None:
    """Apply an edit or a deletion to lines; one that is not among them changes nothing."""
    for index, said in enumerate(lines):
        if said.id == event.line:
            if isinstance(event, Edited):
                lines[index] = msgspec.structs.replace(said, text=event.text, edited=True)
            else:
                del lines[index]
            return
