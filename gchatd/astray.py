"""What was typed for a room that could not be entered. Knows a name and the time, nothing else.

Whoever pastes `/join den` and three lines means the lines for den. If they may not enter it, the lines are on their way
already: they must not be said where their author happens to be.
"""

from __future__ import annotations

import time

QUIET_SECONDS = 0.5
"""Who types nothing for so long has read that the room was not entered: what comes then is not the rest of a paste."""

ASTRAY_SECONDS = 5.0
"""How long what somebody types is taken for the rest of a paste at most."""


class Astray:
    """Somebody who could not enter a room just now."""

    __slots__ = ("_until", "room")

    def __init__(self, room: str) -> None:
        self.room = room
        self._until = time.monotonic() + ASTRAY_SECONDS

    def is_over(self, quiet_since: float) -> bool:
        """Tell whether what comes now, after nothing had come since then (monotonic seconds), was typed later."""
        return time.monotonic() > min(quiet_since + QUIET_SECONDS, self._until)
