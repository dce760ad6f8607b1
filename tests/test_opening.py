"""What a client is, told by the first bytes it sends, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gchatd.wire.opening import LONGEST, foreign, opening_of

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
OPENINGS = [
    (HELLO, "tls"),
    (b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n", "proxy"),
    (b"PROXY UNKNOWN\r\n", "proxy"),
    (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\0", "proxy"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http"),
    (b"GET /\n", "http"),
    (b"POST / HTTP/1.1\r\n\r\nMallory\r\nhello\r\n", "http"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http"),
    (b"CAP LS 302\r\n", "irc"),
    (b"NICK ann\r\nUSER ann 0 * :Ann\r\n", "irc"),
    (b"USER ann 0 * :Ann\n", "irc"),
    (b"PASS secret\r\n", "irc"),
    (b"Ann\r\nhello\r\n", "terminal"),
    (b"\xff\xfb\x1fAnn\r\n", "terminal"),
    (b"\xe3\x81\x82\n", "terminal"),
    (b"\x16\x02", "terminal"),
    (b"\r\nAnn\r\n", "terminal"),
    (b"\r\n\r\nAnn\r\n", "terminal"),
    (b"\n", "terminal"),
    (b"NICK\r\n", "terminal"),
    (b"Pass\n", "terminal"),
    (b"nick ann\r\n", "terminal"),
    (b"NICK \r\n", "terminal"),
    (b"NICKNAME ann\r\n", "terminal"),
    (b"PROXY\r\n", "terminal"),
    (b"PROXY ann\r\n", "terminal"),
    (b"GET\r\n", "terminal"),
    (b"GET HTTP/1.1\r\n", "terminal"),
    (b"say GET / HTTP/1.1\r\n", "terminal"),
]


@pytest.mark.parametrize(("data", "opening"), OPENINGS, ids=lambda value: str(value)[:24])
def test_wherever_the_first_bytes_are_cut_a_client_is_told_to_be_what_it_is_or_nothing_yet(data, opening):
    told = [opening_of(data[:size]) for size in range(1, len(data) + 1)]
    assert told[-1] == opening
    assert set(told) <= {None, opening}


@settings(max_examples=500, deadline=None)
@given(st.binary(min_size=1, max_size=60) | st.sampled_from(OPENINGS).map(lambda one: one[0]), st.binary(max_size=40))
def test_what_was_told_stays_true_whatever_comes(data, more):
    told = opening_of(data)
    assert told in (None, opening_of(data + more))


@pytest.mark.parametrize(
    ("data", "opening"),
    [(b"POST /" + LONGEST * b"x", "http"), (b"NICK " + LONGEST * b"x", "irc"), (LONGEST * b"x", "terminal")],
    ids=["http", "irc", "terminal"],
)
def test_a_first_line_that_does_not_end_is_told_by_how_it_begins(data, opening):
    assert opening_of(data[: LONGEST - 1]) is None
    assert opening_of(data[:LONGEST]) == opening


@pytest.mark.parametrize("line", ["Ann", "", "NICK", "hello there", "/nick ann", "user ann", "CAPS LOCK", " NICK ann"])
def test_what_people_type_instead_of_a_username_is_nothing_foreign(line):
    assert foreign(line) is None
