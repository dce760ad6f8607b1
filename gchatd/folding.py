"""What each event changes when its turn has come, and who hears of it. Knows users, rooms and sessions; no bytes.

    event, ears = fold(hub, event)

Called for every event that comes out of the journal, in order, and nowhere else: so that all who see the same events
come to the same rooms, wherever they are. Never switches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import UserError
from .events import (
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
    Refused,
    Renamed,
    Said,
    Told,
    TopicSet,
    Vanished,
    WentAway,
)
from .names import compared
from .rooms import LOBBY, Room

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .hub import Hub, User
    from .session import Session


class Heard(NamedTuple):
    """An event as it turned out, and who hears of it: the people of a room, then some sessions."""

    event: Event
    room: Room | None = None
    sessions: Sequence[Session] = ()
    entered: Room | None = None
    """Where the session that caused the event came in with it."""
    greets: bool = False
    """Whether it is to be told where it is."""


def fold(hub: Hub, event: Event) -> Heard:
    """Let an event happen."""
    session = hub.sessions.get(event.origin)
    if session is not None:
        session.unheard -= 1
    return _FOLDS[type(event)](hub, event, session)


def _to_room(hub: Hub, event: Event, session: Session | None) -> Heard:
    return Heard(event, hub.room(event.room))


def _to_origin(hub: Hub, event: Event, session: Session | None) -> Heard:
    return Heard(event, None, () if session is None else (session,))


def _refused(event: Event, session: Session | None, why: str) -> Heard:
    refused = Refused(room=event.room, name=event.name, at=event.at, origin=event.origin, why=why)
    return Heard(refused, None, () if session is None else (session,))


def _said(hub: Hub, event: Said, session: Session | None) -> Heard:
    room = hub.room(event.room)
    if room is not None:
        room.remember(event)
        if session is not None:
            session.note(event, room)
    return Heard(event, room)


def _changed(hub: Hub, event: Edited | Deleted, session: Session | None) -> Heard:
    room = hub.room(event.room)
    if room is not None:
        room.remember(event)
        if session is not None and isinstance(event, Deleted):
            session.forget(room)
    return Heard(event, room)


def _joined(hub: Hub, event: Joined, session: Session | None) -> Heard:
    """A room that is new is made; one that became private meanwhile lets nobody in who may not."""
    user = session.user if session is not None else None
    if session is None or user is None or not user.sessions:
        return Heard(event)
    room = hub.room(event.room)
    try:
        if room is None:
            if len(hub.rooms) >= hub.most_rooms:
                raise UserError(f"There are {len(hub.rooms)} rooms already, and no more can be made.")
            room = hub.make_room(event.room)
            room.founder = user
        room.check_admits(user, event.key)
    except UserError as error:
        return _refused(event, session, str(error))
    arrives = not user.rooms and session.room is room  # in the chat: see Hub.claim
    room.enter(user)
    session.turn_to(room)
    return Heard(event, room if len(room.members) <= hub.announce_up_to else None, (), room, not arrives)


def _left(hub: Hub, event: Left, session: Session | None) -> Heard:
    room = hub.room(event.room)
    user = session.user if session is not None else None
    if room is None or user is None or session is None:
        return Heard(event)
    announced = len(room.members) <= hub.announce_up_to
    _leave(hub, user, room)
    return Heard(event, room if announced else None, (session,))


def _departed(hub: Hub, event: Departed, session: Session | None) -> Heard:
    user = session.user if session is not None else None
    if user is None:
        return Heard(event)
    ears = _neighbours(hub, user)
    for room in user.rooms:
        _leave(hub, user, room)
    for name in user.ignoring:
        _ignore_no_more(hub, user, name)
    user.sessions = ()  # the session knows its user: leave no cycle behind
    del hub.sessions[event.origin]
    return Heard(event, None, ears)


def _leave(hub: Hub, user: User, room: Room) -> None:
    """Take somebody out of a room, and the room away if it is empty and nothing was ever said in it."""
    room.leave(user)
    for session in user.sessions:
        session.forget(room)
        if session.room is room:
            session.turn_to(user.rooms[-1] if user.rooms else None)
    if not (room.members or room.spoken or room.name == LOBBY):
        del hub.rooms[compared(room.name)]
        if room.topic or room.private:
            hub.broadcast(Vanished(room=room.name, name=user.name.shown))


def _renamed(hub: Hub, event: Renamed, session: Session | None) -> Heard:
    user = session.user if session is not None else None
    if user is None:
        return Heard(event)
    old, new = compared(event.name), compared(event.to)
    for other in hub.ignorers.get(old, set()).copy() if old != new else ():
        _ignore_no_more(hub, other, old)
        _ignore(hub, other, new)
    return Heard(event, None, _neighbours(hub, user))


def _neighbours(hub: Hub, user: User) -> Sequence[Session]:
    """Give the sessions of those who share a room with somebody that is not too big for comings and goings."""
    small = [room for room in user.rooms if len(room.members) <= hub.announce_up_to]
    others = dict.fromkeys(other for room in small for other in room.members)
    return [session for other in others if other is not user for session in other.sessions]


def _topic_set(hub: Hub, event: TopicSet, session: Session | None) -> Heard:
    room = hub.room(event.room)
    if room is not None:
        room.topic = event.topic
    return Heard(event, room)


def _made_private(hub: Hub, event: MadePrivate, session: Session | None) -> Heard:
    room = hub.room(event.room)
    if room is not None:
        room.close_to_others(event.key)
    return Heard(event, room)


def _vanished(hub: Hub, event: Vanished, session: Session | None) -> Heard:
    return Heard(event)  # for the journal, which forgets the topic


def _told(hub: Hub, event: Told, session: Session | None) -> Heard:
    target = hub.sessions.get(event.target)
    user = target.user if target is not None else None
    if target is None or user is None or not user.sessions:
        return _refused(event, session, f"Not sent: {event.to} has left.")
    if compared(event.name) not in user.ignoring:
        for each in user.sessions:
            each.told_by = event.origin, event.name
    return Heard(event, None, user.sessions)


def _invited(hub: Hub, event: Invited, session: Session | None) -> Heard:
    target = hub.sessions.get(event.target)
    user = target.user if target is not None else None
    room = hub.room(event.room)
    if user is None or not user.sessions:
        return _refused(event, session, f"{event.to} has left.")
    if room is None:
        return _refused(event, session, f"{event.room} is no more.")
    if room.private:
        room.invited.add(user)
    return Heard(event, None, (*user.sessions, session) if session is not None else user.sessions)


def _ignored(hub: Hub, event: Ignored, session: Session | None) -> Heard:
    if session is not None and session.user is not None:
        (_ignore if event.on else _ignore_no_more)(hub, session.user, compared(event.whom))
    return _to_origin(hub, event, session)


def _ignore(hub: Hub, user: User, name: str) -> None:
    hub.ignorers.setdefault(name, set()).add(user)
    user.ignoring |= {name}


def _ignore_no_more(hub: Hub, user: User, name: str) -> None:
    user.ignoring -= {name}
    ignorers = hub.ignorers.get(name, set())
    ignorers.discard(user)
    if not ignorers:
        hub.ignorers.pop(name, None)


def _went_away(hub: Hub, event: WentAway, session: Session | None) -> Heard:
    if session is not None and session.user is not None:
        session.user.away = event.words
    return _to_origin(hub, event, session)


def _came_back(hub: Hub, event: CameBack, session: Session | None) -> Heard:
    if session is not None and session.user is not None:
        session.user.away = None
    return _to_origin(hub, event, session)


_FOLDS: dict[type[Event], Callable[[Hub, Any, Session | None], Heard]] = {
    Said: _said,
    Edited: _changed,
    Deleted: _changed,
    Joined: _joined,
    Left: _left,
    TopicSet: _topic_set,
    MadePrivate: _made_private,
    Vanished: _vanished,
    Told: _told,
    Invited: _invited,
    Ignored: _ignored,
    Renamed: _renamed,
    WentAway: _went_away,
    CameBack: _came_back,
    Departed: _departed,
    NotSent: _to_origin,
    Refused: _to_origin,
}
