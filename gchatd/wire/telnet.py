"""The telnet wire: bytes in, lines and replies out (RFC 854, 1143). No I/O. The input may be split anywhere.

    wire = TelnetWire(limit=4096)
    lines, reply = wire.feed(sock.recv(4096))

Bytes pass two stages: first telnet's own commands are taken out, then the rest is cut into lines, or goes to a line
editor once the client has turned out to be a terminal (negotiation.py). A client that sends no telnet commands, and is
not asked anything, is never sent any.
"""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Final, Literal

from .lineedit import LineEditor  # noqa: TC001  # `restore` reads the types of the fields
from .negotiation import AYT, DO, DONT, IAC, IP, PROBE, SB, SE, TIMING_MARK, WILL, WONT, Negotiation
from .typed import TOO_LONG
from .written import Written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .lineedit import Complete, Typed

LONGEST_SUBNEGOTIATION: Final = 256
"""A subnegotiation of more bytes is cut off, and the rest of it is read as text."""

_HERE = b"server: I am here.\r\n"
_LINE_END = re.compile(rb"\r?\n|\r\0")

_Reading = Literal["text", "iac", "option", "sb", "sb-iac"]


@dataclass(slots=True, eq=False, repr=False)
class TelnetWire(Written):
    """Reads what one telnet, nc or script sends as lines, and says what telnet has to be answered.

    Holds at most `limit` bytes of an unfinished line.
    """

    limit: int
    _: KW_ONLY
    negotiation: Negotiation | None = None  # with a client that was asked whether it is a terminal, and answered
    editor: LineEditor | None = None  # for a terminal that sends every key
    _asked: bool = False  # whether the client was asked whether it is a terminal
    _partial: bytes = b""  # the unfinished line, with a CR whose meaning the next byte decides
    _unread: bytes = b""  # what a line editor had no time for
    _skip: bool = False  # the unfinished line is too long: drop the rest of it
    _reading: _Reading = "text"  # what the next byte belongs to
    _command: int = 0  # the WILL, WONT, DO or DONT whose option comes next
    _sub: bytes = b""  # the subnegotiation so far
    _refused: frozenset[tuple[int, int]] = frozenset()  # (command, option): each is refused once

    def feed(self, data: bytes, complete: Complete | None = None) -> tuple[Sequence[Typed], bytes]:
        """Take received bytes; return the lines that they finish, and the bytes to send back (often none).

        A line comes without its end (LF, CR LF or CR NUL), not cleaned, read as UTF-8 or else as Latin-1. For one of
        more than `limit` bytes there is a `TOO_LONG`, once, as soon as that is known. A line editor returns other
        values, too: see typed.py. Takes time linear in `data`. Never raises.
        """
        reply = b""
        if self._reading != "text" or IAC in data:
            if self._asked and self.negotiation is None:
                self.negotiation = Negotiation("asked")
            data, reply = self._take_commands(data)
        if self.editor is not None:
            typed, screen = self.editor.feed(data, complete)
            return typed, reply + screen
        if self._unread:
            data, self._unread = self._unread + data, b""
        return self._cut(data), reply

    def probe(self, insists: bool = False) -> bytes:
        """Return the bytes that ask the client whether it is a terminal; `insists` if a person wants it to be one.

        Nobody waits for an answer, and a client that does not give one costs no memory.
        """
        if self.negotiation is None and not insists:
            self._asked = True
            return PROBE
        self.negotiation = self.negotiation or Negotiation("asked" if self._asked else "unasked")
        return self.negotiation.probe(insists)

    def edit(self, editor: LineEditor) -> tuple[Sequence[Typed], bytes]:
        """Pass what is typed to this editor, the unfinished line included; return what `feed` returns."""
        self.editor = editor
        partial, self._partial, self._skip = self._partial, b"", False
        typed, screen = editor.feed(partial)
        return typed, editor.begin() + screen

    def edit_no_more(self) -> bytes:
        """Go back to plain lines; the first begins with the editor's text. Return bytes for the screen."""
        assert self.editor is not None
        editor, self.editor = self.editor, None
        self._partial = editor.text.replace("\n", " ").encode()[: self.limit].decode(errors="ignore").encode()
        self._unread = editor.unread.encode()
        return editor.leave()

    @property
    def behind(self) -> bool:
        """Whether there was no time for everything that was sent. Then call `feed` again, with or without more data."""
        return bool(self._unread) or (self.editor is not None and self.editor.behind)

    @property
    def unfinished(self) -> bytes:
        """The unfinished line so far; empty while a line that is too long is dropped."""
        return self._partial

    def _cut(self, data: bytes) -> list[str]:
        fresh = not (self._partial or self._skip)
        if (
            fresh
            and data.endswith(b"\r\n")
            and data.count(b"\n") == 1
            and len(data) <= self.limit
            and b"\0" not in data
        ):
            return [_decode(data[:-2])]  # one whole line, as nearly always
        lines: list[str] = []
        start = 0
        if self._partial.endswith(b"\r"):  # decided now; any other byte makes it part of the line
            if not data:
                return lines
            self._partial, data = self._partial[:-1], b"\r" + data
        for end in _LINE_END.finditer(data):
            self._finish(data[start : end.start()], lines)
            start = end.end()
        rest = data[start:]
        if self._skip:
            self._partial = rest[-1:] if rest.endswith(b"\r") else b""
        else:
            self._partial += rest
            held = len(self._partial) - self._partial.endswith(b"\r")
            if held > self.limit:
                lines.append(TOO_LONG)
                self._skip = True
                self._partial = self._partial[held:]
        return lines

    def _finish(self, last: bytes, lines: list[str]) -> None:
        line, self._partial = self._partial + last, b""
        if self._skip:
            self._skip = False
        elif len(line) > self.limit:
            lines.append(TOO_LONG)
        else:
            lines.append(_decode(line))

    def _take_commands(self, data: bytes) -> tuple[bytes, bytes]:
        """Separate text from telnet commands; return the text, and the answers to the commands."""
        text = bytearray()
        reply = bytearray()
        at, size = 0, len(data)
        while at < size:
            if self._reading == "text":
                iac = data.find(IAC, at)
                if iac < 0:
                    text += data[at:]
                    break
                text += data[at:iac]
                at = iac + 1
                self._reading = "iac"
            elif self._reading in ("sb", "sb-iac"):
                at = self._read_subnegotiation(data, at, reply)
            else:
                self._command_byte(data[at], text, reply)
                at += 1
        return bytes(text), bytes(reply)

    def _command_byte(self, byte: int, text: bytearray, reply: bytearray) -> None:
        if self._reading == "option":
            self._reading = "text"
            self._negotiate(self._command, byte, reply)
        elif byte in (WILL, WONT, DO, DONT):
            self._reading, self._command = "option", byte
        elif byte == SB:
            self._reading, self._sub = "sb", b""
        else:  # other commands (NOP, a mark of urgent data...) ask for nothing
            self._reading = "text"
            if byte == IAC:
                text.append(IAC)
            elif byte == AYT and (self.editor is None or _HERE not in reply):
                reply += _HERE if self.editor is None else self.editor.around(self.editor.framed(_HERE))
            elif byte == IP and self.editor is not None:
                text += b"\x03"

    def _read_subnegotiation(self, data: bytes, at: int, reply: bytearray) -> int:
        """Read to the end of a subnegotiation, or as far as it may reach; return where to go on."""
        if self._reading == "sb-iac":  # IAC SE ends it; IAC IAC is a byte of it, and so, politely, is anything else
            if data[at] == SE:
                if self._sub and self.negotiation is not None:
                    reply += self.negotiation.hear_more(self._sub)
                self._reading, self._sub = "text", b""
                return at + 1
            self._reading = "sb"
            self._sub += data[at : at + 1]
            at += 1
        else:
            iac = data.find(IAC, at, at + LONGEST_SUBNEGOTIATION - len(self._sub))
            if iac >= 0:
                self._reading = "sb-iac"
                self._sub += data[at:iac]
                return iac + 1
            end = min(len(data), at + LONGEST_SUBNEGOTIATION - len(self._sub))
            self._sub += data[at:end]
            at = end
        if len(self._sub) >= LONGEST_SUBNEGOTIATION:
            self._reading, self._sub = "text", b""
        return at

    def _negotiate(self, command: int, option: int, reply: bytearray) -> None:
        """Agree to what makes a terminal, and refuse every other option once.

        RFC 1143 section 7: never answer what changes nothing.
        """
        if (command, option) == (DO, TIMING_MARK):
            reply += bytes((IAC, WILL, TIMING_MARK))
            return
        if self.negotiation is not None:
            answer = self.negotiation.hear(command, option)
            if answer is not None:
                reply += answer
                return
        if command in (WILL, DO) and (command, option) not in self._refused:
            self._refused |= {(command, option)}
            reply += bytes((IAC, DONT if command == WILL else WONT, option))


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
