"""Rooms and the people in them. Knows nothing of sockets or bytes.

A room is a fold over delivered events: who is in it changes when `Joined` or `Left` comes out of the journal, and at no
other time.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .events import Event
    from .fanout import Format, Listeners
    from .hub import User

LOBBY = "lobby"
"""The room where everybody starts."""


class Room:
    """One room: its name, and its members in the order they came."""

    __slots__ = ("audience", "members", "name", "recent", "replays")

    def __init__(self, name: str, replay: int = 0) -> None:
        """Make an empty room, which remembers so many of the last things said in it."""
        self.name = name
        self.recent: deque[Event] = deque(maxlen=replay)
        self.replays: dict[tuple[Format, int], bytes] = {}
        """How each format shows `recent` at a time: fan-out's to make, and unmade here when something is said."""
        self.members: dict[User, None] = {}
        self.audience: dict[Format, Listeners] | None = None
        """The members' sessions, grouped by format: fan-out's to make, and unmade here when somebody comes or goes."""

    def remember(self, event: Event) -> None:
        """Show an event to those who come in later."""
        self.recent.append(event)
        self.replays.clear()

    def enter(self, user: User) -> None:
        """Make somebody a member."""
        self.members[user] = None
        user.rooms = (*user.rooms, self)
        self.audience = None

    def leave(self, user: User) -> None:
        """Make somebody a member no more; one who never was stays none."""
        if self.members.pop(user, self) is None:
            user.rooms = tuple(room for room in user.rooms if room is not self)
            self.audience = None
