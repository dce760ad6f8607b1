"""What the server says on a terminal: a sentence for every refusal, and lines for every answer. Knows no people."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from ...chat import answers as a
from ...errors import Refusal, Refused
from ...journal import refusals as p
from ...text import times
from ...text.names import SYMBOLS, NameNotAllowed
from ...text.phrases import flowed, listed, padded, shortened, widest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ...chat.answers import Answer

LONGEST_LIST = 500
"""The most lines of a list that somebody is sent."""

_PEOPLE = 15  # columns of a mark, of how many people are in a room, and of the space between


class Sorry(Refusal, frozen=True):
    """The terminal itself cannot do something; it has the sentence ready."""

    text: str


def sorry(text: str) -> Refused:
    """Return what a command raises, with this sentence, if it cannot be done."""
    return Refused(Sorry(text))


# Refusals.


def sentence(refusal: Refusal) -> str:
    """Return the sentence for a refusal. It may quote what was typed, so clean it before you send it."""
    template = SENTENCES[type(refusal)]
    return template.format(one=refusal) if isinstance(template, str) else template(refusal)


def _name_not_allowed(refusal: NameNotAllowed) -> str:
    what = "username" if refusal.of == "user" else "room name"
    match refusal.why:
        case "empty":
            return f"A {what} cannot be empty."
        case "long":
            return f"A {what} can have at most {refusal.most} characters; that one has {refusal.length}."
        case "character":
            allowed = f"use letters, digits and {' '.join(sorted(SYMBOLS))}"
            return f"A {what} cannot contain {_describe(refusal.detail)}: {allowed}."
        case "digits":
            return f"A {what} cannot be all digits."
        case "accent":
            return f"A {what} cannot begin with an accent: it needs a letter to sit on."
        case "accents":
            return f"That {what} has too many accents on one letter."
        case "mixture":
            return f"That {what} mixes characters in a way that is not allowed ({refusal.detail})."
        case "reserved":
            return f"That {what} is reserved: {refusal.detail}."


def _describe(char: str) -> str:
    """Describe a character in words that are safe on any terminal."""
    if char == " ":
        return "a space"
    if char.isprintable() and not unicodedata.combining(char):
        return f"'{char}'"
    return f"the character U+{ord(char):04X}"


def _same_topic(refusal: a.SameTopic) -> str:
    return f"That is already the topic of {refusal.room}." if refusal.topic else f"{refusal.room} has no topic."


def _private(refusal: a.RoomIsPrivate) -> str:
    wrong = "That is not its key: ask" if refusal.wrong_key else "Ask"
    return f"{refusal.room} is private. {wrong} someone in it to /invite you."


SENTENCES: dict[type[Refusal], str | Callable[[Any], str]] = {
    Sorry: "{one.text}",
    NameNotAllowed: _name_not_allowed,
    a.NobodyCalled: "Nobody here is called {one.name}.",
    a.NoSuchRoom: "There is no room called {one.room}. For a list: /rooms",
    a.TooLongForName: "That is too long to be a name.",
    a.NotHere: "You are not in the chat.",
    a.AlreadyHere: "You are in the chat already.",
    a.UserLeft: "{one.name} has left.",
    a.NotDelivered: "Not sent: {one.name} has left.",
    a.ThatIsYou: "That is you.",
    a.NameTaken: "That username is taken: {one.name}.",
    a.SameName: "Your username is {one.name}.",
    a.NothingSaid: "There is nothing to send.",
    a.CannotChange: "You have no message that you can change.",
    a.TooLateToChange: "Your last message is more than {one.minutes} minutes old: too late to change it.",
    a.SameText: "It already reads like that.",
    a.DiskBehind: "Not sent: the server's disk cannot keep up. Try again later.",
    a.Flooding: "You send too much. Nothing of it is handled for {one.seconds} seconds; then it goes on.",
    a.NoNameYet: lambda refusal: f"There was no username for {times.duration(refusal.seconds)}. Goodbye.",
    a.IdleTooLong: lambda refusal: f"You typed nothing for {times.duration(refusal.seconds)}. Goodbye.",
    a.OthersOutOfReach: "The server has lost touch with the others and cannot give out names. Try again in a moment.",
    a.ShuttingDown: "Not sent: the server is shutting down.",
    a.NotInRoom: "You are not in {one.room}.",
    a.AlreadyInRoom: "You are now talking in {one.room}.",  # it is the current room from now on
    a.RoomIsPrivate: _private,
    a.RoomHasNoKey: "{one.room} is not private and has no key. To join it: /join {one.room}",
    a.NoSuchPrivateRoom: "There is no private room called {one.room}. To create a room of that name: /join {one.room}",
    a.TooManyRooms: "This server can have {one.most:,} rooms, and there are people in all of them.",
    a.TooManyJoined: "You are in {one.most} rooms, and that is the limit. Leave one first: /leave ROOM",
    a.SameTopic: _same_topic,
    a.TooLong: "A {one.what} can have at most {one.most} characters; that one has {one.length}.",
    a.AlreadyPrivate: "{one.room} is already private.",
    a.AlwaysPublic: "{one.room} is open to everyone. Create a room of your own first: /join ROOM",
    a.NotFounder: "Only the person who created {one.room}, and has not left it since, can make it private.",
    a.AlreadyMember: "{one.name} is already in {one.room}.",
    a.NotAway: "You are not away.",
    a.AlreadyIgnoring: "You are already ignoring {one.name}.",
    a.NotIgnoring: "You are not ignoring {one.name}.",
    a.TooManyIgnored: "You are ignoring {one.most} people, and that is the limit. "
    "Stop ignoring one first: /unignore NAME",
    a.NoHistory: "This server keeps no history.",
    p.HistoryUnreadable: "History cannot be read: {one.why}.",
    p.SearchTooSlow: "That search takes too long. Try a rarer word.",
    p.NothingToSearchFor: "There is no word to search for in: {one.words}",
    p.TooManyWords: "Search for at most {one.most} words.",
    p.TooManySearches: "Many people are searching just now. Try again in a moment.",
}
"""By the kind of refusal: a sentence, with the refusal's fields in braces; or a function that makes it."""


# Answers.


def lines(answer: Answer, width: int, moment: Callable[[int, int], str], current: str) -> Iterable[str]:
    """Return an answer in lines of `width` columns, for somebody whose current room is called `current`.

    `moment(at, now)` puts a moment into words for somebody who reads it now (milliseconds since 1970).
    """
    match answer:
        case a.Members(room, people):
            names = [f"{person.name} (away)" if person.away else person.name for person in people]
            return _capped(flowed(f"{len(names)} in {room}:", names, width), len(names))
        case a.Rooms(rooms):
            return _rooms(rooms, width, current)
        case a.Topic(room, topic):
            return [f"The topic of {room} is: {topic}" if topic else f"{room} has no topic."]
        case a.Whois():
            return _whois(answer, width, moment)
        case a.Ignoring(names=names):
            return flowed("You are ignoring:", [*names], width) if names else ["You are not ignoring anyone."]
        case a.IsAway(name, reason):
            return [_is_away(name, reason)]
    return _of_the_server(answer, width)


def _of_the_server(answer: Answer, width: int) -> Iterable[str]:
    match answer:
        case a.Uptime(seconds, people):
            here = f"{people:,} {'person is' if people == 1 else 'people are'} here."
            return [f"The server has been up for {times.duration(seconds)}. {here}"]
        case a.Version(version):
            return [f"gchat {version}"]
        case a.Nodes(nodes, figures):
            return _nodes(nodes, figures, width)
        case a.Motd(text):
            return text or ["There is no message of the day."]
    raise TypeError(f"no words for {type(answer).__name__}")


def may_be_long(answer: Answer) -> bool:
    """Return whether an answer is a list, which is sent a page at a time."""
    return isinstance(answer, (a.Members, a.Rooms, a.Ignoring, a.Motd, a.Nodes)) or (
        isinstance(answer, a.Whois) and bool(answer.shared)
    )


def _is_away(name: str, reason: str) -> str:
    return f"{name} is away{': ' if reason else '.'}{reason}"


def _whois(answer: a.Whois, width: int, moment: Callable[[int, int], str]) -> Iterator[str]:
    name, here = answer.name, answer.now - answer.since
    yield f"{name} has been here since {moment(answer.since, answer.now)} ({times.duration(here / 1000)})."
    if answer.idle is not None:
        yield f"{name} last typed something {times.duration(answer.idle / 1000)} ago."
    if answer.away is not None:
        yield _is_away(name, answer.away)
    if answer.shared:
        yield from flowed("You are both in:", [*answer.shared], width)
    elif not answer.you:
        yield f"You have no room in common with {name}."


def _rooms(rooms: tuple[a.RoomInfo, ...], width: int, current: str) -> Iterator[str]:
    """List the rooms, the current one first."""
    ordered = sorted(rooms, key=lambda room: room.name != current)
    name_width = min(widest(room.name for room in ordered[:LONGEST_LIST]), width - _PEOPLE)  # so that all show people
    yield (
        f"{len(rooms):,} rooms (> your current room, * others you are in):"
        if len(rooms) != 1
        else ("There is one room:")
    )
    yield from _capped((_row(room, name_width, width, current) for room in ordered), len(ordered))


def _row(room: a.RoomInfo, name_width: int, width: int, current: str) -> str:
    mark = ">" if room.name == current else "*" if room.joined else " "
    people = "nobody" if not room.people else "1 person" if room.people == 1 else f"{room.people} people"
    topic = f"{'(private) ' if room.private else ''}{room.topic}"
    return shortened(f"{mark} {padded(room.name, name_width)}  {people:11} {topic}".rstrip(), width)


def _nodes(nodes: tuple[a.NodeInfo, ...], figures: a.Figures | None, width: int) -> Iterator[str]:
    if not nodes or figures is None:
        yield "This chat runs on one server, this one."
        return
    yield f"{len(nodes)} servers (> the one you are connected to):" if len(nodes) != 1 else "There is one server:"
    name_width = min(widest(node.name for node in nodes), width - _PEOPLE)
    for node in nodes:
        people = "nobody" if not node.people else "1 person" if node.people == 1 else f"{node.people:,} people"
        starting = "" if node.ready else ", starting"
        lease = "" if node.lease is None else f", heard of for another {max(0, node.lease) / 1000:.0f} s"
        row = f"{'>' if node.you else ' '} {padded(node.name, name_width)}  {people}{starting}{lease}"
        yield shortened(row, width)
    missing = max(0, figures.last - figures.place)
    behind = f"{missing:,} events behind" if missing else "up to date"
    yield f"This one has read to place {figures.place}, {behind}. The last event was {figures.age} ms old then."
    yield f"To append something takes {figures.batch:.1f} ms."


def _capped(lines: Iterable[str], count: int) -> Iterator[str]:
    """Yield at most LONGEST_LIST of these lines, then, if there are more, one that says how many there are in all."""
    for index, line in enumerate(lines):
        if index == LONGEST_LIST:
            yield f"... and more ({count:,} in all)."
            return
        yield line


def welcome(answer: a.Welcome) -> Iterator[str]:
    """Yield what a newcomer to a room is told."""
    if answer.people:
        many = "alone" if answer.people == 1 else f"with {answer.people - 1:,} others"
        yield f"You are in {answer.room}{f' with {listed(answer.others)}' if answer.others else f', {many}'}."
    if answer.topic:
        yield f"The topic of {answer.room} is: {answer.topic}"
    if answer.key:
        yield f"{answer.room} is private. To come back: /join {answer.room} {answer.key}"
