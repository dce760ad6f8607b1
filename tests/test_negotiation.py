"""Finding out who is a terminal: what a client sends, and what it is answered."""

from __future__ import annotations

import pytest

from gchatd.wire.lineedit import PROMPT, LineEditor
from gchatd.wire.telnet import TelnetWire

IAC, DONT, DO, WONT, WILL, SB, SE = (bytes((byte,)) for byte in (255, 254, 253, 252, 251, 250, 240))
BINARY, ECHO, SGA, TTYPE, NAWS, CHARSET = b"\0", b"\x01", b"\x03", b"\x18", b"\x1f", b"\x2a"
ASK_NAME = IAC + SB + TTYPE + b"\x01" + IAC + SE
OFFER = IAC + WILL + ECHO + IAC + WILL + SGA + IAC + DO + BINARY
TAKE_BACK = IAC + WONT + ECHO + IAC + WONT + SGA + IAC + DONT + BINARY


def name(text: bytes) -> bytes:
    return IAC + SB + TTYPE + b"\0" + text + IAC + SE


class Client:
    """What a client sends, and what it must be answered."""

    def __init__(self) -> None:
        self.wire = TelnetWire(100)
        assert self.wire.probe() == IAC + DO + NAWS

    def sends(self, data: bytes, answer: bytes) -> None:
        typed, reply = self.wire.feed(data)
        assert (typed, reply) == ([], answer)

    @property
    def negotiation(self):
        return self.wire.negotiation


def test_a_terminal_becomes_rich():
    client = Client()
    client.sends(IAC + WILL + NAWS, IAC + DO + TTYPE)
    client.sends(IAC + SB + NAWS + b"\0\x78\0\x28" + IAC + SE, b"")
    client.sends(IAC + WILL + TTYPE, ASK_NAME)
    client.sends(name(b"XTERM-256COLOR"), ASK_NAME)
    client.sends(name(b"XTERM-256COLOR"), OFFER)
    client.sends(IAC + WILL + BINARY + IAC + DO + ECHO, b"")
    assert client.negotiation.stage == "offered"
    client.sends(IAC + DO + SGA, b"")
    assert client.negotiation.stage == "rich"
    assert (client.negotiation.columns, client.negotiation.height, client.negotiation.has_colour) == (120, 40, True)


def test_a_mud_client_keeps_its_lines_and_gets_colour():
    client = Client()
    client.sends(IAC + WILL + NAWS + IAC + WILL + TTYPE, IAC + DO + TTYPE + ASK_NAME)
    client.sends(name(b"MUDLET"), ASK_NAME)
    client.sends(name(b"ANSI-TRUECOLOR"), ASK_NAME)
    client.sends(name(b"MTTS 2381"), b"")
    assert client.negotiation.stage == "line"
    assert (client.negotiation.has_colour, client.negotiation.mtts & 64) == (True, 64)


@pytest.mark.parametrize("simple", [b"DUMB", b"UNKNOWN", b"NETWORK"])
def test_what_cannot_move_its_cursor_keeps_its_lines(simple):
    client = Client()
    client.sends(IAC + WILL + NAWS + IAC + WILL + TTYPE, IAC + DO + TTYPE + ASK_NAME)
    client.sends(name(simple), ASK_NAME)
    client.sends(name(simple), b"")
    assert client.negotiation.stage == "line"
    assert client.wire.probe(insists=True) == OFFER


def test_who_refuses_everything_keeps_lines():  # nc -t
    client = Client()
    client.sends(IAC + WONT + NAWS, b"")
    assert client.negotiation.stage == "line"


@pytest.mark.parametrize("refused", [ECHO, SGA])
def test_both_echo_and_sga_are_required(refused):
    client = Client()
    client.sends(IAC + WILL + NAWS + IAC + WONT + TTYPE, IAC + DO + TTYPE + OFFER)
    other = SGA if refused == ECHO else ECHO
    client.sends(IAC + DO + other, b"")
    client.sends(IAC + DONT + refused, TAKE_BACK)
    assert client.negotiation.stage == "line"
    client.sends(IAC + DONT + other + IAC + WONT + BINARY, b"")


def test_nothing_is_taken_back_that_was_not_offered():
    client = Client()
    client.sends(IAC + WONT + NAWS, b"")
    assert client.negotiation.withdraw() == b""


def test_utf8_is_agreed_on_where_it_is_offered():
    client = Client()
    client.sends(IAC + WILL + CHARSET, IAC + DO + CHARSET + IAC + SB + CHARSET + b"\x01;UTF-8" + IAC + SE)
    client.sends(IAC + SB + CHARSET + b"\x02UTF-8" + IAC + SE, b"")
    client.sends(IAC + DO + CHARSET, IAC + WILL + CHARSET)
    client.sends(IAC + SB + CHARSET + b"\x01 US-ASCII utf-8" + IAC + SE, IAC + SB + CHARSET + b"\x02UTF-8" + IAC + SE)
    client.sends(IAC + SB + CHARSET + b"\x01;KOI8-R" + IAC + SE, IAC + SB + CHARSET + b"\x03" + IAC + SE)


TERMINAL = IAC + WILL + NAWS + IAC + WILL + TTYPE
OFFERED = TERMINAL + name(b"XTERM") * 2
REQUEST = IAC + SB + CHARSET + b"\x01;UTF-8" + IAC + SE


@pytest.mark.parametrize(
    "before", [b"", TERMINAL, TERMINAL + name(b"XTERM") * 2, TERMINAL + name(b"XTERM") * 2 + OFFER]
)
@pytest.mark.parametrize("verb", [WILL, WONT, DO, DONT])
@pytest.mark.parametrize("option", [BINARY, ECHO, SGA, TTYPE, NAWS, CHARSET, b"\x22"])
def test_what_a_client_says_again_and_again_is_answered_once(before, verb, option):
    """RFC 1143 section 7: else two that answer each other's answers never come to an end."""
    client = Client()
    client.wire.feed(before)
    client.wire.feed(IAC + verb + option)
    assert client.wire.feed((IAC + verb + option) * 200) == ([], b"")


def test_what_a_client_ends_is_confirmed_once():
    client = Client()
    client.sends(IAC + WILL + CHARSET, IAC + DO + CHARSET + REQUEST)
    client.sends((IAC + WONT + CHARSET) * 3, IAC + DONT + CHARSET)
    client.sends(IAC + DO + CHARSET, IAC + WILL + CHARSET)
    client.sends((IAC + DONT + CHARSET) * 3, IAC + WONT + CHARSET)
    client.sends(REQUEST, b"")  # it is off
    client.sends(TERMINAL, IAC + DO + TTYPE + ASK_NAME)
    client.sends(IAC + SB + NAWS + b"\0\x78\0\x28" + IAC + SE, b"")
    client.sends((IAC + WONT + NAWS) * 3, IAC + DONT + NAWS)
    assert (client.negotiation.columns, client.negotiation.height) == (0, 0)
    client.sends((IAC + WILL + NAWS) * 3, IAC + DO + NAWS)
    client.sends((IAC + WONT + TTYPE) * 3, IAC + DONT + TTYPE + OFFER)


def test_a_client_that_names_itself_for_ever_is_asked_four_times():
    client = Client()
    client.sends(IAC + WILL + NAWS + IAC + WILL + TTYPE, IAC + DO + TTYPE + ASK_NAME)
    for number in range(3):
        client.sends(name(b"T%d" % number), ASK_NAME)
    client.sends(name(b"T4"), OFFER)
    client.sends(name(b"T5"), b"")
    assert len(client.negotiation.names) == 4


def test_what_is_typed_survives_the_change_of_mode_and_back():
    wire = TelnetWire(100)
    assert wire.feed(b"hel") == ([], b"")
    editor = LineEditor(100)
    typed, shown = wire.edit(editor)
    assert (typed, shown.endswith(PROMPT + b"hel")) == ([], True)
    wire.feed(b"lo w")
    wire.edit_no_more()
    assert wire.feed(b"orld\r\n")[0] == ["hello world"]
