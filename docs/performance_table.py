"""Puts the results of the last full `make bench` into docs/performance.md: `make figures`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/performance.md"
RESULTS = ROOT / "bench/results/latest.json"
HEAD = "| | gchat | lowest to highest | compared with | ratio | target |\n|---|---|---|---|---|---|\n"

NAMES = {
    "deliveries/s, W=1": "deliveries per second, W=1",
    "deliveries/s, W=16": "deliveries per second, W=16",
    "deliveries/s, W=200": "deliveries per second, W=200",
    "p99 latency, W=1": "99 % of deliveries take at most, W=1",
    "p99 latency, W=200": "99 % of deliveries take at most, W=200",
    "connections accepted and named/s, 10,000": "connections accepted and named per second, up to 10,000",
    "resident memory per idle client": "resident memory per idle client",
    "CPU per delivery, 18,000 against 1,000, W=1": "CPU per delivery, 18,000 clients (compared with 1,000), W=1",
    "CPU per delivery, 18,000 against 1,000, W=16": "CPU per delivery, 18,000 clients (compared with 1,000), W=16",
    "longest time the hub is kept, CPU": "longest time that one greenlet kept the event loop (CPU)",
    "longest wait of a native thread, W=200": "longest time that a native thread waited to run, W=200",
    "p99 latency of the others, 500 slow readers": (
        "99 % of deliveries take at most, while 500 of 1,000 stop reading (compared with before)"
    ),
    "memory rise with 500 slow readers": "memory that these 500 take until they are closed",
    "all 500 closed after": "all 500 closed after",
    "deliveries/s with history against without, W=1": "deliveries per second with history (compared with none), W=1",
    "deliveries/s with history against without, W=16": "deliveries per second with history (compared with none), W=16",
    "deliveries/s with history against without, W=200": (
        "deliveries per second with history (compared with none), W=200"
    ),
    "a line arrives later with history, W=1, median": "delay that history adds, median, W=1",
    "longest search in 1,000,000 lines while people talk": "longest search in 1,000,000 lines, while people talk",
    "p99 latency of those who talk while somebody searches": (
        "99 % of deliveries take at most, while somebody searches (compared with before)"
    ),
    "largest write-ahead log, a snapshot held for 60 s, 500 lines/s": (
        "largest write-ahead log, 500 lines per second, a snapshot held for 60 s"
    ),
    "deliveries/s to terminals with empty lines against plain, W=16": (
        "deliveries per second to terminals (compared with plain clients), W=16"
    ),
    "deliveries/s to terminals with half typed lines against plain, W=16": (
        "deliveries per second to terminals with a half-typed line (compared with plain clients), W=16"
    ),
    "memory of an idle terminal, more than a plain client": "memory per idle terminal, on top of a plain client's",
    **{f"deliveries/s in TLS, W={w}": f"deliveries per second in TLS, W={w}" for w in (1, 16, 200)},
    "resident memory per idle TLS client": "resident memory per idle client in TLS (compared with one without)",
    **{
        f"deliveries/s to browsers against {other}, W={w}": (
            f"deliveries per second to browsers (compared with {called}), W={w}"
        )
        for other, called in (
            ("plain clients", "plain clients"),
            ("Node ws", "Node's `ws`"),
            ("Python websockets", "Python's `websockets`"),
        )
        for w in (1, 16, 200)
    },
    "memory of an idle browser": "resident memory per idle browser",
    "10,000 browsers in one room, all in after": "10,000 browsers are in one room after",
    "10,000 browsers in one room, deliveries/s, W=16": "deliveries per second to 10,000 browsers in one room, W=16",
    **{
        f"deliveries/s of 2 workers against 1 process, on one core, W={w}": (
            f"deliveries per second of two workers and their Redis on one core (compared with one process), W={w}"
        )
        for w in (1, 16, 200)
    },
    "a line to another node, idle, median": "a line to another node takes, median",
    "a line to another node, idle, p99": "99 % of lines to another node take at most",
    "a line to another node, 2,000 lines/s, median": "the same among 2,000 lines per second, median",
    "a line to another node, 2,000 lines/s, p99": "99 % of lines to another node take at most, among 2,000 per second",
    "events/s at which a node falls behind, batches of 20": "events per second from other nodes that a node can follow",
    "a node that starts takes clients after, 100,000 present against none": (
        "a server that starts takes clients after, 100,000 people present (compared with none)"
    ),
    "longest time the hub of the node is kept that tells it of them, CPU": (
        "longest time that the event loop was kept of the one that tells it of them (CPU)"
    ),
    "longest time a line takes there meanwhile": "longest time that a line took there meanwhile",
}
"""The rows as the page calls them, by what the benchmark calls them."""


def figure(value: float) -> str:
    """Three digits, in thousands or millions where that is shorter."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def row(measured: dict[str, Any]) -> str:
    """Write a row of the table for one of the benchmark's."""
    unit = "" if measured["unit"] == "/s" else f" {measured['unit']}"
    low, high = (figure(edge(measured["runs"])) + unit for edge in (min, max))
    compared = measured["reference"] is not None
    target = ""
    if measured["target"] is not None:
        target = f"{'≤' if measured['at_most'] else '≥'} {measured['target']:g}{'' if compared else unit}"
    cells = (
        NAMES.get(measured["what"], measured["what"]),
        figure(measured["value"]) + unit,
        f"{low} to {high}",
        figure(measured["reference"]) + unit if compared else "",
        f"{measured['judged']:.2f}" if compared else "",
        target if measured["reached"] else f"{target} **missed**",
    )
    return "| " + " | ".join(cells) + " |\n"


def page(old: str, report: dict[str, Any]) -> str:
    """Give the page with its first table made anew from a report of the benchmark."""
    before, _, rest = old.partition(HEAD)
    after = rest.partition("\n\n")[2]
    return before + HEAD + "".join(map(row, report["rows"])) + "\n" + after


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(), json.loads(RESULTS.read_text())))
