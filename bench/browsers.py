"""What browsers cost, against plain clients; and other servers for browsers under the same load."""

from __future__ import annotations

import itertools
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
PIECES = 4
"""Plain clients and browsers talk by turns, so many in each round: what matters here is their ratio."""


class Browsers(Gchat):
    protocol = "web"
    settings = ("server.greet_after=5",)  # who is slow to ask, because the machine is busy, is greeted as a terminal


def browsers(table: Table, rounds: int, seconds: float) -> None:
    """Fan-out to 1,000 browsers, and what an idle one takes; then 10,000 of them in one room."""
    peers: list[type[Server]] = []
    candidates: tuple[type[Server], ...] = NodeWs, PythonWebsockets
    for peer in candidates:
        if why := peer.absent():
            table.notes.append(f"{peer.name}: {why}")
        else:
            peers.append(peer)
    said = Deliveries(Plain, Browsers, *peers)
    for _ in range(rounds):
        _by_turns(table, said, seconds)
        for peer in peers:
            with attempt(table, peer), peer() as server, Load(server) as load:
                load.connect(1000)
                for w in TALKERS:
                    said.talk(peer, load, w, seconds)
    said.compare(table, Plain, "plain clients", 0.9)
    for peer in peers:
        said.compare(table, peer, peer.name)
    _memory(table, rounds)
    _all_in_one_room(table, rounds, seconds)


class Deliveries:
    """Deliveries a second, by server and by how many talk."""

    def __init__(self, *kinds: type[Server]) -> None:
        self._rates: dict[type[Server], dict[int, list[float]]] = {kind: {w: [] for w in TALKERS} for kind in kinds}

    def talk(self, kind: type[Server], load: Load, w: int, seconds: float) -> None:
        self._rates[kind][w].append(load.talk(w, seconds)["per_second"])

    def compare(self, table: Table, kind: type[Server], name: str, target: float | None = None) -> None:
        """Add a row for each W: browsers of gchat against another server's, or against other clients."""
        for w in TALKERS:
            runs = {"gchat": self._rates[Browsers][w], "reference": self._rates[kind][w]}
            table.compare(f"deliveries/s to browsers against {name}, W={w}", "/s", runs, target)


def _by_turns(table: Table, said: Deliveries, seconds: float) -> None:
    with attempt(table, Plain), Plain() as plain, Load(plain) as to_plain:
        to_plain.connect(1000)
        with attempt(table, Browsers), Browsers() as web, Load(web) as to_web:
            to_web.connect(1000)
            for w, _ in itertools.product(TALKERS, range(PIECES)):
                said.talk(Plain, to_plain, w, seconds / PIECES)
                said.talk(Browsers, to_web, w, seconds / PIECES)


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
