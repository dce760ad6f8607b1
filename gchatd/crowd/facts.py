"""What is known of a run: while it goes on, and in the end. The JSON of a report is `Facts` as it stands."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from .plan import Plan  # noqa: TC001 (msgspec reads the types)

NOTHING_LOST: Final = "nothing lost"
"""The verdict on a run in which all is well."""

Phase = Literal["connecting", "talking", "counting", "leaving"]


class Latency(msgspec.Struct, frozen=True):
    """From when a line was due to be said until it was heard, in ms; `max` is exact, the others to three digits."""

    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class Row(msgspec.Struct, frozen=True):
    """A moment, or what happened since the one before. None: not known, or nothing to measure."""

    at: float  # seconds since the first connection
    phase: Phase
    connected: int
    lines_per_second: float
    deliveries_per_second: float
    latency_ms: Latency | None
    cpu_percent: float | None  # of one core, the server's
    rss_kb: int | None  # the server's
    rss_kb_per_client: float | None
    slow_readers: int | None  # in all
    errors: int  # in all


class Memory(msgspec.Struct):
    """Resident memory of the server, in KB: before anybody came, with everybody there and silent, at the end of the
    talk with as many there, and after all had left.
    """

    before: int | None = None
    full: int | None = None
    talked: int | None = None
    left: int | None = None


class Facts(msgspec.Struct, kw_only=True):
    """All that is known in the end. `connected`: at once, at most while people came."""

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
    slow_readers: int | None
    connect_seconds: float
    talk_seconds: float
    came_later: int  # newcomers, while others left
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
    histogram_ms: list[tuple[float, int]]  # deliveries not later than so many ms, and later than those before


def per_client(full: int | None, before: int | None, connected: int) -> float | None:
    """KB that each of so many clients takes."""
    if full is None or before is None or not connected:
        return None
    return round((full - before) / connected, 2)


def verdict(lines: int, lost: int, duplicated: int, disordered: int, altered: int) -> str:
    """What was wrong with what was heard, in words."""
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
    """All of it, for people and programs."""
    return msgspec.json.format(msgspec.json.encode(facts)) + b"\n"
