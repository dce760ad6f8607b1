"""What every request has, and who asks: the base of requests.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Protocol, TypeVar

import msgspec

from ...chat.answers import Answer, Person, RoomInfo
from ...errors import Refused
from ...text.cleaning import clean
from ..sentences import Sorry

if TYPE_CHECKING:
    from ...session import Session
    from ...settings import Limits
    from ...text.names import Name

Listed = TypeVar("Listed")


class Asking(Protocol):
    """Who asks, as requests see it: see link.py."""

    @property
    def session(self) -> Session: ...

    @property
    def limits(self) -> Limits: ...

    def come(self, name: Name, instead: str) -> None:
        """Come into the chat, in the place of a connection that is lost. May switch. Raises Refused."""

    def answer_a_part(self, answer: Answer, label: str) -> None:
        """Answer with more to come. Switches while the client does not read."""


Text = Annotated[str, msgspec.Meta(max_length=65536)]
Label = Annotated[str, msgspec.Meta(max_length=64)]
Id = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Count = Annotated[int, msgspec.Meta(ge=1, le=200)]

MOST_LISTED: Final = 500
"""How many people, or rooms, an answer lists: what comes in one piece must be much less than `limits.sendq`."""


def text_of(link: Asking, text: str) -> str:
    """Return a text that may have several lines, cleaned. Raises Refused for too long a one."""
    lines, size = text.split("\n"), len(text.encode(errors="replace"))
    limits = link.limits
    if size > limits.message or len(lines) > limits.paste_lines:
        most = f"at most {limits.message:,} bytes and {limits.paste_lines} lines"
        raise Refused(Sorry(f"That is too much: a message can have {most}."))
    return "\n".join(map(clean, lines))


def one_line(text: str) -> str:
    return clean(text.replace("\n", " "))


def pieces_of(listed: tuple[Listed, ...]) -> list[tuple[Listed, ...]]:
    """Cut a list into pieces of MOST_LISTED; there is at least one."""
    return [listed[at : at + MOST_LISTED] for at in range(0, len(listed), MOST_LISTED)] or [()]


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag=str.lower):
    """What a client asks for. All that comes of it carries the `label`, but for what it says: that comes to everybody
    in the same bytes.
    """

    label: Label = ""

    def perform(self, link: Asking) -> Answer | None:
        """Do what is asked for, by calling actions; return the answer, if there is one. May switch; raises Refused."""
        raise NotImplementedError


class Pong(Answer, frozen=True):
    """The connection works."""


class Goodbye(Answer, frozen=True):
    """The server hangs up, as you have asked for."""


class PeopleListed(Answer, frozen=True, tag="members"):
    """Who is in a room, by name: as many as fit; with `more`, another such answer follows."""

    room: str
    people: tuple[Person, ...]
    more: bool


class RoomsListed(Answer, frozen=True, tag="rooms"):
    """The rooms that you may enter: those you are in, then the biggest; with `more`, another such answer follows."""

    rooms: tuple[RoomInfo, ...]
    more: bool
