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
    Claimed,
    Deleted,
    Departed,
    Edited,
    Event,
    Ignored,
    Invited,
    Joined,
    Left,
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
    TopicSet,
    Vanished,
    WentAway,
)
from .state import LOBBY, Node, Room, User, node_of
from .steps import create, enter, forget, if_small, ignore, invite, leave, neighbours, remember, revise, stop_ignoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import Refusal
    from .state import State


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What came of an event: facts for those who deliver it.

    The session that caused the event also hears of it, but for the few that nobody hears (`turn.NOBODY_HEARS`).
    """

    event: Event
    refusal: Refusal | None = None
    """Why it did not happen; then nobody but its origin hears of it."""

    user: User | None = None
    """The user who did it."""

    room: Room | None = None
    """The room in which everybody hears of it."""

    others: tuple[User, ...] = ()
    """Who else hears of it, wherever they are."""

    entered: Room | None = None
    """The room that the user is in from now on."""

    left: tuple[Room, ...] = ()
    """The rooms that the user is no longer in."""

    vanished: tuple[str, ...] = ()
    """Rooms that are gone; the next of that name must not inherit their topics and keys."""

    departures: tuple[Outcome, ...] = ()
    """What came of the departures of all who were connected to a node that is lost."""


def fold(state: State, event: Event) -> Outcome | None:
    """Apply an event and return what came of it; None for one that was applied before, which changes nothing."""
    if event.place <= state.place:
        return None
    state.place = event.place
    refusal = rules.check(state, event)
    if refusal is not None:
        return Outcome(event, refusal, state.users.get(event.user))
    state.newest = event.id or state.newest
    return FOLDS[type(event)](state, event)


# Coming and going.


def _arrived(state: State, event: Arrived) -> Outcome:
    user = User(event.user, Name(event.name, compared(event.name)), event.at)
    state.claims.pop(user.name.compared, None)
    state.users[user.id] = state.names[user.name.compared] = user
    room = state.room(event.room) if event.room else None
    if room is None:
        return Outcome(event, user=user)
    enter(room, user)
    return Outcome(event, user=user, room=if_small(state, room), entered=room)


def _departed(state: State, event: Departed) -> Outcome:
    user = state.users[event.user]
    if event.name != user.name.shown:  # they had not come in yet when they left, or were being renamed
        event = msgspec.structs.replace(event, name=user.name.shown)
    others, rooms = neighbours(state, user), user.rooms
    vanished = leave(state, user, rooms)
    for key in list(user.ignoring):
        stop_ignoring(state, user, key)
    for id in state.ignorers.pop(user.id, ()):
        forget(state.users[id], user.id)
    for room in user.invitations:
        room.invited.discard(user.id)
    del state.users[user.id]
    del state.names[user.name.compared]
    return Outcome(event, user=user, others=others, left=rooms, vanished=vanished)


def _renamed(state: State, event: Renamed) -> Outcome:
    """People who ignored the old name now ignore the person: the new name may be somebody else's tomorrow.

    Nobody ignores a name that is their own: they would not see what they do themselves.
    """
    user = state.users[event.user]
    for id in state.ignorers.get(user.name.compared, ()):
        if user.id not in state.users[id].ignoring:
            ignore(state, state.users[id], user.id, user.name.shown)
    del state.names[user.name.compared]
    user.name = Name(event.to, compared(event.to))
    state.claims.pop(user.name.compared, None)
    if user.name.compared in user.ignoring:
        stop_ignoring(state, user, user.name.compared)
    state.names[user.name.compared] = user
    return Outcome(event, user=user, others=neighbours(state, user))


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
    user, room = state.users.get(event.user), state.rooms[compared(event.room)]
    room.spoken = True
    room.recent.append(event)
    room.version = event.place
    if user is not None:
        remember(user, event)
    return Outcome(event, None, user, room)


def _changed(state: State, event: Edited | Deleted) -> Outcome:
    user, room = state.users[event.user], state.rooms[compared(event.room)]
    revise(room.recent, event)
    room.version = event.place
    revise(user.said, event)
    return Outcome(event, user=user, room=room)


def _joined(state: State, event: Joined) -> Outcome:
    """Create the room if it is new."""
    user, room = state.users[event.user], state.room(event.room)
    vanished: tuple[str, ...] = ()
    if room is None:
        room, vanished = create(state, event.room)
        room.founder = user.id
    enter(room, user)
    if event.key or event.room != room.name:  # a key is nobody else's; and one room goes by one name
        event = msgspec.structs.replace(event, key="", room=room.name)
    return Outcome(event, user=user, room=if_small(state, room), entered=room, vanished=vanished)


def _left(state: State, event: Left) -> Outcome:
    user, room = state.users[event.user], state.rooms[compared(event.room)]
    heard_in = if_small(state, room)
    vanished = leave(state, user, (room,))
    return Outcome(event, user=user, room=heard_in, left=(room,), vanished=vanished)


def _topic_set(state: State, event: TopicSet) -> Outcome:
    room = state.rooms[compared(event.room)]
    room.topic = event.topic
    return Outcome(event, user=state.users[event.user], room=room)


def _made_private(state: State, event: MadePrivate) -> Outcome:
    room = state.rooms[compared(event.room)]
    room.key = event.key
    for member in room.members.values():
        invite(room, member)
    return Outcome(event, user=state.users[event.user], room=room)


def _restored(state: State, event: Restored) -> Outcome:
    """Add a room from history, unless it has come into being meanwhile. The lobby is always there.

    Also if there are too many rooms: whoever joins it next must not create it anew, without its key.
    """
    room = state.room(event.room)
    vanished: tuple[str, ...] = ()
    if room is None:
        room, vanished = create(state, event.room)
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
    invite(state.rooms[compared(event.room)], target)
    return Outcome(event, user=state.users[event.user], others=(target,))


def _ignored(state: State, event: Ignored) -> Outcome:
    """Ignore a name, and also the person who has it now, so that a new name does not help them."""
    user = state.users[event.user]
    name = compared(event.whom)
    person = state.names.get(name)
    if event.on:
        ignore(state, user, name, event.whom)
        if person is not None:
            ignore(state, user, person.id, event.whom)
    else:
        typed = user.ignoring.get(person.id, event.whom) if person is not None else event.whom
        for key in [key for key, whom in user.ignoring.items() if compared(whom) in (name, compared(typed))]:
            stop_ignoring(state, user, key)
    return Outcome(event, user=user)


# Between nodes.


def _claimed(state: State, event: Claimed) -> Outcome:
    state.claims[compared(event.name)] = event.user
    return Outcome(event)


def _node_joined(state: State, event: NodeJoined) -> Outcome:
    state.nodes[event.node] = Node(event.name, event.identity)
    return Outcome(event)


def _node_ready(state: State, event: NodeReady) -> Outcome:
    node = state.nodes.get(event.node)
    if node is not None:
        state.nodes[event.node] = msgspec.structs.replace(node, ready=True)
    return Outcome(event)


def _node_lost(state: State, event: NodeLost) -> Outcome:
    """Let all who were connected to a node depart, and free what they were about to be called."""
    state.nodes.pop(event.node, None)
    for name in [name for name, user in state.claims.items() if node_of(user) == event.node]:
        del state.claims[name]
    people = [user for user in state.users.values() if node_of(user.id) == event.node]
    departures = [
        _departed(state, Departed(user=user.id, name=user.name.shown, at=event.at, place=event.place))
        for user in people
    ]
    vanished = tuple(name for outcome in departures for name in outcome.vanished)
    return Outcome(event, vanished=vanished, departures=tuple(departures))


def _change_nothing(state: State, event: Event) -> Outcome:
    """For Vanished, after which the journal forgets the room; NotSent, which only its origin hears; SnapshotAsked."""
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
    Vanished: _change_nothing,
    NotSent: _change_nothing,
    Claimed: _claimed,
    NodeJoined: _node_joined,
    NodeReady: _node_ready,
    NodeLost: _node_lost,
    SnapshotAsked: _change_nothing,
}
