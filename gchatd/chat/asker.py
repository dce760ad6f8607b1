"""Who asks, as actions see it, and the history that they can look into. Interfaces only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..text.names import Name
    from .answers import Figures
    from .events import Deleted, Edited, Event, Said
    from .state import Room, State, User


class Page(Protocol):
    """Lines of the past, oldest first (of a search: newest first); `more` says that there are others.

    What comes after a line has with it the `changes` to the lines up to that one.
    """

    @property
    def lines(self) -> Sequence[Said]: ...

    @property
    def more(self) -> bool: ...

    @property
    def changes(self) -> Sequence[Edited | Deleted]: ...


class Library(Protocol):
    """History, as actions see it. Each method switches until the answer is there, and may raise Refused."""

    def last(self, room: str, count: int) -> Page: ...

    def before_line(self, room: str, count: int, id: int) -> Page: ...

    def before(self, room: str, count: int, at: int) -> Page: ...

    def after_line(self, room: str, count: int, id: int) -> Page: ...

    def search(self, room: str, words: str, count: int) -> Page: ...


class Asker(Protocol):
    """Who asks: a user who is here, through one of their sessions."""

    @property
    def me(self) -> User:
        """The user. Raises Refused (NotHere) if they have not come in. May switch until they have."""

    @property
    def chat(self) -> State:
        """Who is here, and which rooms there are."""

    @property
    def library(self) -> Library:
        """The history, with all that was said so far in it. Raises Refused (NoHistory). Switches for a moment."""

    @property
    def motd(self) -> Sequence[str]: ...

    @property
    def up_seconds(self) -> float:
        """How long the server has been up."""

    @property
    def figures(self) -> Figures | None:
        """How this server keeps up with the others; None: it is the only one."""

    def here_seconds(self, user: User) -> float | None:
        """How long a user has been here, whatever was done to the clock; None if they are connected elsewhere."""

    def idle_seconds(self, user: User) -> float | None:
        """How long ago a user last typed something; None if they are connected elsewhere."""

    def recall(self, name: Name) -> Room | None:
        """Return the room of this name, brought back from history if need be. Switches then.

        Raises Refused if history cannot be read.
        """

    def expects_much(self) -> None:
        """Wait, if the asker has asked many expensive questions lately. May switch."""

    def catch_up(self) -> None:
        """Wait until history has all that has been heard so far, though not for long. Switches then."""

    def settle(self) -> None:
        """Give what was done through this session so far a moment to take effect. Switches, unless it has."""

    def wait_for_effect(self) -> object:
        """Wait until what was done through this session so far has taken effect. Switches, unless it has."""

    def does(self, event: Event) -> None:
        """Broadcast an event in the name of this user. May switch, while too much is undelivered.

        Raises Refused if the rules do not allow it, or if it cannot be sent.
        """

    def claims(self, name: Name) -> None:
        """Change the user's name. May switch. Raises Refused if it is taken."""
