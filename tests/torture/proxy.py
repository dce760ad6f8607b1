"""A way to Redis on which everything gets lost: connections are cut and freeze, also in the middle of what is said."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from pathlib import Path

    Pair = tuple[asyncio.StreamWriter, asyncio.StreamWriter]

CHUNK = 65536
PATIENCE = 5.0
"""How long (s) a fault waits for traffic that it can strike."""

REQUEST, ANSWER = "request", "answer"


class Way:
    """One node's way to Redis: a Unix socket at `path`, and whatever connects to it is connected to `target`."""

    def __init__(self, path: Path, target: Path, rng: random.Random) -> None:
        self.url = f"unix://{path}"
        self.faults: Counter[str] = Counter()
        self._path, self._target, self._rng = path, target, rng
        self._pairs: set[Pair] = set()
        self._flows = {REQUEST: asyncio.Event(), ANSWER: asyncio.Event()}  # cleared: frozen
        for flow in self._flows.values():
            flow.set()
        self._strikes: dict[str, asyncio.Future[None]] = {}  # what is to be cut next, and who waits for it
        self._refuses = False

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._connected, self._path)

    def close(self) -> None:
        self._server.close()
        self._cut_all()

    # What goes wrong.

    async def fails(self) -> None:
        """Let something go wrong, and be well again."""
        fault = self._rng.choice(
            (self.cut_all, self.cut_one, self.freeze, self.deafen, *[self.cut_in_request, self.cut_in_answer] * 3)
        )
        self.faults[fault.__name__.replace("_", " ")] += 1
        await fault()
        if self._rng.random() < 0.1:
            self.faults["refuse"] += 1
            self._refuses = True
            await asyncio.sleep(self._rng.random() * 1.5)
            self._refuses = False

    async def cut_all(self) -> None:
        self._cut_all()

    async def cut_one(self) -> None:
        for pair in list(self._pairs)[: self._rng.choice((1, 1, 2))]:
            self._cut(pair)

    async def cut_in_request(self) -> None:
        await self._strike(REQUEST)

    async def cut_in_answer(self) -> None:
        await self._strike(ANSWER)

    async def freeze(self) -> None:
        """Let nothing through for a while, which a few times is longer than a node waits for an answer."""
        await self._hold(REQUEST, ANSWER)

    async def deafen(self) -> None:
        """Let nothing through in one direction."""
        await self._hold(self._rng.choice((REQUEST, ANSWER)))

    async def _hold(self, *directions: str) -> None:
        for direction in directions:
            self._flows[direction].clear()
        await asyncio.sleep(self._rng.uniform(5.2, 6.5) if self._rng.random() < 0.04 else self._rng.random())
        if self._rng.random() < 0.5:
            self._cut_all()
        for direction in directions:
            self._flows[direction].set()

    async def _strike(self, direction: str) -> None:
        self._strikes[direction] = struck = asyncio.get_running_loop().create_future()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(struck), PATIENCE)
        if self._strikes.pop(direction, None) is not None:
            self._cut_all()

    def _cut_all(self) -> None:
        for pair in list(self._pairs):
            self._cut(pair)

    def _cut(self, pair: Pair) -> None:
        for writer in pair:
            writer.transport.abort()

    # What goes right.

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        try:
            onward_reader, onward = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, onward)
        self._pairs.add(pair)
        try:
            await asyncio.gather(
                self._carry(REQUEST, reader, onward, pair), self._carry(ANSWER, onward_reader, writer, pair)
            )
        except asyncio.CancelledError:  # the end of the round; raised, asyncio would log it
            pass
        finally:
            self._pairs.discard(pair)
            self._cut(pair)

    async def _carry(
        self,
        direction: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pair: Pair,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._flows[direction].wait()
                struck = self._strikes.pop(direction, None)
                if struck is None:
                    writer.write(data)
                    await writer.drain()
                    continue
                writer.write(data[: self._how_much(len(data))])
                with contextlib.suppress(OSError):
                    await asyncio.wait_for(writer.drain(), 1)
                await asyncio.sleep(0)
                writer.close()  # what was written arrives
                self._cut_all_but(writer, pair)
                struck.set_result(None)
                return
        self._cut(pair)

    def _how_much(self, size: int) -> int:
        """Decide how much of a request or an answer gets through: nothing, all, or a part of it."""
        what = self._rng.random()
        return 0 if what < 0.15 else size if what < 0.5 else self._rng.randrange(size)

    def _cut_all_but(self, writer: asyncio.StreamWriter, pair: Pair) -> None:
        for other in list(self._pairs - {pair}):
            self._cut(other)
        for one in pair:
            if one is not writer:
                one.transport.abort()
