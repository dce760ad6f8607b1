"""The link of a session whose client speaks JSON over a WebSocket: see `gchatd.link.Link`."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

import gevent
import msgspec

from ... import __version__
from ...chat.answers import AlreadyHere, Answer
from ...errors import Refused
from ...limits.flood import Bucket
from ...link import Request
from ..due import take_due
from ..sentences import Sorry
from ..turning_away import hang_up
from . import requests
from .asking import Label  # noqa: TC001  msgspec reads the types of a struct
from .formats import COMPRESSED, FRAMES
from .frames import PING, Messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...chat.folding import Outcome
    from ...delivery.outbox import Outbox
    from ...delivery.sessions import Sessions
    from ...errors import Refusal
    from ...session import Session
    from ...settings import Limits
    from ...text.names import Name
    from .formats import Frames
    from .frames import Extensions

PING_SECONDS: Final = 30.0
"""How often a client is sent a ping, so that no NAT on the way forgets the connection, and a dead one is noticed."""

INSTEAD_SECONDS: Final = 5.0
"""How long somebody who comes back waits for their last connection to end."""

_CHUNK: Final = 4096  # bytes taken from one client before others are served
_LONGEST_ERROR: Final = 200  # characters
_IDLE: Final = Bucket(100, 20)  # frames in which there is nothing: nobody needs so many
_MOST_DELAY: Final = 10.0  # seconds
_PAGE: Final = 8192  # bytes that may wait for a client before it is asked what else it wants
_SECRET: Final = secrets.token_bytes(32)  # so that nobody can name a connection that was not theirs


class Hello(Answer, frozen=True):
    """What comes first on every connection. `session` is its name, for `come`; a message may have `message` bytes in so
    many `lines`; without `history` there is no past.
    """

    version: str
    session: str
    history: bool
    message: int
    lines: int


class Malformed(Sorry, frozen=True):
    """What came is not a request."""


class WebLinks:
    """What all clients with a WebSocket share: who else is here, the limits, and when each is sent the next ping."""

    def __init__(self, sessions: Sessions, limits: Limits) -> None:
        self.sessions = sessions
        self.limits = limits
        self.most = 6 * limits.message + 1024
        """How many bytes a message of theirs may have: JSON may write a character as `\\u001f`."""
        self.due: dict[WebLink, float] = {}
        """When (monotonic) each is sent a ping; soonest first."""

    def keep_alive(self) -> None:
        """Send a ping to every client whose last one is PING_SECONDS old. Never switches."""
        for link in take_due(self.due, PING_SECONDS):
            link.outbox.put(PING)


class WebLink:
    """A WebSocket, as a session sees it."""

    __slots__ = ("_idle_full_at", "_messages", "_shared", "_unread", "_where", "format", "outbox", "session")

    session: Session
    refused = ""
    door = "web"

    def __init__(
        self, shared: WebLinks, outbox: Outbox, where: str, extensions: Extensions = (), unread: bytes = b""
    ) -> None:
        """`extensions` are those that client and server have agreed on, `unread` what came along with the handshake."""
        self.outbox = outbox
        self._shared = shared
        self._messages = Messages(shared.most, extensions)
        self.format: Frames = COMPRESSED if extensions else FRAMES
        self._where = where
        self._unread = unread
        self._idle_full_at = 0.0

    def __str__(self) -> str:
        return self._where

    @property
    def limits(self) -> Limits:
        return self._shared.limits

    def format_in(self, room: str) -> Frames:
        return self.format

    def open(self, session: Session) -> None:
        self.session = session
        self._shared.due[self] = time.monotonic() + PING_SECONDS

    def greet(self) -> None:
        limits, history = self._shared.limits, self.session.hub.history is not None
        self.answer(Hello(__version__, _named(self.session.id), history, limits.message, limits.paste_lines), "")

    def wait(self) -> None:
        self.wait_for_reader()
        if not self._unread and self._messages.is_open:
            self.outbox.transport.wait_readable()

    def wait_for_reader(self) -> None:
        if self.outbox.size > _PAGE:
            self.outbox.flush()

    def read(self) -> Sequence[Request] | None:
        if not self._messages.is_open:
            return None  # what it asked for before it closed has been done, and it waits for the server to hang up
        data, self._unread = self._unread, b""
        try:
            data = data or self.outbox.transport.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError as error:
            self.outbox.lose(error)
            return None
        if not data or self.outbox.failed:
            return None
        messages = self._messages.feed(data)
        found = [_request(one) for one in messages if isinstance(one, str)]
        if len(found) < len(messages):
            self._messages.close(1003, "this chat takes text only")
        if self._messages.idle:
            self._count_idle()
        if self._messages.is_open and (reply := self._messages.take_reply()):
            self.outbox.put(reply)  # a close frame is the last thing that is sent: see `close`
        return found if self._messages.is_open or found else None

    def _count_idle(self) -> None:
        """Close the connection of a client that sends too many pings, and other frames in which there is nothing."""
        now = time.monotonic()
        self._idle_full_at = _IDLE.take(self._idle_full_at, now, self._messages.idle)
        self._messages.idle = 0
        if _IDLE.delay(self._idle_full_at, now) > _MOST_DELAY:
            self._messages.close(1008, "too many frames in which there is nothing")

    def perform(self, request: Request) -> Answer | None:
        try:
            ask = requests.decode(request.text)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
            raise Refused(Malformed(f"That is no request: {str(error)[:_LONGEST_ERROR]}. See docs/protocol.md."))
        return ask.perform(self)

    def come(self, name: Name, instead: str) -> None:
        """Come into the chat, in the place of a connection that is lost. May switch. Raises Refused."""
        if self.session.claimed:
            raise Refused(AlreadyHere())
        by_id, number = self._shared.sessions.by_id, _number(instead)
        lost = by_id.get(number)
        if lost is not None and lost is not self.session:
            lost.outbox.fail("its client has come back on another connection")
            until = time.monotonic() + INSTEAD_SECONDS
            while number in by_id and time.monotonic() < until:
                gevent.sleep(0.01)
        self.session.arrive(name)

    def answer(self, answer: Answer, label: str) -> None:
        self.outbox.put(self.format.answer(answer, label))

    def answer_a_part(self, answer: Answer, label: str) -> None:
        """Answer with more to come. Switches while the client does not read."""
        self.answer(answer, label)
        self.wait_for_reader()

    def refuse(self, refusal: Refusal, label: str) -> None:
        self.outbox.put(self.format.refuse(refusal, label))

    def send_answers(self) -> None:
        """Nothing to do: they are sent as they are given."""

    def happened(self, outcome: Outcome) -> None:
        """Nothing to note: the client is told all of it."""

    def close(self) -> None:
        self._shared.due.pop(self, None)
        if not self.outbox.failed:
            self._messages.close(1000)
            self.outbox.put(self._messages.take_reply())
            self.outbox.flush(1.0)
            hang_up(self.outbox.transport)
        self._messages.drop()
        del self.session

    def state(self) -> dict[str, Any]:
        return {"unread": self._unread.decode("latin-1"), "messages": self._messages.state()}

    def restore(self, state: dict[str, Any]) -> None:
        self._unread = state["unread"].encode("latin-1")
        self._messages.restore(state["messages"])
        self.format = COMPRESSED if self._messages.compressed else FRAMES


def _request(message: str) -> Request:
    """Make a request of a message, with its label if that can be read. `perform` says what is wrong with it."""
    try:
        return Request(message, _decode_label(message).label)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return Request(message)


class _Labelled(msgspec.Struct):
    label: Label = ""


_decode_label = msgspec.json.Decoder(_Labelled).decode


def _named(session: int) -> str:
    """Return the name of a session: nobody else can know it."""
    return f"{session}.{hmac.new(_SECRET, b'%d' % session, hashlib.sha256).hexdigest()[:32]}"


def _number(name: str) -> int:
    """Return the session of that name; 0 if there never was one here."""
    number = name.partition(".")[0]
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        return 0
    return int(number) if hmac.compare_digest(name.encode(errors="replace"), _named(int(number)).encode()) else 0
