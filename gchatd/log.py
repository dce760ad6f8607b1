"""The operator's diary: who came, who left, who was closed and why. What people say is not in it."""

from __future__ import annotations

import logging


def start(level: str) -> None:
    """Write the log to standard error from now on, from this level up."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("gchatd")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.logMultiprocessing = logging.logThreads = logging.logProcesses = False  # nothing shows them
