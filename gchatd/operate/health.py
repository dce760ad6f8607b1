"""Whether this server can do what it is there for: for load balancers, and for whoever is woken up at night."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..hub import Hub
    from ..journal import Journal


class Health:
    """The verdict on a server. Pass `trouble` to whoever answers for it."""

    def __init__(self, hub: Hub, journal: Journal) -> None:
        self._hub = hub
        self._journal = journal

    def trouble(self) -> str:
        """Say in a sentence why people should not be sent here just now; nothing, if they can. Never waits."""
        if self._journal.fenced:
            return f"This server is no longer part of the chat: {self._journal.fenced}."
        if self._hub.closed:
            return "This server is shutting down."
        why = self._journal.trouble
        return f"What people say cannot be kept just now: {why}." if why else ""
