"""The steps that several kinds of events take in a state: entering and leaving rooms, ignoring, remembering lines.

For folding.py, which says what each kind of event changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..text.names import compared
from .events import Deleted, Edited, Said
from .state import LOBBY, NOBODY, NOTHING, Room, User

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableSequence

    from .state import State

MOST_CHANGEABLE = 10
"""How many of their last lines somebody can change, the newest first."""

MOST_CHANGEABLE_CHARACTERS = 10_000
"""How long these may be in all, more or less."""


def if_small(state: State, room: Room) -> Room | None:
    """Return a room that is small enough for everybody to hear who comes and goes."""
    return room if len(room.members) <= state.bounds.announce_up_to else None


def neighbours(state: State, user: User) -> tuple[User, ...]:
    """Return the others in a user's small rooms: they hear when the user leaves or is renamed."""
    small = [room for room in user.rooms if len(room.members) <= state.bounds.announce_up_to]
    return tuple(dict.fromkeys(other for room in small for other in room.members.values() if other is not user))


def create(state: State, name: str) -> tuple[Room, tuple[str, ...]]:
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


def enter(room: Room, user: User) -> None:
    room.members[user.id] = user
    user.rooms = (*user.rooms, room)
    if room.private:
        invite(room, user)


def leave(state: State, user: User, rooms: Iterable[Room]) -> tuple[str, ...]:
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


def invite(room: Room, user: User) -> None:
    """Let a user into a room without its key until they depart, also if it becomes private later."""
    if user.id not in room.invited:
        room.invited.add(user.id)
        user.invitations = (*user.invitations, room)


def ignore(state: State, user: User, whom: str | int, typed: str) -> None:
    state.ignorers.setdefault(whom, set()).add(user.id)
    if user.ignoring is NOBODY:
        user.ignoring = {}
    user.ignoring[whom] = typed


def stop_ignoring(state: State, user: User, whom: str | int) -> None:
    forget(user, whom)
    ignorers = state.ignorers[whom]
    ignorers.discard(user.id)
    if not ignorers:
        del state.ignorers[whom]


def forget(user: User, whom: str | int) -> None:
    del user.ignoring[whom]
    user.ignoring = user.ignoring or NOBODY


def remember(user: User, event: Said) -> None:
    """Add a line to those that its author can change; drop the oldest if there are too many, or too long ones."""
    if user.said is NOTHING:
        user.said = []
    lines = user.said
    lines.append(event)
    if len(lines) > MOST_CHANGEABLE:
        del lines[0]
    if len(event.text) > MOST_CHANGEABLE_CHARACTERS // MOST_CHANGEABLE:
        while len(lines) > 1 and sum(len(said.text) for said in lines) > MOST_CHANGEABLE_CHARACTERS:
            del lines[0]


def revise(lines: MutableSequence[Said], event: Edited | Deleted) -> None:
    """Apply an edit or a deletion to lines; one that is not among them changes nothing."""
    for index, said in enumerate(lines):
        if said.id == event.line:
            if isinstance(event, Edited):
                lines[index] = msgspec.structs.replace(said, text=event.text, edited=True)
            else:
                del lines[index]
            return
