"""What each event changes, and who hears of it. Knows users, rooms and sessions; no bytes.

    heard = fold(hub, event)

Fan-out calls this for every event that comes out of the journal, in order; nothing else changes a room. So whoever
folds the same events ends up with the same rooms. Never switches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UserError
from ..hub import NOBODY
from ..text.names import compared
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
    Turned,
    Vanished,
    WentAway,
)
from .rooms import LOBBY, Room

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..hub import Hub, User
    from ..session import Session


class Heard(NamedTuple):
    """An event as it turned out (a refused `Joined` becomes a `Refused`), and who hears of it."""

    event: Event
    room: Room | None = None
    sessions: Sequence[Session] = ()
    entered: Room | None = None
    """The room that the event's author entered."""
    greets: bool = False
    """Whether to tell that author which room they are in, and with whom. Not for the lobby, at the start."""
    left: Room | None = None
    """The room that the event's author left."""


def fold(hub: Hub, event: Event) -> Heard:
    """Apply an event."""
    return _FOLDS[type(event)](hub, event, hub.sessions.get(event.origin))


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
            session.last_said.remember(event)
    return Heard(event, room)


def _changed(hub: Hub, event: Edited | Deleted, session: Session | None) -> Heard:
    room = hub.room(event.room)
    if room is not None:
        room.remember(event)
        if session is not None:
            session.last_said.remember(event)
    return Heard(event, room)


def _joined(hub: Hub, event: Joined, session: Session | None) -> Heard:
    """Create the room if it is new. Refuse if it has become private since `/join` was typed."""
    user = session.user if session is not None else None
    if session is None or user is None or not user.sessions:
        return Heard(event)
    room = hub.room(event.room)
    if room is not None and user in room.members:  # typed when their coming in had not happened yet
        return _turned(hub, Turned(room=room.name, name=event.name, at=event.at, origin=event.origin), session)
    try:
        check_may_join(hub, room, event.room, user, event.key)
    except UserError as error:
        if session.room is not None and user not in session.room.members:
            session.turn_to(user.rooms[-1] if user.rooms else None)
        return _refused(event, session, str(error))
    if room is None:
        hub.forget_if_crowded()
        room = hub.make_room(event.room)
        room.founder = user
    arrives = not user.rooms and session.room is room  # in the chat: see Hub.claim
    room.enter(user)
    session.turn_to(room)
    return Heard(event, room if len(room.members) <= hub.announce_up_to else None, (), room, not arrives)


def check_may_join(hub: Hub, room: Room | None, name: str, user: User, key: str) -> None:
    """Raise UserError unless a user may enter a room, or create it if `room` is None.

    Checked when they type `/join`, for a quick answer, and again when their `Joined` is folded.
    """
    if room is None and key:  # somebody who comes back must not end up in another room of that name
        raise UserError(f"There is no private room called {name}. To create a room of that name: /join {name}")
    if room is None and hub.is_full:
        raise UserError(f"This server can have {len(hub.rooms):,} rooms, and there are people in all of them.")
    if room is not None and key and not room.private:
        raise UserError(f"{room.name} is not private and has no key. To join it: /join {room.name}")
    if room is not None:
        room.check_admits(user, key)


def _left(hub: Hub, event: Left, session: Session | None) -> Heard:
    room = hub.room(event.room)
    user = session.user if session is not None else None
    if room is None or user is None or session is None:
        return Heard(event)
    announced = len(room.members) <= hub.announce_up_to
    _leave(hub, user, (room,))
    return Heard(event, room if announced else None, (session,), left=room)


def _departed(hub: Hub, event: Departed, session: Session | None) -> Heard:
    user = session.user if session is not None else None
    if user is None:
        return Heard(event)
    ears = _neighbours(hub, user)
    _leave(hub, user, user.rooms)
    for key in list(user.ignoring):
        _ignore_no_more(hub, user, key)
    for other in hub.ignorers.pop(user, ()):
        _forget(other, user)
    user.sessions = ()  # the session knows its user: leave no cycle behind
    del hub.sessions[event.origin]
    return Heard(event, None, ears)


def _leave(hub: Hub, user: User, rooms: Sequence[Room]) -> None:
    """Remove a user from rooms. A room that is empty now vanishes, unless it is private or something was said in it."""
    user.rooms = tuple(room for room in user.rooms if room not in rooms)
    for room in rooms:
        room.leave(user)
        if not (room.members or room.spoken or room.private or room.name == LOBBY):
            del hub.rooms[compared(room.name)]
            if room.topic:
                hub.broadcast(Vanished(room=room.name, name=user.name.shown))
    for session in user.sessions:
        if session.room in rooms:
            session.turn_to(user.rooms[-1] if user.rooms else None)
        session.show_room()


def _turned(hub: Hub, event: Turned, session: Session | None) -> Heard:
    room = hub.room(event.room)
    if session is not None and session.user is not None and room in session.user.rooms:
        session.turn_to(room)
    return _to_origin(hub, event, session)


def _renamed(hub: Hub, event: Renamed, session: Session | None) -> Heard:
    """People who ignored the old name now ignore the person: the new name may be somebody else's tomorrow."""
    user = session.user if session is not None else None
    if user is None:
        return Heard(event)
    for other in hub.ignorers.get(compared(event.name), ()):
        if user not in other.ignoring and other is not user:
            _ignore(hub, other, user, event.name)
    return Heard(event, None, _neighbours(hub, user))


def _neighbours(hub: Hub, user: User) -> Sequence[Session]:
    """Return the sessions that are told when a user leaves or is renamed: those who share a small room with them."""
    small = [room for room in user.rooms if len(room.members) <= hub.announce_up_to]
    others = dict.fromkeys(other for room in small for other in room.members)
    return [one for other in others if other is not user for one in other.sessions if one.format.notices]


def _topic_set(hub: Hub, event: TopicSet, session: Session | None) -> Heard:
    room = hub.room(event.room)
    if room is not None:
        room.topic = event.topic
    return Heard(event, room)


def _made_private(hub: Hub, event: MadePrivate, session: Session | None) -> Heard:
    room = hub.room(event.room)
    if room is None or room.name == LOBBY:
        return Heard(event)
    room.close_to_others(event.key)
    return Heard(event, room)


def _vanished(hub: Hub, event: Vanished, session: Session | None) -> Heard:
    return Heard(event)  # nobody hears it; the journal forgets the room's topic and key


def _told(hub: Hub, event: Told, session: Session | None) -> Heard:
    target = hub.sessions.get(event.target)
    user = target.user if target is not None else None
    if target is None or user is None or not user.sessions:
        return _refused(event, session, f"Not sent: {event.to} has left.")
    teller = session.user if session is not None else None
    if compared(event.name) not in user.ignoring and teller not in user.ignoring:
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
        return _refused(event, session, f"{event.room} no longer exists.")
    room.invited.add(user)
    return Heard(event, None, (*user.sessions, session) if session is not None else user.sessions)


def _ignored(hub: Hub, event: Ignored, session: Session | None) -> Heard:
    """Ignore a name, and also the person who has it now, so that a new name does not help them."""
    user = session.user if session is not None else None
    if user is None:
        return Heard(event)
    name = compared(event.whom)
    person = hub.users.get(name)
    if event.on:
        _ignore(hub, user, name, event.whom)
        if person is not None:
            _ignore(hub, user, person, event.whom)
    else:
        typed = user.ignoring.get(person, event.whom) if person is not None else event.whom
        for key in [key for key, whom in user.ignoring.items() if compared(whom) in (name, compared(typed))]:
            _ignore_no_more(hub, user, key)
    return _to_origin(hub, event, session)


def _ignore(hub: Hub, user: User, whom: str | User, typed: str) -> None:
    hub.ignorers.setdefault(whom, set()).add(user)
    if user.ignoring is NOBODY:
        user.ignoring = {}
    user.ignoring[whom] = typed


def _ignore_no_more(hub: Hub, user: User, whom: str | User) -> None:
    _forget(user, whom)
    ignorers = hub.ignorers.get(whom, set())
    ignorers.discard(user)
    if not ignorers:
        hub.ignorers.pop(whom, None)


def _forget(user: User, whom: str | User) -> None:
    if user.ignoring is not NOBODY:
        user.ignoring.pop(whom, None)
        user.ignoring = user.ignoring or NOBODY


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
    Turned: _turned,
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
