"""Several processes under a supervisor, as tests see them."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
from people import GREETING, PATIENCE, Person, Server, eventually


class Supervised(Server):
    """Several processes. `workers` are those that serve, `redis` the server that they share."""

    def __init__(self, *args: str, workers: int = 3, **settings: object) -> None:
        self.known: dict[int, psutil.Process] = {}
        super().__init__("--workers", str(workers), *args, **settings)
        self.count = workers
        self.logs("In another terminal")
        eventually(lambda: self.log().count(" serves: process ") == workers)
        self.children()

    def children(self) -> list[psutil.Process]:
        try:
            found = psutil.Process(self.process.pid).children()
        except psutil.NoSuchProcess:
            return []
        self.known |= {child.pid: child for child in found}
        return found

    def words(self, child: psutil.Process) -> str:
        try:
            return " ".join(child.cmdline())
        except psutil.Error:
            return ""

    def workers(self) -> list[psutil.Process]:
        return sorted((one for one in self.children() if "gchat.py" in self.words(one)), key=lambda one: one.pid)

    def redis(self) -> psutil.Process | None:
        return next((one for one in self.children() if "redis.sock" in self.words(one)), None)

    def nobody_is_left(self) -> bool:
        return not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in self.known.values())

    def serves(self) -> bool:
        """Whether every worker does: so many connections that they cannot all miss one."""
        people = [Person(self) for _ in range(16 * self.count)]
        for person in people:
            person.sees(GREETING)
            person.hangs_up()
        return True

    def close(self) -> None:
        self.children()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for child in self.known.values():
            if child.is_running():
                child.kill()
        super().close()


def processes_in(folder: Path) -> list[psutil.Process]:
    """Those that work in a folder, or below it."""
    found = []
    for process in psutil.process_iter():
        try:
            inside = Path(process.cwd()).is_relative_to(folder) and process.pid != os.getpid()
        except psutil.Error:
            continue
        if inside and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found
