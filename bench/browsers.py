"""What browsers cost, against plain clients; and other servers for browsers under the same load."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .load import Load
from .servers import Gchat, NodeWs, PythonWebsockets, Server
from .table import attempt
from .terminals import Plain

if TYPE_CHECKING:
    from .table import Table

TALKERS = (1, 16, 200)
MOST = 10_000
PEERS: tuple[type[Server], ...] = (NodeWs, PythonWebsockets)


class Browsers(Gchat):
    protocol = "web"


def browsers(table: Table, rounds: int, seconds: float) -> None:
    """Fan-out to 1,000 browsers, and what an idle one takes; then 10,000 of them in one room."""
    kinds: list[type[Server]] = [Plain, Browsers]
    for peer in PEERS:
        if why := peer.absent():
            table.notes.append(f"{peer.name}: {why}")
        else:
            kinds.append(peer)
    rates: dict[type[Server], dict[int, list[float]]] = {kind: {w: [] for w in TALKERS} for kind in kinds}
    busy: list[float] = []
    for _ in range(rounds):
        for kind in kinds:
            with attempt(table, kind), kind() as server, Load(server) as load:
                load.connect(1000)
                time.sleep(0.5)
                for w in TALKERS:
                    run = load.talk(w, seconds)
                    rates[kind][w].append(run["per_second"])
                    busy.append(run["load_busy"])
    for w in TALKERS:
        runs = {"gchat": rates[Browsers][w], "reference": rates[Plain][w]}
        table.compare(f"deliveries/s to browsers against plain clients, W={w}", "/s", runs, 0.9)
    for peer in kinds[2:]:
        for w in TALKERS:
            runs = {"gchat": rates[Browsers][w], "reference": rates[peer][w]}
            table.compare(f"deliveries/s to browsers against {peer.name}, W={w}", "/s", runs)
    if busy:
        table.notes.append(f"load generator for browsers: busy {min(busy):.0%} to {max(busy):.0%} of the time")
    _memory(table, rounds)
    _all_in_one_room(table, rounds, seconds)


def _memory(table: Table, rounds: int) -> None:
    slopes = []
    for _ in range(rounds):
        with attempt(table, Browsers), Browsers() as server, Load(server) as load:
            readings = []
            for clients in (1_000, 5_000):
                load.connect(clients)
                time.sleep(1.5)
                readings.append(server.rss_kb())
            slopes.append((readings[1] - readings[0]) / 4_000)
    table.absolute("memory of an idle browser", "KB", slopes, 16)


def _all_in_one_room(table: Table, rounds: int, seconds: float) -> None:
    """All must come in, and hear every line once and in order: else this run has failed."""
    came: list[float] = []
    heard: list[float] = []
    for _ in range(rounds):
        with attempt(table, Browsers), Browsers() as server, Load(server) as load:
            came.append(load.connect(MOST)["seconds"])
            heard.append(load.talk(16, 2 * seconds)["per_second"])
    table.absolute(f"{MOST:,} browsers in one room, all in after", "s", came)
    table.absolute(f"{MOST:,} browsers in one room, deliveries/s, W=16", "/s", heard)
