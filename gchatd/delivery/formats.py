"""What a wire format is, for everybody but doors. Knows events and bytes; a door decides how they look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..chat.events import Event


class Format(Protocol):
    """A wire format: a small frozen value. People with equal formats are sent the same bytes object.

    What commands change of it are the fields of `doors.look.Look`.
    """

    @property
    def notices(self) -> bool:
        """Whether comings and goings are shown."""
        ...

    @property
    def theme(self) -> str: ...

    @property
    def time(self) -> str: ...

    @property
    def offset(self) -> int: ...

    @property
    def bell(self) -> str: ...

    @property
    def reader(self) -> bool:
        """Whether it is for a screen reader, with none of theme, time and bell."""
        ...

    @property
    def echo(self) -> bool:
        """Whether people see their own lines like everybody else's."""
        ...

    @property
    def elsewhere(self) -> Format:
        """The format in which the same person sees what happens in a room that is not their current one."""
        ...

    @property
    def wide(self) -> Format:
        """The same format for a window so wide that every line fits; often this one."""
        ...

    def width(self, data: bytes) -> int:
        """How many columns the widest of some lines takes."""
        ...

    def fits(self, width: int) -> bool:
        """Whether a line of so many columns looks as it does in the `wide` format, being no wider than the window."""
        ...

    @property
    def unstamped(self) -> Format:
        """The format that renders the same without the `stamp`; there are few of these, so people share the work.

        `format.render(event)` is nothing, or `format.stamp(event.at) + format.unstamped.render(event)`.
        """
        ...

    def stamp(self, at: int) -> bytes:
        """Return the time shown before a line (milliseconds since 1970): the same bytes within a second."""
        ...

    @property
    def mentions(self) -> bool:
        """Whether a line that mentions you looks different to you."""
        ...

    @property
    def zone(self) -> str:
        """What the times that are shown are in, such as `UTC`."""
        ...

    def render(self, event: Event) -> bytes:
        """Give an event as its listeners see it, or nothing if they do not."""
        ...

    def render_own(self, event: Event) -> bytes:
        """Give an event as the one sees it who caused it, or nothing if they do not."""
        ...

    def render_mention(self, event: Event, name: str) -> bytes:
        """Give an event as somebody sees it whom it names, or is for: by this name, as names are compared."""
        ...

    def recall(self, event: Event, now: int) -> bytes:
        """Give something that was said as those who look back, now (milliseconds), see it, with its time."""
        ...

    def moment(self, at: int, now: int) -> str:
        """Give a moment as somebody reads it now (both in milliseconds since 1970), zone and all."""
        ...

    def frame(self, data: bytes, alert: bool = False) -> bytes:
        """Give whole lines as they are sent; with `alert` there is something new among them."""
        ...

    def farewell(self, text: str) -> bytes:
        """Give the last thing that the server says to somebody, as it is sent."""
        ...

    def notice(self, text: str) -> bytes:
        """Give what the server itself says to one person."""
        ...

    def __hash__(self) -> int: ...
