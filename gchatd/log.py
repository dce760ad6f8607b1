"""The log: who came, who left, who was closed and why. What people say is not in it.

A native thread writes the lines in batches, so nobody in the chat ever waits for whoever reads the log. (When 10,000
people come at once, a line costs 5 us that way, and 16 us written one by one.)
"""

from __future__ import annotations

import atexit
import collections
import logging
import os
import select
import threading
import time
from typing import Any

GATHER_SECONDS = 0.02
"""How long the thread gathers lines before it writes them together."""

EXIT_SECONDS = 1.0
"""How long the process waits at exit if nobody reads the log."""

MOST_WAITING = 100_000
"""How many lines may wait if nobody reads the log. More are dropped, and counted."""


def start(level: str, whose: str = "", *, threads: bool = True) -> None:
    """Start logging to standard error, from this level up. At exit, lines that still wait are written.

    `whose` is put in front of every message. Without threads, the few lines there are must be ones that may get lost.
    """
    handler = _Diary() if threads else _Note()
    handler.setFormatter(_Formatter(f"{whose}: " if whose else ""))
    root = logging.getLogger("gchatd")
    root.handlers[:] = [handler]
    set_level(level)
    # Do not collect what the format does not show ("Optimization" in the logging documentation).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    logging.setLogRecordFactory(_Record)


def set_level(level: str) -> None:
    """Log from this level up: debug, info, warning or error."""
    logging.getLogger("gchatd").setLevel(level.upper())


class _Record(logging.LogRecord):
    """What the format shows, and no more: making a whole record takes three times as long."""

    def __init__(self, name: str, level: int, _path: str, _line: int, msg: str, args: Any, error: Any, *_: Any) -> None:
        self.name = name
        self.levelno, self.levelname = level, logging.getLevelName(level)
        self.msg, self.args, self.exc_info = msg, args, error
        self.created = time.time()


class _Formatter(logging.Formatter):
    """Time, level and message. Works out the time of day once a second only."""

    _shown = -1, ""  # a second, and how it is written: together, because several threads log

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def format(self, record: logging.LogRecord) -> str:
        second, text = self._shown
        if int(record.created) != second:
            second = int(record.created)
            text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            self._shown = second, text
        message = record.msg % record.args if record.args else record.msg
        line = f"{text},{int((record.created - second) * 1000):03d} {record.levelname} {self._prefix}{message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Note(logging.Handler):
    """Writes each line at once, if that can be done without waiting for somebody to read the log."""

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{self.format(record)}\n".encode(errors="backslashreplace")
        try:
            if select.select([], [2], [], 0)[1]:
                os.write(2, line[: select.PIPE_BUF])
        except OSError:
            pass  # nobody reads it any more


class _Diary(logging.Handler):
    """Hands formatted lines to its own thread, which ends with the process."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: collections.deque[str] = collections.deque()
        self._dropped = 0
        self._news = threading.Event()
        self._writing = threading.Lock()
        threading.Thread(target=self._write_for_ever, name="log", daemon=True).start()
        atexit.register(self._write_the_last)

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record without a lock: `emit` needs none."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._lines) < MOST_WAITING:
            self._lines.append(self.format(record))
            if not self._news.is_set():  # to set it takes 1 us
                self._news.set()
        else:
            self._dropped += 1

    def _write_for_ever(self) -> None:
        while True:
            self._news.wait()
            time.sleep(GATHER_SECONDS)
            self._news.clear()
            self._write_what_waits()

    def _write_the_last(self) -> None:
        """Write what still waits when the process exits, unless nobody reads it."""
        last = threading.Thread(target=self._write_what_waits, daemon=True)
        last.start()
        last.join(EXIT_SECONDS)

    def _write_what_waits(self) -> None:
        with self._writing:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if self._dropped:
                lines.append(f"{self._dropped} lines of the log were dropped: nobody read it")
                self._dropped = 0
            try:
                os.write(2, "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace"))
            except OSError:
                self._dropped += len(lines)
