"""Worlds of nodes that share a store, with people of their own, and everything that can go wrong. One number each.

    World(seed).play()

Time passes only when the world says so. Everything that must be true all the time is checked by `Witness`.
"""

from __future__ import annotations

import collections
import random
from typing import TYPE_CHECKING, Any

import greenlet
from process import Directory, Process
from storemodel import Keys, Model
from witness import Witness

if TYPE_CHECKING:
    from collections.abc import Callable

REST_MS = 45_000  # after which everybody who is gone is known to be
MOST_REST_MS = 200_000


class World:
    """Some data directories, the processes on them, and the store that they share."""

    def __init__(self, seed: int, model: Model | None = None) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.model = model or Model()
        self.main = greenlet.getcurrent()
        self.witness = Witness(self)
        self.model.on_agree = self.witness.have_agreed
        self.directories = [Directory(f"i{number}") for number in range(self.random.randint(2, 5))]
        self.processes: list[Process] = []
        self.past: collections.deque[Keys] = collections.deque(maxlen=60)  # what the store had lately
        self.copies: list[Keys] = []  # and long ago
        self.steps: collections.deque[tuple[Any, ...]] = collections.deque(maxlen=60)
        self.may_lose = self.random.random() < 0.5
        self._unreliable = self.random.choice([0, 0, 0.01, 0.1])
        self._trouble = self.random.choice([0.0, 0.02, 0.05])
        self._busy = self.random.choice([0, 0, 0.5, 0.9])
        self._talk = self.random.choice([0.1, 0.3])
        self._late: list[tuple[int, Callable[[], Any]]] = []
        self._down_until = self._full_until = 0
        self._calm = False

    @property
    def now(self) -> int:
        return self.model.now

    def note(self, *what: Any) -> None:
        self.steps.append((self.now, *what))

    # What processes ask.

    def fails(self, operation: str) -> str:
        if self.now < self._down_until:
            return "request"
        if not self._calm and operation != "connect" and self.random.random() < self._unreliable:
            return self.random.choice(["request", "answer", "answer", "late", "slow", "slow"])
        return ""

    def is_busy(self) -> bool:
        """Whether a process has too much to do to read on."""
        return not self._calm and self.random.random() < self._busy

    def comes_late(self, operation: Callable[[], Any]) -> None:
        self._late.append((self.now + self.random.randrange(8000), operation))

    def done(self, process: Process, operation: str, answer: Any) -> None:
        self.note(f"{process.directory.identity}/{process.node}", operation, answer)
        if operation in ("join", "renew"):
            self.witness.has_renewed(process)
        if operation in ("join", "append", "found", "ready", "renew", "report"):
            self.past.append(self.model.copy())
            if self.random.random() < 0.05:
                self.copies.append(self.model.copy())

    # What happens.

    def play(self, steps: int = 0) -> None:
        """Let things happen; then let everything that is wrong end, wait, and look at what is left."""
        try:
            for directory in self.directories:
                self.starts(directory)
            for _ in range(steps or self.random.choice([100, 200, 400])):
                self._step()
            self._rest()
            self.witness.looks_back()
        except BaseException as error:
            lines = "\n".join(" ".join(str(word) for word in step) for step in self.steps)
            error.add_note(f"{lines}\nin the world {self.seed}: World({self.seed}).play()")
            raise
        finally:
            for process in self.processes:
                process.greenlet.throw()

    def starts(self, directory: Directory) -> None:
        self.note(directory, "starts")
        process = Process(self, directory)
        process.wakes_at = self.now + self.random.choice([0, 0, 500])
        self.processes.append(process)

    def ends(self, process: Process, how: str) -> None:
        self.note(f"{process.directory.identity}/{process.node}", how)
        process.greenlet.throw()
        process.over = True
        self.processes.remove(process)

    def _step(self) -> None:
        self.model.now += self.random.choice([0, 0, 1, 5, 20])
        chance = self.random.random()
        if chance < self._trouble:
            self.random.choice(TROUBLE)(self)
        running = [one for one in self.processes if one.running and not one.closing]
        if running and self.random.random() < self._talk:
            self.random.choice(running).something_happens()
        self._go_on()

    def _go_on(self) -> None:
        """Let one process take a step, if any has something to do; else let time pass until one has."""
        for process in [one for one in self.processes if one.over]:
            self.ends(process, "is over")
        for late in [late for late in self._late if late[0] <= self.now]:
            self._late.remove(late)
            try:
                self.note("late", late[1]())
            except Exception as error:  # nobody hears of it
                self.note("late", type(error).__name__)
        self.model.full = self.now < self._full_until
        awake = [one for one in self.processes if one.frozen_until <= self.now and one.is_awake]
        if awake:
            self.random.choice(awake).greenlet.switch()
        elif self.processes:
            soon = min(max(one.frozen_until, one.wakes_at) for one in self.processes)
            self.model.now = max(self.now + 1, min(soon, self.now + 1000))

    def _rest(self) -> None:
        self._calm = True
        self._down_until = self._full_until = 0
        for process in self.processes:
            process.frozen_until = 0
        if not self.processes:
            self.starts(self.directories[0])
        since = self.now
        while self.now - since < REST_MS or self._late or not all(one.rests for one in self.processes):
            self.model.now += 1
            self._go_on()
            assert self.now - since < MOST_REST_MS, "they do not come to rest"
            if not self.processes:
                self.starts(self.directories[0])

    # What can go wrong.

    def _process(self) -> Process | None:
        return self.random.choice(self.processes) if self.processes else None

    def crash(self) -> None:
        process = self._process()
        if process is not None:
            self.ends(process, "crashes")

    def start(self) -> None:
        gone = [one for one in self.directories if all(process.directory is not one for process in self.processes)]
        if gone:
            self.starts(self.random.choice(gone))

    def freeze(self) -> None:
        process = self._process()
        if process is not None:
            ms = self.random.choice([500, 2000, 8000, 16_000, 30_000])
            process.frozen_until = self.now + ms
            self.note(f"{process.directory.identity}/{process.node}", "is frozen for", ms)

    def leave(self) -> None:
        process = self._process()
        if process is not None and process.running:
            process.closing = True

    def cut(self) -> None:
        process = self._process()
        if process is not None:
            process.link._start = 0

    def down(self, keys: Keys | None = None) -> None:
        """Start the store anew, with an older copy of everything if that is given."""
        self.note("the store starts", "as it was" if keys is None else f"as it was at {keys.last}")
        self.model.restart(keys)
        self._late.clear()
        self._down_until = self.now + self.random.choice([0, 0, 300, 5000, 20_000])
        if self.random.random() < 0.3:
            self._full_until = self._down_until + 4000
        self.past.clear()

    def lose_tail(self) -> None:
        if self.may_lose and self.past:
            self.down(self.random.choice(self.past))

    def restore(self) -> None:
        if self.may_lose and self.copies:
            self.down(self.random.choice(self.copies))

    def flush(self) -> None:
        """Delete all keys; connections stay."""
        if self.may_lose and self.random.random() < 0.5:
            self.note("everything is deleted")
            self.model.now += 1
            self.model.flush()
            self.past.clear()

    def be_full(self) -> None:
        self._full_until = self.now + self.random.choice([500, 3000])

    def be_stuck(self) -> None:
        self.model.now += self.random.choice([3000, 8000, 20_000])


TROUBLE: list[Callable[[World], None]] = [
    World.crash, World.crash, World.start, World.start, World.start, World.freeze, World.freeze, World.leave,
    World.cut, World.cut, World.down, World.lose_tail, World.lose_tail, World.lose_tail, World.restore, World.flush,
    World.be_full, World.be_stuck,
]  # fmt: skip
