"""What a session needs of its door: requests in, answers out. Knows no sockets and no sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .chat.answers import Answer
    from .chat.folding import Outcome
    from .delivery.formats import Format
    from .delivery.outbox import Outbox
    from .errors import Refusal


class Request(msgspec.Struct, frozen=True, gc=False):
    """What a client asked for in one go, as its door reads it. What comes of it carries the label."""

    text: str
    label: str = ""


class Link(Protocol):
    """A connection, as its door sees it. Its methods do not switch, unless they say so."""

    @property
    def outbox(self) -> Outbox:
        """The way to this client."""

    @property
    def door(self) -> str:
        """Which door it is, in a word: `terminal`."""

    @property
    def format(self) -> Format:
        """What this client reads."""

    def format_in(self, room: str) -> Format:
        """What this client reads of a room: mostly its `format`."""

    def open(self, session: Any) -> None:
        """Belong to a session from now on. (Any: session.py imports this file, not the other way round.)"""

    def greet(self) -> None:
        """Tell a new client what to do first."""

    def wait(self) -> None:
        """Wait until there is something to read. Switches; never for longer than the client lives."""

    def read(self) -> Sequence[Request] | None:
        """Return what the client has asked for meanwhile (None: it is gone). Never waits."""

    def perform(self, request: Request) -> Answer | None:
        """Do what a request asks for, by calling actions. Raises Refused. May switch."""

    def answer(self, answer: Answer, label: str) -> None:
        """Tell the client the answer to a request with this label."""

    def refuse(self, refusal: Refusal, label: str) -> None:
        """Tell the client why a request with this label cannot be done."""

    def send_answers(self) -> None:
        """Send what the client has been told, if that was only gathered so far."""

    def wait_for_reader(self) -> None:
        """Wait for a client that asks for more than it reads. Switches then."""

    def happened(self, outcome: Outcome) -> None:
        """Note what came of something that this client did. See `delivery.listener.Listener`."""

    def close(self) -> None:
        """Leave the client as it was found, and drop the session, so that no reference cycle is left. May switch."""

    @property
    def refused(self) -> str:
        """Why the client was turned away, for the log. Empty for most."""

    def state(self) -> dict[str, Any]:
        """Write down what the door knows of the client, as values that JSON can hold."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from this state, which another link wrote down. The session has its user already, if any."""

    def __str__(self) -> str:
        """Where the client is, for the log: `telnet 127.0.0.3:51422`, `telnet+tls 127.0.0.3:51422`."""
