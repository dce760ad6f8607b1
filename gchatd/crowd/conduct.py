"""A run, from the first connection to the last goodbye: tells the crowd what to do and collects what happens.

One thread with one select loop, which wakes a few times a second. It measures nothing itself: the people do
(people.py), and so does meter.py, which looks at the server from outside.
"""

from __future__ import annotations

import collections
import datetime
import math
import secrets
import selectors
import time
from typing import TYPE_CHECKING, Final

from hdrh.histogram import HdrHistogram

from . import watch
from .facts import Facts, Latency, Row, per_client, verdict
from .messages import HISTOGRAM, Account, Hush, Leave, Talk, Verdict
from .meter import ALL, Meter, percents
from .troupe import gather

if TYPE_CHECKING:
    from collections.abc import Callable

    from .board import Board
    from .facts import Phase
    from .messages import Order, Sample
    from .plan import Plan
    from .stage import Stage
    from .troupe import Company

STALL_SECONDS: Final = 10.0
"""If nobody has come in for this long, nobody will."""

COUNT_SECONDS: Final = 20.0
"""How long people may take, after the talk, to hear what is still on its way."""

CALM_SECONDS: Final = 10.0
"""How long to wait for a calm server before reading its memory."""

CALM_PERCENT: Final = 10.0
"""A server is calm if it takes less CPU than this, for each of its processes, for a quarter of a second."""

HURRY_SECONDS: Final = 3.0
"""How long to wait for either of these after Ctrl-C."""

_TURN = 0.1
_EARLY, _LATE = 0.02, 0.6  # seconds: a row ends with a sample, so that its rates are those of whole samples
_STEPS_PER_DOUBLING = 8


class Show:
    """A run. Call `run` once; `stop` ends it early, and may be called from a signal handler."""

    def __init__(self, plan: Plan, stage: Stage, board: Board, own_server: bool) -> None:
        self._plan = plan
        self._stage = stage
        self._board = board
        self._own_server = own_server
        self._meter = Meter(stage.pid)
        self._selector = selectors.DefaultSelector()
        self._companies: list[Company] = []
        self._stopping = False
        self._server_ended = False
        self._phase: Phase = "connecting"
        self._all = HdrHistogram(*HISTOGRAM)
        self._slowest_us = 0
        self._since_row = HdrHistogram(*HISTOGRAM)
        self._slowest_since_row = 0
        self._counts: collections.Counter[str] = collections.Counter()
        self._counted: collections.Counter[str] = collections.Counter()  # at the last row
        self._rows: list[Row] = []
        self._most_connected = 0
        self._began = self._row_at = self._sampled_at = self._row_sampled_at = time.monotonic()
        self._connect_seconds = self._talk_began = self._talk_seconds = 0.0

    def stop(self) -> None:
        """End early, with a report."""
        self._stopping = True

    def run(self) -> Facts:
        """Let people come, talk and leave, and give what happened. Raises CrowdError if the crowd itself fails."""
        started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        try:
            if self._stage.fileno() >= 0:
                self._selector.register(self._stage.fileno(), selectors.EVENT_READ)
            tag = "" if self._own_server else secrets.token_hex(2)  # another crowd may be there, or may have been
            self._companies = gather(self._plan, self._stage, tag)
            for company in self._companies:
                self._selector.register(company, selectors.EVENT_READ, company)
            self._began = self._row_at = self._sampled_at = self._row_sampled_at = time.monotonic()
            self._connect()
            if self._most_connected and not self._over():
                self._talk()
            self._count()
            self._leave()
            return self._facts(started)
        finally:
            for company in self._companies:
                company.close()
            self._selector.close()

    # The phases.

    def _connect(self) -> None:
        progress_at, before = time.monotonic(), 0
        while not self._over() and time.monotonic() < progress_at + STALL_SECONDS:
            self._turn(0.1)
            connected = self._connected()
            if connected != before:
                progress_at, before = time.monotonic(), connected
            if connected + sum(self._errors().values()) >= self._plan.clients:
                break
        self._connect_seconds = progress_at - self._began
        if self._stopping:
            self._order(Hush())  # nobody else comes
        self._calm()
        self._most_connected = max(before, self._connected())
        self._meter.note("full")

    def _talk(self) -> None:
        plan = self._plan
        start = time.monotonic_ns() + 100_000_000
        self._order(Talk(start, plan.seconds, plan.rate, plan.churn))
        began = self._talk_began = start / 1e9  # the clock of time.monotonic
        self._wait(1.0, lambda: self._sampled_at >= began)
        self._phase = "talking"
        self._row(time.monotonic())
        before = self._meter.read()
        while not self._over() and self._connected() and time.monotonic() < began + plan.seconds + 0.05:
            self._turn(1.0)
        took = time.monotonic() - began
        self._talk_seconds = min(took, plan.seconds)
        self._meter.note_talk(before)

    def _count(self) -> None:
        """Find out whether everybody heard everything."""
        self._phase = "counting"
        self._order(Hush())
        self._wait(HURRY_SECONDS, lambda: all(sample is not None and sample.hushed for sample in self._samples()), 1.0)
        said = [0] * self._plan.talkers
        for sample in self._samples():
            for talker, lines in sample.said.items() if sample is not None else ():
                said[talker] += lines
        self._order(Account(said))
        patience = HURRY_SECONDS if self._stopping else COUNT_SECONDS
        self._wait(patience, lambda: all(sample is not None and sample.behind == 0 for sample in self._samples()), 1.0)
        self._row(time.monotonic())  # the lines that came last are on the board too
        if self._talk_seconds:
            self._calm()
            self._meter.note("talked")

    def _leave(self) -> None:
        self._row(time.monotonic())
        self._phase = "leaving"
        self._order(Leave())
        self._wait(COUNT_SECONDS, lambda: all(company.verdict is not None for company in self._companies))
        self._wait(HURRY_SECONDS, lambda: self._connected() == 0)
        self._calm()
        self._meter.note("left")
        self._row(time.monotonic())

    # What goes on meanwhile.

    def _order(self, order: Order) -> None:
        for company in self._companies:
            company.order(order)

    def _over(self) -> bool:
        return self._stopping or self._server_ended

    def _wait(self, seconds: float, done: Callable[[], bool], row_seconds: float = 0.25) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not done():
            self._turn(row_seconds)

    def _calm(self) -> None:
        """Wait until the server has nothing to do."""
        until = time.monotonic() + (HURRY_SECONDS if self._stopping else CALM_SECONDS)
        while time.monotonic() < until and not self._server_ended:
            before = self._meter.read()
            self._wait(0.25, lambda: False)
            percent = percents(before, self._meter.read())[ALL]
            if percent is None or percent < CALM_PERCENT * self._meter.processes:
                return

    def _turn(self, row_seconds: float) -> None:
        """Read what has come, or wait a moment if nothing has; add a row every `row_seconds`."""
        for key, _ in self._selector.select(_TURN):
            if key.data is not None:
                for sample in key.data.read():
                    self._take(sample)
            elif not self._stage.read():
                self._server_ended = True
                self._selector.unregister(key.fileobj)
        now = time.monotonic()
        sampled = self._sampled_at - self._row_sampled_at
        if sampled > row_seconds - _EARLY or now > self._row_at + row_seconds + _LATE:
            self._row(now)
        self._board.tick(now - self._talk_began if self._talk_began else None)

    def _take(self, sample: Sample) -> None:
        self._sampled_at = max(self._sampled_at, sample.at / 1e9)
        self._counts += collections.Counter(
            came=sample.came, left=sample.left, lines=sample.lines, deliveries=sample.deliveries
        )
        if sample.late:
            self._all.decode_and_add(sample.late)
            self._since_row.decode_and_add(sample.late)
            self._slowest_us = max(self._slowest_us, sample.slowest_us)
            self._slowest_since_row = max(self._slowest_since_row, sample.slowest_us)

    def _row(self, now: float) -> None:
        took = max(now - self._row_at, 1e-3)
        sampled = self._sampled_at - self._row_sampled_at or took
        self._row_at, self._row_sampled_at = now, self._sampled_at
        since = self._counts - self._counted
        self._counted = self._counts.copy()
        connected = self._connected()
        cpu_percent, rss, parts = self._meter.row()
        row = Row(
            at=round(now - self._began, 3),
            phase=self._phase,
            connected=connected,
            lines_per_second=round(since["lines"] / sampled, 2),
            deliveries_per_second=round(since["deliveries"] / sampled, 1),
            latency_ms=_latency(self._since_row, self._slowest_since_row),
            cpu_percent=cpu_percent,
            rss_kb=rss,
            rss_kb_per_client=per_client(rss, self._meter.memory.before, connected),
            slow_readers=self._stage.slow_readers(),
            errors=sum(self._errors().values()),
            parts=parts,
        )
        self._since_row.reset()
        self._slowest_since_row = 0
        self._rows.append(row)
        self._board.show(row)

    def _samples(self) -> list[Sample | None]:
        return [company.sample for company in self._companies]

    def _connected(self) -> int:
        return sum(sample.connected for sample in self._samples() if sample is not None)

    def _errors(self) -> collections.Counter[str]:
        errors: collections.Counter[str] = collections.Counter()
        for sample in self._samples():
            errors.update(sample.errors if sample is not None else {})
        return errors

    # The end.

    def _facts(self, started: str) -> Facts:
        verdicts = [company.verdict or Verdict(0, 0, 0, 0, ["a process did not answer"]) for company in self._companies]
        kinds = ("lost", "duplicated", "disordered", "altered")
        wrong = {kind: sum(getattr(one, kind) for one in verdicts) for kind in kinds}
        errors = self._errors()
        if self._server_ended:
            errors[f"the server ended: {self._stage.last_words()}"] += 1
        complete = self._stopping or self._most_connected == self._plan.clients
        answered = all(company.verdict for company in self._companies)
        memory = self._meter.memory
        return Facts(
            verdict=verdict(self._counts["lines"], **wrong),
            ok=complete and answered and not errors and not any(wrong.values()),
            interrupted=self._stopping,
            clients=self._plan.clients,
            connected=self._most_connected,
            lines=self._counts["lines"],
            deliveries=self._counts["deliveries"],
            **wrong,
            latency_ms=_latency(self._all, self._slowest_us),
            deliveries_per_second=round(self._counts["deliveries"] / (self._talk_seconds or 1), 1),
            rss_kb_per_client=per_client(memory.full, memory.before, self._most_connected),
            memory_kb=memory,
            cpu_percent=self._meter.cpu_percent,
            parts=self._meter.parts(),
            slow_readers=self._stage.slow_readers(),
            connect_seconds=round(self._connect_seconds, 2),
            talk_seconds=round(self._talk_seconds, 2),
            came_later=max(0, self._counts["came"] - self._most_connected),
            left=self._counts["left"],
            errors=dict(errors),
            examples=[example for one in verdicts for example in one.examples],
            plan=self._plan,
            server=f"{self._stage.host}:{self._stage.port}",
            own_server=self._own_server,
            started=started,
            machine=watch.machine(),
            versions=watch.versions(),
            samples=self._rows,
            histogram_ms=_histogram(self._all),
        )


def _latency(histogram: HdrHistogram, slowest_us: int) -> Latency | None:
    if not histogram.get_total_count():
        return None
    shares = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}
    slowest = slowest_us / 1000
    found = {name: min(histogram.get_value_at_percentile(share) / 1000, slowest) for name, share in shares.items()}
    return Latency(**found, max=slowest)


def _histogram(histogram: HdrHistogram) -> list[tuple[float, int]]:
    """Gather the latencies into steps that a chart can show: eight for each doubling."""
    steps: collections.Counter[int] = collections.Counter()
    for item in histogram.get_recorded_iterator():
        step = math.ceil(math.log2(item.value_iterated_to / 1000) * _STEPS_PER_DOUBLING)
        steps[step] += item.count_added_in_this_iter_step
    return [(round(2 ** (step / _STEPS_PER_DOUBLING), 4), count) for step, count in sorted(steps.items())]
