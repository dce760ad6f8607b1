"""What delivery knows of a session, which it calls a listener: its user, the format it reads, and its outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..chat.folding import Outcome
    from ..chat.state import Room, User
    from .formats import Format
    from .outbox import Outbox


class Listener(Protocol):
    """A session, as delivery sees it. None of its methods switches."""

    id: int
    """Its own among the sessions of this run; never used again."""

    user: User | None
    """Whom it speaks for, once they have arrived."""

    @property
    def format(self) -> Format: ...

    outbox: Outbox

    came_at: float
    """When its user came (monotonic)."""

    active_at: float
    """When its user last asked for something (monotonic)."""

    unheard: int
    """How many events that it broadcast have not taken effect yet. Fan-out counts them down."""

    @property
    def door(self) -> str:
        """What its client came through: `terminal`."""

    told_by: tuple[int, str] | None
    """Who told this user something last, and what they were called then."""

    def format_in(self, room: str) -> Format:
        """Return the format in which it reads what happens in a room."""

    def happened(self, outcome: Outcome) -> None:
        """Note what came of something that it did, before anybody hears of it. Not called for what it said."""

    def owes(self, owed: tuple[float, float, float]) -> None:
        """Set how much it has asked for lately: see `Intake`."""

    def wait_no_more(self) -> None:
        """Stop waiting: what it did has taken effect, or never will."""


class Visitor(Listener, Protocol):
    """Somebody who listens to a room without being in it, and has no user."""

    def last_words(self, room: Room) -> bytes:
        """Return the last thing that it hears of a room: that it is private now, or gone."""

    def go(self) -> None:
        """Go, once all that was sent has been read: it hears nothing any more."""

    def __hash__(self) -> int: ...
