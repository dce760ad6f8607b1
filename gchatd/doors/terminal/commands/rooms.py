"""Commands for rooms: joining and leaving them, and who is in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ....chat import actions
from ....text.names import parse_room
from ...sentences import sorry
from .command import Misused, find_own_room, find_user, own_room_names

if TYPE_CHECKING:
    from ....chat.answers import Answer
    from ..terminal import Terminal

_KEY = re.compile(r"[0-9a-f]{12}")


def join(terminal: Terminal, words: str) -> None:
    """/join ROOM [KEY]: Join ROOM, or create it. KEY is the key of a private room."""
    name, *rest = words.split(maxsplit=1) or [""]
    if not name:
        raise Misused("Say which room")
    if name.startswith("#"):
        raise sorry(f"Room names have no # here. Try /join {name.lstrip('#')}")
    session, parsed, key = terminal.session, parse_room(name), rest[0] if rest else ""
    if key and not _KEY.fullmatch(key):  # probably the second word of a name
        known = session.recall(parsed)
        if known is None or not known.private:
            better = f"Try /join {'-'.join(words.split())} (only a room's key goes after its name)."
            raise sorry(f"A room name cannot contain spaces. {better}")
    room = session.chat.rooms.get(parsed.compared)
    if room is not None and room in session.me.rooms:
        terminal.go(room)
    else:
        terminal.join(parsed, key)


def leave(terminal: Terminal, words: str) -> None:
    """/leave [ROOM]: Leave ROOM, or the current room."""
    terminal.leave(find_own_room(terminal, words) if words else terminal.meant_room())


def go(terminal: Terminal, words: str) -> None:
    """/go ROOM: Make ROOM, which you are in, the current room."""
    if not words:
        raise Misused(f"Say which of your rooms ({own_room_names(terminal)})")
    terminal.go(find_own_room(terminal, words))


def rooms(terminal: Terminal, words: str) -> Answer:
    """/rooms: List the rooms: the current room, then the others you are in, then the biggest."""
    return actions.rooms(terminal.session)


def topic(terminal: Terminal, words: str) -> Answer | None:
    """/topic [WORDS|-]: Tell the topic of the current room; set it to WORDS; or clear it."""
    if not words:
        return actions.topic(terminal.session, terminal.in_room())
    actions.set_topic(terminal.session, terminal.meant_room(), "" if words == "-" else words)
    return None


def names(terminal: Terminal, words: str) -> Answer:
    """/names [ROOM]: List the people in ROOM, or in the current room."""
    room = actions.find_room(terminal.session, words) if words else terminal.in_room()
    return actions.members(terminal.session, room)


def private(terminal: Terminal, words: str) -> None:
    """/private: Make the current room private."""
    actions.make_private(terminal.session, terminal.meant_room())


def invite(terminal: Terminal, words: str) -> None:
    """/invite NAME: Let NAME into the current room, and tell them."""
    if not words:
        raise Misused("Say who to invite")
    room = terminal.meant_room()
    actions.invite(terminal.session, find_user(terminal, words), room)
