"""What the main process and the processes of the crowd tell each other: one line of JSON each."""

from __future__ import annotations

from typing import Final

import msgspec

HISTOGRAM: Final = (1, 600_000_000, 3)
"""The range of latencies, in microseconds: up to ten minutes, with three digits."""


class Come(msgspec.Struct, tag=True, frozen=True):
    """The first order to a process of the crowd: be these people, and come in."""

    host: str
    port: int
    tag: str  # part of everybody's name: see lines.py
    process: int  # which of the processes, from 0: person n is in process n % processes
    processes: int
    clients: int  # in all processes together, like everything below
    talkers: int  # people 0 to talkers - 1
    ramp: float  # connections per second
    door: str = "terminal"  # or web


class Talk(msgspec.Struct, tag=True, frozen=True):
    """Talk. Line n of all is due at `start + n / rate`, and the talkers take turns."""

    start: int  # CLOCK_MONOTONIC, nanoseconds
    seconds: float
    rate: float  # lines per second
    churn: float  # the share of the people who leave, and as many others come, each second


class Hush(msgspec.Struct, tag=True, frozen=True):
    """Stop talking, coming and going."""


class Account(msgspec.Struct, tag=True, frozen=True):
    """Find out who has not heard everything. `said`: how many lines each talker said."""

    said: list[int]


class Leave(msgspec.Struct, tag=True, frozen=True):
    """Everybody hangs up."""


Order = Come | Talk | Hush | Account | Leave


class Sample(msgspec.Struct, tag=True, frozen=True):
    """From a process of the crowd, a few times a second. Counts are since the sample before, except as noted."""

    at: int  # CLOCK_MONOTONIC, nanoseconds
    connected: int  # now
    came: int
    left: int
    lines: int
    deliveries: int
    late: str  # an HDR histogram (HISTOGRAM), encoded
    slowest_us: int  # the largest of these, exactly
    hushed: bool  # nobody talks any more: `said` is final
    said: dict[int, int]  # by talker, since the beginning
    behind: int  # people who have not heard everything (see Account); -1: not known, or lines still come in
    errors: dict[str, int]  # since the beginning


class Verdict(msgspec.Struct, tag=True, frozen=True):
    """The last word of a process of the crowd."""

    lost: int
    duplicated: int
    disordered: int
    altered: int
    examples: list[str]


Report = Sample | Verdict
