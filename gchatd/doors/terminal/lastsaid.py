"""Whether the last message that somebody sent on one connection can be changed. Knows a person's last lines only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...chat.answers import CannotChange
from ...errors import Refused
from .words import sorry

if TYPE_CHECKING:
    from ...chat.events import Said
    from ...chat.state import User

_NOT_SENT = "Your last message was not sent, so there is nothing to change."


class LastSaid:
    """What became of a session's last message.

    If it was private, or was not sent, nothing can be changed: an edit that was meant for it would tell everybody what
    it should say.
    """

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = "", False
        """Why the last message cannot be changed (empty: it can), and whether one has been said that was not heard."""

    def says(self) -> None:
        """Note that something is being said. There is nothing to change until `heard` says that it was."""
        self.state = "", True

    def heard(self) -> None:
        """Note that what was being said was heard."""
        self.state = self.state[0], False  # a private message may have overtaken this one

    def refuses(self) -> None:
        """Note that something was typed that may have been meant for others, and will not be sent."""
        self.state = _NOT_SENT, self.state[1]

    def tells(self, to: str) -> None:
        """Note that a private message is being sent."""
        self.state = f"Your last message was a private one to {to}, and those cannot be changed.", self.state[1]

    def changeable(self, user: User) -> Said:
        """Return the last message that is not deleted. Raises Refused if it cannot be changed."""
        fixed, unsent = self.state
        if fixed or unsent:
            raise sorry(fixed or _NOT_SENT)
        if not user.said:
            raise Refused(CannotChange())
        return user.said[-1]
