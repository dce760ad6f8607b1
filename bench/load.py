"""Drives the load generator (load.c), pinned to the core that the servers leave free."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from .servers import LOAD_CORE, Server, compiled, pinned

LINE_BYTES = 80


class RunFailedError(Exception):
    """A run in which something was lost, doubled or reordered: a failure, not a number."""


class Load:
    """Many clients of one server, or of several by turns. A context manager; see load.c for what each order means."""

    def __init__(self, *servers: Server | None) -> None:
        self._closed = self._lazy = 0
        ports = ",".join(str(server.port if server is not None else 0) for server in servers)
        protocol, tls = (servers[0].protocol, servers[0].tls) if servers[0] is not None else ("gchat", False)
        self._process = subprocess.Popen(
            [*pinned(LOAD_CORE), str(compiled("load.c", tls)), ports, protocol, str(LINE_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.communicate()

    def connect(self, clients: int) -> dict[str, Any]:
        answer = self._order(f"connect {clients}")
        if answer["ready"] < clients:
            raise RunFailedError(f"only {answer['ready']} of {clients} clients came in: {answer}")
        return answer

    def talk(self, talkers: int, seconds: float, rate: float = 0) -> dict[str, Any]:
        closed, answer = self._closed, self._order(f"talk {talkers} {seconds} {rate}")
        self._closed = answer["closed"]
        if self._closed > closed + self._lazy:
            raise RunFailedError(f"the server closed clients that read: {answer}")
        if answer["lost"] or answer["doubled"] or answer["misordered"] or not answer["deliveries"]:
            raise RunFailedError(f"not every line came once and in order: {answer}")
        return answer

    def stop_reading(self, clients: int) -> None:
        self._lazy = clients
        self._order(f"lazy {clients}")

    def alone(self, talkers: int, seconds: float) -> dict[str, Any]:
        return self._order(f"alone {talkers} {seconds}")

    def _order(self, order: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RunFailedError(f"the load generator ended at {order!r}")
        answer: dict[str, Any] = json.loads(line)
        return answer
