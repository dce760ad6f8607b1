"""What is known about a run, while it lasts and at its end. crowd.json is `Facts`, field by field."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from .plan import Plan  # noqa: TC001 (msgspec reads the types)

NOTHING_LOST: Final = "nothing lost"
"""The verdict on a run in which all went well."""

Phase = Literal["connecting", "talking", "counting", "leaving"]


class Latency(msgspec.Struct, frozen=True):
    """Time from when a line was due until somebody heard it, in ms. `max` is exact; the others have three digits."""

    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class PartRow(msgspec.Struct, frozen=True):
    """How one of a server's several processes is at a moment."""

    name: str  # worker 1 and on, redis, supervisor
    people: int | None  # who are connected to it, if it is a worker
    cpu_percent: float | None
    rss_kb: int | None


class Row(msgspec.Struct, frozen=True):
    """How things are at a moment, and what happened since the row before. None: not known, or nothing to measure."""

    at: float  # seconds since the first connection
    phase: Phase
    connected: int
    lines_per_second: float
    deliveries_per_second: float
    latency_ms: Latency | None
    cpu_percent: float | None  # of one core, the server's: of all its processes together
    rss_kb: int | None  # the server's
    rss_kb_per_client: float | None
    slow_readers: int | None  # since the run began
    errors: int  # since the run began
    parts: list[PartRow]  # none if the server is one process


class Memory(msgspec.Struct):
    """The server's resident memory, in KB: before anybody came, with everybody there but silent, with everybody there
    at the end of the talk, and after all had left. What several processes share counts for each of them.
    """

    before: int | None = None
    full: int | None = None
    talked: int | None = None
    left: int | None = None


class Part(msgspec.Struct):
    """One of a server's several processes."""

    name: str
    people: int | None  # the most at once, if it is a worker
    cpu_percent: float | None  # while people talked
    memory_kb: Memory


class Facts(msgspec.Struct, kw_only=True):
    """All that is known at the end. `connected`: the most people who were there at once."""

    verdict: str
    ok: bool
    interrupted: bool
    clients: int
    connected: int
    lines: int
    deliveries: int
    lost: int
    duplicated: int
    disordered: int
    altered: int
    latency_ms: Latency | None
    deliveries_per_second: float
    rss_kb_per_client: float | None
    memory_kb: Memory
    cpu_percent: float | None  # of one core, the server's, while people talked
    parts: list[Part]  # none if the server is one process
    slow_readers: int | None
    connect_seconds: float
    talk_seconds: float
    came_later: int  # newcomers, in place of those who left
    left: int
    errors: dict[str, int]
    examples: list[str]  # of what was missed
    plan: Plan
    server: str
    own_server: bool
    started: str  # UTC
    machine: dict[str, str | int]
    versions: dict[str, str]
    samples: list[Row]
    histogram_ms: list[tuple[float, int]]  # how many deliveries took at most so many ms, and more than the step before


def per_client(full: int | None, before: int | None, connected: int) -> float | None:
    """Give the KB that each client takes."""
    if full is None or before is None or not connected:
        return None
    return round((full - before) / connected, 2)


def verdict(lines: int, lost: int, duplicated: int, disordered: int, altered: int) -> str:
    """Say in words what was wrong with what people heard."""
    wrong = {
        "lost": lost,
        "heard twice": duplicated,
        "in the wrong order": disordered,
        "altered": altered,
    }
    words = [f"{count:,} {what}" for what, count in wrong.items() if count]
    if words:
        return ", ".join(words)
    return NOTHING_LOST if lines else "nothing was said"


def as_json(facts: Facts) -> bytes:
    """Give everything as JSON, indented."""
    return msgspec.json.format(msgspec.json.encode(facts)) + b"\n"
