"""Keeps lines that were meant for a room that you could not enter out of other rooms. Knows a name and the time only.

If you paste `/join den` and three lines, the lines are meant for den. If you may not enter it, the lines are on their
way already, and must not be said in the room where you happen to be.
"""

from __future__ import annotations

import time

QUIET_SECONDS = 0.5
"""After a pause of this length, you have read that you are not in the room: what comes now is not the paste."""

ASTRAY_SECONDS = 5.0
"""The longest time that input is taken for the rest of a paste."""


class Astray:
    """A room that somebody could not enter just now."""

    __slots__ = ("_until", "room")

    def __init__(self, room: str) -> None:
        self.room = room
        self._until = time.monotonic() + ASTRAY_SECONDS

    def is_over(self, quiet_since: float) -> bool:
        """Whether the paste is over, for input that comes now, the first since `quiet_since` (monotonic)."""
        return time.monotonic() > min(quiet_since + QUIET_SECONDS, self._until)
