"""What the process that shows the crowd and those that are the crowd tell each other: one line of JSON each."""

from __future__ import annotations

from typing import Final

import msgspec

HISTOGRAM: Final = (1, 600_000_000, 3)
"""The latencies that are told, in microseconds: up to ten minutes, three digits."""


class Come(msgspec.Struct, tag=True, frozen=True):
    """To a process of the crowd, first of all: be these people, and come in."""

    host: str
    port: int
    tag: str  # of everybody's name, see lines.py
    process: int  # which of the processes, from 0: person n is in process n % processes
    processes: int
    clients: int  # of all processes, as all that follow
    talkers: int  # the people with the numbers below it
    ramp: float  # connections a second


class Talk(msgspec.Struct, tag=True, frozen=True):
    """Talk. Line n of all is due at `start + n / rate`, and the talkers take turns."""

    start: int  # CLOCK_MONOTONIC, nanoseconds
    seconds: float
    rate: float  # lines a second
    churn: float  # the share of the people who leave, and as many others come, each second


class Hush(msgspec.Struct, tag=True, frozen=True):
    """Say no more, come and go no more."""


class Account(msgspec.Struct, tag=True, frozen=True):
    """Find out who has not heard all; so many lines were said by each talker."""

    said: list[int]


class Leave(msgspec.Struct, tag=True, frozen=True):
    """Hang up, everybody."""


Order = Come | Talk | Hush | Account | Leave


class Sample(msgspec.Struct, tag=True, frozen=True):
    """From a process of the crowd, a few times a second. What is not "now" is counted since the sample before."""

    at: int  # CLOCK_MONOTONIC, nanoseconds
    connected: int  # now
    came: int
    left: int
    lines: int
    deliveries: int
    late: str  # an HDR histogram (HISTOGRAM), encoded
    slowest_us: int  # the worst of these, exactly
    hushed: bool  # will say no more: `said` is final
    said: dict[int, int]  # by talker, in all
    behind: int  # people who have not heard everything (see Account); -1: not known, or lines still come in
    errors: dict[str, int]  # in all


class Verdict(msgspec.Struct, tag=True, frozen=True):
    """The last word of a process of the crowd."""

    lost: int
    duplicated: int
    disordered: int
    altered: int
    examples: list[str]


Report = Sample | Verdict
