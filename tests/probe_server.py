"""gchat, with three things that tests need: faults to order, a disk that freezes, and a count of what is alive.

Run like gchat.py. Nothing is committed while there is a file `frozen` in the data directory; whoever waits for a full
queue is told after half a second, terminals are kept awake twice a second, and lines are made searchable only when
somebody searches. The garbage collector stays off, so whatever a session leaves behind is counted. SIGUSR1 prints a
line of JSON. A line with `boom in reading KIND`, `/boom KIND` or `boom in rendering KIND` raises that.
"""

from __future__ import annotations

import builtins
import gc
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import gevent
import greenlet
import h11
from websockets.protocol import Protocol

sys.path.insert(0, str(Path(__file__).parent.parent))

import gchat
from gchatd import hub
from gchatd.delivery.sessions import Sessions
from gchatd.doors.terminal import commands, connection
from gchatd.doors.terminal.connection import Terminals
from gchatd.doors.terminal.look import Look
from gchatd.doors.web.frames import Messages
from gchatd.doors.web.http import HttpConnection
from gchatd.doors.web.link import WebLink
from gchatd.doors.web.rooms import Client
from gchatd.doors.web.visitor import Visitor
from gchatd.hub import Hub
from gchatd.journal import reader, sqlite
from gchatd.journal.store import Writer
from gchatd.operate import founding
from gchatd.session import Session
from gchatd.wire.telnet import TelnetWire


def boom(text: str) -> None:
    raise getattr(builtins, text.split()[-1])("boom")


def feed(self: TelnetWire, data: bytes, complete: Any, feed: Any = TelnetWire.feed) -> Any:
    if b"boom in reading" in data:
        boom(data.decode())
    return feed(self, data, complete)


def render(self: Look, event: Any, render: Any = Look.render) -> bytes:
    if "boom in rendering" in getattr(event, "text", ""):
        boom(event.text)
    return render(self, event)


def append(self: Writer, events: Any, at: int, append: Any = Writer.append) -> int:
    while Path(self._db.filename).with_name("frozen").exists():
        time.sleep(0.01)
    return append(self, events, at)


def count_what_is_alive() -> None:
    objects = gc.get_objects()
    alive = {
        "users": len(hubs[0].users),
        "members": sum(len(room.members) for room in hubs[0].rooms.values()),
        "registered": len(registries[0].by_id),
        "sessions": sum(isinstance(thing, Session) for thing in objects),
        "web": sum(isinstance(thing, OF_THE_WEB) for thing in objects),
        "nops": nops,
        "greenlets": sum(isinstance(thing, greenlet.greenlet) and not thing.dead for thing in objects),
    }
    print(json.dumps(alive), flush=True)


def keep_alive(self: Terminals, keep_alive: Any = Terminals.keep_alive) -> None:
    global nops
    due = sum(at <= time.monotonic() for at in self.rich.values())
    keep_alive(self)
    nops += due


nops = 0
hubs: list[Hub] = []
registries: list[Sessions] = []


OF_THE_WEB = (WebLink, Messages, Protocol, Visitor, Client, HttpConnection, h11.Connection)
"""What is made for a client of the web's door."""


class CountedSessions(Sessions):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        registries.append(self)


class CountedHub(Hub):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        hubs.append(self)


TelnetWire.feed = feed
Writer.append = append
Look.render = render
commands.COMMANDS["boom"] = commands.Command(
    "boom", "/boom KIND", "", "", lambda session, words: boom(words), unnamed=True
)
founding.Hub = CountedHub
gchat.Sessions = CountedSessions
hub.QUEUE_SECONDS = 0.5
connection.NOP_SECONDS = 0.5
sqlite.INDEX_SECONDS, reader.INDEX_SECONDS = 3600, 5
Terminals.keep_alive = keep_alive
gc.collect = gc.freeze = lambda *args: 0
gc.disable()
gevent.signal_handler(signal.SIGUSR1, count_what_is_alive)
sys.exit(gchat.main())
