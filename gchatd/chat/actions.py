"""What people can do, and what they can ask: one function each. Every door calls these.

An action takes typed arguments, never a typed line. It broadcasts an event, which takes effect when it has been folded,
or gives an answer; or it raises Refused, with the reason as a value. Knows no sessions: see `Asker` (asker.py).

An asker need not wait between one thing and the next: answers take into account what was done before, and so do the
rules. For that, actions may switch.
"""

from __future__ import annotations

import secrets
from collections import Counter
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import Refused
from ..text import times
from ..text.cleaning import is_blank
from ..text.names import LONGEST_ROOM, compared
from .answers import (
    CannotChange,
    Ignoring,
    IsAway,
    Members,
    Motd,
    NobodyCalled,
    NodeInfo,
    Nodes,
    NoSuchRoom,
    NothingSaid,
    NotInRoom,
    Past,
    Person,
    RoomInfo,
    Rooms,
    TooLongForName,
    Topic,
    Uptime,
    UserLeft,
    Version,
    Whois,
)
from .events import (
    CameBack,
    Deleted,
    Edited,
    Ignored,
    Invited,
    Joined,
    Left,
    MadePrivate,
    Said,
    Told,
    TopicSet,
    WentAway,
)
from .state import node_of

if TYPE_CHECKING:
    from ..text.names import Name
    from .asker import Asker, Page
    from .state import Room, User

MOST_LINES = 500
"""The most lines of the past that are given at once."""

_KEY_BYTES = 6  # of the random key of a private room
_WAS = 60  # characters of the old text that people are told with an edit
_FAR_TOO_LONG = LONGEST_ROOM + 36  # characters: not worth comparing


# Finding somebody, or a room.


def find_user(asker: Asker, name: str) -> User:
    """Find somebody who is here. Raises Refused."""
    user = asker.chat.names.get(_as_compared(name))
    if user is None:
        raise Refused(NobodyCalled(name))
    return user


def find_room(asker: Asker, name: str) -> Room:
    """Find a room that the asker may enter. Raises Refused."""
    room = asker.chat.rooms.get(_as_compared(name))
    if room is None or not room.admits(asker.me):
        raise Refused(NoSuchRoom(name))
    return room


def find_own_room(asker: Asker, name: str) -> Room:
    """Find a room that the asker is in. Raises Refused."""
    sought = _as_compared(name)
    for room in asker.me.rooms:
        if compared(room.name) == sought:
            return room
    raise Refused(NotInRoom(name))


def find_line(asker: Asker, id: int) -> Said:
    """Find a line by its id, among the asker's last lines, those that they can still change. Raises Refused."""
    for said in asker.me.said:
        if said.id == id:
            return said
    raise Refused(CannotChange())


def _as_compared(name: str) -> str:
    """Return the compared form of what was given as a name. Raises Refused if it is far too long."""
    if len(name) > _FAR_TOO_LONG:
        raise Refused(TooLongForName())
    try:
        return compared(name)
    except UnicodeEncodeError:  # no name can contain this
        return ""


# Talking. Texts are clean (text/cleaning.py), and only what is said here can have several lines.


def say(asker: Asker, room: Room, text: str, action: bool = False) -> None:
    """Say something in a room; with `action`, as something that one does (`/me waves`)."""
    _check_says(text)
    asker.does(Said(room=room.name, text=text, action=action))


def tell(asker: Asker, to: User, text: str) -> IsAway | None:
    """Say something to one person alone. Returns that they are away, if they are."""
    _check_says(text)
    asker.does(Told(target=to.id, to=str(to), text=text))
    return IsAway(str(to), to.away) if to.away is not None else None


def tell_back(asker: Asker, to: tuple[int, str], text: str) -> IsAway | None:
    """Tell somebody who told you something: `to` is their id, and what they were called then."""
    user = asker.chat.users.get(to[0])
    if user is None:
        raise Refused(UserLeft(to[1]))
    return tell(asker, user, text)


def edit(asker: Asker, line: Said, text: str) -> None:
    """Change a line of one's own."""
    _check_says(text)
    asker.does(Edited(room=line.room, line=line.id, text=text, was=line.text[:_WAS], at=times.now()))


def delete(asker: Asker, line: Said) -> None:
    """Remove a line of one's own."""
    asker.does(Deleted(room=line.room, line=line.id, at=times.now()))


def _check_says(text: str) -> None:
    """Raise Refused if there is nothing in a text that can be seen."""
    if is_blank(text):
        raise Refused(NothingSaid())


# Rooms.


def join(asker: Asker, name: Name, key: str = "") -> None:
    """Join a room, or create it. Switches until that has taken effect, so that what is said next can be said there."""
    asker.recall(name)
    asker.does(Joined(room=name.shown, key=key))
    asker.wait_for_effect()


def leave(asker: Asker, room: Room) -> None:
    """Leave a room. Switches until that has taken effect."""
    asker.does(Left(room=room.name))
    asker.wait_for_effect()


def set_topic(asker: Asker, room: Room, topic: str) -> None:
    """Say what a room is about. An empty topic clears it."""
    asker.does(TopicSet(room=room.name, topic=topic))


def make_private(asker: Asker, room: Room) -> None:
    """Close a room to all who are not invited and do not have its key. Everybody in it is told the key."""
    asker.does(MadePrivate(room=room.name, key=secrets.token_hex(_KEY_BYTES)))


def invite(asker: Asker, user: User, room: Room) -> None:
    """Invite somebody to a room, and tell them."""
    asker.does(Invited(room=room.name, target=user.id, to=str(user)))


def members(asker: Asker, room: Room) -> Members:
    """List who is in a room."""
    asker.expects_much()
    asker.settle()
    people = (Person(str(user), user.away is not None) for user in room.members.values())
    return Members(room.name, tuple(sorted(people, key=lambda person: person.name.casefold())))


def rooms(asker: Asker) -> Rooms:
    """List the rooms: those that the asker is in, then the biggest."""
    asker.expects_much()
    me = asker.me
    asker.settle()
    seen = [room for room in asker.chat.rooms.values() if room.admits(me)]
    seen.sort(key=lambda room: (me.id not in room.members, -len(room.members), room.name))
    return Rooms(
        tuple(RoomInfo(room.name, len(room.members), room.topic, room.private, me.id in room.members) for room in seen)
    )


def topic(asker: Asker, room: Room) -> Topic:
    """Say what a room is about."""
    asker.settle()
    return Topic(room.name, room.topic)


# People.


def rename(asker: Asker, name: Name) -> None:
    """Change one's name."""
    asker.claims(name)


def whois(asker: Asker, user: User) -> Whois:
    """Say who somebody is."""
    asker.settle()
    me, now = asker.me, times.now()
    here, idle = asker.here_seconds(user), asker.idle_seconds(user)
    shared = tuple(room.name for room in user.rooms if room in me.rooms) if user is not me else ()
    return Whois(
        str(user),
        user.since if here is None else now - int(here * 1000),
        now,
        None if idle is None else int(idle * 1000),
        user.away,
        shared,
        you=user is me,
    )


def go_away(asker: Asker, words: str) -> None:
    """Mark the asker as away; `words` say why."""
    asker.does(WentAway(words=words))


def come_back(asker: Asker) -> None:
    """Mark the asker as back."""
    asker.does(CameBack())


def ignore(asker: Asker, name: Name) -> None:
    """Stop hearing somebody."""
    asker.does(Ignored(whom=name.shown))


def stop_ignoring(asker: Asker, name: Name) -> None:
    """Hear somebody again."""
    asker.does(Ignored(whom=name.shown, on=False))


def ignoring(asker: Asker) -> Ignoring:
    """List the people whom the asker ignores."""
    asker.settle()
    return Ignoring(tuple(sorted(set(asker.me.ignoring.values()), key=str.casefold)))


# The past.


def history(
    asker: Asker, room: Room, count: int, before_line: int = 0, before: int | None = None, after_line: int | None = None
) -> Past:
    """Return the last lines of a room; or those before the line with an id, before a moment (milliseconds), or after
    a line, with what was changed since then.

    `count` is how many; nobody gets more than MOST_LINES.
    """
    asker.expects_much()
    library, count = asker.library, _within_limits(count)
    if before_line:
        page = library.before_line(room.name, count, before_line)
    elif after_line is not None:
        asker.catch_up()
        page = library.after_line(room.name, count, after_line)
    elif before is not None:
        page = library.before(room.name, count, before)
    else:
        page = library.last(room.name, count)
    return _past(asker, room, page)


def search(asker: Asker, room: Room, words: str, count: int) -> Past:
    """Find lines of a room that have all of these words, newest first; at most `count`, and at most MOST_LINES."""
    asker.expects_much()
    return _past(asker, room, asker.library.search(room.name, words, _within_limits(count)))


def _within_limits(count: int) -> int:
    return max(1, min(count, MOST_LINES))


def _past(asker: Asker, room: Room, page: Page) -> Past:
    """Leave out what was said by people whom the asker ignores."""
    ignoring, names = asker.me.ignoring, asker.chat.names
    lines = page.lines
    first_line, last_line = (lines[0].id, lines[-1].id) if lines else (0, 0)
    if ignoring:
        keys = {said.name: compared(said.name) for said in lines}
        ignored = {
            name
            for name, key in keys.items()
            if key in ignoring or ((user := names.get(key)) is not None and user.id in ignoring)
        }
        lines = [said for said in lines if said.name not in ignored]
    left_out = len(page.lines) - len(lines)
    return Past(room.name, tuple(lines), page.more, left_out, first_line, last_line, tuple(page.changes))


# The server.


def uptime(asker: Asker) -> Uptime:
    """Say how long the server has been up."""
    return Uptime(asker.up_seconds, len(asker.chat.users))


def nodes(asker: Asker) -> Nodes:
    """List the servers of this chat."""
    figures, chat = asker.figures, asker.chat
    people = Counter(node_of(user) for user in chat.users)
    here = node_of(asker.me.id)
    leases = figures.leases if figures is not None else {}
    listed = (
        NodeInfo(node.name, people[number], node.ready, number == here, leases.get(number))
        for number, node in chat.nodes.items()
    )
    return Nodes(tuple(sorted(listed, key=lambda node: node.name)), figures)


def version(asker: Asker) -> Version:
    """Say which gchat this is."""
    return Version(__version__)


def motd(asker: Asker) -> Motd:
    """Return the message of the day."""
    return Motd(tuple(asker.motd))
