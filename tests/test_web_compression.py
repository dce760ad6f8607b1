"""Compressed messages, for browsers that ask for them where `web.compression` allows it (RFC 7692)."""

from __future__ import annotations

import json
import random
import zlib

import pytest
from web import HANDSHAKE, frame, frames
from webhouse import Client, opened

from gchatd.doors.web.formats import COMPRESSED, FRAMES
from gchatd.doors.web.frames import Messages, shake_hands, text_frame
from gchatd.doors.web.http import Request
from gchatd.journal import MemoryJournal
from gchatd.settings import Web

OFFER = "permessage-deflate; client_max_window_bits"
LONG = json.dumps({"do": "say", "room": "lobby", "text": "hello " * 100}).encode()


def deflated(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(data: bytes) -> bytes:
    return zlib.decompress(data + b"\x00\x00\xff\xff\x01\x00\x00\xff\xff", wbits=-15)


def agreed(compresses: bool, offer: str = OFFER) -> tuple[str | None, list]:
    """What the server says to an offer, and what it goes by."""
    headers = {name.lower(): value for name, value in HANDSHAKE.items()} | {"sec-websocket-extensions": offer}
    accepted, extensions = shake_hands(Request("GET", "/ws", "/ws", {}, headers), compresses)
    return dict(accepted).get("Sec-WebSocket-Extensions"), extensions


class Saver(Client):
    """Somebody who asks for compressed messages."""

    def opens(self, **headers: str) -> None:
        answer = self.gets("/ws", **HANDSHAKE, Sec_WebSocket_Extensions=OFFER)
        assert "permessage-deflate" in answer.headers["sec-websocket-extensions"]
        first, hello = self.reads_frame()
        assert json.loads(inflated(hello) if first == 0xC1 else hello)["answer"] == "hello"


@pytest.fixture
def messages() -> Messages:
    return Messages(2000, agreed(True)[1])


def test_it_is_off_unless_the_setting_says_so():
    assert agreed(False) == (None, [])
    assert not Web().compression


def test_each_message_is_compressed_by_itself_in_both_directions():
    answer, (extension,) = agreed(True)
    assert "server_no_context_takeover" in answer
    assert "client_no_context_takeover" in answer
    assert extension.local_no_context_takeover
    assert extension.remote_no_context_takeover


def test_an_offer_that_cannot_be_is_declined_and_the_chat_goes_on_without():
    assert agreed(True, "permessage-deflate; server_max_window_bits=7") == (None, [])
    assert agreed(True, "x-webkit-deflate-frame") == (None, [])


def test_a_long_text_is_shorter_and_a_short_one_as_it_stands():
    assert frames(text_frame(LONG, True)) == [(0xC1, frames(text_frame(LONG, True))[0][1])]
    assert inflated(frames(text_frame(LONG, True))[0][1]) == LONG
    assert len(text_frame(LONG, True)) < len(LONG) / 4
    assert text_frame(LONG[:128], True) == text_frame(LONG[:128])
    noise = random.Random(1).randbytes(300)
    assert text_frame(noise, True) == text_frame(noise)


def test_two_frames_in_a_row_do_not_need_each_other():
    once, again = text_frame(LONG, True), text_frame(LONG, True)
    assert once == again


@pytest.mark.parametrize("at", range(0, 100, 9))
def test_what_a_client_compresses_is_read_however_it_is_cut(messages, at):
    data = frame(0x41, deflated(LONG)) + frame(1, b"plain")
    assert [*messages.feed(data[:at]), *messages.feed(data[at:])] == [LONG.decode(), "plain"]


def test_a_bomb_is_not_unpacked(messages):
    bomb = frame(0x41, deflated(b"x" * 100_000_000))
    assert len(bomb) < 100_020
    assert messages.feed(bomb[:1900]) == []
    small = Messages(200_000, agreed(True)[1])
    assert small.feed(bomb) == []
    assert frames(small.take_reply())[0][1][:2] == (1009).to_bytes(2)


def test_a_compressed_message_to_somebody_who_did_not_agree_is_an_error():
    messages = Messages(2000)
    assert messages.feed(frame(0x41, deflated(LONG))) == []
    assert frames(messages.take_reply())[0][1][:2] == (1002).to_bytes(2)


def test_what_is_written_down_goes_on_compressed(messages):
    data = frame(0x41, deflated(LONG))
    messages.feed(data[:20])
    other = Messages(2000)
    other.restore(messages.state())
    assert other.compressed
    assert other.feed(data[20:]) == [LONG.decode()]


def test_a_compressed_message_in_fragments_cannot_be_written_down_so_its_client_is_asked_to_come_again(messages):
    messages.feed(frame(0x41, deflated(LONG)[:9], fin=False))
    messages.state()
    assert not messages.is_open
    assert frames(messages.take_reply()) == [(0x88, (1012).to_bytes(2) + b"service restart")]


def test_those_who_asked_for_it_share_one_frame_and_the_others_another():
    assert FRAMES != COMPRESSED
    with opened(MemoryJournal(), web=Web(compression=True)) as house:
        ann, carl = house.enters("Ann"), Saver(house.port, "Carl")
        carl.asks("come", name="Carl")
        ann.hears(event="arrived", name="Carl")
        ann.asks("say", room="lobby", text="hello " * 100)
        said = ann.hears(event="said")
        carl.hears(event="arrived")  # is short
        first, packed = carl.reads_frame()
        assert first == 0xC1
        assert json.loads(inflated(packed)) == said
        carl.hangs_up()
