"""Runs the measurements that are asked for and prints one table.

    python -m bench [--only fanout,connect,...] [--rounds 5] [--seconds 2]

Every round starts each server anew, one after the other, so that a machine whose speed drifts treats all alike. A value
is the median of the rounds, a ratio is that of the medians, and the spread shown is that of gchat's value. Written to
bench/results/latest.json as well (a part of them to part.json).
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import sys
import threading
import time
import traceback
from pathlib import Path

import gevent

from .browsers import browsers
from .cluster import cluster
from .encrypted import tls
from .history import history, search, wal
from .load import Load, RunFailedError
from .servers import Ergo, Gchat, Inspircd, Ncat, Ngircd, Reference, Server, Watched
from .table import Table, attempt, number
from .terminals import rich

PEERS: tuple[type[Server], ...] = (Ngircd, Inspircd, Ergo, Ncat)
PEER_ROUNDS = 2  # they are there for comparison, and some take a minute to let 1,000 clients in
TALKERS = (1, 16, 200)


def fanout(table: Table, rounds: int, seconds: float) -> None:
    """Deliveries a second and latency, 1,000 clients in a room, W lines outstanding; the peers too."""
    servers: list[type[Server]] = [Reference, Gchat]
    for peer in PEERS:
        if why := peer.absent():
            table.notes.append(f"{peer.name}: {why}")
        else:
            servers.append(peer)
    rates: dict[int, dict[str, list[float]]] = {w: {server.name: [] for server in servers} for w in TALKERS}
    p99: dict[int, dict[str, list[float]]] = {w: {server.name: [] for server in servers} for w in TALKERS}
    busy: list[float] = []
    for turn in range(rounds):
        for kind in list(servers[: 2 if turn >= PEER_ROUNDS else None]):
            with attempt(table, kind), kind() as server, Load(server) as load:
                load.connect(1000)
                for w in TALKERS:
                    run = load.talk(w, seconds)
                    rates[w][kind.name].append(run["per_second"])
                    p99[w][kind.name].append(run["p99_ms"])
                    busy.append(run["load_busy"])
                continue
            if kind.peer:  # what does not work once is not tried again
                servers.remove(kind)
    for w, target in zip(TALKERS, (0.87, 4, 5), strict=True):
        table.compare(f"deliveries/s, W={w}", "/s", rates[w], target)
    for w, target in ((1, 1.2), (200, 0.08)):
        table.compare(f"p99 latency, W={w}", "ms", p99[w], target, at_most=True)
    with Load(None) as load:
        alone = load.alone(200, seconds)["per_second"]
    table.notes.append(f"load generator: busy {min(busy):.0%} to {max(busy):.0%} of the time;")
    table.notes.append(f"  alone, written to in blocks of 200 lines, it reads and checks {number(alone)} lines/s")


def connect(table: Table, rounds: int, seconds: float) -> None:
    """Connections accepted and named a second, until 10,000 are there."""
    rates: dict[str, list[float]] = {"reference": [], "gchat": []}
    for _ in range(rounds):
        for kind in (Reference, Gchat):
            with attempt(table, kind), kind() as server, Load(server) as load:
                rates[kind.name].append(load.connect(10_000)["per_second"])
    table.compare("connections accepted and named/s, 10,000", "/s", rates, 0.4)


def memory(table: Table, rounds: int, seconds: float) -> None:
    """Resident memory of an idle client: the slope from 1,000 to 10,000."""
    slopes: list[float] = []
    kernel: list[float] = []
    for _ in range(rounds):
        with attempt(table, Gchat), Gchat() as server, Load(server) as load:
            readings = []
            for clients in (1_000, 10_000):
                load.connect(clients)
                time.sleep(2)
                readings.append((server.rss_kb(), kernel_kb()))
            slopes.append((readings[1][0] - readings[0][0]) / 9_000)
            kernel.append((readings[1][1] - readings[0][1]) / 9_000)
    table.absolute("resident memory per idle client", "KB", slopes, 9.8)
    both = statistics.median(kernel)
    table.notes.append(f"kernel memory per connection beside it, both ends: {both:.1f} KB (slab and TCP pages)")


def size(table: Table, rounds: int, seconds: float) -> None:
    """The server's CPU time per delivery at 18,000 clients in a room, against 1,000; and the reference's own."""
    costs: dict[tuple[str, int, int], list[float]] = {}
    for _ in range(rounds):
        for kind, clients in itertools.product((Reference, Gchat), (1_000, 18_000)):
            with attempt(table, kind), kind() as server, Load(server) as load:
                load.connect(clients)
                for w in (1, 16):
                    cpu = server.cpu_seconds()
                    lines = load.talk(w, 2 * seconds)["lines"]
                    cost = (server.cpu_seconds() - cpu) / lines / (clients - 1) * 1e6
                    costs.setdefault((kind.name, clients, w), []).append(cost)
    for w in (1, 16):
        runs = {"gchat": costs["gchat", 18_000, w], "reference": costs["gchat", 1_000, w]}
        table.compare(f"CPU per delivery, 18,000 against 1,000, W={w}", "us", runs, 1.2, at_most=True)
        big, small = (statistics.median(costs["reference", clients, w]) for clients in (18_000, 1_000))
        table.notes.append(f"the reference's own CPU per delivery, 18,000 against 1,000, W={w}: {big / small:.2f} x")


def stalls(table: Table, rounds: int, seconds: float) -> None:
    """How long the hub is kept in all of the above, and how long a native thread waits under W=200."""
    kept: list[float] = []
    waited: list[float] = []
    for _ in range(rounds):
        with attempt(table, Watched), Watched() as server, Load(server) as load:
            longest = []
            load.connect(1_000)
            for w in (1, 16):
                load.talk(w, seconds)
            longest.append(server.read()["kept_ms"])
            load.talk(200, 2 * seconds)
            reading = server.read()
            longest.append(reading["kept_ms"])
            waited.append(reading["waited_ms"])
            load.connect(18_000)
            for w in (1, 16):
                load.talk(w, 2 * seconds)
            longest.append(server.read()["kept_ms"])
            kept.append(max(longest))
    table.absolute("longest time the hub is kept, CPU", "ms", kept, 50)
    table.absolute("longest wait of a native thread, W=200", "ms", waited, 20)


def slow(table: Table, rounds: int, seconds: float) -> None:
    """500 of 1,000 clients stop reading while 200 of the others talk at full rate."""
    before: list[float] = []
    during: list[float] = []
    rise: list[float] = []
    took: list[float] = []
    for _ in range(rounds):
        with attempt(table, Gchat), Gchat() as server, Load(server) as load:
            load.connect(1_000)
            before.append(load.talk(200, 2 * seconds)["p99_ms"])
            load.stop_reading(500)
            watch = Watch(server, "slow reader")
            run = load.talk(200, 12)
            watch.stop()
            if run["closed"] != 500:
                raise RunFailedError(f"{run['closed']} of the 500 slow readers were closed")
            during.append(run["p99_ms"])
            rise.append(watch.rise_kb / 1024)
            took.append(watch.last_seen)
    table.compare("p99 latency of the others, 500 slow readers", "ms", {"gchat": during, "reference": before}, 2, True)
    table.absolute("memory rise with 500 slow readers", "MB", rise, 20)
    table.absolute("all 500 closed after", "s", took, 10)


class Watch:
    """Looks at a server twenty times a second: how its memory rises, and when lines with a word stop being logged."""

    def __init__(self, server: Server, word: str) -> None:
        self._server, self._word = server, word.encode()
        self._start_kb = server.rss_kb()
        self.rise_kb = 0
        self.last_seen = 0.0
        self._on = True
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def stop(self) -> None:
        self._on = False
        self._thread.join()

    def _look(self) -> None:
        begun, seen = time.monotonic(), 0
        while self._on:
            self.rise_kb = max(self.rise_kb, self._server.rss_kb() - self._start_kb)
            count = self._server.log.read_bytes().count(self._word)
            if count > seen:
                seen, self.last_seen = count, time.monotonic() - begun
            time.sleep(0.05)


def kernel_kb() -> int:
    slab = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("Slab:"))
    tcp = next(line for line in Path("/proc/net/sockstat").read_text().splitlines() if line.startswith("TCP:"))
    return int(slab.split()[1]) + int(tcp.split()[-1]) * os.sysconf("SC_PAGE_SIZE") // 1024


MEASUREMENTS = {
    one.__name__: one
    for one in (fanout, connect, memory, size, stalls, slow, history, search, wal, rich, browsers, tls, cluster)
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default=",".join(MEASUREMENTS), help="some of: " + ", ".join(MEASUREMENTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long people talk in each run")
    options = parser.parse_args()
    names = options.only.split(",")
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"there is no {unknown[0]!r}: it is one of {', '.join(MEASUREMENTS)}")
    table = Table()
    for name in names:
        print(f"measuring {name}...", file=sys.stderr, flush=True)
        try:
            MEASUREMENTS[name](table, options.rounds, options.seconds)
        except Exception as error:  # the others took half an hour
            traceback.print_exc()
            table.failures.append(f"{name}: {error!r}")
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    machine = {
        "cpu": cpu.partition(": ")[2],
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "gevent": gevent.__version__,
    }
    print(" ".join(f"{key} {value}" for key, value in machine.items()))
    table.show()
    results = Path(__file__).parent / "results" / ("latest.json" if set(names) == set(MEASUREMENTS) else "part.json")
    report = {"machine": machine, "rows": table.rows, "notes": table.notes, "failures": table.failures}
    results.write_text(json.dumps(report, indent=1))
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())
