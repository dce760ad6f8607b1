"""WebSocket frames: bytes in, messages out, wherever they are cut, and wherever they are written down."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from web import ACCEPTED, HANDSHAKE, frame, frames

from gchatd.doors.web.frames import PING, Messages, close_frame, is_handshake, shake_hands, text_frame
from gchatd.doors.web.http import Request, Response

MOST = 400
TEXT, BINARY, CONTINUED, CLOSE, PING_CODE, PONG = 1, 2, 0, 8, 9, 10

brief = settings(max_examples=300, deadline=None)
texts = st.text(st.sampled_from("aé漢👍\0 \ufeff"), max_size=60)
masks = st.binary(min_size=4, max_size=4)


@st.composite
def conversations(draw) -> tuple[bytes, list[str | bytes], bytes]:
    """What a client may send: the bytes, the messages in it, and the pongs that are due."""
    data, messages, pongs = b"", [], b""
    for _ in range(draw(st.integers(0, 4))):
        message = draw(texts | st.binary(max_size=150))
        body = message.encode() if isinstance(message, str) else message
        cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=3)))
        opcode = TEXT if isinstance(message, str) else BINARY
        for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(body)], strict=True)):
            data += frame(opcode, body[start:end], number == len(cuts), draw(masks))
            opcode = CONTINUED
            if draw(st.integers(0, 3)) == 0:
                ping = draw(st.binary(max_size=125))
                data += frame(PING_CODE, ping, True, draw(masks)) + frame(PONG, b"x")
                pongs += b"\x8a" + bytes([len(ping)]) + ping
        messages.append(message)
    return data, messages, pongs


def told(data: bytes, *cuts: int, most: int = MOST) -> tuple[list[str | bytes], bytes, bool]:
    """What comes of bytes that are cut there: messages, the reply, and whether the connection is still open."""
    taker, found, reply = Messages(most), [], b""
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        found += taker.feed(data[start:end])
        reply += taker.take_reply()
    open_ = taker.is_open
    taker.drop()
    return found, reply, open_


def closes(data: bytes) -> tuple[list[str | bytes], int]:
    """The messages before the close, and the code with which the server closes."""
    found, reply, open_ = told(data)
    assert not open_
    *_, (first, why) = frames(reply)
    assert first == 0x88
    return found, int.from_bytes(why[:2])


@brief
@given(conversations(), st.lists(st.floats(0, 1), max_size=6))
def test_however_they_are_cut_messages_come_whole_and_in_order_and_every_ping_is_answered(conversation, cuts):
    data, messages, pongs = conversation
    assert told(data, *sorted(int(cut * len(data)) for cut in cuts)) == (messages, pongs, True)


@brief
@given(conversations(), st.floats(0, 1), st.floats(0, 1))
def test_what_is_written_down_anywhere_goes_on_there(conversation, first, second):
    data, messages, pongs = conversation
    cuts = sorted((int(first * len(data)), int(second * len(data))))
    taker, found, reply = Messages(MOST), [], b""
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        found += taker.feed(data[start:end])
        reply += taker.take_reply()
        state = json.loads(json.dumps(taker.state()))
        taker = Messages(MOST)
        taker.restore(state)
        assert not taker.take_reply()
    assert (found, reply, taker.is_open) == (messages, pongs, True)


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_message_too_big_in_pieces_is_so_after_a_move_as_well(cut):
    data = frame(TEXT, b"x" * 300, fin=False) + frame(CONTINUED, b"x" * 200)
    at = len(data) - 200 - cut
    taker = Messages(MOST)
    assert taker.feed(data[:at]) == []
    state, taker = taker.state(), Messages(MOST)
    taker.restore(state)
    assert taker.feed(data[at:]) == []
    assert frames(taker.take_reply())[0][1][:2] == (1009).to_bytes(2)


@brief
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
@example(bytes.fromhex("88 80 00000000"), [])
@example(bytes.fromhex("81 FF FFFFFFFFFFFFFFFF 00000000"), [])
def test_whatever_comes_is_taken_without_an_error_and_ends_in_the_same_place_however_it_is_cut(data, cuts):
    whole = told(data)
    assert told(data, *sorted(min(cut, len(data)) for cut in cuts)) == whole
    frames(whole[1])


def test_what_is_no_text_is_none_after_a_move_either():
    taker = Messages(MOST)
    taker.feed(frame(TEXT, b"\xe6", fin=False))
    state, taker = taker.state(), Messages(MOST)
    taker.restore(state)
    assert taker.feed(frame(CONTINUED, b"a")) == []
    assert frames(taker.take_reply())[0][1][:2] == (1007).to_bytes(2)


def test_a_text_that_is_cut_within_a_character_is_whole_again():
    body = "漢字".encode()
    for cut in range(len(body) + 1):
        data = frame(TEXT, body[:cut], fin=False) + frame(CONTINUED, body[cut:])
        assert told(data) == (["漢字"], b"", True)


@pytest.mark.parametrize("body", [b"\xff", b"ok \xc0\x80", b"ok \xe6a"])
def test_what_can_be_no_text_any_more_is_the_end_before_the_message_is_whole(body):
    assert closes(frame(TEXT, body, fin=False)) == ([], 1007)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),
        (frame(TEXT, b"\xe6\xbc", fin=True), 1007),
        (frame(TEXT, b"\xe6", fin=False) + frame(CONTINUED, b"a"), 1007),
        (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
        (frame(TEXT, b"x" * (MOST + 1)), 1009),
        (frame(TEXT, b"x" * MOST, fin=False) + frame(CONTINUED, b"x"), 1009),
        (bytes.fromhex("81 FF 7FFFFFFFFFFFFFFF 00000000"), 1009),
        (frame(CONTINUED, b"x"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"x"), 1002),
        (frame(3, b"x"), 1002),
        (frame(11, b"x"), 1002),
        (b"\xc1" + frame(TEXT, b"x")[1:], 1002),
        (b"\x81\x01x", 1002),
        (frame(PING_CODE, b"x", fin=False), 1002),
        (frame(PING_CODE, b"x" * 126), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, (1005).to_bytes(2)), 1002),
        (frame(CLOSE, (1000).to_bytes(2) + b"\xff"), 1007),
        (frame(CLOSE, (1000).to_bytes(2)), 1000),
        (frame(CLOSE, (3000).to_bytes(2) + b"bye"), 3000),
        (frame(TEXT, b"x", fin=False) + frame(CLOSE, (1000).to_bytes(2)), 1000),
    ],
)
def test_what_the_protocol_forbids_is_the_end_with_the_code_for_it_and_what_came_before_counts(data, code):
    assert closes(frame(TEXT, b"before") + data + frame(TEXT, b"after")) == (["before"], code)


def test_a_message_in_pieces_counts_whatever_comes_right_behind_it():
    data = frame(TEXT, b"be", fin=False) + frame(CONTINUED, b"fore")
    assert closes(data + frame(CLOSE, (1000).to_bytes(2))) == (["before"], 1000)
    assert closes(data + frame(3, b"")) == (["before"], 1002)


def test_a_close_without_a_code_is_answered_without_one():
    assert told(frame(CLOSE, b"") + frame(TEXT, b"after")) == ([], b"\x88\0", False)


def test_after_closing_nothing_more_is_looked_at():
    taker = Messages(MOST)
    taker.close(1003, "why")
    assert taker.take_reply() == close_frame(1003, "why")
    assert taker.feed(frame(TEXT, b"x") + b"garbage") == []
    taker.close(1000)
    assert taker.take_reply() == b""


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 100_000])
def test_a_text_is_one_frame_without_a_mask_of_any_size(size):
    assert frames(text_frame(b"x" * size)) == [(0x81, b"x" * size)]


def test_a_ping_is_one():
    assert frames(PING) == [(0x89, b"")]


def asked(method: str = "GET", **headers: str | None) -> Request:
    named = HANDSHAKE | {name.replace("_", "-"): value for name, value in headers.items()}
    lowered = {name.lower(): value for name, value in named.items() if value is not None}
    return Request(method, "/ws", "/ws", {}, lowered)


def test_a_handshake_is_accepted_without_extensions_or_protocols():
    headers, extensions = shake_hands(
        asked(Sec_WebSocket_Extensions="permessage-deflate", Sec_WebSocket_Protocol="chat")
    )
    assert not extensions
    assert dict(headers) == {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": ACCEPTED}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Key": "c2hvcnQ="}, 400),
        ({"Sec_WebSocket_Key": "!" * 24}, 400),
        ({"Sec_WebSocket_Version": None}, 400),
        ({"Sec_WebSocket_Version": "8"}, 400),
        ({"Connection": "keep-alive"}, 426),
        ({"method": "POST"}, 405),
        ({"Origin": "x\x0fy"}, 400),
    ],
)
def test_a_handshake_that_is_none_is_refused_with_a_status(headers, status):
    request = asked(**headers)
    assert is_handshake(request)
    response = shake_hands(request)
    assert isinstance(response, Response)
    assert response.status == status
    assert response.body


@pytest.mark.parametrize(
    ("upgrade", "is_one"), [("WebSocket", True), ("h2c, websocket", True), ("h2c", False), (None, False)]
)
def test_who_asks_for_a_websocket_is_known_by_one_header(upgrade, is_one):
    assert is_handshake(asked(Upgrade=upgrade)) is is_one
