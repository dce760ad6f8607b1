"""What history costs: with it and without, a search in a million lines, and a reader who does not let go."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import socket
import statistics
import threading
import time
from typing import TYPE_CHECKING

import apsw

from gchatd.chat.events import Said
from gchatd.journal.folder import FILE, Lock
from gchatd.journal.store import Writer

from .load import Load, RunFailedError
from .servers import LOAD_CORE, SERVER_CORE, Gchat
from .table import attempt

if TYPE_CHECKING:
    from pathlib import Path

    from .table import Table

TALKERS = (1, 16, 200)
LINES = 1_000_000
RATE = 100  # lines a second that 1,000 people hear while somebody searches: a third of what one core can do
SEARCHES = ("bala", "bala ra*", "ba*", '"bala balat"', "rare49999", "rare4999* kola", "mut muto")
HARD_SEARCH = "rare1* kola*"  # 11,000 different words begin so, and few of their lines have the other


class Keeps(Gchat):
    settings: tuple[str, ...] = ("history.keep=yes", "history.sync=normal")


class Syncs(Gchat):
    settings = ("history.keep=yes", "history.sync=full")


class Forgets(Gchat):
    settings = ("history.keep=no",)


def history(table: Table, rounds: int, seconds: float) -> None:
    """The figures of the fan-out benchmark with history, against those without."""
    kinds = (Forgets, Keeps, Syncs)
    rates: dict[tuple[type[Gchat], int], list[float]] = {}
    medians: dict[type[Gchat], list[float]] = {kind: [] for kind in kinds}
    p99: dict[type[Gchat], list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            with attempt(table, kind), kind() as server, Load(server) as load:
                load.connect(1000)
                for w in TALKERS:
                    run = load.talk(w, seconds)
                    rates.setdefault((kind, w), []).append(run["per_second"])
                    if w == 1:
                        medians[kind].append(run["p50_ms"])
                p99[kind].append(run["p99_ms"])
    for w in TALKERS:
        runs = {"gchat": rates[Keeps, w], "reference": rates[Forgets, w]}
        table.compare(f"deliveries/s with history against without, W={w}", "/s", runs, 0.9)
    later = {kind: statistics.median(medians[kind]) - statistics.median(medians[Forgets]) for kind in kinds}
    table.absolute("a line arrives later with history, W=1, median", "ms", [later[Keeps]], 1)
    tail = {kind: statistics.median(p99[kind]) / statistics.median(p99[Forgets]) for kind in kinds}
    table.notes.append(f"p99 latency with history against without, W=200: {tail[Keeps]:.2f} x")
    full = [statistics.median(rates[Syncs, w]) / statistics.median(rates[Forgets, w]) for w in TALKERS]
    ratios = ", ".join(f"W={w} {ratio:.2f} x" for w, ratio in zip(TALKERS, full, strict=True))
    table.notes.append(f"sync = full against none: {ratios}, p99 {tail[Syncs]:.2f} x, {later[Syncs]:+.2f} ms at W=1")


def search(table: Table, rounds: int, seconds: float) -> None:
    """Somebody searches a million lines, one search after the other, while 1,000 people hear RATE lines a second."""
    before: list[float] = []
    during: list[float] = []
    slowest: list[float] = []
    median: list[float] = []
    hard: list[float] = []

    class Remembers(Keeps):
        cores = (SERVER_CORE, LOAD_CORE)  # a thread searches while another delivers
        settings = (*Keeps.settings, f"history.lines_per_room={2 * LINES}")

    for _ in range(min(rounds, 3)):
        server = Remembers()
        remember(server.home / "data")
        os.sync()  # else the first checkpoint writes all of it
        with attempt(table, Remembers), server, Load(server) as load:
            load.connect(1000)
            before.append(load.talk(16, 3 * seconds, RATE)["p99_ms"])
            with Searcher(server.port) as searcher:
                during.append(load.talk(16, 3 * seconds, RATE)["p99_ms"])
                searcher.stop()
                hard.append(searcher.search(HARD_SEARCH))
            slowest.append(max(searcher.took_ms))
            median.append(statistics.median(searcher.took_ms))
    table.absolute("longest search in 1,000,000 lines while people talk", "ms", slowest, 100)
    table.notes.append(f"the median search takes {statistics.median(median):.0f} ms;")
    table.notes.append(f"  one for two beginnings, of 11,000 different words, {statistics.median(hard):.0f} ms")
    runs = {"gchat": during, "reference": before}
    table.compare("p99 latency of those who talk while somebody searches", "ms", runs, 1.5, at_most=True)


def remember(data: Path) -> None:
    """Write a history of a million lines, of words as frequent as those of a language are (Zipf)."""
    Lock(data).close()
    rng = random.Random(1)
    starts = itertools.product("bdkm", "aeiou", "lrn", "aeiou", ["", "t", "s", "nd", "rk", "la", "mo"])
    words = ["".join(parts) for parts in starts] + [f"rare{number}" for number in range(50_000)]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    writer = Writer(data, "normal")
    now = time.time_ns() // 1_000_000
    for start in range(0, LINES, 2000):
        chosen = rng.choices(words, cum_weights=weights, k=2000 * 9)
        texts = [" ".join(chosen[at : at + 9]) for at in range(0, len(chosen), 9)]
        events = [Said(room="lobby", name=f"p{number % 50}", text=text) for number, text in enumerate(texts)]
        writer.append(events, now - (LINES - start) * 1000)
        writer.index(2000)
        writer.checkpoint_when_due()
    writer.close()


class Searcher:
    """Somebody who comes in and searches, one search after the other, until told to stop."""

    def __init__(self, port: int) -> None:
        self.took_ms: list[float] = []
        self._on = True
        self._sock = socket.create_connection(("127.0.0.1", port), 30)
        self._lines = self._sock.makefile("rb")
        self._thread = threading.Thread(target=self._search)

    def __enter__(self) -> Searcher:
        self._sock.sendall(b"searcher\n")
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._lines.close()
        self._sock.close()

    def stop(self) -> None:
        self._on = False
        self._thread.join()

    def search(self, words: str) -> float:
        """Search once; give the milliseconds until the answer had begun, which is all there then."""
        start = time.perf_counter()
        self._sock.sendall(b"/search %s\n" % words.encode())
        while not re.match(rb"server: (\d+ lines? in|Nothing in)", self._lines.readline()):
            pass
        return (time.perf_counter() - start) * 1000

    def _search(self) -> None:
        for words in itertools.cycle(SEARCHES):
            if not self._on:
                return
            self.took_ms.append(self.search(words))
            time.sleep(0.02)


def wal(table: Table, rounds: int, seconds: float) -> None:
    """500 lines a second, while somebody else's reader holds a snapshot of the database for a minute."""
    largest = 0
    with attempt(table, Keeps), Keeps() as server, contextlib.ExitStack() as stack:
        data = server.home / "data"
        people = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10)) for _ in range(10)]
        for number, person in enumerate(people):
            person.sendall(b"p%d\nhello\n" % number)
        time.sleep(1)
        foreign = apsw.Connection(str(data / FILE), flags=apsw.SQLITE_OPEN_READONLY)
        foreign.execute("begin")
        foreign.execute("select count(*) from events").fetchall()
        begun, said = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < 60:
            for person in people:
                person.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while person.recv(65536):
                        pass
                person.setblocking(True)
            while said < passed * 500:
                people[said % 10].sendall(b"this is line %d, about as long as lines are\n" % said)
                said += 1
            largest = max(largest, (data / f"{FILE}-wal").stat().st_size)
            time.sleep(0.01)
        foreign.close()
        now = apsw.Connection(str(data / FILE), flags=apsw.SQLITE_OPEN_READONLY)
        kept = now.execute("select count(*) from events").get
        assert isinstance(kept, int)
        now.close()
        if kept < 500 * 58:
            raise RunFailedError(f"only {kept} lines were kept in a minute")
    table.absolute("largest write-ahead log, a snapshot held for 60 s, 500 lines/s", "MB", [largest / 2**20], 64)
