"""How much memory and CPU the server takes, seen from outside, and on what machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Final

import psutil

from .. import __version__

PACKAGES: Final = ("gevent", "greenlet", "msgspec", "apsw", "rich", "psutil", "hdrhistogram", "matplotlib")


class Watch:
    """The CPU and memory of a process. Both are None if the process is not known, or has ended."""

    def __init__(self, pid: int | None) -> None:
        self._process: psutil.Process | None = None
        with contextlib.suppress(psutil.Error):
            self._process = psutil.Process(pid) if pid is not None else None

    def rss_kb(self) -> int | None:
        """Give its resident memory."""
        try:
            return self._process.memory_info().rss // 1024 if self._process is not None else None
        except psutil.Error:
            return None

    def cpu_seconds(self) -> float | None:
        """Give the CPU time that it has taken so far."""
        try:
            times = self._process.cpu_times() if self._process is not None else None
        except psutil.Error:
            return None
        return times.user + times.system if times is not None else None


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
