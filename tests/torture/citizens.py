"""People on several nodes who talk, move, rename themselves, whisper and leave; and what is wrong with what they heard.

Each life is one connection, under a name of its own. A life is *sure* of what it said once it has asked for something
afterwards and was told that this has happened: each line before is in the history, or the author was told `Not sent`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import socket
import time
from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, NamedTuple

from order import History, Line, Move, Whereabouts
from order import Person as Listener
from people import PATIENCE

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from nodes import Node

ROOMS = ["lobby", *(f"r{number}" for number in range(1, 13))]
STARS = [f"star{number}" for number in range(6)]  # names that many want to have
LONGEST_LIFE = 60.0  # seconds
PAUSE = 2.5  # seconds between acts, at most twice that
STUCK = 60.0
"""How long (s) anything may take to have an effect, whatever happens to Redis."""

END = "the end", ""

_LINE = re.compile(r"(?:\[([a-z0-9]+)\] )?(\w+) : <([a-z0-9]+) ([a-z0-9]+) (\d+)>$")
_MOVE = re.compile(r"server: (You are in|You left|You are now talking in) ([a-z0-9]+)\b")
_TOLD = re.compile(r"\w+ -> you : <([a-z0-9]+) ([a-z0-9]+) (\d+)>$")
_NAMED = re.compile(r"server: Your username is (\w+)\.$")
_NAMES = re.compile(r"server: \d+ in [a-z0-9]+: ")


class Reign(NamedTuple):
    """From when to when (monotonic) somebody had a name, at least."""

    name: str
    since: float
    until: float
    whose: str


class Citizen(Listener):
    """One life on one node."""

    def __init__(self, name: str, node: Node, rng: random.Random, talks: bool = True) -> None:
        super().__init__(name, rich=False)
        self.node = node
        self.talks = talks
        self.told: list[tuple[str, str, int]] = []
        self.sure = 0, 0  # how many lines it is sure of, and how many of them were refused
        self.ended = False
        self.reigns: list[Reign] = []
        self.here = Whereabouts()  # as it was told
        self.troubles: list[str] = []
        self.last: deque[str] = deque(maxlen=20)
        self.typed: tuple[str, ...] = ()
        self._rng = rng
        self._listed = ""  # of a list of names, so far
        self._current, self._since = "", 0.0
        self._answers: asyncio.Queue[tuple[str, str]] = asyncio.Queue()  # what happened, and with which room or name
        self._count = itertools.count(1)

    # What it is told.

    async def comes(self, wanted: str = "") -> bool:
        """Connect, and come in. Returns whether that was possible."""
        self._loop = asyncio.get_running_loop()
        self._sock = socket.socket()
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.in_it = asyncio.Event()
        try:
            await self._loop.sock_connect(self._sock, ("127.0.0.1", self.node.port))
            self._reading = asyncio.create_task(self._listens())
            await self.types(wanted or self.name)
        except OSError:
            self._sock.close()
            return False
        answer, _ = await self.answer("named", "no name")
        if answer == "no name" and wanted:
            await self.types(self.name)
            answer, _ = await self.answer("named", "no name")
        return answer == "named"

    async def _listens(self) -> None:
        try:
            await self._reads()
        except OSError:
            pass
        finally:
            self.ended = True
            self.reign_is_over(time.monotonic())
            self._answers.put_nowait(END)

    async def types(self, *lines: str) -> None:
        self.typed = lines
        with contextlib.suppress(OSError):
            await super().types(*lines)

    def _sees(self, line: str) -> None:
        self.last.append(line)
        if (said := _LINE.match(line)) is not None:
            heading, _, author, room, number = said.groups()
            self.heard.append(Line(author, int(number), room, heading))
        elif (move := _MOVE.match(line)) is not None:
            self._moved(Move(move[1], move[2]))
        elif (told := _TOLD.match(line)) is not None:
            self.told.append((told[1], told[2], int(told[3])))
        elif line.startswith(("server: Not sent", "server: You are not in a room")):
            self.refused += 1
        elif (named := _NAMED.match(line)) is not None:
            now = time.monotonic()
            self.reign_is_over(now)
            self._current, self._since = named[1], now
            self._answers.put_nowait(("named", named[1]))
        elif "is taken" in line or "cannot give out names" in line:
            self._answers.put_nowait(("no name", ""))
        elif self._listed and line.endswith(": /more"):
            self._answers.put_nowait(("more", ""))
        elif _NAMES.match(line) or self._listed:
            self._listed += line if not self._listed else line.removeprefix("server:")
            if not line.endswith(","):
                self._answers.put_nowait(("names", self._listed.split(": ", 2)[2]))
                self._listed = ""

    def _moved(self, move: Move) -> None:
        self.heard.append(move)
        self.here.follows(move)
        self._answers.put_nowait(("left" if move.what == "You left" else "in", move.room))

    def reign_is_over(self, at: float) -> None:
        """Note that the name is not surely theirs any more from now on."""
        if self._current:
            self.reigns.append(Reign(self._current, self._since, at, self.name))
            self._current = ""

    async def answer(self, *kinds: str, of: str = "") -> tuple[str, str]:
        """Wait until something of these kinds happens, with this room; or until the connection has ended."""
        try:
            async with asyncio.timeout(STUCK):
                while True:
                    kind, what = await self._answers.get()
                    if (kind in kinds and of in ("", what)) or (kind, what) == END:
                        return kind, what
        except TimeoutError:
            waited = f"{self.name} on {self.node.name} waited {STUCK} s in vain after {self.typed}"
            self.troubles.append(f"{waited}; was told {[*self.last][-5:]}")
            return "", ""

    async def names(self, room: str) -> set[str]:
        """Ask who is in a room."""
        await self.types(f"/names {room}")
        kind, names = await self.answer("names", "more")
        while kind == "more":
            await self.types("/more")
            kind, names = await self.answer("names", "more")
        return set(names.replace(" ", "").split(","))

    @property
    def called(self) -> str:
        return self._current

    # What it does.

    async def lives(self, others: list[Citizen], until: float) -> None:
        """Act until the end of life, of this node, or of the round."""
        until = min(until, time.monotonic() + self._rng.random() * LONGEST_LIFE)
        while time.monotonic() < until and not self.ended:
            await self._acts(others)
            await asyncio.sleep(self._rng.random() * 2 * PAUSE)

    async def leaves(self, how: str) -> None:
        self.reign_is_over(time.monotonic())
        with contextlib.suppress(OSError, TimeoutError):
            if how == "by word":
                await self.types("/quit bye")
                await asyncio.wait_for(self._reading, PATIENCE)
        self._reading.cancel()
        await asyncio.wait([self._reading])
        self._sock.close()

    async def _acts(self, others: list[Citizen]) -> None:
        rng, what = self._rng, self._rng.random()
        if what < 0.25:
            await self.moves_to(rng.choice(ROOMS[1:]), rng.choice((0, 0, 0, 1, 3)))
        elif what < 0.35 and len(self.here.rooms) > 1:
            room = rng.choice(self.here.rooms)
            await self._asks(f"/leave {room}", room)
        elif what < 0.4:
            await self._renames(rng.choice(STARS) if rng.random() < 0.5 else f"{self.name}_{next(self._count)}")
        elif self.talks:
            if self.here.current not in (None, "lobby"):
                await self.types(*(self._line(self.here.current) for _ in range(rng.choice((1, 1, 2, 5)))))
        elif what < 0.8 and others:
            other = rng.choice(others)
            await self.types(f"/msg {other.called or other.name} <{self.name} {other.name} {next(self._count)}>")
        else:
            await self.types(rng.choice(("/away at work", "/back", f"/topic about {next(self._count)}", "/rooms")))

    async def moves_to(self, room: str, lines: int = 0) -> None:
        """Join a room, and perhaps talk there at once, without waiting."""
        if room in self.here.rooms:
            await self._asks(f"/go {room}", room)
        elif lines and self.talks:
            await self._asks(f"/join {room}", room, *(self._line(room) for _ in range(lines)))
        else:
            await self._asks(f"/join {room}", room)

    async def _asks(self, command: str, room: str, *more: str) -> None:
        """Type a command that moves this person, and wait until it has. After that, it is sure of what was before."""
        said = len(self.said) - len(more)
        await self.types(command, *more)
        answer, _ = await self.answer("left" if command.startswith("/leave") else "in", of=room)
        if answer in ("left", "in") and not more and not command.startswith("/go"):
            self.sure = said, self.refused

    async def _renames(self, name: str) -> None:
        since, before = time.monotonic(), self._current
        if not before or name == before:
            return
        self.reign_is_over(since)  # it may be somebody else's before this person hears that it is free
        await self.types(f"/nick {name}")
        if (await self.answer("named", "no name"))[0] == "no name" and not self.ended:
            self._current, self._since = before, since

    def _line(self, room: str) -> str:
        self.said.append((number := len(self.said) + 1, room))
        return f"<{self.name} {room} {number}>"


class Truth(History):
    """The history of some nodes, which is the same on each, and what it says about the lives that people had."""

    def troubles_of(self, person: Citizen) -> Iterator[str]:
        yield from person.troubles
        yield from self.troubles_with_what_was_heard(person)
        yield from self._troubles_with_what_was_said(person)
        for what, count in Counter(person.told).items():
            if count > 1 or what[1] != person.name:
                yield f"{person.name} was told {what} {count} times"

    def _troubles_with_what_was_said(self, person: Citizen) -> Iterator[str]:
        kept = [self.lines[place] for place in self._by[person.name]]
        numbers = [number for _, number, _, _ in kept]
        if numbers != sorted(set(numbers)):
            yield f"of {person.name} was kept {numbers}"
        for line in kept:
            if line[2] != line[3]:
                yield f"{line} is in another room"
        if not person.talks:
            return
        sure, refused = person.sure
        missing = [number for number in range(1, sure + 1) if number not in set(numbers)]
        if len(missing) != refused:
            where = f"{person.name} on {person.node.name}"
            yield f"of {sure} lines of {where}, {refused} were refused, {len(missing)} are missing: {missing[:9]}"


def rivals(people: list[Citizen]) -> Iterator[str]:
    """Yield what shows that two had the same name at a time."""
    reigns = defaultdict(list)
    for person in people:
        for reign in person.reigns:
            reigns[reign.name].append(reign)
    for name, theirs in reigns.items():
        theirs.sort(key=lambda reign: reign.since)
        for one, other in itertools.pairwise(theirs):
            if other.since < one.until:
                yield f"{name} was {one.whose} until {one.until:.3f} and {other.whose} since {other.since:.3f}"
