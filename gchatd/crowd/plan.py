"""How big a crowd is and how many processes it takes: what you asked for, within what this machine can hold."""

from __future__ import annotations

import math
import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ..errors import ConfigError
from ..text.phrases import plainly

if TYPE_CHECKING:
    import argparse

CLIENTS: Final = 10_000
TALKERS: Final = 20
RATE: Final = 5.0
SECONDS: Final = 30.0
RAMP: Final = 5000.0

SPARE_FILES: Final = 100
"""File descriptors that a process needs for itself: libraries, the database, logs, pipes."""

CLIENT_KB: Final = 64
"""Memory that one client may take, with some to spare: the server's, the crowd's and the kernel's."""

CLIENTS_A_CORE: Final = 10_000
"""How many people one process takes if there are cores for more processes. Measured: 18,000 take half a core."""

CHURN: Final = 0.05
"""With the style `churn`: the share of the people who leave each second. As many others come."""

MOST: Final = {"clients": 1_000_000, "talkers": 100_000, "rate": 100_000, "seconds": 3600, "ramp": 100_000}


class Machine(msgspec.Struct, frozen=True):
    """What this machine has."""

    cores: int
    files: int  # how many a process may have open
    memory_kb: int  # free

    @classmethod
    def this(cls) -> Machine:
        _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
        meminfo = Path("/proc/meminfo").read_text()
        free = next(int(line.split()[1]) for line in meminfo.splitlines() if line.startswith("MemAvailable:"))
        return cls(len(os.sched_getaffinity(0)), files, free)


class Plan(msgspec.Struct, frozen=True):
    """What a run will be. Rates are per second, for all processes together."""

    clients: int
    talkers: int
    rate: float
    seconds: float
    ramp: float
    style: Literal["steady", "churn"]
    processes: int

    @property
    def churn(self) -> float:
        return CHURN if self.style == "churn" else 0.0


def make_plan(options: argparse.Namespace, machine: Machine, server_files: int | None) -> Plan:
    """Fill in the defaults. Raises ConfigError for what cannot be done.

    `server_files`: how many files the server may have open, None if that is not known.
    """
    for name, most in MOST.items():
        _check(name, getattr(options, name), most, whole=name in ("clients", "talkers"))
    holds = None if server_files is None else max(1, server_files - SPARE_FILES)
    clients = int(options.clients or min(CLIENTS, holds or CLIENTS, max(1, machine.memory_kb // CLIENT_KB)))
    if holds is not None and clients > holds:
        raise ConfigError(
            f"--clients {clients}: the server may have {server_files} files open, which is enough for {holds} clients: "
            "ask for fewer, or start it with a higher hard limit (ulimit -Hn)"
        )
    if clients * CLIENT_KB > machine.memory_kb:
        raise ConfigError(
            f"--clients {clients}: may take {clients * CLIENT_KB // 1024} MB of memory, "
            f"and {machine.memory_kb // 1024} MB are free"
        )
    talkers = int(options.talkers or min(TALKERS, clients))
    if talkers > clients:
        raise ConfigError(f"--talkers {talkers}: more than there are clients ({clients})")
    if machine.files <= SPARE_FILES:
        raise ConfigError(f"a process may have {machine.files} files open, which is not enough (ulimit -Hn)")
    return Plan(
        clients=clients,
        talkers=talkers,
        rate=options.rate or RATE,
        seconds=options.seconds or SECONDS,
        ramp=options.ramp or RAMP,
        style=options.style,
        processes=_processes(clients, machine),
    )


def _processes(clients: int, machine: Machine) -> int:
    """As many as the limit of open files requires; more if there are cores that server and board do not need."""
    needed = math.ceil(clients / (machine.files - SPARE_FILES))
    useful = min(math.ceil(clients / CLIENTS_A_CORE), machine.cores - 2)
    return max(1, needed, useful)


def _check(name: str, value: float | None, most: int, whole: bool) -> None:
    if value is None:
        return
    if not (0 < value <= most) or (whole and value < 1):
        kind = "a whole number from 1 to" if whole else "a number more than 0, at most"
        raise ConfigError(f"--{name} {plainly(value)}: expected {kind} {most}")
