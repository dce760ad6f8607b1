"""Somebody who asks, sends or says nothing without end: the others notice nothing, and nothing is held for it."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref

import gevent
import pytest
from people import PATIENCE, SECOND
from test_web_compression import agreed, deflated
from web import Browser, frame
from webhouse import opened

from gchatd.doors.web.frames import Messages
from gchatd.errors import ConfigError
from gchatd.journal import MemoryJournal
from gchatd.operate.founding import read_motd
from gchatd.settings import Settings, load


@pytest.fixture
def house():
    with opened(MemoryJournal()) as house:
        yield house


HOG = """
import socket, sys, threading, time
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
asked = b"GET /healthz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" * 1000
threading.Thread(target=lambda: [sock.sendall(asked) for _ in iter(int, 1)], daemon=True).start()
until = time.monotonic() + float(sys.argv[2])
print(sock.recv(1 << 20)[:8], flush=True)
while time.monotonic() < until:
    sock.recv(1 << 20)
"""
"""Asks without end, and reads the answers as fast."""


def test_who_asks_without_end_keeps_nobody_waiting(start):
    server = start(server__greet_after=SECOND)
    ann = Browser(server, "Ann")
    with subprocess.Popen([sys.executable, "-c", HOG, str(server.port), str(PATIENCE)], stdout=subprocess.PIPE) as hog:
        assert hog.stdout.readline() == b"b'HTTP/1.1'\n"
        for _ in range(5):
            ann.has_heard_all()
        assert hog.poll() is None
        hog.kill()
    ann.hangs_up()


def test_who_follows_a_room_and_sends_without_end_is_hung_up_on(house):
    curl = house.calls()
    curl.follows("/rooms/lobby")
    with pytest.raises(OSError):  # noqa: PT011  reset, or a broken pipe
        curl.sends(bytes(100 * 65536))
    house.comes_to(lambda: not house.sessions.visitors)


@pytest.mark.parametrize("idle", [frame(9, b""), frame(10, b"x"), frame(0, b"", fin=False)])
def test_who_sends_frames_without_end_in_which_there_is_nothing_is_hung_up_on(house, idle):
    ann = house.enters("Ann")
    if idle[0] == 0:
        ann.sends(frame(1, b"", fin=False))
    ann.sends(idle * 100)
    if idle[0]:
        ann.asks("ping")  # so many may be
        while ann.reads_frame()[0] != 0x81:
            pass
    ann.sends(idle * 400)
    while (got := ann.reads_frame())[0] != 0x88:
        pass
    assert got[1][:2] == (1008).to_bytes(2)


@pytest.mark.parametrize(
    "bad",
    [
        frame(3, b""),
        frame(1, b"x" * 3000),
        frame(0x41, b"not compressed"),
        frame(0x41, deflated(b"x" * 1_000_000)),
        frame(8, b"\x00"),
        frame(1, b"\xff"),
        b"\x81\x01x",
    ],
    ids=["no opcode", "too long", "no deflate", "bomb", "bad close", "no text", "unmasked"],
)
def test_an_error_in_the_protocol_leaves_no_cycle(bad):
    gc.disable()
    try:
        messages = Messages(2000, agreed(True)[1])
        assert messages.feed(bad) == []
        assert not messages.is_open
        protocol = weakref.ref(messages._protocol)
        messages.drop()
        assert protocol() is None
    finally:
        gc.enable()


def test_fragments_without_a_byte_are_not_held():
    messages = Messages(2000)
    messages.feed(frame(1, b"he", fin=False) + frame(0, b"", fin=False) * 1000)
    assert len(messages.state()["parts"]) == 1
    assert messages.feed(frame(0, b"llo")) == ["hello"]


def test_a_message_cannot_begin_amid_fragments_without_a_byte():
    messages = Messages(2000)
    messages.feed(frame(1, b"", fin=False))
    assert messages.feed(frame(1, b"hello")) == []
    assert not messages.is_open


def test_strangers_of_one_kind_have_few_lines_in_the_log(start, enter):
    server = start(server__greet_after=PATIENCE)
    for _ in range(30):
        enter(server).sends(b"NICK x\r\n")
    server.logs(r"\d+ more within a second: speaks IRC")
    assert server.log().count("left: speaks IRC") < 20


def test_what_is_no_file_is_no_message_of_the_day(tmp_path):
    os.mkfifo(tmp_path / "motd")
    with pytest.raises(ConfigError, match="is no regular file"):
        read_motd(load(None, [("server", "motd", str(tmp_path / "motd"))]))
    (tmp_path / "big").write_bytes(bytes(1 << 21))
    with pytest.raises(ConfigError, match="has more than"):
        read_motd(load(None, [("server", "motd", str(tmp_path / "big"))]))
    assert read_motd(Settings()) == []


def test_who_has_not_the_key_cannot_speak_in_passing_even_if_the_room_was_open_a_moment_ago(house):
    ann, curl = house.enters("Ann"), house.calls()
    ann.asks("join", room="den")
    ann.hears(event="joined")
    ann.hears(answer="welcome")
    room = house.hub.rooms["den"]
    ann.asks("private", room="den")
    posting = gevent.spawn(curl.posts, "/rooms/den?name=CI", b"psst")
    answer = posting.get()
    assert room.private
    assert answer.status in (200, 404)
    heard = []
    ann.asks("ping", label="now")
    while heard[-1:] != ["pong"]:
        one = ann.reads()
        heard.append(one.get("event") or one["answer"])
    assert heard in (["madeprivate", "pong"], ["said", "madeprivate", "pong"])


def test_what_shows_nothing_is_nothing_to_say(house):
    ann = house.enters("Ann")
    for text in ("\u200b", " \u2060 ", "\u3164", "\t"):
        ann.asks("say", room="lobby", text=text, label="1")
        ann.hears(refusal="nothingsaid", label="1")
        assert house.calls().posts("/rooms/lobby?name=CI", text.encode()).status == 400
    ann.asks("say", room="lobby", text="👍🏽")
    assert ann.hears(event="said")["text"] == "👍🏽"
