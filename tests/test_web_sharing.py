"""What many browsers hear is made once: one frame, and one bytes object for all of them, its author included."""

from __future__ import annotations

import json

import pytest
from room import Screen, Stage

from gchatd.doors.web.formats import Frames
from gchatd.doors.web.frames import Messages
from gchatd.doors.web.link import WebLink, WebLinks
from gchatd.link import Request
from gchatd.session import Session
from gchatd.settings import Limits
from gchatd.text.names import parse_name


class Browsers:
    """Sessions of browsers without sockets, on a stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._links = WebLinks(stage.sessions, Limits())

    def enters(self, name: str) -> Session:
        session = Session(self._stage.hub, self._stage.sessions, WebLink(self._links, Screen(), f"1.2.3.4:{name}"))
        session.arrive(parse_name(name))
        return session


def asks(session: Session, do: str, **more: object) -> None:
    session.handle(Request(json.dumps({"do": do, **more}), str(more.get("label", ""))))


@pytest.fixture
def rendered(monkeypatch):
    """Every event of which a frame is made."""
    events = []
    render = Frames.render

    def counted(self: Frames, event: object) -> bytes:
        events.append(event)
        return render(self, event)

    monkeypatch.setattr(Frames, "render", counted)
    return events


def test_a_frame_is_rendered_once_and_all_in_the_room_are_given_the_same_bytes_its_author_too(rendered):
    stage = Stage()
    browsers = Browsers(stage)
    ann, *others = [browsers.enters(name) for name in ("Ann", "Bob", "Carl", "Dora")]
    stage.turn()
    for session in (ann, *others):
        session.outbox.pieces.clear()
    rendered.clear()
    asks(ann, "say", room="lobby", text="one", label="which she is not told again")
    stage.turn()
    [data] = ann.outbox.pieces
    assert json.loads(data[2 if data[1] < 126 else 4 :])["text"] == "one"
    assert [event.text for event in rendered] == ["one"]
    for session in others:
        assert len(session.outbox.pieces) == 1
        assert session.outbox.pieces[0] is data


def test_lines_of_several_browsers_and_terminals_are_joined_once_for_all_browsers(rendered):
    stage = Stage()
    browsers = Browsers(stage)
    ann, bob, carl = (browsers.enters(name) for name in ("Ann", "Bob", "Carl"))
    eve = stage.enters("Eve")
    stage.turn()
    for session in (ann, bob, carl, eve):
        session.outbox.pieces.clear()
    rendered.clear()
    asks(ann, "say", room="lobby", text="one")
    eve.says("two")
    asks(bob, "say", room="lobby", text="three")
    stage.turn()
    [data] = ann.outbox.pieces
    assert data.count(b'{"event":"said"') == len(rendered) == 3
    assert [session.outbox.pieces for session in (bob, carl)] == [[data]] * 2
    assert all(session.outbox.pieces[0] is data for session in (bob, carl))
    assert eve.screen() == ["Ann : one", "Bob : three"]


def framed(text: bytes, first: int = 0x81, mask: bytes = b"\x01\x23\x45\x67") -> bytes:
    size = len(text).to_bytes(1) if len(text) < 126 else b"\x7e" + len(text).to_bytes(2)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
    return bytes([first, size[0] | 0x80]) + size[1:] + mask + masked


@pytest.mark.parametrize("text", [b"", b"a", b"x" * 125, b"x" * 126, "\u00e9\U0001f600".encode() * 40, b"x" * 1000])
def test_a_message_in_one_piece_reads_as_it_does_byte_by_byte(text):
    data = framed(text)
    whole, cut = Messages(1000), Messages(1000)
    assert whole.feed(data) == [text.decode()]
    assert [one for at in range(len(data)) for one in cut.feed(data[at : at + 1])] == [text.decode()]
    assert whole.feed(2 * data) == [text.decode()] * 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (framed(b"x" * 1001), 1009),
        (framed(b"\xff"), 1007),
        (framed(b"\xed\xa0\x80"), 1007),  # half a surrogate pair
        (framed(b"x", first=0xC1), 1002),  # a reserved bit
        (b"\x81\x01x", 1002),  # not masked
        (b"\x81\x04" + b"x" * 8, 1002),
    ],
)
def test_what_the_protocol_forbids_is_not_let_through_because_it_came_in_one_piece(data, code):
    messages = Messages(1000)
    assert messages.feed(data) == []
    assert messages.take_reply()[2:4] == code.to_bytes(2)


def test_a_message_in_one_piece_cannot_stand_between_the_fragments_of_another():
    messages = Messages(1000)
    assert messages.feed(framed(b"be", first=0x01)) == []
    assert messages.feed(framed(b"between")) == []
    assert messages.take_reply()[2:4] == (1002).to_bytes(2)


def test_what_looks_like_a_message_inside_another_is_part_of_that():
    messages, data = Messages(1000), framed(framed(b"inside"), mask=bytes(4))
    assert messages.feed(data[:6]) == []
    assert messages.feed(data[6:]) == []
    assert messages.take_reply()[2:4] == (1007).to_bytes(2)  # a frame is not UTF-8
