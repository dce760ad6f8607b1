"""Three nodes are one chat of 300 people, and everything between and below them fails.

    python tests/torture/cluster.py [--faults 1000] [--people 300] [--seed N] [--only cuts]

Connections to Redis are cut and freeze, in the middle of requests and answers; nodes and Redis are killed by kill -9,
stopped for 10 s; Redis is set back to older files, and fills up. Meanwhile people talk, move, rename themselves,
whisper, come and go (citizens.py). After each kind of trouble, when all is well again, and on each node:

- the history is the same, row by row, and the same as the stream; nothing is in it twice;
- each line that anybody heard is in it; everybody heard what was said where they were, once, in order, without a gap;
- each line is in it unless its author was told `Not sent`, and then it is not;
- nobody had a name while another had it; who lives is present, once, in the rooms where they are, and nobody else is;
- nothing logged a traceback, and nobody waited for anything for a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from citizens import ROOMS, STARS, Citizen, Truth, rivals
from nodes import Chat
from order import Line
from people import SECOND
from proxy import Way

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from nodes import Node

NODES = ["one", "two", "three"]
SETTINGS = {
    "limits__sendq": 50_000_000,
    "limits__stalled_seconds": 600,
    "log__level": "warning",
    "rooms__announce_up_to": 0,
}
CALM = 3.0  # seconds of talk before and after the trouble
FREEZE = 10.0  # seconds


class Town:
    """Some nodes, their ways to Redis, and those who live there."""

    def __init__(self, home: Path, people: int, rng: random.Random, lease: float) -> None:
        self.rng = rng
        self.counts: Counter[str] = Counter()
        self.troubles: list[str] = []
        self.lives: list[Citizen] = []
        self.observers: list[Citizen] = []
        self.lease = lease
        self.chat = Chat(home, cluster__lease_seconds=lease, **SETTINGS)
        self.ways = {name: Way(home / f"{name}.sock", self.chat.redis.socket, rng) for name in NODES}
        self.nodes: dict[str, Node] = {}
        self.down: set[str] = set()  # nodes that are not to be started again just now
        self._births = itertools.count(1)
        self._people = people
        self._until = float("inf")

    async def begin(self) -> None:
        for way in self.ways.values():
            await way.open()
        for name in NODES:  # the first has to found the chat
            await self._start(name)
        for number, name in enumerate(NODES):
            observer = Citizen(f"observer{number}", self.nodes[name], self.rng, talks=False)
            assert await observer.comes()
            for room in ROOMS[1:]:
                await observer.moves_to(room)
            self.observers.append(observer)
        self._tasks = [asyncio.create_task(self._resides(number)) for number in range(self._people)]
        self._watch = asyncio.create_task(self._watches())

    async def _start(self, name: str) -> None:
        while True:
            try:
                self.nodes[name] = await asyncio.to_thread(self.chat.node, name, cluster__redis=self.ways[name].url)
            except AssertionError:
                self.counts["starts in vain"] += 1
            else:
                return

    async def _watches(self) -> None:
        """Start nodes again that have ended."""
        while True:
            for name, node in list(self.nodes.items()):
                if name not in self.down and node.process.poll() is not None:
                    self._note_end(node)
                    await self._start(name)
            await asyncio.sleep(0.05)

    def _note_end(self, node: Node) -> None:
        fenced = "no longer part of the chat" in node.log()
        self.counts["nodes given up by the others" if fenced else "nodes killed"] += 1
        if not fenced and node.process.returncode != -signal.SIGKILL:
            self.troubles.append(f"{node.name} ended by itself ({node.process.returncode}): {node.log()[-1500:]}")
        for person in self.lives:
            if person.node is node and fenced and person.reigns:  # others may have had their names before it noticed
                last = person.reigns[-1]
                person.reigns[-1] = last._replace(until=max(last.since, last.until - self.lease - FREEZE))

    def is_frozen(self, node: Node) -> None:
        """Note that people on a node may lose their names from now on, without being told."""
        for person in self.lives:
            if person.node is node:
                person.reign_is_over(time.monotonic())

    async def ghosts(self, dead: Node, other: str) -> list[str]:
        """See whether another node says that people of a dead one are present."""
        looker = Citizen(f"looker{next(self._births)}", self.nodes[other], self.rng)
        if not await looker.comes():
            return []  # that node has died, too
        names = await looker.names("lobby")
        await looker.leaves("by word")
        self.counts["looks for ghosts"] += 1
        ghosts = names & {life.name for life in self.lives if life.node is dead}
        return [f"{ghosts} were on {dead.name}, which died, and are still there"] if ghosts else []

    # Who lives there.

    async def _resides(self, number: int) -> None:
        """Live one life after the other."""
        await asyncio.sleep(self.rng.random() * CALM)
        while time.monotonic() < self._until:
            node = self.rng.choice(list(self.nodes.values()))
            person = Citizen(f"p{next(self._births)}", node, self.rng, talks=self.rng.random() < 0.8)
            wanted = self.rng.choice(STARS) if self.rng.random() < 0.1 else ""
            self.lives.append(person)
            if not await person.comes(wanted):
                await asyncio.sleep(0.5)
                continue
            await person.lives(self.lives[-50:], self._until)
            if not person.ended and time.monotonic() >= self._until:
                return  # alive at the end
            await person.leaves(self.rng.choice(("by word", "suddenly")))

    @property
    def alive(self) -> list[Citizen]:
        return [person for person in self.lives if person.called and not person.ended]

    # The end.

    async def end(self) -> None:
        """When the trouble is over: let everybody come to rest, and see what is wrong."""
        await asyncio.sleep(CALM)
        self._until = time.monotonic()
        await asyncio.gather(*self._tasks)
        self._watch.cancel()
        nodes = list(self.nodes.values())
        last = [Citizen(f"last{number}", node, self.rng) for number, node in enumerate(nodes)]
        for one in last:
            assert await one.comes(), f"nobody can come in: {[*one.last]}; {one.node.log()[-3000:]}"
        for room in ROOMS[1:]:
            await last[0].moves_to(room, lines=1)
        await asyncio.to_thread(self.chat.have_the_same_history, *nodes)
        self.troubles += await self._wrong_names(last)
        truth = Truth(nodes[0])
        self.troubles += [*self._wrong_history(truth), *self._wrong_lives(truth), *self._wrong_logs()]
        self.counts["lives"] += len(self.lives)
        self.counts["lines"] += len(truth.lines)
        self.counts["times heard"] += sum(isinstance(what, Line) for one in self.lives for what in one.heard)
        self.counts["refused"] += sum(one.refused for one in self.lives)
        self.counts["alive at the end"] += len(self.alive)
        for way in self.ways.values():
            self.counts.update({f"connections: {what}": count for what, count in way.faults.items()})
        for person in (*self.lives, *self.observers, *last):
            if hasattr(person, "_reading"):
                await person.leaves("suddenly")

    async def _wrong_names(self, last: list[Citizen]) -> list[str]:
        """See whether each node says that those are present who live, and nobody else."""
        until = time.monotonic() + (self.lease + 15) * SECOND
        while True:
            wrong = []
            for room in ROOMS:
                present = {one.called for one in (*self.alive, *last, *self.observers) if room in one.here.rooms}
                present -= {one.called for one in self.observers if one.ended}
                for one in last:
                    names = {name.removesuffix("(away)") for name in await one.names(room)}
                    if names != present:
                        wrong.append(
                            f"{room} on {one.node.name}: {names - present} too many, {present - names} missing"
                        )
            if not wrong or time.monotonic() > until:
                return wrong
            await asyncio.sleep(0.5)

    def _wrong_history(self, truth: Truth) -> Iterator[str]:
        """Compare the history, which all nodes share, with the stream."""
        rows = self.chat.have_the_same_history(*self.nodes.values())
        said, place = [], 0
        for id, fields in self.chat.redis.ask("XRANGE", "{gchat}:stream", "-", "+"):
            first, events = int(id.split(b"-")[0]), json.loads(fields[b"d"])
            if first <= place:
                yield f"the stream goes back from {place} to {first}"
            said += [first + at for at, event in enumerate(events) if event["event"] == "said"]
            place = first + len(events) - 1
        kept = [id for id, _, event in rows if json.loads(event)["event"] == "said"]
        if kept != said:
            yield f"{len(kept)} lines are kept, {len(said)} are in the stream: {sorted(set(kept) ^ set(said))[:5]}"
        for line, count in Counter(line[:2] for line in truth.lines).items():
            if count > 1:
                yield f"{line} is there {count} times"

    def _wrong_lives(self, truth: Truth) -> Iterator[str]:
        for person in self.lives:
            yield from truth.troubles_of(person)
        yield from rivals(self.lives)
        for observer in self.observers:
            yield from truth.troubles_with_what_was_heard(observer)
            heard = sum(isinstance(what, Line) for what in observer.heard)
            if not observer.ended and heard != len(truth.lines):
                yield f"{observer.name} heard {heard} of {len(truth.lines)} lines"

    def _wrong_logs(self) -> Iterator[str]:
        for node in self.chat.all:
            for sign in ("Traceback", "left: slow reader", "left: failed", "failure of its own"):
                if sign in node.log():
                    yield f"{node.name} logged {sign}: {node.log()[node.log().index(sign) - 200 :][:1500]}"

    def close(self) -> None:
        for way in self.ways.values():
            way.close()
        with contextlib.suppress(AssertionError):  # told already
            self.chat.close()


# The troubles.


async def cuts(town: Town, faults: int) -> None:
    """Connections are cut and freeze."""

    async def fails(way: Way, count: int) -> None:
        for _ in range(count):
            await way.fails()
            await asyncio.sleep(town.rng.expovariate(2))

    await asyncio.gather(*(fails(way, -(-faults // len(town.ways))) for way in town.ways.values()))


async def kills(town: Town, faults: int) -> None:
    """Nodes are killed. Their people are gone when they have started again, or when their leases are over."""
    for number in range(faults // 60 + 3):
        name, other = town.rng.sample(NODES, 2)
        dead = town.nodes[name]
        town.down.add(name)
        dead.process.send_signal(signal.SIGKILL)
        if number % 3 == 0:
            await asyncio.sleep((town.lease + 2) * SECOND)
            town.troubles += await town.ghosts(dead, other)
        elif number % 3 == 1:
            await asyncio.sleep(town.rng.random() * town.lease)
        town.down.discard(name)
        await asyncio.sleep(town.rng.random() * 4)


async def redis_kills(town: Town, faults: int) -> None:
    """Redis is killed."""
    for number in range(faults // 60 + 3):
        await asyncio.to_thread(town.chat.redis.kill)
        await asyncio.sleep(13 if number == 1 else town.rng.choice((0, town.rng.random() * 3)))
        await asyncio.to_thread(town.chat.redis.start)
        town.counts["kills of Redis"] += 1
        await asyncio.sleep(town.rng.random() * 4)


async def freezes(town: Town, faults: int) -> None:
    """Each node, and Redis, is frozen for 10 s; then Redis until people are told."""
    for node in (*list(town.nodes.values()), town.chat.redis, town.chat.redis):
        if node is not town.chat.redis:
            town.is_frozen(node)
        node.freeze()
        await asyncio.sleep(FREEZE * (2 if town.counts["freezes"] == 4 else 1))
        node.thaw()
        town.counts["freezes"] += 1
        await asyncio.sleep(5)


async def restores(town: Town, faults: int) -> None:
    """Redis is set back to older files."""
    for _ in range(faults // 125 + 3):
        copy = await asyncio.to_thread(town.chat.redis.copy)
        await asyncio.sleep(town.rng.random() * 4)
        await asyncio.to_thread(town.chat.redis.kill)
        await asyncio.to_thread(town.chat.redis.start, copy)
        shutil.rmtree(copy)
        town.counts["older files"] += 1
        await asyncio.sleep(2 + town.rng.random() * 4)


async def fills(town: Town, faults: int) -> None:
    """Redis is full for a while."""
    for _ in range(faults // 250 + 2):
        await asyncio.to_thread(town.chat.redis.fills_up)
        await asyncio.sleep(town.rng.random() * 8)
        await asyncio.to_thread(town.chat.redis.has_room_again)
        town.counts["times full"] += 1
        await asyncio.sleep(town.rng.random() * 4)


async def everything(town: Town, faults: int) -> None:
    """Connections are cut while nodes and Redis are killed."""
    await asyncio.gather(cuts(town, faults // 5), kills(town, faults // 2), redis_kills(town, faults // 2))


TROUBLES: dict[str, tuple[Callable[[Town, int], Awaitable[None]], float]] = {  # and the lease that nodes have meanwhile
    "cuts": (cuts, 15),
    "kills": (kills, 3),
    "redis_kills": (redis_kills, 15),
    "freezes": (freezes, 4),
    "restores": (restores, 15),
    "fills": (fills, 4),
    "everything": (everything, 10),
}


async def play(name: str, people: int, faults: int, rng: random.Random) -> list[str]:
    trouble, lease = TROUBLES[name]
    with tempfile.TemporaryDirectory(prefix="gchat-") as home:
        town = Town(Path(home), people, rng, lease)
        begun = time.monotonic()
        try:
            await town.begin()
            await asyncio.sleep(2 * CALM)
            await trouble(town, faults)
            await town.end()
        finally:
            town.close()
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(town.counts.items()))
        print(f"{name} ({time.monotonic() - begun:.0f} s): {counts}", *town.troubles[:40], sep="\n    ", flush=True)
        return town.troubles


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=1000, help="of connections; of all else there are fewer")
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", choices=TROUBLES, action="append")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    troubles = []
    for name in options.only or TROUBLES:
        rng = random.Random(f"{options.seed} {name}")
        troubles += asyncio.run(play(name, options.people, options.faults, rng))
    right = "nobody was told what others were not, nothing came twice, no name was had twice, and who lives is present"
    print(f"{len(troubles)} troubles" if troubles else right)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
