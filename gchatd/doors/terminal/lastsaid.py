"""The last messages that somebody sent on one connection, and whether they can be changed. Knows events only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...chat.events import Said
from ...chat.rooms import revise
from ...errors import UserError

if TYPE_CHECKING:
    from ...chat.events import Deleted, Edited

MOST_LINES = 10
"""How many of your last messages you can change, the newest first."""

MOST_CHARACTERS = 10_000
"""How long these may be in all, more or less."""


_NOT_SENT = "Your last message was not sent, so there is nothing to change."


class LastSaid:
    """A session's last messages, oldest first, as they read now.

    If the very last one was private, or was not sent, nothing can be changed: an edit that was meant for it would tell
    everybody what it should say.
    """

    __slots__ = ("_fixed", "_lines", "_unsent")

    def __init__(self) -> None:
        self._lines: list[Said] = []
        self._fixed = ""  # why the last message cannot be changed
        self._unsent = False  # whether it has not been heard

    def says(self) -> None:
        """Note that something is being said. There is nothing to change until `remember` says that it was."""
        self._fixed, self._unsent = "", True

    def refuses(self) -> None:
        """Note that something was typed that may have been meant for others, and will not be sent."""
        self._fixed = _NOT_SENT

    def tells(self, to: str) -> None:
        """Note that a private message is being sent."""
        self._fixed = f"Your last message was a private one to {to}, and those cannot be changed."

    def remember(self, event: Said | Edited | Deleted) -> None:
        """Note what was said, or how it reads now."""
        if not isinstance(event, Said):
            revise(self._lines, event)
            return
        self._unsent = False  # `_fixed` stays: a private message may have overtaken this one
        lines = self._lines
        lines.append(event)
        if len(lines) > MOST_LINES:
            del lines[0]
        if len(event.text) > MOST_CHARACTERS // MOST_LINES:
            while len(lines) > 1 and sum(len(said.text) for said in lines) > MOST_CHARACTERS:
                del lines[0]

    def changeable(self) -> Said:
        """Return the last message that is not deleted. Raises UserError if it cannot be changed."""
        if self._fixed or self._unsent:
            raise UserError(self._fixed or _NOT_SENT)
        if not self._lines:
            raise UserError("You have no message that you can change.")
        return self._lines[-1]
