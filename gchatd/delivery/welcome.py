"""What you are sent when you come into a room: where you are, who is there, what was said lately."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from ..chat.answers import Welcome
from ..text import times
from ..text.names import compared

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ..chat.events import Said
    from ..chat.state import Room, User
    from .formats import Format
    from .listener import Listener

REPLAY_BYTES = 65536
"""About how much of the past is sent at most: as much as a turn brings."""

FEW = 10
"""How many people may be in a room for all of them to be named in the welcome."""

MOST_REPLAYS = 64
"""How many renderings of what was said lately are kept for the next person, 64 KB each."""

_DAYS_BEGIN_AT = 900_000  # milliseconds: somewhere a day begins at each quarter of an hour, and nowhere in between


class Welcomes:
    """Makes what people are sent. People who come into the same room and read the same format share the bytes."""

    def __init__(self) -> None:
        self._replays: OrderedDict[tuple[str, int, Format, int], bytes] = OrderedDict()

    def welcome(self, session: Listener, room: Room, greets: bool) -> bytes:
        """Return what to send a session that has just come into a room; `greets`: also where that is."""
        if not (greets or room.recent or room.topic or room.key) or session.user is None:
            return b""
        head = session.format.welcome(_welcome(session.user, room, greets))
        return head + self._replay(room, session.format, session.user.ignoring)

    def _replay(self, room: Room, format: Format, ignoring: Container[object]) -> bytes:
        """Return what was said lately in a room, in a format, without the people in `ignoring`."""
        now = times.now()
        lines: Sequence[Said] = room.recent
        if ignoring:
            lines = [one for one in lines if compared(one.name) not in ignoring and one.user not in ignoring]
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


def _welcome(user: User, room: Room, greets: bool) -> Welcome:
    if not greets:
        return Welcome(room.name, topic=room.topic, key=room.key)
    few = room.members.values() if len(room.members) <= FEW else ()
    others = tuple(str(other) for other in few if other is not user)
    return Welcome(room.name, len(room.members), others, room.topic, room.key)


def _render(events: Sequence[Said], room: Room, format: Format, now: int) -> bytes:
    lines: list[bytes] = []
    size = 0
    for event in reversed(events):
        lines.append(format.recall(event, now))
        size += len(lines[-1])
        if size > REPLAY_BYTES:
            break
    lines.reverse()
    return format.replay(room.name, lines)
