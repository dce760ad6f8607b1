"""Commands for rooms: joining and leaving them, and who is in them."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from ....chat.events import Invited, Joined, Left, MadePrivate, TopicSet, Turned
from ....chat.folding import check_may_join
from ....errors import UserError
from ....text.names import compared, parse_room
from ....text.phrases import columns, padded, shortened, widest
from .command import MOST_LINES, MisuseError, as_compared, capped, find_room, find_user, who_asks

if TYPE_CHECKING:
    from ....chat.rooms import Room
    from ....session import Session

MOST_JOINED = 64
"""Rooms that someone can be in at once."""

LONGEST_TOPIC = 300
"""Characters of a topic."""

_PEOPLE = 15  # columns of a mark, of how many people are in a room, and of the space between
_KEY_BYTES = 6  # of the random key of a private room
_KEY = re.compile(f"[0-9a-f]{{{2 * _KEY_BYTES}}}")


def join(session: Session, words: str) -> None:
    """/join ROOM [KEY]: Join ROOM, or create it. KEY is the key of a private room."""
    name, *rest = words.split(maxsplit=1) if words else ("",)
    if not name:
        raise MisuseError("Say which room")
    if name.startswith("#"):
        raise UserError(f"Room names have no # here. Try /join {name.lstrip('#')}")
    hub, user, parsed, key = session.hub, who_asks(session), parse_room(name), rest[0] if rest else ""
    room = hub.recall_room(parsed.compared)
    if key and not _KEY.fullmatch(key) and (room is None or not room.private):
        joined = "-".join(words.split())
        raise UserError(
            f"A room name cannot contain spaces. Try /join {joined} (only a room's key goes after its name)."
        )
    if room is not None and user in room.members:
        _go(session, room)
        return
    check_may_join(hub, room, parsed.shown, user, key)
    if len(user.rooms) >= MOST_JOINED:
        raise UserError(f"You are in {len(user.rooms)} rooms, and that is the limit. Leave one first: /leave ROOM")
    hub.wait_to_talk()
    shown = room.name if room is not None else parsed.shown
    session.move(Joined(room=shown, name=str(user), key=key, origin=session.number))


def leave(session: Session, words: str) -> None:
    """/leave [ROOM]: Leave ROOM, or the current room."""
    room = _own_room(session, words) if words else session.meant_room()
    session.move(Left(room=room.name, name=str(session.user), origin=session.number))
    if session.room is None:
        session.reply("You are not in a room now. To join one: /join lobby")
    else:
        session.reply(f"You are now talking in {session.room.name}.")


def go(session: Session, words: str) -> None:
    """/go ROOM: Make ROOM, which you are in, the current room."""
    if not words:
        raise MisuseError(f"Say which of your rooms ({_own_rooms(session)})")
    _go(session, _own_room(session, words))


def _go(session: Session, room: Room) -> None:
    session.move(Turned(room=room.name, name=str(session.user), origin=session.number))


def _own_room(session: Session, name: str) -> Room:
    """Give a room that the one who asks is in, by its name. Switches until what they did before has happened.

    Raises UserError if they are in none of that name.
    """
    session.hub.wait_for(session)  # who came in just now may not be in the lobby yet
    for room in who_asks(session).rooms:
        if compared(room.name) == as_compared(name):
            return room
    raise UserError(f"You are not in {name}. You are in: {_own_rooms(session)}.")


def _own_rooms(session: Session) -> str:
    return ", ".join(room.name for room in who_asks(session).rooms) or "no rooms"


def rooms(session: Session, words: str) -> None:
    """/rooms: List the rooms: the current room, then the others you are in, then the biggest."""
    user = who_asks(session)
    seen = [room for room in session.hub.rooms.values() if room.admits(user)]
    seen.sort(key=lambda room: (room is not session.room, user not in room.members, -len(room.members), room.name))
    width = min(widest(room.name for room in seen[:MOST_LINES]), session.columns - _PEOPLE)  # so that all show people
    head = (
        f"{len(seen):,} rooms (> your current room, * others you are in):" if len(seen) != 1 else "There is one room:"
    )
    session.reply_in_pages([head, *capped((_row(room, session, width) for room in seen), len(seen))])


def _mark(room: Room, session: Session) -> str:
    return ">" if room is session.room else "*" if session.user in room.members else " "


def _row(room: Room, session: Session, width: int) -> str:
    people = "nobody" if not room.members else "1 person" if len(room.members) == 1 else f"{len(room.members)} people"
    topic = f"{'(private) ' if room.private else ''}{room.topic}"
    row = f"{_mark(room, session)} {padded(room.name, width)}  {people:11} {topic}"
    return shortened(row.rstrip(), session.columns)


def topic(session: Session, words: str) -> None:
    """/topic [WORDS|-]: Show the topic of the current room; set it to WORDS; or clear it."""
    room = session.meant_room() if words else session.in_room()
    if not words:
        session.reply(f"The topic of {room.name} is: {room.topic}" if room.topic else f"{room.name} has no topic.")
        return
    if len(words) > LONGEST_TOPIC:
        raise UserError(f"A topic can have at most {LONGEST_TOPIC} characters; that one has {len(words)}.")
    session.hub.wait_to_talk()
    new = "" if words == "-" else words
    if new == room.topic:
        raise UserError(f"That is already the topic of {room.name}." if new else f"{room.name} has no topic.")
    session.does(TopicSet(room=room.name, name=str(session.user), topic=new, origin=session.number))


def names(session: Session, words: str) -> None:
    """/names [ROOM]: List the people in ROOM, or in the current room."""
    room = find_room(session, words) if words else session.in_room()
    shown = sorted(
        (f"{user} (away)" if user.away is not None else str(user) for user in room.members), key=str.casefold
    )
    session.reply_in_pages(capped(columns(f"{len(shown)} in {room.name}:", shown, session.columns), len(shown)))


def private(session: Session, words: str) -> None:
    """/private: Make the current room private."""
    room = session.meant_room()
    room.check_may_close(who_asks(session))
    session.hub.wait_to_talk()
    made = MadePrivate(room=room.name, name=str(session.user), key=secrets.token_hex(_KEY_BYTES), origin=session.number)
    session.does(made)


def invite(session: Session, words: str) -> None:
    """/invite NAME: Let NAME into the current room, and tell them."""
    if not words:
        raise MisuseError("Say who to invite")
    room, user = session.meant_room(), find_user(session, words)
    if user in room.members:
        raise UserError(f"{user} is already in {room.name}.")
    session.hub.wait_to_talk()
    asker = str(session.user)
    session.does(Invited(room=room.name, name=asker, to=str(user), origin=session.number, target=user.number))
