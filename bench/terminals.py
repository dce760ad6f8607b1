"""What a terminal with a line editor costs, against a plain client."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from .load import Load
from .servers import Gchat
from .table import attempt

if TYPE_CHECKING:
    from .table import Table


class Plain(Gchat):
    pass


class Rich(Gchat):
    protocol = "rich"


class Typing(Gchat):
    protocol = "typing"


def rich(table: Table, rounds: int, seconds: float) -> None:
    """Fan-out at W=16 to 1,000 terminals, with empty lines and half typed ones; and what an idle one takes."""
    rates: dict[type[Gchat], list[float]] = {Plain: [], Rich: [], Typing: []}
    slopes: dict[type[Gchat], list[float]] = {Plain: [], Rich: []}
    for _ in range(rounds):
        for kind, of_kind in rates.items():
            with attempt(table, kind), kind() as server, Load(server) as load:
                load.connect(1000)
                time.sleep(0.5)
                of_kind.append(load.talk(16, seconds)["per_second"])
        for kind, of_kind in slopes.items():
            with attempt(table, kind), kind() as server, Load(server) as load:
                readings = []
                for clients in (1_000, 5_000):
                    load.connect(clients)
                    time.sleep(1.5)
                    readings.append(server.rss_kb())
                of_kind.append((readings[1] - readings[0]) / 4_000)
    for kind, what, target in ((Rich, "with empty lines", 0.8), (Typing, "with half typed lines", 0.4)):
        runs = {"gchat": rates[kind], "reference": rates[Plain]}
        table.compare(f"deliveries/s to terminals {what} against plain, W=16", "/s", runs, target)
    more = [statistics.median(slopes[Rich]) - statistics.median(slopes[Plain])]
    table.absolute("memory of an idle terminal, more than a plain client", "KB", more, 1.5)
