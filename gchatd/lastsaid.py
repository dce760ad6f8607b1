"""What somebody said last on one connection, and whether it can be changed. Knows events only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import UserError
from .events import Said
from .rooms import revise

if TYPE_CHECKING:
    from .events import Deleted, Edited

MOST_LINES = 10
"""How many of the last lines that somebody said can be changed, one after the other."""

MOST_CHARACTERS = 10_000
"""How long these may be together."""


_NOT_SENT = "What you said last was not sent, so there is nothing to change."


class LastSaid:
    """The last lines that a session said, oldest first, as they read now.

    Only what was said last counts, to whomever: an edit that was meant for a private message, or for a line that was
    not sent, must never tell everybody how it should read.
    """

    __slots__ = ("_fixed", "_lines", "_unsent")

    def __init__(self) -> None:
        self._lines: list[Said] = []
        self._fixed = ""  # why what was typed last cannot be changed
        self._unsent = False  # whether what was said last has not been heard

    def says(self) -> None:
        """Note that something is being said. Until `remember` is told that it was, there is nothing to change."""
        self._fixed, self._unsent = "", True

    def refuses(self) -> None:
        """Note that something was typed that may have been meant for others, and will not be sent."""
        self._fixed = _NOT_SENT

    def tells(self, to: str) -> None:
        """Note that something is being said to somebody alone."""
        self._fixed = f"What you said last was for {to} alone, and private messages cannot be changed."

    def remember(self, event: Said | Edited | Deleted) -> None:
        """Note what was said, or how it reads now."""
        if not isinstance(event, Said):
            revise(self._lines, event)
            return
        self._unsent = False  # what was typed since decides still: it may have overtaken this
        self._lines = [*self._lines, event][-MOST_LINES:]
        while len(self._lines) > 1 and sum(len(said.text) for said in self._lines) > MOST_CHARACTERS:
            del self._lines[0]

    def changeable(self) -> Said:
        """Give the last line that is not deleted. Raises UserError if what was said last cannot be changed."""
        if self._fixed or self._unsent:
            raise UserError(self._fixed or _NOT_SENT)
        if not self._lines:
            raise UserError("You have said nothing on this connection that could be changed.")
        return self._lines[-1]
