"""What the server answers on a terminal, in lines. (For refusals, see ../sentences.py.) Knows no people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...chat import answers as a
from ...text import times
from ...text.phrases import flowed, listed, padded, shortened, widest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ...chat.answers import Answer

LONGEST_LIST = 500
"""The most lines of a list that somebody is sent."""

_PEOPLE = 15  # columns of a mark, of how many people are in a room, and of the space between


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
