"""How big a crowd is and how many processes it takes, the server's and its own: what you asked for, within what this
machine can hold.
"""

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
RATE_OF_MANY: Final = 1.0  # if one process cannot hold them: 100,000 hear as many lines as 20,000 do at RATE
SECONDS: Final = 30.0
RAMP: Final = 5000.0

SPARE_FILES: Final = 100
"""File descriptors that a process needs for itself: libraries, the database, logs, pipes."""

CLIENT_KB: Final = 64
"""Memory that one client may take, with some to spare: the server's, the crowd's and the kernel's."""

WORKER_KB: Final = 64 * 1024
"""Memory that each of several workers takes before anybody comes, with some to spare. An idle server takes 37 MB."""

KNOWN_KB: Final = 1
"""Memory that a person takes in each of several workers, wherever they are connected: 0.4 KB of it is in the state."""

SPREAD: Final = 6
"""The kernel gives each connection to a worker at random, so some get more than their share: with 100,000 over six, a
standard deviation is 118. This many are the margin: one crowd in a hundred million needs more.
"""

CLIENTS_A_CORE: Final = 10_000
"""How many people one process takes if there are cores for more processes. Measured: 18,000 take half a core."""

CHURN: Final = 0.05
"""With the style `churn`: the share of the people who leave each second. As many others come."""

MOST: Final = {
    "clients": 1_000_000,
    "talkers": 100_000,
    "rate": 100_000,
    "seconds": 3600,
    "ramp": 100_000,
    "workers": 64,
}
WHOLE: Final = ("clients", "talkers", "workers")


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
    processes: int  # the crowd's
    workers: int  # the server's. 1: it is one process, without a supervisor
    door: Literal["terminal", "web"] = "terminal"  # by which people come

    @property
    def churn(self) -> float:
        return CHURN if self.style == "churn" else 0.0


def make_plan(
    options: argparse.Namespace, machine: Machine, server_files: int | None, running: int | None = None
) -> Plan:
    """Fill in the defaults. Raises ConfigError for what cannot be done.

    `server_files`: how many files a process of the server may have open, None if that is not known. `running`: how many
    workers the server has, None if it has yet to be started, with as many as the crowd needs.
    """
    for name, most in MOST.items():
        _check(name, getattr(options, name), most, whole=name in WHOLE)
    holds = None if server_files is None else max(1, server_files - SPARE_FILES)
    clients = int(options.clients or min(CLIENTS, holds or CLIENTS, max(1, machine.memory_kb // CLIENT_KB)))
    churn = CHURN if options.style == "churn" else 0.0
    workers = running or options.workers or _workers(clients, churn, holds)
    _check_room(clients, workers, churn, server_files)
    _check_memory(clients, workers, machine)
    talkers = int(options.talkers or min(TALKERS, clients))
    if talkers > clients:
        raise ConfigError(f"--talkers {talkers}: more than there are clients ({clients})")
    if machine.files <= SPARE_FILES:
        raise ConfigError(f"a process may have {machine.files} files open, which is not enough (ulimit -Hn)")
    return Plan(
        clients=clients,
        talkers=talkers,
        rate=options.rate or (RATE if holds is None or clients <= holds else RATE_OF_MANY),
        seconds=options.seconds or SECONDS,
        ramp=options.ramp or RAMP,
        style=options.style,
        processes=_processes(clients, workers, machine),
        workers=workers,
        door=options.door,
    )


def busiest(clients: int, workers: int, churn: float = 0.0) -> int:
    """Give how many clients the busiest of several workers may get. With churn, some leave while others come."""
    if workers == 1:
        return clients
    share = clients / workers * (1 + churn)
    return math.ceil(share + SPREAD * math.sqrt(share))


def _workers(clients: int, churn: float, holds: int | None) -> int:
    """Give the fewest that hold these clients, at most as many as there may be."""
    if holds is None or clients <= holds:
        return 1
    most = MOST["workers"]
    return next((workers for workers in range(2, most) if busiest(clients, workers, churn) <= holds), most)


def _check_room(clients: int, workers: int, churn: float, server_files: int | None) -> None:
    if server_files is None:
        return
    holds, most = max(1, server_files - SPARE_FILES), busiest(clients, workers, churn)
    if most <= holds:
        return
    if workers == 1:
        trouble = f"the server may have {server_files} files open, which is enough for {holds} clients: ask for fewer"
    else:
        trouble = (
            f"one of {workers} workers may get {most} of them, and may have {server_files} files open, which is enough "
            f"for {holds}: ask for fewer, or more workers"
        )
    raise ConfigError(f"--clients {clients}: {trouble}, or start it with a higher hard limit (ulimit -Hn)")


def _check_memory(clients: int, workers: int, machine: Machine) -> None:
    need = clients * CLIENT_KB + (workers * (WORKER_KB + clients * KNOWN_KB) if workers > 1 else 0)
    if need > machine.memory_kb:
        raise ConfigError(
            f"--clients {clients}: may take {need // 1024} MB of memory, and {machine.memory_kb // 1024} MB are free"
        )


def _processes(clients: int, workers: int, machine: Machine) -> int:
    """As many as the limit of open files requires; more if there are cores that server and board do not need."""
    needed = math.ceil(clients / (machine.files - SPARE_FILES))
    useful = min(math.ceil(clients / CLIENTS_A_CORE), machine.cores - 1 - workers)
    return max(1, needed, useful)


def _check(name: str, value: float | None, most: int, whole: bool) -> None:
    if value is None:
        return
    if not (0 < value <= most) or (whole and value < 1):
        kind = "a whole number from 1 to" if whole else "a number more than 0, at most"
        raise ConfigError(f"--{name} {plainly(value)}: expected {kind} {most}")
