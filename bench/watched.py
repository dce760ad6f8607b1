"""gchat with instruments: how long the hub is kept, and how long a native thread waits for its turn.

Run like gchat.py; SIGUSR1 prints what was seen since the last time, as a line of JSON, and starts anew. The hub is kept
from when the event loop has polled until it polls again, in this thread's CPU time: what other processes stole is not
counted. A native thread sleeps a millisecond at a time and notes how much later than that it runs again.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import gevent

sys.path.insert(0, str(Path(__file__).parent.parent))

import gchat

NAP = 0.001


class Instruments:
    def __init__(self) -> None:
        self.kept = self.waited = 0.0
        self._polled_at = math.inf  # what comes before the first poll keeps nobody waiting
        loop: Any = gevent.get_hub().loop
        self._watchers = loop.check(), loop.prepare()
        self._watchers[1].priority = -2  # after gevent's own, in which greenlets that were woken run
        self._watchers[0].start(self._polled)
        self._watchers[1].start(self._polls)
        threading.Thread(target=self._nap, daemon=True).start()

    def _polled(self) -> None:
        self._polled_at = time.thread_time()

    def _polls(self) -> None:
        self.kept = max(self.kept, time.thread_time() - self._polled_at)

    def _nap(self) -> None:
        while True:
            start = time.perf_counter()
            time.sleep(NAP)
            self.waited = max(self.waited, time.perf_counter() - start - NAP)

    def report(self) -> None:
        seen = {"kept_ms": self.kept * 1e3, "waited_ms": self.waited * 1e3}
        self.kept = self.waited = 0.0
        print(json.dumps(seen), flush=True)


instruments = Instruments()
gevent.signal_handler(signal.SIGUSR1, instruments.report)
sys.exit(gchat.main())
