"""A connection to a terminal, as lines: telnet, nc, and anything else that sends lines.

Speaks telnet (wire/) over a transport. A client that turns out to be a terminal gets a line editor, and the look that
goes with it; everybody else gets plain lines. Knows no sessions and no rooms.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Literal

import gevent
import msgspec

from ...delivery.outbox import Outbox
from ...settings import Address
from ...wire import http, irc, opening
from ...wire.lineedit import Ask, Candidates, Interrupt, LineEditor, Quit, TooMuch
from ...wire.negotiation import IAC, NOP
from ...wire.telnet import TelnetWire  # msgspec reads the types of a struct
from ...wire.typed import TOO_LONG
from ..due import take_due
from ..turning_away import hang_up
from .look import Look, same_look, wrapped_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...delivery.outbox import SlowReaders
    from ...delivery.transport import Transport
    from ...settings import Limits
    from ...wire.lineedit import Complete, Typed

NOP_SECONDS: Final = 30.0
"""How often a terminal is sent something that it does not show, so that no NAT on the way forgets the connection."""

REST_SECONDS: Final = 0.005
"""How long a terminal waits that has sent more than there was time for: more than half of the time is the others'."""

MOST_BEFORE_NAME: Final = 4096
"""How many bytes may come before a username."""

PLAIN: Final = Look()
_TELNETS_END = re.compile(rb"[^\r\n]*\r[\n\0]")  # a line that ends as those of telnet do, and those of nc do not
_CHUNK = 4096  # bytes taken from one client before others are served
_MOST_CANDIDATES = 60  # names that Tab lists


_Stage = Literal["new", "served", "gone", "http", "irc"]
_ANSWERS: Final = {"http": http.ANSWER, "irc": irc.ANSWER}
_WHY: Final = {"new": "", "served": "", "gone": "speaks HTTP", "http": "sent an HTTP request", "irc": "speaks IRC"}


class Terminals:
    """What all terminals' connections share: the limits, and which of them have a line editor (see `keep_alive`)."""

    def __init__(self, slow_readers: SlowReaders, limits: Limits, probes: bool = True) -> None:
        """With `probes`, clients that may be terminals are asked whether they are."""
        self.slow_readers = slow_readers
        self.limits = limits
        self.probes = probes
        self.turned_away: Counter[str] = Counter()
        """How many were, by what they are."""
        self.rich: dict[TelnetConnection, float] = {}
        """Terminals with a line editor, and when (monotonic) each is sent a NOP; soonest first."""

    def keep_alive(self) -> None:
        """Send a NOP to every terminal whose last one is NOP_SECONDS old. Never switches."""
        for connection in take_due(self.rich, NOP_SECONDS):
            connection.outbox.put(bytes((IAC, NOP)))


class ConnectionState(msgspec.Struct, frozen=True):
    """A connection, written down: all but its socket, and what it has yet to be sent."""

    look: Look
    stage: _Stage
    held: bytes
    styled: bool
    wire: TelnetWire
    credit: int | None


class TelnetConnection:
    """A connection that speaks telnet, as lines. Its methods do not switch, unless they say so."""

    __slots__ = ("_address", "_credit", "_held", "_shared", "_stage", "_styled", "_wire", "look", "outbox")

    def __init__(self, shared: Terminals, transport: Transport, address: tuple[str, int]) -> None:
        self.look = PLAIN
        """How things are to look to this client. The terminal goes over to it after the next `read`."""
        self.outbox = Outbox(transport, shared.slow_readers)
        self._shared = shared
        self._address = address
        self._wire = TelnetWire(shared.limits.line)
        self._stage: _Stage = "new"  # until the first line; "gone" to the web door, if that is an HTTP request
        self._held = b""  # bytes to send with the next answer
        self._styled = False  # whether `_style` has chosen a look
        self._credit: int | None = MOST_BEFORE_NAME  # bytes that may still come; None: any number

    def state(self) -> dict[str, Any]:
        """Write this connection down, as values that JSON can hold."""
        state = ConnectionState(self.look, self._stage, self._held, self._styled, self._wire, self._credit)
        values: dict[str, Any] = msgspec.to_builtins(state)
        return values

    @classmethod
    def restore(
        cls, shared: Terminals, transport: Transport, address: tuple[str, int], state: dict[str, Any]
    ) -> TelnetConnection:
        """Return a connection that goes on from this state, which another one wrote down."""
        connection, was = cls(shared, transport, address), msgspec.convert(state, ConnectionState)
        connection.look = same_look(was.look)
        connection._stage, connection._held, connection._styled = was.stage, was.held, was.styled
        connection._wire, connection._credit = was.wire, was.credit
        if was.wire.editor is not None:
            shared.rich[connection] = time.monotonic() + NOP_SECONDS
        connection._make_room()
        return connection

    def __str__(self) -> str:
        kind = "telnet+tls" if self.outbox.transport.encrypted else "telnet"
        return f"{kind} {Address(*self._address[:2])}"

    @property
    def line_limit(self) -> int:
        """How many bytes a line may have."""
        return self._shared.limits.line

    @property
    def height(self) -> int:
        """How many rows the client's window has, 0 if that is not known."""
        negotiation = self._wire.negotiation
        return negotiation.height if negotiation is not None else 0

    @property
    def width(self) -> int:
        """How many columns the client's window has, 0 if that is not known."""
        negotiation = self._wire.negotiation
        return negotiation.columns if negotiation is not None else 0

    @property
    def speaks_http(self) -> bool:
        """Whether the first that came was an HTTP request, none of which counts as read."""
        return self._stage == "gone"

    @property
    def refused(self) -> str:
        """Why the client was turned away, for the log. Empty for most."""
        return _WHY[self._stage]

    def wait(self) -> None:
        """Wait until there is something to read. Switches; never for longer than the client lives."""
        if self._wire.behind:
            gevent.sleep(REST_SECONDS)
        else:
            self.outbox.transport.wait_readable()

    def read(self, complete: Complete) -> Sequence[str] | None:
        """Return the lines that the client has finished (None: it is gone). Never waits; `look` may have changed.

        A line is as it was typed, not cleaned yet; `TOO_LONG` from wire/typed.py stands for one that was dropped. A LF
        is in it only where a message has several lines. Takes one chunk at a time: nobody who sends without end is
        served without end.
        """
        wire = self._wire
        if wire.behind and self.outbox.failed:
            return None  # keys for a screen that is gone: the kernel may have megabytes of them
        try:
            data = b"" if wire.behind else self.outbox.transport.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError as error:
            self.outbox.lose(error)
            return None
        if not (data or wire.behind):
            return None
        begun = wire.unfinished + data if self._stage == "new" else b""
        edited = wire.editor is not None  # it may be so no more after this piece
        typed, reply = wire.feed(data, complete)
        if typed and self._stage == "new":
            long = typed[0] == TOO_LONG
            if http.begins_request(begun) if long else opening.foreign(str(typed[0])) == "http":
                self.outbox.transport.unread(begun)
                self._stage = "gone"
                return None
            self._serve(data)
        self._count(data)
        if wire.negotiation is not None:
            more, screen = self._adopt()
            typed, reply = [*typed, *more], reply + screen
        if reply:
            self.outbox.put(reply)
        if not (edited or wire.editor):
            return typed  # type: ignore[return-value]  # without an editor there are only lines
        self._make_room()
        return [line for one in typed if (line := self._line(one)) is not None]

    def turns_away(self, line: str) -> bool:
        """Answer a browser, or an IRC client, that says this where a username is expected. Returns whether it is one.

        Nothing else that it has sent may be handled. No terminal with a line editor is one.
        """
        found = opening.foreign(line) if self._wire.editor is None else None
        if found is not None:
            self._refuse(found)
        return found is not None

    def trust(self) -> None:
        """Let the client send as much as it likes: it has a name."""
        self._credit = None

    def take_held(self) -> bytes:
        """Return the bytes to send along with the next answer, once."""
        held, self._held = self._held, b""
        return held

    def restyle(self, **changes: Any) -> None:
        """Change how things look: see `look.Look`."""
        self.look = same_look(msgspec.structs.replace(self.look, **changes))

    def name_room(self, room: str) -> None:
        """Name a room in the prompt, if there is one; an empty name removes it."""
        editor = self._wire.editor
        if editor is not None and editor.room != room:
            self.outbox.put(editor.name_room(room))
            self._make_room()

    def clear(self) -> bool:
        """Clear the client's screen. Returns whether that was possible."""
        if self._wire.editor is not None:
            self.outbox.put(self._wire.editor.wipe())
        return self._wire.editor is not None

    def be_plain(self) -> None:
        """Ask the client to echo what its user types, and to send lines."""
        if self._wire.negotiation is not None:
            self.outbox.put(self._wire.negotiation.withdraw())
            self.outbox.put(self._adopt()[1])

    def be_rich(self) -> None:
        """Ask the client to send every key."""
        self.outbox.put(self._wire.probe(insists=True))

    def close(self) -> None:
        """Leave the client's terminal as it was found. Switches, for a moment, after a browser was turned away."""
        if self._wire.editor is not None:
            self.outbox.display_with(None)
            self.outbox.put(self._wire.edit_no_more())
            self._shared.rich.pop(self, None)
        if self._stage in _ANSWERS:
            hang_up(self.outbox.transport)

    def _serve(self, data: bytes) -> None:
        """Accept a client that has sent a line, in `data`; if that ends as telnet's do, ask if it is a terminal."""
        self._stage = "served"
        if self._shared.probes and _TELNETS_END.match(data):
            self._held = self._wire.probe()

    def _count(self, data: bytes) -> None:
        """Give the client up if too much has come before a username."""
        if self._credit is None:
            return
        self._credit -= len(data)
        if self._credit < 0:
            self._notice("That is too much for a username. Goodbye.")
            self.outbox.fail(f"sent more than {MOST_BEFORE_NAME} bytes before a name")

    def _refuse(self, stage: Literal["http", "irc"]) -> None:
        """Answer who is no terminal, and ignore whatever else it sends."""
        self._stage = stage
        self._shared.turned_away[stage] += 1
        self._held = b""
        self.outbox.put(_ANSWERS[stage])

    def _adopt(self) -> tuple[Sequence[Typed], bytes]:
        """Act on what has been negotiated. Returns what was typed and a reply, as `TelnetWire.feed` does."""
        wire, negotiation = self._wire, self._wire.negotiation
        assert negotiation is not None
        size = negotiation.columns, negotiation.height
        if wire.editor is not None and negotiation.stage == "line":
            self.outbox.display_with(None)
            self._shared.rich.pop(self, None)
            self.restyle(rich=False, columns=0)
            return [], wire.edit_no_more()
        if wire.editor is not None:
            if size == wire.editor.window:
                return [], b""
            self.restyle(columns=wrapped_at(size[0]))
            return [], wire.editor.resize(*size)
        if negotiation.stage == "rich":
            limits = self._shared.limits
            self.restyle(rich=True, columns=wrapped_at(size[0]))
            if not self._styled:  # else what its user chose since stays as it is
                self._style(bell="mentions", notices=True)
            self._shared.rich[self] = time.monotonic() + NOP_SECONDS
            return wire.edit(LineEditor(limits.message, limits.paste_lines, *size))
        if negotiation.is_mud_client and not self._styled:
            self._style(reader=bool(negotiation.mtts & 64))
        return [], b""

    def _style(self, **more: Any) -> None:
        """Choose the look that suits this kind of terminal, once."""
        assert self._wire.negotiation is not None
        self._styled = True
        self.restyle(theme="colour" if self._wire.negotiation.has_colour else "mono", **more)

    def _make_room(self) -> None:
        """Show other people's lines above the line being typed, if there is one or the prompt names a room.

        Everybody else gets the same bytes, with the same prompt, sent as they are.
        """
        editor = self._wire.editor
        around = editor.around if editor is not None and editor.stands else None
        if (around is None) != (self.outbox.around is None):
            self.outbox.display_with(around)

    def _line(self, typed: Typed) -> str | None:
        """Return a line that was typed; answer anything else that the editor gives, and return None."""
        match typed:
            case Quit():
                return "/quit"
            case Interrupt():
                self._notice("To leave, type /quit or press Ctrl-D.")
            case Candidates(words, count):
                more = f" and {count - _MOST_CANDIDATES:,} more" if count > _MOST_CANDIDATES else ""
                self._notice(" ".join(word.strip().removesuffix(":") for word in words[:_MOST_CANDIDATES]) + more)
            case TooMuch(size, lines):
                self._notice(f"That is too much to paste: a message can have at most {size:,} bytes and {lines} lines.")
            case Ask(lines):
                self._notice(f"This message has {lines} lines. Enter sends it, Ctrl-C drops it.")
            case str():
                return typed
        return None

    def _notice(self, text: str) -> None:
        self.outbox.display(self.look.frame(self.look.notice(text)))
