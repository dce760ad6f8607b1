"""What a wire format is. Knows events, answers and bytes; a door decides how they look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from ..chat.answers import Welcome
    from ..chat.events import Event
    from ..errors import Refusal


class Format(Protocol):
    """A wire format: a small frozen value. People with equal formats are sent the same bytes object."""

    @property
    def notices(self) -> bool:
        """Whether people are told who comes, leaves or is renamed."""

    @property
    def echo(self) -> bool:
        """Whether people see their own lines as others do; then `render_own` and `render` of an unlabelled `Said` are
        the same.
        """

    @property
    def mentions(self) -> bool:
        """Whether a line that mentions you looks different to you."""

    # Everybody's.

    def render(self, event: Event) -> bytes:
        """Return an event as its listeners see it, or nothing if they do not."""

    def frame(self, data: bytes, alert: bool = False) -> bytes:
        """Return rendered lines as they are sent; with `alert`, something new is among them."""

    def farewell(self, lost: bool = False) -> bytes:
        """Return the last thing that the server says, when it shuts down, or is `lost` to the others, as it is sent."""

    # One person's.

    def render_own(self, event: Event) -> bytes:
        """Return an event as the session that caused it sees it, or nothing if that does not."""

    def render_mention(self, event: Event, name: str) -> bytes:
        """Return an event as the person with this (compared) name sees it: it mentions them, or is for them alone."""

    def refuse(self, refusal: Refusal, label: str = "") -> bytes:
        """Return a refusal, for the session whose request had this label."""

    def welcome(self, welcome: Welcome) -> bytes:
        """Return what a newcomer to a room is told."""

    # The past.

    def render_past(self, event: Event, now: int) -> bytes:
        """Return something that was said, with its time, for people who look back now (milliseconds)."""

    def replay(self, room: str, lines: Sequence[bytes]) -> bytes:
        """Return what was said lately in a room: a headline, and these lines, which `render_past` made."""

    # Formats that share work.

    @property
    def wide(self) -> Format:
        """The same format for a window so wide that every line fits; often this one."""

    def width(self, data: bytes) -> int:
        """How many columns the widest of some lines takes."""

    def fits(self, width: int) -> bool:
        """Whether a line of this width fits the window, so that it looks as it does in the `wide` format."""

    @property
    def unstamped(self) -> Format:
        """The format that renders the same but for the `stamp`. There are few of these, so people share the work.

        `format.render(event)` is nothing, or `format.stamp(event.at) + format.unstamped.render(event)`.
        """

    def stamp(self, at: int) -> bytes:
        """Return the time that stands before a line (milliseconds since 1970): the same bytes within a second."""

    def __hash__(self) -> int: ...


class Windowless:
    """The base of formats without windows, times before lines and marked names: a web client's, a test's.

    Inherit from it, and render events, answers and refusals.
    """

    __slots__ = ()

    notices = True
    echo = True
    mentions = False

    @property
    def wide(self) -> Self:
        return self

    def width(self, data: bytes) -> int:  # noqa: ARG002  it makes no difference
        return 0

    def fits(self, width: int) -> bool:  # noqa: ARG002
        return True

    @property
    def unstamped(self) -> Self:
        return self

    def stamp(self, at: int) -> bytes:  # noqa: ARG002
        return b""

    def frame(self, data: bytes, alert: bool = False) -> bytes:  # noqa: ARG002
        return data
