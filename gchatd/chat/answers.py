"""What people are told: answers to what they ask, and why something cannot be done. Values only, JSON as they stand.

A door words them: there is no sentence here, so that the next door can use its own.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ..errors import Refusal
from .events import Deleted, Edited, Said  # noqa: TC001  msgspec reads the types of a struct


class Answer(msgspec.Struct, frozen=True, tag_field="answer", tag=str.lower):
    """What somebody asked for."""


class Person(msgspec.Struct, frozen=True):
    """Somebody in a list of people."""

    name: str
    away: bool = False


class RoomInfo(msgspec.Struct, frozen=True):
    """A room in a list of rooms; `joined` says whether the asker is in it."""

    name: str
    people: int
    topic: str = ""
    private: bool = False
    joined: bool = False


class Members(Answer, frozen=True):
    """Who is in a room, by name."""

    room: str
    people: tuple[Person, ...]


class Rooms(Answer, frozen=True):
    """The rooms that the asker may enter: those they are in, then the biggest."""

    rooms: tuple[RoomInfo, ...]


class Topic(Answer, frozen=True):
    """What a room is about; an empty topic: it does not say."""

    room: str
    topic: str


class Whois(Answer, frozen=True):
    """Who somebody is. Times are in milliseconds: `since` is counted from 1970, UTC, and `now` is when this was asked.

    `idle` is None if that person is connected to another node. `away` says why they are away (None: they are here),
    `shared` which rooms they and the asker are both in, and `you` that they are the same person.
    """

    name: str
    since: int
    now: int
    idle: int | None
    away: str | None
    shared: tuple[str, ...] = ()
    you: bool = False


class Ignoring(Answer, frozen=True):
    """The people whom the asker ignores."""

    names: tuple[str, ...]


class IsAway(Answer, frozen=True):
    """The person who was told something is away; `words` say why, if they gave a reason."""

    name: str
    words: str


class Past(Answer, frozen=True):
    """Lines of the past. `more` says that there are others of that kind; `left_out` counts those by ignored people.

    `first_line` and `last_line` are the ids of the first and the last of them, left out or not: what comes before or
    after is the next page. For somebody who comes back, `changes` are what was done meanwhile to lines that they may
    have.
    """

    room: str
    lines: tuple[Said, ...]
    more: bool = False
    left_out: int = 0
    first_line: int = 0
    last_line: int = 0
    changes: tuple[Edited | Deleted, ...] = ()


class Welcome(Answer, frozen=True):
    """Where somebody has come to, once they are in a room: how many are there (themselves included), and who the others
    are, if they are few.

    `people` is 0 if nobody needs to be told where they are, as when they come into the chat.
    """

    room: str
    people: int = 0
    others: tuple[str, ...] = ()
    topic: str = ""
    key: str = ""


class Uptime(Answer, frozen=True):
    """How long the server has been up, in seconds, and how many people are here."""

    seconds: float
    people: int


class Version(Answer, frozen=True):
    """Which gchat this is."""

    version: str


class NodeInfo(msgspec.Struct, frozen=True):
    """One of several servers of a chat: `lease` is for how many ms it counts as alive if it is not heard of again."""

    name: str
    people: int
    ready: bool = True
    you: bool = False
    lease: int | None = None


class Figures(msgspec.Struct, frozen=True):
    """How a server keeps up with the others: the place in the stream that it has read to, and the last one there was.

    `batch` is how long it takes to append something, and `age` how old the last event was when it was read: in ms.
    """

    place: int = 0
    last: int = 0
    batch: float = 0.0
    age: int = 0
    leases: dict[int, int] = {}


class Nodes(Answer, frozen=True):
    """The servers of this chat, and how the one that the asker is connected to does; none, if it is the only one."""

    nodes: tuple[NodeInfo, ...] = ()
    figures: Figures | None = None


class Motd(Answer, frozen=True):
    """The message of the day."""

    lines: tuple[str, ...]


# Refusals: finding somebody or something.


class NobodyCalled(Refusal, frozen=True):
    """Nobody here has this name."""

    name: str


class NoSuchRoom(Refusal, frozen=True):
    """There is no room of this name that the asker may know of."""

    room: str


class TooLongForName(Refusal, frozen=True):
    """What was given as a name is longer than any name."""


class NotHere(Refusal, frozen=True):
    """The asker has not come in, or has left."""


class AlreadyHere(Refusal, frozen=True):
    """The asker has come in already, through the same session."""


class UserLeft(Refusal, frozen=True):
    """The person whom this was for has left the chat."""

    name: str


class NotDelivered(Refusal, frozen=True):
    """What was told to somebody did not reach them, because they have left the chat."""

    name: str


class ThatIsYou(Refusal, frozen=True):
    """People cannot do this to themselves."""


# Names.


class NameTaken(Refusal, frozen=True):
    """Somebody else has this name."""

    name: str


class SameName(Refusal, frozen=True):
    """The asker has this name already."""

    name: str


# Talking.


class NothingSaid(Refusal, frozen=True):
    """There is nothing to be read in the text."""


class CannotChange(Refusal, frozen=True):
    """This is not a line that the asker can still change."""


class TooLateToChange(Refusal, frozen=True):
    """It was said more than so many minutes ago."""

    minutes: int


class SameText(Refusal, frozen=True):
    """The line reads like that already."""


class DiskBehind(Refusal, frozen=True):
    """Too much waits to be written."""


class Flooding(Refusal, frozen=True):
    """The asker has sent too much for too long: for so many seconds nothing of it is handled."""

    seconds: int


class NoNameYet(Refusal, frozen=True):
    """A newcomer has not given a name within so many seconds."""

    seconds: float


class IdleTooLong(Refusal, frozen=True):
    """Nothing was asked for within so many seconds."""

    seconds: float


class OthersOutOfReach(Refusal, frozen=True):
    """Whether a name is free cannot be found out: the other nodes cannot be asked."""


class ShuttingDown(Refusal, frozen=True):
    """The server takes nothing new."""


# Rooms.


class NotInRoom(Refusal, frozen=True):
    """Only people in the room can do that."""

    room: str


class AlreadyInRoom(Refusal, frozen=True):
    """The asker is in the room already."""

    room: str


class RoomIsPrivate(Refusal, frozen=True):
    """The room lets in only those who are invited or have its key. `wrong_key`: they gave another one."""

    room: str
    wrong_key: bool = False


class RoomHasNoKey(Refusal, frozen=True):
    """A key was given for a room that is open to everyone."""

    room: str


class NoSuchPrivateRoom(Refusal, frozen=True):
    """A key was given for a room that does not exist."""

    room: str


class TooManyRooms(Refusal, frozen=True):
    """The server can have no more rooms."""

    most: int


class TooManyJoined(Refusal, frozen=True):
    """Nobody can be in more rooms."""

    most: int


class SameTopic(Refusal, frozen=True):
    """That is the topic already; an empty one: there is none."""

    room: str
    topic: str


class TooLong(Refusal, frozen=True):
    """What was given has too many characters."""

    what: Literal["topic", "reason"]
    most: int
    length: int


class AlreadyPrivate(Refusal, frozen=True):
    """The room is private already."""

    room: str


class AlwaysPublic(Refusal, frozen=True):
    """This room stays open to everyone."""

    room: str


class NotFounder(Refusal, frozen=True):
    """Only the person who created the room, and has not left it since, can do that."""

    room: str


class AlreadyMember(Refusal, frozen=True):
    """The person to be invited is in the room."""

    name: str
    room: str


# People.


class NotAway(Refusal, frozen=True):
    """The asker was not away."""


class AlreadyIgnoring(Refusal, frozen=True):
    """The asker ignores this name already."""

    name: str


class NotIgnoring(Refusal, frozen=True):
    """The asker does not ignore this name."""

    name: str


class TooManyIgnored(Refusal, frozen=True):
    """Nobody can ignore more people."""

    most: int


# History.


class NoHistory(Refusal, frozen=True):
    """This server keeps no history."""
