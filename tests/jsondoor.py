"""A door that speaks JSON, one object a line: what the seam between doors and the rest has to serve beside a terminal.

    {"do": "say", "room": "den", "text": "hello", "label": "7"}
    {"event": "said", "room": "den", "user": 12, "name": "Ann", "id": 3, "at": 1790000000000, "text": "hello",
     "label": "7"}

The second of these is what Ann is told; others are told the same without the label. There is no sentence in here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from gchatd.chat import actions
from gchatd.chat.actions import find_line, find_own_room, find_room, find_user
from gchatd.delivery.formats import Windowless
from gchatd.delivery.outbox import Outbox
from gchatd.delivery.transport import PlainTransport
from gchatd.errors import Refusal, Refused
from gchatd.link import Request
from gchatd.session import Session
from gchatd.text.cleaning import clean
from gchatd.text.names import parse_name, parse_room

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gchatd.chat.answers import Answer, Welcome
    from gchatd.chat.events import Event
    from gchatd.chat.folding import Outcome
    from gchatd.delivery.outbox import SlowReaders
    from gchatd.delivery.sessions import Sessions
    from gchatd.delivery.transport import Socket
    from gchatd.hub import Hub
    from gchatd.settings import Limits

_CHUNK = 4096  # bytes taken from one client before the others have their turn
_PAGE = 8192  # bytes that may wait for a client before it is asked what else it wants

_SEVERAL_LINES = {"say", "tell", "edit"}  # what can have them; elsewhere they would look like other people's lines

encode = msgspec.json.encode


class Malformed(Refusal, frozen=True):
    """What came is no request: too long a line, no JSON object of the right types, or nothing that one can do."""

    why: Literal["long", "object", "do"]


def line(value: object, label: str = "") -> bytes:
    """Return a value as a line, with the label of the request of which it came."""
    data = encode(value)
    return data[:-1] + b',"label":' + encode(label) + b"}\n" if label else data + b"\n"


class JsonFormat(Windowless, msgspec.Struct, frozen=True, gc=False):
    """A wire format: see `formats.Format`."""

    def render(self, event: Event) -> bytes:
        return line(_for_others(event))

    def render_own(self, event: Event) -> bytes:
        return line(_for_others(event), event.origin.label if event.origin is not None else "")

    def render_mention(self, event: Event, name: str) -> bytes:
        return self.render(event)

    def refuse(self, refusal: Refusal, label: str = "") -> bytes:
        return line(refusal, label)

    def welcome(self, welcome: Welcome) -> bytes:
        return line(welcome)

    def render_past(self, event: Event, now: int) -> bytes:
        return self.render(event)

    def replay(self, room: str, lines: Sequence[bytes]) -> bytes:
        return b'{"replay":' + encode(room) + b',"lines":[' + b",".join(one[:-1] for one in lines) + b"]}\n"

    def farewell(self, lost: bool = False) -> bytes:
        return line({"farewell": True, "lost": lost} if lost else {"farewell": True})


def _for_others(event: Event) -> Event:
    """Leave out where an event came from."""
    return msgspec.structs.replace(event, origin=None, place=0)


JSON = JsonFormat()


class Labelled(msgspec.Struct):
    """What is read of a request before it is done."""

    label: str = ""


class Ask(msgspec.Struct):
    """A request. What it leaves out is empty."""

    do: str
    name: str = ""
    room: str = ""
    key: str = ""
    text: str = ""
    action: bool = False
    line: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] = 0
    count: Annotated[int, msgspec.Meta(gt=-(2**53), lt=2**53)] = 20
    before: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] | None = None


DO: dict[str, Callable[[Session, Ask], Answer | None]] = {
    "come": lambda me, ask: me.arrive(parse_name(ask.name)),
    "quit": lambda me, ask: me.quit(ask.text),
    "say": lambda me, ask: actions.say(me, find_own_room(me, ask.room), ask.text, ask.action),
    "tell": lambda me, ask: actions.tell(me, find_user(me, ask.name), ask.text),
    "edit": lambda me, ask: actions.edit(me, find_line(me, ask.line), ask.text),
    "delete": lambda me, ask: actions.delete(me, find_line(me, ask.line)),
    "join": lambda me, ask: actions.join(me, parse_room(ask.room), ask.key),
    "leave": lambda me, ask: actions.leave(me, find_own_room(me, ask.room)),
    "rooms": lambda me, ask: actions.rooms(me),
    "names": lambda me, ask: actions.members(me, find_room(me, ask.room)),
    "topic": lambda me, ask: actions.topic(me, find_room(me, ask.room)),
    "set topic": lambda me, ask: actions.set_topic(me, find_own_room(me, ask.room), ask.text),
    "make private": lambda me, ask: actions.make_private(me, find_own_room(me, ask.room)),
    "invite": lambda me, ask: actions.invite(me, find_user(me, ask.name), find_own_room(me, ask.room)),
    "rename": lambda me, ask: actions.rename(me, parse_name(ask.name)),
    "whois": lambda me, ask: actions.whois(me, find_user(me, ask.name)),
    "away": lambda me, ask: actions.go_away(me, ask.text),
    "back": lambda me, ask: actions.come_back(me),
    "ignore": lambda me, ask: actions.ignore(me, parse_name(ask.name)),
    "unignore": lambda me, ask: actions.stop_ignoring(me, parse_name(ask.name)),
    "ignoring": lambda me, ask: actions.ignoring(me),
    "history": lambda me, ask: actions.history(me, find_own_room(me, ask.room), ask.count, ask.line, ask.before),
    "search": lambda me, ask: actions.search(me, find_own_room(me, ask.room), ask.text, ask.count),
    "motd": lambda me, ask: actions.motd(me),
    "uptime": lambda me, ask: actions.uptime(me),
    "version": lambda me, ask: actions.version(me),
}


class JsonLink:
    """The link of a session whose client speaks JSON: see `link.Link`."""

    format = JSON
    refused = ""

    def __init__(self, outbox: Outbox, limits: Limits, where: str) -> None:
        self.outbox = outbox
        self._limits = limits
        self._where = where
        self._unfinished = b""

    def __str__(self) -> str:
        return self._where

    def format_in(self, room: str) -> JsonFormat:
        return JSON

    def open(self, session: Session) -> None:
        self.session = session

    def close(self) -> None:
        del self.session

    def greet(self) -> None: ...

    def send_answers(self) -> None: ...

    def happened(self, outcome: Outcome) -> None: ...

    def state(self) -> dict[str, Any]:
        return {"unfinished": self._unfinished.decode("latin-1")}

    def restore(self, state: dict[str, Any]) -> None:
        self._unfinished = state["unfinished"].encode("latin-1")

    def wait(self) -> None:
        self.wait_for_reader()
        self.outbox.transport.wait_readable()

    def wait_for_reader(self) -> None:
        if self.outbox.size > _PAGE:
            self.outbox.flush()

    def read(self) -> Sequence[Request] | None:
        try:
            data = self.outbox.transport.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError as error:
            self.outbox.lose(error)
            return None
        *lines, unfinished = (self._unfinished + data).split(b"\n")
        self._unfinished = unfinished[: self._limits.line + 1]  # one byte more says that it was too long
        return [self._request(one) for one in lines] if data else None

    def _request(self, typed: bytes) -> Request:
        try:
            text = typed.decode()
            return Request(text, msgspec.json.decode(text, type=Labelled).label)
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):  # `perform` says so
            return Request(typed.decode(errors="replace"))

    def perform(self, request: Request) -> Answer | None:
        if len(request.text.encode()) > self._limits.line:
            raise Refused(Malformed("long"))
        try:
            ask = msgspec.json.decode(request.text, type=Ask)
        except (msgspec.DecodeError, RecursionError):
            raise Refused(Malformed("object"))
        if ask.do not in DO:
            raise Refused(Malformed("do"))
        lines = ask.text.split("\n") if ask.do in _SEVERAL_LINES else [ask.text]
        if len(lines) > self._limits.paste_lines:
            raise Refused(Malformed("long"))
        ask.text = "\n".join(map(clean, lines))
        answer = DO[ask.do](self.session, ask)
        if self.session.ended:
            self.outbox.put(line({"goodbye": True}, request.label))
        return answer

    def answer(self, answer: Answer, label: str) -> None:
        self.outbox.put(line(answer, label))

    def refuse(self, refusal: Refusal, label: str) -> None:
        self.outbox.put(JSON.refuse(refusal, label))


class JsonDoor:
    """Serves clients that speak JSON: `StreamServer(listener, JsonDoor(...))`."""

    def __init__(self, hub: Hub, sessions: Sessions, slow_readers: SlowReaders, limits: Limits) -> None:
        self._hub = hub
        self._sessions = sessions
        self._slow_readers = slow_readers
        self._limits = limits

    def __call__(self, sock: Socket, address: tuple[str, int]) -> None:
        """Serve one client in this greenlet until it is gone. Raises nothing; the socket is its owner's to close."""
        outbox = Outbox(PlainTransport(sock), self._slow_readers)
        Session(self._hub, self._sessions, JsonLink(outbox, self._limits, f"json {address[0]}:{address[1]}")).run()
