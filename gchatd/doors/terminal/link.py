"""What a door gives a session: the connection, as lines. Knows no sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...delivery.formats import Format
    from ...delivery.outbox import Outbox
    from ...wire.lineedit import Complete


class Link(Protocol):
    """A connection. Its methods do not switch, unless they say so."""

    outbox: Outbox

    @property
    def format(self) -> Format:
        """How things look to this client."""
        ...

    @property
    def height(self) -> int:
        """How many rows the client's window shows, 0 if that is not known."""
        ...

    @property
    def width(self) -> int:
        """How many columns the client's window shows, 0 if that is not known."""
        ...

    def wait(self) -> None:
        """Wait until there is something to read. Switches; never for longer than the client lives."""
        ...

    def read(self, complete: Complete) -> Sequence[str] | None:
        """Give the lines that the client has finished (None: it is gone). Never waits; `format` may have changed.

        A line is as it was typed, not cleaned yet; `TOO_LONG` from `wire.text` stands for one that was dropped. A LF is
        in it only where a message has several lines.
        """
        ...

    def take_held(self) -> bytes:
        """Give what is to be sent along with the next answer."""
        ...

    @property
    def refused(self) -> str:
        """Why the client was turned away, for the log. Empty for most."""
        ...

    def name_room(self, room: str) -> None:
        """Name a room in the prompt, if there is one; an empty name removes it. Never waits."""
        ...

    def clear(self) -> bool:
        """Clear the client's screen. Returns whether that was possible."""
        ...

    def restyle(self, **changes: Any) -> None:
        """Change how things look: see the `format`."""
        ...

    def be_plain(self) -> None:
        """Let the client show what its user types, and send lines."""
        ...

    def be_rich(self) -> None:
        """Ask the client to send every key."""
        ...

    def close(self) -> None:
        """Leave the client's terminal as it was found."""
        ...

    def __str__(self) -> str:
        """Where the client is, for the log: `telnet 127.0.0.3:51422`."""
        ...
