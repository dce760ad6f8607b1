"""The telnet wire: bytes in, lines and replies out, the same at every split."""

from __future__ import annotations

import re
from itertools import cycle

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gchatd.wire.telnet import TelnetWire
from gchatd.wire.typed import TOO_LONG

LIMIT = 8
IAC, NOP, SB, SE = b"\xff", b"\xff\xf1", b"\xff\xfa", b"\xff\xf0"
VERBS = WILL, WONT, DO, DONT = 251, 252, 253, 254
AYT, DO_TM, WILL_TM = b"\xff\xf6", b"\xff\xfd\x06", b"\xff\xfb\x06"
HERE = b"server: I am here.\r\n"
ORDINARY_COMMANDS = [bytes((255, command)) for command in range(236, 250) if command != 246]  # EOF to GA, without AYT

brief = settings(max_examples=150, deadline=None)

interesting = st.sampled_from(
    [*b"\xff\xfa\xf0\xfb\xfc\xfd\xfe\xf6\xf1\r\n\0\x06\x1fa\xc3\xa9\xe9"]  # IAC SB SE WILL WONT DO DONT AYT NOP ...
).map(lambda byte: bytes((byte,)))
runs = st.builds(lambda byte, count: byte * count, interesting, st.integers(1, 300))
sequences = st.sampled_from([SB, SE, b"\r\n", b"\r\0", b"\xff\xff", AYT, DO_TM, b"\xff\xfb\x1f", b"hello", b"12345678"])
streams = st.lists(interesting | sequences | runs | st.binary(max_size=6), max_size=24).map(b"".join)
sizes = st.lists(st.integers(0, 40), max_size=12)


def chunks(data: bytes, sizes: list[int]) -> list[bytes]:
    """Split data into pieces of these sizes, over and over."""
    pieces, turn = [], cycle(sizes if any(sizes) else [1])
    while data:
        size = next(turn)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def feed(*pieces: bytes, limit: int = LIMIT) -> tuple[list[str], bytes]:
    """What a new wire makes of these pieces, put together; and it never holds more than it may."""
    wire = TelnetWire(limit)
    lines, replies = [], []
    for piece in pieces:
        more, reply = wire.feed(piece)
        assert len(wire._partial) <= limit + 1  # and a CR that may be half a line's end
        lines += more
        replies.append(reply)
    return lines, b"".join(replies)


def lines_of(data: bytes) -> list[str]:
    """The lines in data without telnet commands, as the design says it: found in the whole, without any state."""
    *ended, rest = re.split(rb"\r\n|\n|\r\0", data)
    lines = [TOO_LONG if len(line) > LIMIT else decoded(line) for line in ended]
    return [*lines, TOO_LONG] if len(rest.removesuffix(b"\r")) > LIMIT else lines


def decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


# Lines.


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\0"])
def test_a_line_ends_in_each_of_three_ways_wherever_the_end_is_split(end):
    assert feed(b"one" + end + end + b"two" + end) == (["one", "", "two"], b"")
    assert feed(b"one" + end[:1], end[1:] + b"two", end[:1], b"", end[1:]) == (["one", "two"], b"")


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"a\rb\n", ["a\rb"]),
        (b"a\r\r\n", ["a\r"]),
        (b"\r\r\0\0\n", ["\r", "\0"]),
        (b"a\0b\n", ["a\0b"]),
        (b"a\n\r", ["a"]),
        (b"a\x0bb\x0cc\xc2\x85d\n", ["a\x0bb\x0cc\x85d"]),
        (b"unended", []),
        (b"", []),
    ],
)
def test_nothing_else_ends_a_line(data, lines):
    assert feed(data) == (lines, b"")


@given(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")))
@example("\ufeffx")
@brief
def test_utf8_is_read_as_utf8(text):
    assert feed(text.encode() + b"\n", limit=1000) == ([text], b"")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"na\xefve caf\xe9", "naïve café"),
        (b"\xc3\xa9 and \xe9", "Ã© and é"),  # a line is one or the other
        (b"\xe2\x82", "â\x82"),
        (b"\xed\xa0\x80", "í\xa0\x80"),  # a surrogate is no UTF-8
        (b"\xc0\xaf", "À¯"),  # nor is what is longer than it must be
        (b"\xff\xff", "ÿ"),  # one byte 255, as telnet sends it
    ],
)
def test_what_is_not_utf8_is_read_as_latin1_line_by_line(data, text):
    assert feed("é\n".encode() + data + "\né\n".encode(), limit=100) == (["é", text, "é"], b"")


@given(st.binary(max_size=40))
@brief
def test_every_byte_gets_through_a_stream_that_doubles_255(data):
    line = data.replace(b"\n", b"").replace(b"\r", b"")
    assert feed(line.replace(IAC, IAC + IAC) + b"\n", limit=40) == ([decoded(line)], b"")


def test_utf8_split_inside_a_character_is_read_whole():
    assert feed(*chunks("é漢😀\n".encode(), [1]), limit=20) == (["é漢😀"], b"")


# Lines that are too long.


def test_the_limit_is_in_bytes_and_the_end_of_the_line_is_not_counted():
    assert feed(b"12345678\n" + b"12345678\r\n" + b"12345678\r\0") == (["12345678"] * 3, b"")
    assert feed("éééé\n".encode() + "éééée\n".encode()) == (["éééé", TOO_LONG], b"")


def test_too_long_is_given_once_and_as_soon_as_it_is_known():
    wire = TelnetWire(LIMIT)
    assert wire.feed(b"12345678") == ([], b"")
    assert wire.feed(b"\r") == ([], b"")  # may be half of the line's end
    assert wire.feed(b"9") == ([TOO_LONG], b"")
    assert wire.feed(b"x" * 1000) == ([], b"")
    assert wire.feed(b"\r") == ([], b"")
    assert wire.feed(b"\0short\nlong as well\r\n\r\n") == (["short", TOO_LONG, ""], b"")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\0", b"\r\r\n", b"\r" * 20 + b"\n"])
def test_a_line_that_is_too_long_is_dropped_to_its_end_and_no_further(end):
    stream = b"123456789" + end + b"next\n"
    assert feed(stream) == feed(*chunks(stream, [1])) == ([TOO_LONG, "next"], b"")


# Splits, and what holds for any bytes at all.


@given(streams, sizes)
@example(b"12345678\r9\n", [9])
@example(b"x" * 9 + b"\r" + NOP + b"\0hi\n", [10])
@example(SB + b"x" * 255 + IAC + SE + b"\nhi\n", [2, 255, 1])
@settings(max_examples=600, deadline=None)
def test_every_split_of_any_bytes_gives_the_same_lines_and_replies(data, sizes):
    whole = feed(data)
    assert feed(*chunks(data, sizes)) == whole
    assert feed(*chunks(data, [1])) == whole


@given(streams)
@brief
def test_what_is_given_is_a_line_within_the_limit_or_too_long(data):
    for line in feed(data)[0]:
        assert line == TOO_LONG or ("\n" not in line and len(line) <= LIMIT)


@given(streams.map(lambda data: data.replace(IAC, b"")), sizes)
@brief
def test_a_client_that_sends_no_telnet_bytes_is_sent_none_and_read_as_it_stands(data, sizes):
    assert feed(*chunks(data, sizes)) == (lines_of(data), b"")


# Telnet commands: each of these is (what is sent, what of it is text, what it is answered).

Sent = tuple[bytes, bytes, bytes]

text = st.binary(max_size=12).map(lambda data: data.replace(IAC, b"")).map(lambda data: (data, data, b""))
ends = st.sampled_from([b"\n", b"\r\n", b"\r\0", b"\r"]).map(lambda end: (end, end, b""))
commands = st.sampled_from(ORDINARY_COMMANDS).map(lambda command: (command, b"", b""))
subnegotiations = st.binary(max_size=127).map(lambda body: (SB + body.replace(IAC, IAC + IAC) + SE, b"", b""))
options = st.sampled_from([1, 6, 31]) | st.integers(0, 255)
negotiations = st.builds(lambda verb, option: (bytes((255, verb, option)), b"", b"?"), st.sampled_from(VERBS), options)
others = st.sampled_from([(IAC + IAC, IAC, b""), (AYT, b"", HERE)])


def answers(sent: list[Sent]) -> bytes:
    """What all this must be answered: RFC 1143, with every option refused once, and RFC 860."""
    refused = set()
    replies = b""
    for data, _, reply in sent:
        if reply != b"?":
            replies += reply
        elif data == DO_TM:
            replies += WILL_TM
        elif data not in refused and data[1] in (WILL, DO):
            refused.add(data)
            replies += bytes((255, DONT if data[1] == WILL else WONT, data[2]))
    return replies


@given(st.lists(text | ends | commands | subnegotiations | negotiations | others, max_size=30), sizes)
@example([(b"a\r", b"a\r", b""), (NOP, b"", b""), (b"\n", b"\n", b"")], [1])
@settings(max_examples=400, deadline=None)
def test_commands_are_answered_and_never_shown_whatever_they_interrupt(sent, sizes):
    stream, shown = b"".join(data for data, _, _ in sent), b"".join(text for _, text, _ in sent)
    assert feed(*chunks(stream, sizes)) == (lines_of(shown), answers(sent))


@pytest.mark.parametrize("command", ORDINARY_COMMANDS)
def test_a_command_that_asks_for_nothing_gets_nothing(command):
    assert feed(b"he" + command + b"llo\n") == (["hello"], b"")


def test_every_option_is_refused_and_refused_once():
    asked = b"".join(bytes((255, verb, option)) for verb in VERBS for option in range(256))
    refusals = b"".join(bytes((255, verb, option)) for verb in (DONT, WONT) for option in range(256))
    wire = TelnetWire(LIMIT)
    assert wire.feed(asked) == ([], refusals.replace(b"\xff\xfc\x06", WILL_TM))
    for _ in range(3):
        assert wire.feed(asked) == ([], WILL_TM)


def test_an_option_that_is_withdrawn_and_asked_for_again_is_not_refused_again():
    will, wont, do, dont = (bytes((255, verb, 31)) for verb in VERBS)
    assert feed(will + wont + will + do + dont + do) == ([], dont + wont)


@pytest.mark.parametrize(("asked", "answer"), [(AYT, HERE), (DO_TM, WILL_TM)])
def test_are_you_there_and_the_timing_mark_are_answered_every_time(asked, answer):
    assert feed(asked * 3 + b"hi\n" + asked) == (["hi"], answer * 4)


# Subnegotiations.


BODIES = [b"", b"\x1f\0\x50\0\x18", b"\n\r\n\r\0", IAC + IAC, IAC + b"x", AYT, DO_TM, SB, b"x" * 254]


@pytest.mark.parametrize("body", BODIES)
def test_a_subnegotiation_is_not_shown_and_nothing_in_it_is_answered(body):
    assert feed(b"a" + SB + body + SE + b"b\n") == (["ab"], b"")


@pytest.mark.parametrize("length", [0, 1, 254, 255, 256, 257, 258, 300])
def test_a_subnegotiation_is_cut_off_at_256_bytes_though_its_end_comes_later(length):
    assert feed(SB + b"x" * length + SE + b"hi\n", limit=100) == (["x" * (length - 256) + "hi"], b"")


def test_an_unfinished_subnegotiation_is_cut_off_at_256_bytes():
    stream = SB + b"x" * 256 + b"hello\n"
    assert feed(stream, limit=100) == feed(*chunks(stream, [1]), limit=100) == (["hello"], b"")


def test_a_doubled_255_counts_as_one_byte_of_a_subnegotiation():
    assert feed(SB + IAC * 512 + b"hello\n") == (["hello"], b"")


def test_a_subnegotiation_within_another_does_not_start_the_count_anew():
    assert feed(SB * 257 + b"hello\n") == (["hello"], b"")


def test_each_subnegotiation_has_256_bytes_of_its_own():
    assert feed((SB + b"x" * 250 + SE) * 3 + b"hello\n") == (["hello"], b"")


# Floods. What is quadratic runs into pytest's time limit.

FLOODS = [AYT, DO_TM, SB, b"\r" + NOP, b"\r", b"x", b"ab\n"]


@pytest.mark.parametrize(("pattern", "size"), [(IAC, 2**22), (SB + IAC, 2**22), *((flood, 2**20) for flood in FLOODS)])
def test_a_flood_in_one_piece_takes_linear_time_and_is_got_over(pattern, size):
    wire = TelnetWire(4096)
    wire.feed(pattern * (size // len(pattern)))
    assert len(wire._partial) <= 4097
    assert wire.feed(b"\n" * 300 + b"hello\n")[0][-1] == "hello"


@pytest.mark.parametrize("pattern", [IAC, SB + IAC, *FLOODS])
def test_a_flood_in_small_pieces_takes_linear_time_and_is_not_kept(pattern):
    pieces = chunks(pattern * 7, [7]) * (2**18 // len(pattern * 7))
    lines, _ = feed(*pieces, b"\n" * 300 + b"hello\n", limit=4096)
    assert lines[-1] == "hello"
