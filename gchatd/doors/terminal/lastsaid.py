"""Whether the last message that somebody typed at a terminal can be changed. Knows a person's last lines only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...chat.answers import CannotChange
from ...errors import Refused
from ..sentences import sorry

if TYPE_CHECKING:
    from ...chat.events import Said
    from ...chat.state import User

_NOT_SENT = "Your last message was not sent, so there is nothing to change."


class LastSaid:
    """What became of the last message typed at a terminal.

    If it was private, or was not sent, nothing can be changed: an edit that was meant for it would tell everybody what
    it should say.
    """

    __slots__ = ("fixed", "text")

    def __init__(self) -> None:
        self.fixed = ""
        """Why the last message cannot be changed; empty if it can."""
        self.text: str | None = None
        """What it says, until it is known to have been heard."""

    def says(self, text: str) -> None:
        """Note that something is being said. There is nothing to change until it is heard."""
        self.fixed, self.text = "", text

    def refuses(self) -> None:
        """Note that something will not be sent that may have been meant for others."""
        self.fixed = _NOT_SENT

    def tells(self, to: str) -> None:
        """Note that a private message is being sent."""
        self.fixed = f"Your last message was a private one to {to}, and those cannot be changed."

    def changeable(self, user: User) -> Said:
        """Return the user's last message that is not deleted, once all that they said has been heard.

        Raises Refused if it cannot be changed.
        """
        last = user.said[-1] if user.said else None
        if self.text is not None and not self.fixed and (last is None or last.text != self.text):
            self.fixed = _NOT_SENT
        if self.fixed:
            raise sorry(self.fixed)
        self.text = None
        if last is None:
            raise Refused(CannotChange())
        return last
