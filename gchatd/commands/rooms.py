"""Commands for rooms: where one is, what is said there, who else is in them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ..errors import UserError
from ..events import Invited, Joined, Left, MadePrivate, TopicSet, Turned
from ..folding import check_may_join
from ..names import compared, parse_room
from .command import MOST_LINES, WIDTH, MisuseError, as_compared, capped, columns, find_room, find_user, who_asks

if TYPE_CHECKING:
    from ..rooms import Room
    from ..session import Session

MOST_JOINED = 64
"""Rooms that somebody can be in."""

LONGEST_TOPIC = 300
"""Characters of a topic."""


def join(session: Session, words: str) -> None:
    """/join ROOM [KEY]"""
    name, *rest = words.split(maxsplit=1) if words else ("",)
    if not name:
        raise MisuseError("Say which room")
    if name.startswith("#"):
        raise MisuseError(f"Rooms have no # here (/join {name.lstrip('#')})")
    hub, user, parsed, key = session.hub, who_asks(session), parse_room(name), rest[0] if rest else ""
    room = hub.recall_room(parsed.compared)
    if room is not None and user in room.members:
        _go(session, room)
        return
    check_may_join(hub, room, parsed.shown, user, key)
    if len(user.rooms) >= MOST_JOINED:
        raise UserError(f"You are in {len(user.rooms)} rooms, and nobody can be in more: /leave one first.")
    hub.wait_to_talk()
    shown = room.name if room is not None else parsed.shown
    session.does(Joined(room=shown, name=str(user), key=key, origin=session.number))
    hub.wait_for(session)  # so that what comes next is said there


def leave(session: Session, words: str) -> None:
    """/leave [ROOM]"""
    room = _own_room(session, words) if words else session.in_room()
    session.does(Left(room=room.name, name=str(session.user), origin=session.number))
    session.hub.wait_for(session)  # so that what comes next is not said there
    if session.room is None:
        session.reply("You are not in a room now. To join one: /join lobby")
    else:
        session.reply(f"You are now talking in {session.room.name}.")


def go(session: Session, words: str) -> None:
    """/go ROOM"""
    if not words:
        raise MisuseError(f"Say which of your rooms ({_own_rooms(session)})")
    _go(session, _own_room(session, words))


def _go(session: Session, room: Room) -> None:
    session.does(Turned(room=room.name, name=str(session.user), origin=session.number))
    session.hub.wait_for(session)  # so that what comes next is said there


def _own_room(session: Session, name: str) -> Room:
    """Give a room that somebody is in. Raises UserError if it is none of theirs."""
    for room in who_asks(session).rooms:
        if compared(room.name) == as_compared(name):
            return room
    raise UserError(f"You are not in {name}. You are in: {_own_rooms(session)}.")


def _own_rooms(session: Session) -> str:
    return ", ".join(room.name for room in who_asks(session).rooms) or "no room"


def rooms(session: Session, words: str) -> None:
    """/rooms"""
    user = who_asks(session)
    seen = [room for room in session.hub.rooms.values() if room.admits(user)]
    seen.sort(key=lambda room: (-len(room.members), room.name.casefold()))
    width = max((len(room.name) for room in seen[:MOST_LINES]), default=0)
    session.reply(f"There are {len(seen)} rooms; * is where you are:" if len(seen) != 1 else "There is one room:")
    session.reply_in_pages(capped((_row(room, session, width) for room in seen), len(seen)))


def _row(room: Room, session: Session, width: int) -> str:
    mark = "*" if session.user in room.members else " "
    people = "nobody" if not room.members else "1 person" if len(room.members) == 1 else f"{len(room.members)} people"
    row = f"{mark} {room.name:{width}}  {people:11} {'(private) ' if room.private else ''}{room.topic}".rstrip()
    return row if len(row) <= WIDTH else f"{row[: WIDTH - 3]}..."


def topic(session: Session, words: str) -> None:
    """/topic [WORDS|-]"""
    room = session.in_room()
    if not words:
        session.reply(f"The topic of {room.name} is: {room.topic}" if room.topic else f"{room.name} has no topic.")
        return
    if len(words) > LONGEST_TOPIC:
        raise UserError(f"A topic has at most {LONGEST_TOPIC} characters; that one has {len(words)}.")
    session.hub.wait_to_talk()
    new = "" if words == "-" else words
    if new == room.topic:
        raise UserError(f"That is the topic of {room.name} already." if new else f"{room.name} has no topic.")
    session.does(TopicSet(room=room.name, name=str(session.user), topic=new, origin=session.number))


def names(session: Session, words: str) -> None:
    """/names [ROOM]"""
    room = find_room(session, words) if words else session.in_room()
    shown = sorted((str(user) for user in room.members), key=str.casefold)
    session.reply_in_pages(capped(columns(f"{len(shown)} in {room.name}:", shown), len(shown)))


def private(session: Session, words: str) -> None:
    """/private"""
    room = session.in_room()
    room.check_may_close(who_asks(session))
    session.hub.wait_to_talk()
    made = MadePrivate(room=room.name, name=str(session.user), key=secrets.token_hex(6), origin=session.number)
    session.does(made)


def invite(session: Session, words: str) -> None:
    """/invite NAME"""
    if not words:
        raise MisuseError("Say whom to invite")
    room, user = session.in_room(), find_user(session, words)
    if user in room.members:
        raise UserError(f"{user} is in {room.name} already.")
    session.hub.wait_to_talk()
    asker = str(session.user)
    session.does(Invited(room=room.name, name=asker, to=str(user), origin=session.number, target=user.number))
