"""Finds out, by telnet's options, whether a client is a terminal, and which. No I/O, and no waiting.

A terminal is asked one question at a time, and answers like this:

    DO NAWS                    after its first line; one that does not understand it shows nothing
    WILL NAWS                  it speaks telnet, and will tell the size of its window (RFC 1073)
    DO TTYPE, SB TTYPE SEND    what is it? (RFC 1091; asked again until a name is repeated)
    WILL ECHO, WILL SGA        will it send every key, and leave it to us to show them? (RFC 857, 858)
    DO ECHO, DO SGA            it will
    DO BINARY                  (sent along) leave the bytes of UTF-8 as they are: else inetutils' telnet takes some of
                               them for its escape character (RFC 856)

A MUD client names MTTS among its types (https://tintin.mudhalla.net/protocols/mtts); it would take WILL ECHO for a
password prompt, so it goes on sending lines, and gets colour. So does a terminal that cannot move its cursor, without
colour.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Final, Literal

from .written import Written

# RFC 854, "TELNET COMMAND STRUCTURE".
IAC, DONT, DO, WONT, WILL, SB, AYT, IP, NOP, SE = 255, 254, 253, 252, 251, 250, 246, 244, 241, 240

BINARY, ECHO, SGA, TIMING_MARK, TTYPE, NAWS, CHARSET = 0, 1, 3, 6, 24, 31, 42
"""RFC 856, 857, 858, 860 (a line-mode telnet discards all output from its user's Ctrl-C until this is answered), 1091,
1073, 2066."""

PROBE: Final = bytes((IAC, DO, NAWS))
"""The first question."""

MOST_NAMES: Final = 4
"""How many names a client is asked for, at most."""

_IS, _SEND = 0, 1
_ASK_NAME = bytes((IAC, SB, TTYPE, _SEND, IAC, SE))
_REQUEST, _ACCEPTED, _REJECTED = 1, 2, 3
_SIMPLE = ("dumb", "unknown", "network", "none")  # cannot move a cursor
_COLOURLESS = ("vt5", "vt100", "vt102", "vt220", "vt320")

Stage = Literal["unasked", "asked", "naming", "offered", "rich", "line"]


@dataclass(slots=True, eq=False, repr=False)
class Negotiation(Written):
    """What is agreed with one client. Look at `stage` after each piece of input: it may have become rich or line."""

    stage: Stage = "unasked"
    _: KW_ONLY
    columns: int = 0  # of the window; 0: unknown
    height: int = 0  # of the window; 0: unknown
    names: tuple[str, ...] = ()  # of the kind of terminal, in lower case
    _ours: frozenset[int] = frozenset()  # options that the client wants us to have on (DO)
    _theirs: frozenset[int] = frozenset()  # options that it has on itself (WILL)
    _insists: bool = False  # a person asked for a rich terminal

    @property
    def is_mud_client(self) -> bool:
        return any(name.startswith("mtts ") for name in self.names)

    @property
    def mtts(self) -> int:
        """The bits by which a MUD client describes itself: 1 is ANSI colour, 64 a screen reader."""
        bits = next((name[5:] for name in self.names if name.startswith("mtts ")), "")
        return int(bits) if bits.isascii() and bits.isdigit() else 0

    @property
    def has_colour(self) -> bool:
        if self.is_mud_client:
            return bool(self.mtts & 1)
        return bool(self.names) and not self.names[0].startswith((*_SIMPLE, *_COLOURLESS))

    def probe(self, insists: bool = False) -> bytes:
        """Begin, or begin again, `insists` if a person asked for it; return what to send."""
        self._insists = insists
        if self.stage == "unasked" or (self.stage == "line" and not self.columns and not self.names):
            self.stage = "asked"
            return PROBE
        return self._offer() if self.stage == "line" else b""

    def withdraw(self) -> bytes:
        """Go back to lines; return what to send, which is nothing if nothing was offered."""
        offered, self.stage = self.stage in ("offered", "rich"), "line"
        self._ours -= {ECHO, SGA}
        self._theirs -= {BINARY}
        return bytes((IAC, WONT, ECHO, IAC, WONT, SGA, IAC, DONT, BINARY)) if offered else b""

    def hear(self, command: int, option: int) -> bytes | None:
        """Take WILL, WONT, DO or DONT; return what to send (None: we do not know the option, refuse it).

        A client that says what is so already gets no answer, however often it says so (RFC 1143 section 7).
        """
        if command == WILL:
            return b"" if option in self._theirs else self._hear_will(option)
        if command == DO:
            return b"" if option in self._ours else self._hear_do(option)
        return self._hear_wont(option) if command == WONT else self._hear_dont(option)

    def _hear_will(self, option: int) -> bytes | None:
        """Take WILL for an option that was off."""
        answer = None
        if option == NAWS and self.stage in ("asked", "unasked"):
            answer = (PROBE if self.stage == "unasked" else b"") + bytes((IAC, DO, TTYPE))
            self.stage = "naming"
        elif option == NAWS:
            answer = PROBE
        elif option == TTYPE and self.stage == "naming":
            answer = _ASK_NAME
        elif option == CHARSET:
            answer = bytes((IAC, DO, CHARSET, IAC, SB, CHARSET, _REQUEST)) + b";UTF-8" + bytes((IAC, SE))
        elif option == BINARY and self.stage in ("offered", "rich"):
            answer = b""
        if answer is not None:
            self._theirs |= {option}
        return answer

    def _hear_wont(self, option: int) -> bytes:
        """Take WONT for an option that was on or off."""
        answer = bytes((IAC, DONT, option)) if option in self._theirs else b""
        self._theirs -= {option}
        if option == NAWS:
            self.columns = self.height = 0
            if self.stage == "asked":
                self.stage = "line"
        elif option == TTYPE and self.stage == "naming":
            answer += self._offer()
        return answer

    def _hear_do(self, option: int) -> bytes | None:
        """Take DO for an option that was off. A rich terminal needs both ECHO and SGA."""
        if option == CHARSET:
            self._ours |= {CHARSET}
            return bytes((IAC, WILL, CHARSET))
        if option not in (ECHO, SGA) or self.stage != "offered":
            return None
        self._ours |= {option}
        if self._ours >= {ECHO, SGA}:
            self.stage = "rich"
        return b""

    def _hear_dont(self, option: int) -> bytes:
        """Take DONT for an option that was on or off."""
        if option in (ECHO, SGA):
            return self.withdraw()
        answer = bytes((IAC, WONT, option)) if option in self._ours else b""
        self._ours -= {option}
        return answer

    def hear_more(self, data: bytes) -> bytes:
        """Take a subnegotiation, without IAC SB and IAC SE; return what to send."""
        option, data = data[0], data[1:]
        if option == NAWS and len(data) == 4:
            self.columns, self.height = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big")
        elif option == TTYPE and data[:1] == bytes((_IS,)) and self.stage == "naming":
            name = data[1:].decode("ascii", "replace").lower()
            known = name in self.names
            self.names = (*self.names, name)
            if known or self.is_mud_client or len(self.names) >= MOST_NAMES:
                return self._offer()
            return _ASK_NAME
        elif option == CHARSET and data[:1] == bytes((_REQUEST,)) and CHARSET in self._ours | self._theirs:
            offered = data[2:].upper().split(data[1:2]) if len(data) > 2 else []
            verdict = bytes((_ACCEPTED,)) + b"UTF-8" if b"UTF-8" in offered else bytes((_REJECTED,))
            return bytes((IAC, SB, CHARSET)) + verdict + bytes((IAC, SE))
        return b""

    def _offer(self) -> bytes:
        simple = self.is_mud_client or (bool(self.names) and self.names[0].startswith(_SIMPLE))
        if simple and not self._insists:
            self.stage = "line"
            return b""
        self.stage = "offered"
        return bytes((IAC, WILL, ECHO, IAC, WILL, SGA, IAC, DO, BINARY))
