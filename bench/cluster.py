"""What several processes cost that are one chat: how much they deliver, how late, and how long one takes to join."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from .history import Keeps
from .load import Load, RunFailedError
from .nodes import Guest, Node, Person, Redis, WatchedNode, Workers, latencies, percentile
from .servers import LOAD_CORE, SERVER_CORE
from .table import attempt, number

if TYPE_CHECKING:
    from .servers import Gchat
    from .table import Table

TALKERS = (1, 16, 200)
RATE = 2000  # lines a second, by 40 people who all hear them
TALKATIVE = 40
FLOOD = {20: 200_000, 1: 20_000, 200: 200_000}  # by events in a batch, how many
LETS_READ = ("limits.sendq=67108864",)  # so that a listener who is late stays
PRESENT = 100_000
SETTLE_SECONDS = 0.5  # who has a name here may not be in the room yet when somebody on another node talks
JOIN_ROUNDS = 3  # they take half a minute


def cluster(table: Table, rounds: int, seconds: float) -> None:
    """Deliveries, latency, the most that a node can follow, and joining."""
    _deliveries(table, rounds, seconds)
    _latency(table, rounds, seconds)
    _flood(table, rounds)
    _joining(table, min(rounds, JOIN_ROUNDS))


def _deliveries(table: Table, rounds: int, seconds: float) -> None:
    """Two workers with their Redis on one core, against one process on one core. Both keep history."""
    rates: dict[tuple[type[Gchat], int], list[float]] = {}
    p99: dict[tuple[type[Gchat], int], list[float]] = {}
    for _ in range(rounds):
        for kind in (Keeps, Workers):
            with attempt(table, kind), kind() as server, Load(server) as load:
                load.connect(1000)
                time.sleep(SETTLE_SECONDS)
                for w in TALKERS:
                    run = load.talk(w, seconds)
                    rates.setdefault((kind, w), []).append(run["per_second"])
                    p99.setdefault((kind, w), []).append(run["p99_ms"])
    for w in TALKERS:
        runs = {"gchat": rates[Workers, w], "reference": rates[Keeps, w]}
        table.compare(f"deliveries/s of 2 workers against 1 process, on one core, W={w}", "/s", runs)
    tails = [(w, *(statistics.median(p99[kind, w]) for kind in (Workers, Keeps))) for w in TALKERS]
    texts = ", ".join(f"W={w} {number(workers)} against {number(one)} ms" for w, workers, one in tails)
    table.notes.append(f"p99 latency of 2 workers against 1 process, on one core: {texts}")


def _latency(table: Table, rounds: int, seconds: float) -> None:
    """A line from one node to another: when nothing else happens, and among 2,000 lines a second."""
    idle: list[float] = []
    busy: list[float] = []
    tails: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        with (
            attempt(table, Node),
            Redis() as redis,
            Node(redis) as one,
            Node(redis) as other,
            Person(one, "talker") as talker,
            Person(other, "listener") as listener,
        ):
            took = latencies(talker, listener, 2 * seconds)
            idle.append(statistics.median(took))
            tails[0].append(percentile(took, 0.99))
            with Load(one, other) as load:
                load.connect(TALKATIVE)
                time.sleep(SETTLE_SECONDS)
                with ThreadPoolExecutor() as pool:
                    talk = pool.submit(load.talk, TALKATIVE, 3 * seconds, RATE)
                    time.sleep(0.5 * seconds)
                    took = latencies(talker, listener, 2 * seconds)
                    if talk.result()["lines"] < 0.95 * RATE * 3 * seconds:
                        raise RunFailedError(f"less than {RATE} lines/s were said: {talk.result()}")
            busy.append(statistics.median(took))
            tails[1].append(percentile(took, 0.99))
    table.absolute("a line to another node, idle, median", "ms", idle, 2)
    table.absolute("a line to another node, idle, p99", "ms", tails[0])
    table.absolute(f"a line to another node, {RATE:,} lines/s, median", "ms", busy)
    table.absolute(f"a line to another node, {RATE:,} lines/s, p99", "ms", tails[1])


def _flood(table: Table, rounds: int) -> None:
    """A node hears more than it can follow: how many events a second it reads, folds, keeps, and tells somebody."""
    rates: dict[int, list[float]] = {size: [] for size in FLOOD}
    appended: dict[int, list[float]] = {size: [] for size in FLOOD}
    for _ in range(rounds):
        with (
            attempt(table, Node),
            Redis(LOAD_CORE) as redis,
            Node(redis, SERVER_CORE, settings=LETS_READ) as node,
            Person(node, "listener") as listener,
            Guest(redis, LOAD_CORE) as guest,
        ):
            guest.do("people 20")
            for size, count in FLOOD.items():
                guest.begin(f"say {count} {size}")
                first, last = listener.count(b"xx\r\n", count)
                rates[size].append(count / (last - first))
                appended[size].append(count / guest.end())
    size = next(iter(FLOOD))
    table.absolute(f"events/s at which a node falls behind, batches of {size}", "/s", rates[size])
    for size, values in rates.items():
        given = statistics.median(appended[size])
        followed = statistics.median(values)
        table.notes.append(
            f"batches of {size}: {number(given)} events/s were appended, and {number(followed)} followed"
        )


def _joining(table: Table, rounds: int) -> None:
    """A node starts, while 100,000 people are present on another, and a third has to tell it of them."""
    took: dict[int, list[float]] = {PRESENT: [], 0: []}
    kept: list[float] = []
    waited: list[float] = []
    for _ in range(rounds):
        for present, times in took.items():
            with (
                attempt(table, Node),
                Redis() as redis,
                WatchedNode(redis) as giver,
                Person(giver, "talker") as talker,
                Person(giver, "listener") as listener,
                Guest(redis) as guest,
            ):
                guest.do(f"people {present}")
                latencies(talker, listener, 1)  # it knows of them all
                giver.read()
                with ThreadPoolExecutor() as pool:
                    meanwhile = pool.submit(latencies, talker, listener, 5, 0.005)
                    begun = time.perf_counter()
                    with Node(redis) as late, Person(late, "late"):
                        times.append(time.perf_counter() - begun)
                        longest = max(meanwhile.result())
                if present:
                    kept.append(giver.read()["kept_ms"])
                    waited.append(longest)
    runs = {"gchat": took[PRESENT], "reference": took[0]}
    table.compare(f"a node that starts takes clients after, {PRESENT:,} present against none", "s", runs)
    table.absolute("longest time the hub of the node is kept that tells it of them, CPU", "ms", kept, 50)
    table.absolute("longest time a line takes there meanwhile", "ms", waited)
