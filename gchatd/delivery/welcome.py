"""What you are shown when you come into a room: where you are, who is there, what was said lately."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from ..text import times
from ..text.names import compared
from ..text.phrases import listed

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ..chat.events import Said
    from ..chat.rooms import Room
    from ..session import Session
    from .formats import Format

REPLAY_BYTES = 65536
"""About how much of the past is shown at most: as much as a turn brings."""

FEW = 10
"""How many people may be in a room for all of them to be named in the greeting."""

MOST_REPLAYS = 64
"""How many renderings of what was said lately are kept for the next person, 64 KB each."""

_DAYS_BEGIN_AT = 900_000  # milliseconds: somewhere a day begins at each quarter of an hour, and nowhere in between


class Welcomes:
    """Makes what people are shown. People who come into the same room and read the same format share the bytes."""

    def __init__(self) -> None:
        self._replays: OrderedDict[tuple[str, int, Format, int], bytes] = OrderedDict()

    def welcome(self, session: Session, room: Room, greets: bool) -> bytes:
        """Return what to show a session that has just come into a room; `greets`: also where that is."""
        if not (greets or room.recent or room.topic or room.key):
            return b""
        notices = [_greeting(session, room)] if greets else []
        if room.topic:
            notices.append(f"The topic of {room.name} is: {room.topic}")
        if room.private:
            notices.append(f"{room.name} is private. To come back: /join {room.name} {room.key}")
        ignoring = session.user.ignoring if session.user is not None else {}
        return b"".join(map(session.format.notice, notices)) + self._replay(room, session.format, ignoring)

    def _replay(self, room: Room, format: Format, ignoring: Container[object]) -> bytes:
        """Return what was said lately in a room, in a format, without the people in `ignoring`."""
        now = times.now()
        lines = [event for event in room.recent if compared(event.name) not in ignoring] if ignoring else room.recent
        if not lines:
            return b""
        if len(lines) < len(room.recent):
            return _render(lines, room, format, now)
        key = room.name, room.version, format, now // _DAYS_BEGIN_AT
        replay = self._replays.pop(key, None) or _render(lines, room, format, now)
        self._replays[key] = replay  # the last one used is the last one to go
        if len(self._replays) > MOST_REPLAYS:
            self._replays.popitem(last=False)
        return replay


def _greeting(session: Session, room: Room) -> str:
    others = [str(user) for user in room.members if user is not session.user] if len(room.members) <= FEW else []
    if others:
        return f"You are in {room.name} with {listed(others)}."
    return f"You are in {room.name}, {'alone' if len(room.members) == 1 else f'with {len(room.members) - 1:,} others'}."


def _render(events: Sequence[Said], room: Room, format: Format, now: int) -> bytes:
    lines: list[bytes] = []
    size = 0
    for event in reversed(events):
        lines.append(format.recall(event, now))
        size += len(lines[-1])
        if size > REPLAY_BYTES:
            break
    lines.reverse()
    which = f"last {len(lines)} lines" if len(lines) > 1 else "last line"
    head = format.notice(f"The {which} in {room.name}, times in {format.zone}:")
    return b"".join([head, *lines, format.notice("What follows is live.")])
