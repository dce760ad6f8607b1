"""People who move between rooms while they talk: is each line heard where its author was, once, in order, by all there?

    python tests/torture/order.py [--seconds 60] [--seed N]

Every round starts two servers, one of them pinned to one core, and lets 30 people into each, with plain lines or with a
terminal that sends every key. They say numbered lines that name the room they are for, join, leave and change rooms,
try to enter a private one, take other names and looks, and read slowly. Some quit, some hang up, and some break the
connection right after what they said, then come back as somebody else. What they heard is then compared with the
history, which is the order in which everything happened:

- a line is in the room where its author's commands had put them, or nowhere, and then its author was told `Not sent`;
- none is there twice, and each author's are in order. Of somebody who left in peace there are all lines; of a broken
  connection the last ones may be missing, never one in between;
- everybody heard what was said in their rooms, in that order, without a gap from the first line on that they heard
  after they came in; nobody heard anything twice, from another room, or under the heading of another room;
- two who stay, one with each kind of terminal, heard every line; the server logged no traceback, and closed nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import re
import socket
import struct
import sys
import time
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import apsw

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from people import PATIENCE, Server

from gchatd.journal.folder import FILE
from gchatd.wire.lineedit import ERASE
from gchatd.wire.negotiation import DO, ECHO, IAC, NAWS, SB, SE, SGA, TTYPE, WILL, WONT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PEOPLE = 30  # on each server
ROUND_SECONDS = 10.0
LONGEST_LIFE = 6.0  # seconds of talk
ROOMS = ["lobby", "alpha", "beta", "gamma"]
DEN = "den"  # private: nobody gets in
LOOKS = [
    *("/time off", "/time hh:mm", "/time full +02:00", "/theme colour", "/theme mono", "/bell all", "/bell off"),
    *("/notices on", "/notices off", "/reader on", "/reader off", "/plain"),
]
SETTINGS = {"limits__sendq": 50_000_000, "limits__stalled_seconds": 600}
TERMINAL = bytes((IAC, WILL, NAWS, IAC, WONT, TTYPE, IAC, DO, ECHO, IAC, DO, SGA, IAC, SB, NAWS, 0, 200, 0, 9, IAC, SE))
_UNSEEN = re.compile(rb"\xff[\xfb-\xfe].|\xff\xfa.*?\xff\xf0|\xff\xf1|\x1b\[[0-9;?]*[A-Za-z]|\a", re.DOTALL)
_LINE = re.compile(r"(?:\[([a-z]+)\] )?([a-z0-9]+)(?:_\d+)? : <([a-z0-9]+) ([a-z]+) (\d+)>$")
_MOVE = re.compile(r"server: (You are in|You left|You are now talking in) ([a-z]+)\b")


class Line(NamedTuple):
    """A line as somebody heard it."""

    author: str
    number: int
    room: str
    heading: str | None


class Move(NamedTuple):
    """What somebody was told of where they are."""

    what: str
    room: str


class Whereabouts:
    """The rooms that somebody is in, and the current one of them."""

    def __init__(self) -> None:
        self.rooms = [ROOMS[0]]
        self.current: str | None = ROOMS[0]

    def goes(self, room: str) -> None:
        if room not in self.rooms:
            self.rooms.append(room)
        self.current = room

    def leaves(self, room: str) -> None:
        self.rooms.remove(room)
        if self.current == room:
            self.current = next(reversed(self.rooms), None)

    def follows(self, move: Move) -> None:
        (self.leaves if move.what == "You left" else self.goes)(move.room)


class Person:
    """Somebody on one connection: what they said for which room, and all that they heard."""

    def __init__(self, name: str, rich: bool) -> None:
        self.name = name
        self.rich = rich
        self.said: list[tuple[int, str]] = []  # the number of each line, and the room it is for
        self.nowhere = self.refused = 0  # lines that are to be refused, and those that were
        self.heard: list[Line | Move] = []
        self.left_in_peace = False
        self.slow = False
        self._unread = b""

    async def enters(self, server: Server) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = socket.create_connection(("127.0.0.1", server.port))
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.in_it = asyncio.Event()
        self._reading = asyncio.create_task(self._reads())
        await self.types(self.name)
        await asyncio.wait_for(self.in_it.wait(), PATIENCE)
        if self.rich:
            await self._loop.sock_sendall(self._sock, TERMINAL)

    async def types(self, *lines: str) -> None:
        """Send some lines at once."""
        data = "".join(f"{line}\r\n" if self.rich else f"{line}\n" for line in lines).encode()
        await asyncio.wait_for(self._loop.sock_sendall(self._sock, data), PATIENCE)

    async def hangs_up(self, how: str = "in peace") -> None:
        """Go: in peace, when all has been read that was said before; or suddenly, perhaps by reset."""
        if how == "in peace":
            self._sock.shutdown(socket.SHUT_WR)
            self.slow = False
            await asyncio.wait_for(self._reading, PATIENCE)
            self.left_in_peace = True
        self._reading.cancel()
        await asyncio.wait([self._reading])
        if how == "by reset":
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    async def _reads(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            while data := await self._loop.sock_recv(self._sock, 200 if self.slow else 65536):
                *lines, self._unread = (self._unread + data).split(b"\r\n")
                for line in lines:
                    self._sees(_UNSEEN.sub(b"", line.rpartition(ERASE)[2]).decode())
                if self.slow and random.random() < 0.02:
                    await asyncio.sleep(random.random())

    def _sees(self, line: str) -> None:
        if (said := _LINE.search(line)) is not None:
            heading, name, author, room, number = said.groups()
            self.heard.append(Line(author if name == author else line, int(number), room, heading))
        elif (move := _MOVE.search(line)) is not None:
            self.heard.append(Move(move[1], move[2]))
        elif "server: Not sent" in line or "server: You are not in a room. " in line:
            self.refused += 1
        elif "server: Your username is" in line:
            self.in_it.set()


class Mover(Person):
    """Somebody who talks in one room, then in another."""

    def __init__(self, name: str, rng: random.Random) -> None:
        super().__init__(name, rich=rng.random() < 0.3)
        self.slow = rng.random() < 0.3
        self._rng = rng
        self._where = Whereabouts()  # where the commands that they typed put them
        self._lines = itertools.count(1)
        self._names = itertools.count(1)

    async def lives(self, server: Server, until: float) -> None:
        rng = self._rng
        until = min(until, time.monotonic() + rng.random() * LONGEST_LIFE)
        await self.enters(server)
        while time.monotonic() < until:
            await self.types(*self._burst())
            await asyncio.sleep(rng.random() * 0.2)
        await self.types(*self._burst(), *rng.choice(([], ["/quit bye"])))
        await self.hangs_up(rng.choice(("by reset", "by reset", "suddenly", "in peace", "in peace")))

    def _burst(self) -> Iterator[str]:
        """Give what is typed at once: some commands, and some lines after each."""
        rng, where = self._rng, self._where
        for _ in range(rng.choice((1, 1, 2, 4))):
            what = rng.random()
            if what < 0.25:
                where.goes(room := rng.choice(ROOMS))
                yield f"/join {room}"
            elif what < 0.35 and where.rooms:
                where.goes(room := rng.choice(where.rooms))
                yield f"/go {room}"
            elif what < 0.45 and where.rooms:
                where.leaves(room := rng.choice(where.rooms))
                yield f"/leave {room}"
            elif what < 0.5:
                yield f"/nick {self.name}_{next(self._names)}"
            elif what < 0.6:
                yield rng.choice(LOOKS)
            elif what < 0.65:
                yield from self._tries_to_enter()
            for _ in range(rng.choice((0, 1, 1, 3, 20))):
                yield self._line(where.current)

    def _tries_to_enter(self) -> Iterator[str]:
        """Talk in a room that lets nobody in; then go where one can be heard, before that counts as a while later."""
        yield self._rng.choice((f"/join {DEN}", f"/go {DEN}", f"/join {DEN} 0123456789ab"))
        for _ in range(self._rng.choice((1, 3))):
            yield self._line(None)
        self._where.goes(room := self._rng.choice(ROOMS))
        yield f"/join {room}"

    def _line(self, room: str | None) -> str:
        number = next(self._lines)
        if room is None:
            self.nowhere += 1
        else:
            self.said.append((number, room))
        return f"<{self.name} {room or DEN} {number}>"


class Round:
    """Some people on one server, and what is wrong with what they heard."""

    def __init__(self, server: Server, rng: random.Random) -> None:
        self._server = server
        self._rng = rng
        self._owner = Person("owner", rich=False)
        self._observers = [Person("plain", rich=False), Person("rich", rich=True)]
        self.people: list[Person] = []  # all others

    async def play(self, seconds: float) -> None:
        """Let people come and go for a while; then wait until all that they said was heard."""
        for one in (self._owner, *self._observers):
            await one.enters(self._server)
        await self._owner.types(f"/join {DEN}", "/private")
        for one in self._observers:
            await one.types("/notices off", *(f"/join {room}" for room in ROOMS[1:]))
            await _wait_until(lambda one=one: one.heard[-1:] == [Move("You are in", ROOMS[-1])])
        until = time.monotonic() + seconds
        await asyncio.gather(*(self._comes_and_goes(f"p{number}", until) for number in range(PEOPLE)))
        await _wait_until(lambda: self._server.log().count("] left: ") >= len(self.people))
        await self._owner.types(f"/join {ROOMS[-1]}", f"<owner {ROOMS[-1]} 1>")
        self._owner.said.append((1, ROOMS[-1]))
        for one in self._observers:
            await _wait_until(lambda one=one: one.heard[-1] == Line("owner", 1, ROOMS[-1], None))
        for one in (self._owner, *self._observers):
            await one.hangs_up()

    async def _comes_and_goes(self, name: str, until: float) -> None:
        """Come in again and again, as somebody else each time."""
        for life in itertools.takewhile(lambda _: time.monotonic() < until, itertools.count()):
            self.people.append(person := Mover(f"{name}x{life}", self._rng))
            await person.lives(self._server, until)

    def counts(self) -> Counter[str]:
        heard = sum(isinstance(what, Line) for person in self.people for what in person.heard)
        said = sum(len(person.said) for person in self.people)
        refused = sum(person.refused for person in self.people)
        return Counter({"connections": len(self.people), "lines said": said, "heard": heard, "refused": refused})

    def troubles(self) -> Iterator[str]:
        """Stop the server; compare what everybody said and heard with its history."""
        assert self._server.stop() == 0
        log = self._server.log()
        for sign in ("Traceback", "left: slow reader", "left: failed", "cannot"):
            if sign in log:
                yield f"the log has {sign!r}:\n{log[log.index(sign) - 200 :][:2000]}"
        history = History(self._server)
        for person in (self._owner, *self._observers, *self.people):
            yield from history.troubles_with_what_was_said(person)
            yield from history.troubles_with_what_was_heard(person)
        for one in self._observers:
            missing = len(history.lines) - sum(isinstance(what, Line) for what in one.heard)
            if missing:
                yield f"the {one.name} observer missed {missing} lines"


class History:
    """All that was said, in its order."""

    def __init__(self, server: Server) -> None:
        db = apsw.Connection(str(server.data / FILE), flags=apsw.SQLITE_OPEN_READONLY)
        rows = db.execute("select event ->> 'room', event ->> 'text' from events where event ->> 'text' is not null")
        self.lines: list[tuple[str, int, str, str]] = []  # author, number, where it was to be said, and where it was
        for author, named, number, room in [(*text.strip("<>").split(), room) for room, text in rows]:
            self.lines.append((author, int(number), named, room))
        db.close()
        self._places: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._in: dict[str, list[int]] = defaultdict(list)
        self._by: dict[str, list[int]] = defaultdict(list)
        for place, (author, number, _, room) in enumerate(self.lines):
            self._places[author, number].append(place)
            self._in[room].append(place)
            self._by[author].append(place)

    def troubles_with_what_was_said(self, person: Person) -> Iterator[str]:
        """See whether each line is where it was to be, in order, and only the last ones are missing."""
        kept = [self.lines[place][1:] for place in self._by[person.name]]
        expected = [(number, room, room) for number, room in person.said]
        wrong = [pair for pair in itertools.zip_longest(kept, expected[: len(kept)]) if pair[0] != pair[1]]
        if wrong:
            yield f"of {person.name} was kept (number, room meant, room) {wrong[0][0]} instead of {wrong[0][1]}"
        if person.left_in_peace and len(kept) < len(expected):
            yield f"{person.name} left in peace, and of {len(expected)} lines {len(kept)} were kept"
        if person.refused > person.nowhere or (person.left_in_peace and person.refused < person.nowhere):
            yield f"{person.name} was refused {person.refused} lines instead of {person.nowhere}"

    def troubles_with_what_was_heard(self, person: Person) -> Iterator[str]:
        """See whether somebody heard all that was said where they were, once, in its order."""
        where, last = Whereabouts(), -1
        fresh = {ROOMS[0]}  # rooms that they came into since the last line that they heard
        for lines, move in _stretches(person.heard):
            rooms, currents = list(where.rooms), [where.current]
            if move is not None:
                where.follows(move)
                currents.append(where.current)  # a turn of the server is shown as suits those whom it has moved
            for line in lines:
                place = next(iter(self._places[line.author, line.number]), -1)
                if place <= last:
                    yield f"{person.name} heard {line} after {self.lines[last]}"
                if place < 0 or self.lines[place][3] not in rooms:
                    yield f"{person.name} heard {line}, and was in {rooms}"
                known = move is not None or person.left_in_peace  # otherwise the word of where they are was lost
                if known and line.heading not in [None if line.room == current else line.room for current in currents]:
                    yield f"{person.name} heard {line}, and talked in {currents}"
                for room in set(rooms) - fresh:
                    between = self._in[room][bisect_right(self._in[room], last) : bisect_left(self._in[room], place)]
                    missed = [self.lines[one] for one in between if self.lines[one][0] != person.name]
                    if missed:
                        yield f"{person.name} missed {len(missed)} in {room}, first {missed[0]}, before {line}"
                fresh.clear()
                last = max(last, place)
            fresh = (fresh | set(where.rooms)) - (set(rooms) - fresh) if move is not None else fresh


def _stretches(heard: list[Line | Move]) -> Iterator[tuple[list[Line], Move | None]]:
    """Give the lines that somebody heard between being told that they are elsewhere, and what they were told."""
    lines: list[Line] = []
    for what in heard:
        if isinstance(what, Move):
            yield lines, what
            lines = []
        else:
            lines.append(what)
    yield lines, None


async def _wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until, f"waited {PATIENCE:g} s in vain"
        await asyncio.sleep(0.05)


def on_one_core() -> Server:
    """Start a server that stays on one core, with all its threads."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        return Server(**SETTINGS)
    finally:
        os.sched_setaffinity(0, cores)


async def play_all(rounds: list[Round], seconds: float) -> None:
    await asyncio.gather(*(one.play(seconds) for one in rounds))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    rng = random.Random(options.seed)
    until = time.monotonic() + options.seconds
    counts: Counter[str] = Counter()
    troubles: list[str] = []
    while not troubles and (left := until - time.monotonic()) > 0:
        with contextlib.closing(Server(**SETTINGS)) as server, contextlib.closing(on_one_core()) as slow_one:
            rounds = [Round(server, rng), Round(slow_one, rng)]
            asyncio.run(play_all(rounds, min(left, ROUND_SECONDS)))
            for one in rounds:
                troubles += one.troubles()
                counts += one.counts()
        print(", ".join(f"{count:,} {what}" for what, count in counts.items()), flush=True)
    right = "every line was heard where it was said, once, in order, by everybody there"
    print(*troubles[:20], f"{len(troubles)} troubles" if troubles else right, sep="\n")
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
