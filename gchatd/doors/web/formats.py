"""How events look to browsers and scripts: as JSON, framed for WebSockets, or as a stream of lines. Knows no sockets.

Each of these is a wire format (see `delivery.formats.Format`). The JSON of an event is the event as it stands, without
where it came from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ...chat.events import Event, NotSent
from ...delivery.formats import Windowless
from ...text.cleaning import clean
from ..sentences import sentence
from ..terminal.look import Look
from .frames import close_frame, text_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...chat.answers import Answer, Welcome
    from ...errors import Refusal

encode = msgspec.json.encode

_PLAIN = Look()


def with_label(data: bytes, label: str) -> bytes:
    """Add the label of the request that it came of to a JSON object."""
    return data[:-1] + b',"label":' + encode(label) + b"}" if label else data


def event_json(event: Event) -> bytes:
    """Return an event as everybody sees it."""
    return encode(msgspec.structs.replace(event, origin=None, place=0))


def refusal_json(refusal: Refusal, label: str = "") -> bytes:
    """Return a refusal, with a sentence that says the same."""
    return with_label(encode(refusal)[:-1] + b',"sentence":' + encode(clean(sentence(refusal))) + b"}", label)


class Frames(Windowless, msgspec.Struct, frozen=True, gc=False):
    """For WebSockets: every event is a text frame, the same for all in the room, its author included."""

    compressed: bool = False

    def render(self, event: Event) -> bytes:
        return text_frame(event_json(event), self.compressed)

    def render_own(self, event: Event) -> bytes:
        label = event.origin.label if event.origin is not None else ""
        return text_frame(with_label(event_json(event), label), self.compressed)

    def render_mention(self, event: Event, name: str) -> bytes:
        return self.render(event)

    def answer(self, answer: Answer, label: str = "") -> bytes:
        """Return an answer, as it is sent."""
        return text_frame(with_label(encode(answer), label), self.compressed)

    def refuse(self, refusal: Refusal, label: str = "") -> bytes:
        return text_frame(refusal_json(refusal, label), self.compressed)

    def welcome(self, welcome: Welcome) -> bytes:
        return self.answer(welcome)

    def render_past(self, event: Event, now: int) -> bytes:
        return event_json(event)  # no frame yet: `replay` makes one for all

    def replay(self, room: str, lines: Sequence[bytes]) -> bytes:
        lines_json = b",".join(lines)
        return text_frame(b'{"answer":"replay","room":%b,"lines":[%b]}' % (encode(room), lines_json), self.compressed)

    def farewell(self, lost: bool = False) -> bytes:
        said = text_frame(encode({"answer": "farewell", "lost": lost}))
        return said + close_frame(1001, "lost touch with the other servers" if lost else "the server is shutting down")


class Followed(Windowless, msgspec.Struct, frozen=True, gc=False):
    """The base of what scripts read that follow a room."""

    def render(self, event: Event) -> bytes:
        raise NotImplementedError

    def render_own(self, event: Event) -> bytes:
        return b""

    def render_mention(self, event: Event, name: str) -> bytes:
        return self.render(event)

    def refuse(self, refusal: Refusal, label: str = "") -> bytes:
        return b""

    def welcome(self, welcome: Welcome) -> bytes:
        return b""

    def render_past(self, event: Event, now: int) -> bytes:
        return self.render(event)

    def replay(self, room: str, lines: Sequence[bytes]) -> bytes:
        return b"".join(lines)

    def farewell(self, lost: bool = False) -> bytes:
        return b""

    def ended(self, room: str) -> bytes:
        """Return the last thing that is heard of a room that is private now, or gone."""
        return b""


class Lines(Followed, frozen=True, gc=False):
    """Lines of text, as a plain terminal shows them, but for what the server says about who comes and goes."""

    def render(self, event: Event) -> bytes:
        return _PLAIN.render(event).replace(b"\r\n", b"\n")

    def farewell(self, lost: bool = False) -> bytes:
        return _PLAIN.farewell(lost).replace(b"\r\n", b"\n")

    def ended(self, room: str) -> bytes:
        return f"server: {room} is private now, or gone.\n".encode()


class JsonLines(Followed, frozen=True, gc=False):
    """A JSON object a line: https://github.com/ndjson/ndjson-spec"""

    def render(self, event: Event) -> bytes:
        return event_json(event) + b"\n"

    def farewell(self, lost: bool = False) -> bytes:
        return encode({"answer": "farewell", "lost": lost}) + b"\n"

    def ended(self, room: str) -> bytes:
        return encode({"answer": "ended", "room": room}) + b"\n"


class EventStream(Followed, frozen=True, gc=False):
    """Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

    def render(self, event: Event) -> bytes:
        number = b"id: %d\n" % event.id if event.id else b""
        return number + b"data: " + event_json(event) + b"\n\n"

    def farewell(self, lost: bool = False) -> bytes:
        return b"data: " + encode({"answer": "farewell", "lost": lost}) + b"\n\n"

    def ended(self, room: str) -> bytes:
        return b"data: " + encode({"answer": "ended", "room": room}) + b"\n\n"


class Receipts(Followed, frozen=True, gc=False):
    """For somebody who says a line in passing: nothing, unless it was not said; then a status and a sentence."""

    def render(self, event: Event) -> bytes:
        return b""

    def render_own(self, event: Event) -> bytes:
        return f"503 Not sent: {event.why}.".encode() if isinstance(event, NotSent) else b""

    def refuse(self, refusal: Refusal, label: str = "") -> bytes:
        return f"409 {clean(sentence(refusal))}".encode()


FRAMES = Frames()
COMPRESSED = Frames(compressed=True)
RECEIPTS = Receipts()
