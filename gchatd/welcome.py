"""What somebody is shown who comes into a room: where they are, who is there, what was said lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import times
from .names import compared

if TYPE_CHECKING:
    from collections.abc import Collection

    from .formats import Format
    from .rooms import Room
    from .session import Session

REPLAY_BYTES = 65536
"""How much of the past is shown at most, more or less: as much as a turn brings."""

FEW = 10
"""How many people in a room are greeted by name."""

_DAYS_BEGIN_AT = 900_000  # milliseconds: somewhere a day begins at each quarter of an hour, and nowhere in between
_MOST_REPLAYS = 100  # kept for a room, each for a format and a quarter of an hour


def welcome(session: Session, room: Room, greets: bool) -> bytes:
    """Give what a session is shown that came into a room just now; without `greets` it need not be told where it is."""
    notices = [_greeting(session, room)] if greets else []
    if room.topic:
        notices.append(f"The topic of {room.name} is: {room.topic}")
    if room.private:
        notices.append(f"{room.name} is private. To come back: /join {room.name} {room.key}")
    ignoring = session.user.ignoring if session.user is not None else frozenset()
    return b"".join(map(session.format.notice, notices)) + _replay(room, session.format, ignoring)


def _greeting(session: Session, room: Room) -> str:
    others = [str(user) for user in room.members if user is not session.user] if len(room.members) <= FEW else []
    if others:
        return f"You are in {room.name} with {listed(others)}."
    return f"You are in {room.name}, {'alone' if len(room.members) == 1 else f'with {len(room.members) - 1:,} others'}."


def listed(words: list[str]) -> str:
    """Give words as one says them: Ann, Bob and Carl."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _replay(room: Room, format: Format, ignoring: Collection[str]) -> bytes:
    """Give what was said lately in a room, as a format shows it, but for whom one ignores."""
    if not room.recent:
        return b""
    now = times.now()
    if any(compared(event.name) in ignoring for event in room.recent) if ignoring else False:
        return _render(room, format, ignoring, now)
    key = format, now // _DAYS_BEGIN_AT
    if key not in room.replays:
        if len(room.replays) > _MOST_REPLAYS:
            room.replays.clear()
        room.replays[key] = _render(room, format, (), now)
    return room.replays[key]


def _render(room: Room, format: Format, ignoring: Collection[str], now: int) -> bytes:
    lines: list[bytes] = []
    size = 0
    for event in reversed(room.recent):
        if compared(event.name) not in ignoring:
            lines.append(format.recall(event, now))
            size += len(lines[-1])
            if size > REPLAY_BYTES:
                break
    lines.reverse()
    if not lines:
        return b""
    head = format.notice(f"The last {len(lines)} lines in {room.name}, times in {format.zone}:")
    return b"".join([head, *lines, format.notice("From here on it is live.")])
