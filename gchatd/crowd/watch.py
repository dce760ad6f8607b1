"""How much memory and CPU the server's processes take, seen from outside, and on what machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from .. import __version__

PACKAGES: Final = (
    *("gevent", "greenlet", "msgspec", "apsw", "redis", "hiredis"),
    *("rich", "psutil", "hdrhistogram", "matplotlib"),
)

WORKER: Final = "GCHAT_WORKER"
"""The variable by which a supervisor tells a worker its number, from 1."""

SUPERVISOR: Final = "supervisor"


class Look(NamedTuple):
    """A process at a moment. None: it has ended."""

    rss_kb: int | None
    cpu_seconds: float  # since it began, and that of those which had its part before it
    people: int | None  # connected to it since we watch it


class Part:
    """One process of a server, and its successor if it dies and is started again."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._before = 0.0
        self._cpu = 0.0
        self._people: int | None = None
        self._files = _open_files(process.pid)
        self.ended = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def succeed(self, process: psutil.Process) -> None:
        """Go on with another process."""
        self._process = process
        self._before += self._cpu
        self._cpu = 0.0
        self.ended = False

    def look(self) -> Look:
        """Look at it now. A client is a file that is open, so people are counted by those: reading names is slow."""
        rss = files = None
        try:
            with self._process.oneshot():
                if self._process.status() == psutil.STATUS_ZOMBIE:
                    raise psutil.ZombieProcess(self.pid)
                times = self._process.cpu_times()
                rss = self._process.memory_info().rss // 1024
            self._cpu = times.user + times.system
            files = _open_files(self.pid)
        except psutil.Error:
            self.ended = True
        people = None if files is None or self._files is None else max(0, files - self._files)
        return Look(rss, self._before + self._cpu, people)


class Watch:
    """The processes of a server: one, or a supervisor, its workers and its Redis."""

    def __init__(self, pid: int | None) -> None:
        """None: not known. If it is a worker, all of its supervisor's are watched."""
        self._root: psutil.Process | None = None
        self._parts: dict[str, Part] = {}
        with contextlib.suppress(psutil.Error):
            self._root = _head(psutil.Process(pid)) if pid is not None else None
        self._find()

    @property
    def workers(self) -> int:
        """How many workers it has; 0: it is one process."""
        return sum(name.startswith("worker ") for name in self._parts)

    def files_allowed(self) -> int | None:
        """Give how many files a process that serves may have open. None: not known."""
        serving = [part.pid for name, part in self._parts.items() if not self.workers or name.startswith("worker ")]
        limits = [limit for pid in serving if (limit := _files_allowed(pid)) is not None]
        return min(limits, default=None)

    def look(self) -> dict[str, Look]:
        """Look at each process. The first are the workers, by number. Nothing is known of a server that has ended."""
        looks = {name: part.look() for name, part in self._parts.items()}
        if any(part.ended for part in self._parts.values()):
            self._find()  # for the next time
        return looks

    def _find(self) -> None:
        if self._root is None:
            return
        try:
            children = self._root.children()
        except psutil.Error:
            return
        found = {name: child for child in children if (name := _name(child))}
        workers = sorted((name for name in found if name.startswith("worker ")), key=lambda name: int(name.split()[1]))
        if workers:
            found[SUPERVISOR] = self._root
        elif not self._parts:
            found = {"server": self._root}
        for name in [*workers, *sorted(found.keys() - set(workers))]:
            if name not in self._parts:
                self._parts[name] = Part(found[name])
            elif self._parts[name].ended and self._parts[name].pid != found[name].pid:
                self._parts[name].succeed(found[name])


def _head(process: psutil.Process) -> psutil.Process:
    """Give the supervisor of a worker; of anything else, itself."""
    parent = process.parent() if _name(process).startswith("worker ") else None
    return process if parent is None else parent


def _name(process: psutil.Process) -> str:
    """Tell what a supervisor's process does. Nothing: it is none of these, or has ended, or is somebody else's."""
    try:
        number = process.environ().get(WORKER, "")
        if number.isdecimal():
            return f"worker {number}"
        return "redis" if re.match(r"(redis|valkey)-server", process.name()) else ""
    except psutil.Error:
        return ""


def _open_files(pid: int) -> int | None:
    folder = f"/proc/{pid}/fd"
    try:
        return os.stat(folder).st_size or len(os.listdir(folder))
    except OSError:
        return None


def _files_allowed(pid: int) -> int | None:
    try:
        limits = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return None
    found = re.search(r"^Max open files +(\d+)", limits, re.MULTILINE)
    return int(found[1]) if found else None


def machine() -> dict[str, str | int]:
    """Describe the machine."""
    memory = psutil.virtual_memory()
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": memory.total // 2**20,
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def versions() -> dict[str, str]:
    """Give the versions of gchat and the packages it uses."""
    found = {"gchat": __version__}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
