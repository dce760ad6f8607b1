"""Who may do what to whom: one table, by the kind of event. Knows the state only.

`check` is asked before an event is broadcast, for a quick answer, and again when it is folded, for the truth: somebody
else may have been faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..text.names import compared
from .answers import (
    AlreadyIgnoring,
    AlreadyInRoom,
    AlreadyMember,
    AlreadyPrivate,
    AlwaysPublic,
    CannotChange,
    NameTaken,
    NoSuchPrivateRoom,
    NoSuchRoom,
    NotAway,
    NotDelivered,
    NotFounder,
    NotHere,
    NotIgnoring,
    NotInRoom,
    RoomHasNoKey,
    RoomIsPrivate,
    SameName,
    SameText,
    SameTopic,
    ThatIsYou,
    TooLateToChange,
    TooLong,
    TooManyIgnored,
    TooManyJoined,
    TooManyRooms,
    UserLeft,
)
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
    Renamed,
    Said,
    Told,
    TopicSet,
    WentAway,
)
from .state import LOBBY

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import Refusal
    from .state import State, User

MOST_JOINED = 64
"""Rooms that someone can be in at once."""

MOST_IGNORED = 100
"""People whom one person can ignore."""

LONGEST_TOPIC = 300
"""Characters of a topic."""

LONGEST_REASON = 200
"""Characters of the reason that someone gives for being away."""

CHANGE_MINUTES = 10
"""How long a line can be changed."""


def check(state: State, event: Event) -> Refusal | None:
    """Return why an event may not happen; None if it may."""
    kind = type(event)
    if kind is Arrived or kind is Claimed:
        return _may_be_called(state, event.name, event.user)
    if isinstance(event, Said) and not event.user:
        return _may_say_in_passing(state, event)
    rule = RULES.get(kind)
    if rule is None:  # nobody's act: a room was restored or vanished, a line was not sent, a node came or went
        return None
    user = state.users.get(event.user)
    return rule(state, user, event) if user is not None else NotHere()


def _may_be_called(state: State, name: str, user: int) -> Refusal | None:
    """A name belongs to one user at a time, and before they have it to whoever claimed it."""
    key = compared(name)
    owner = state.names.get(key)
    if state.claims.get(key, user) != user or (owner is not None and owner.id != user):
        return NameTaken(name)
    return None


def _may_say_in_passing(state: State, event: Said) -> Refusal | None:
    """Somebody who is not here may not pass for somebody who is, nor speak in a private room without its key."""
    room = state.room(event.room)
    if room is None or (room.private and not event.with_key):
        return NoSuchRoom(event.room)
    return _may_be_called(state, event.name, 0)


def _is_in(state: State, user: User, event: Event) -> Refusal | None:
    room = state.rooms.get(compared(event.room))
    return None if room is not None and user.id in room.members else NotInRoom(event.room)


def _may_join(state: State, user: User, event: Joined) -> Refusal | None:
    room = state.room(event.room)
    if room is None:
        if event.key:  # somebody who comes back must not end up in another room of that name
            return NoSuchPrivateRoom(event.room)
        if not state.has_room_for_more:
            return TooManyRooms(len(state.rooms))
    elif user.id in room.members:
        return AlreadyInRoom(room.name)
    elif event.key and not room.private:
        return RoomHasNoKey(room.name)
    elif not room.admits(user, event.key):
        return RoomIsPrivate(room.name, wrong_key=bool(event.key))
    return TooManyJoined(len(user.rooms)) if len(user.rooms) >= MOST_JOINED else None


def _may_change(state: State, user: User, event: Edited | Deleted) -> Refusal | None:
    """Only its author can change a line, only while they are in its room, and only for CHANGE_MINUTES."""
    said = next((said for said in user.said if said.id == event.line), None)
    if said is None or said.room != event.room:
        return CannotChange()
    if event.at - said.at > CHANGE_MINUTES * 60_000:
        return TooLateToChange(CHANGE_MINUTES)
    if isinstance(event, Edited) and event.text == said.text:
        return SameText()
    return _is_in(state, user, event)


def _may_set_topic(state: State, user: User, event: TopicSet) -> Refusal | None:
    room = state.room(event.room)
    if room is None or user.id not in room.members:
        return NotInRoom(event.room)
    if len(event.topic) > LONGEST_TOPIC:
        return TooLong("topic", LONGEST_TOPIC, len(event.topic))
    return SameTopic(room.name, room.topic) if event.topic == room.topic else None


def _may_make_private(state: State, user: User, event: MadePrivate) -> Refusal | None:
    room = state.room(event.room)
    if room is None or user.id not in room.members:
        return NotInRoom(event.room)
    if room.private:
        return AlreadyPrivate(room.name)
    if room.name == LOBBY:
        return AlwaysPublic(room.name)
    return NotFounder(room.name) if room.founder != user.id else None


def _may_tell(state: State, user: User, event: Told) -> Refusal | None:
    if event.target not in state.users:
        return NotDelivered(event.to)
    return ThatIsYou() if event.target == user.id else None


def _may_invite(state: State, user: User, event: Invited) -> Refusal | None:
    room = state.room(event.room)
    if room is None or user.id not in room.members:
        return NotInRoom(event.room)
    if event.target not in state.users:
        return UserLeft(event.to)
    return AlreadyMember(event.to, room.name) if event.target in room.members else None


def _may_ignore(state: State, user: User, event: Ignored) -> Refusal | None:
    name = compared(event.whom)
    if not event.on:
        person = state.names.get(name)
        ignored = name in user.ignoring or (person is not None and person.id in user.ignoring)
        return None if ignored else NotIgnoring(event.whom)
    if name == user.name.compared:
        return ThatIsYou()
    if name in user.ignoring:
        return AlreadyIgnoring(event.whom)
    return TooManyIgnored(MOST_IGNORED) if len(set(user.ignoring.values())) >= MOST_IGNORED else None


def _may_rename(state: State, user: User, event: Renamed) -> Refusal | None:
    if event.to == user.name.shown:
        return SameName(event.to)
    return _may_be_called(state, event.to, user.id)


def _may_go_away(state: State, user: User, event: WentAway) -> Refusal | None:
    length = len(event.words)
    return TooLong("reason", LONGEST_REASON, length) if length > LONGEST_REASON else None


def _may_come_back(state: State, user: User, event: CameBack) -> Refusal | None:
    return NotAway() if user.away is None else None


def _may_always(state: State, user: User, event: Event) -> Refusal | None:
    return None


RULES: dict[type[Event], Callable[[State, User, Any], Refusal | None]] = {
    Said: _is_in,
    Edited: _may_change,
    Deleted: _may_change,
    Joined: _may_join,
    Left: _is_in,
    TopicSet: _may_set_topic,
    MadePrivate: _may_make_private,
    Told: _may_tell,
    Invited: _may_invite,
    Ignored: _may_ignore,
    Renamed: _may_rename,
    WentAway: _may_go_away,
    CameBack: _may_come_back,
    Departed: _may_always,
}
"""By kind of event. Those that are missing are nobody's act, or (Arrived, Claimed) have no user yet: see `check`."""
