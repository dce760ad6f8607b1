"""Finding out, by telnet's options, whether a client is a terminal, and which. No I/O, and no waiting.

The way of a terminal, one question at a time:

    DO NAWS                    after its first line; one that does not understand it shows nothing
    WILL NAWS                  it speaks telnet, and will tell the size of its window (RFC 1073)
    DO TTYPE, SB TTYPE SEND    what is it? (RFC 1091; asked again until a name is repeated)
    WILL ECHO, WILL SGA        will it send every key, and leave it to us to show them? (RFC 857, 858)
    DO ECHO, DO SGA            it will
    DO BINARY                  (sent along) leave the bytes of UTF-8 as they are: else inetutils' telnet takes some of
                               them for its escape character (RFC 856)

A MUD client names MTTS among its types (https://tintin.mudhalla.net/protocols/mtts); it would take WILL ECHO for the
prompt of a password, so it is left as it is, with colour. So is what cannot move its cursor.
"""

from __future__ import annotations

from typing import Final, Literal

# RFC 854, "TELNET COMMAND STRUCTURE".
IAC, DONT, DO, WONT, WILL, SB, AYT, IP, NOP, SE = 255, 254, 253, 252, 251, 250, 246, 244, 241, 240

BINARY, ECHO, SGA, TIMING_MARK, TTYPE, NAWS, CHARSET = 0, 1, 3, 6, 24, 31, 42
"""RFC 856, 857, 858, 860 (a line-mode telnet discards all output from its user's Ctrl-C until this is answered), 1091,
1073, 2066."""

PROBE: Final = bytes((IAC, DO, NAWS))
"""The first question."""

MOST_NAMES: Final = 4
"""How often a client is asked for its next name."""

_IS, _SEND = 0, 1
_ASK_NAME = bytes((IAC, SB, TTYPE, _SEND, IAC, SE))
_REQUEST, _ACCEPTED, _REJECTED = 1, 2, 3
_SIMPLE = ("dumb", "unknown", "network", "none")  # cannot move a cursor
_COLOURLESS = ("vt5", "vt100", "vt102", "vt220", "vt320")

Stage = Literal["unasked", "asked", "naming", "offered", "rich", "line"]


class Negotiation:
    """What is agreed with one client. After each piece of input look at `stage`, which may have become rich or line."""

    __slots__ = ("_agreed", "_insists", "columns", "height", "names", "stage")

    def __init__(self, asked: bool = False) -> None:
        self.stage: Stage = "asked" if asked else "unasked"
        self.columns = self.height = 0  # of the window; 0: unknown
        self.names: tuple[str, ...] = ()  # of the kind of terminal, in lower case
        self._agreed: frozenset[int] = frozenset()  # options that the client asked us to do
        self._insists = False  # somebody asked for it by hand

    @property
    def is_mud_client(self) -> bool:
        return any(name.startswith("mtts ") for name in self.names)

    @property
    def mtts(self) -> int:
        """The bits that a MUD client tells of itself: 1 is ANSI colour, 64 a screen reader."""
        bits = next((name[5:] for name in self.names if name.startswith("mtts ")), "")
        return int(bits) if bits.isascii() and bits.isdigit() else 0

    @property
    def has_colour(self) -> bool:
        if self.is_mud_client:
            return bool(self.mtts & 1)
        return bool(self.names) and not self.names[0].startswith((*_SIMPLE, *_COLOURLESS))

    def probe(self, insists: bool = False) -> bytes:
        """Begin, or begin again; `insists` if a person asked for it. Gives what to send."""
        self._insists = insists
        if self.stage == "unasked" or (self.stage == "line" and not self.columns and not self.names):
            self.stage = "asked"
            return PROBE
        return self._offer() if self.stage == "line" else b""

    def withdraw(self) -> bytes:
        """Go back to lines. Gives what to send, which is nothing where nothing was offered."""
        offered, self.stage = self.stage in ("offered", "rich"), "line"
        self._agreed = frozenset()
        return bytes((IAC, WONT, ECHO, IAC, WONT, SGA, IAC, DONT, BINARY)) if offered else b""

    def hear(self, command: int, option: int) -> bytes | None:
        """Take WILL, WONT, DO or DONT; give what to send (None: this is none of ours, refuse it)."""
        if option == NAWS and command in (WILL, WONT) and self.stage in ("asked", "unasked"):
            asked, self.stage = self.stage == "asked", "naming" if command == WILL else "line"
            return (b"" if asked else PROBE) + (bytes((IAC, DO, TTYPE)) if command == WILL else b"")
        if option == TTYPE and command in (WILL, WONT):
            if self.stage != "naming":
                return b"" if command == WONT or self.names else None
            return _ASK_NAME if command == WILL else self._offer()
        if option in (ECHO, SGA) and command in (DO, DONT):
            return self._hear_terms(command, option)
        if option == CHARSET and command in (WILL, DO):
            return bytes((IAC, DO if command == WILL else WILL, CHARSET)) + (
                bytes((IAC, SB, CHARSET, _REQUEST)) + b";UTF-8" + bytes((IAC, SE)) if command == WILL else b""
            )
        if option == BINARY and command == WILL and self.stage in ("offered", "rich"):
            return b""
        return b"" if command in (WONT, DONT) else None

    def hear_more(self, data: bytes) -> bytes:
        """Take a subnegotiation, without IAC SB and IAC SE; give what to send."""
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
        elif option == CHARSET and data[:1] == bytes((_REQUEST,)):
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

    def _hear_terms(self, command: int, option: int) -> bytes | None:
        """Both of ECHO and SGA, or neither."""
        if self.stage == "offered" and command == DO:
            self._agreed |= {option}
            if len(self._agreed) == 2:
                self.stage = "rich"
            return b""
        if self.stage in ("offered", "rich") and command == DONT:
            return self.withdraw()
        return b"" if command == DONT or self.stage == "rich" else None
