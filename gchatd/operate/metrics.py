"""What Prometheus is told, put together when it asks. Counts nothing itself: it reads what is there already.

`bind` in monitoring.py serves it. Nothing else imports prometheus_client, so it is loaded only where it is needed.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from .. import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client.core import Metric

    from ..delivery.outbox import SlowReaders
    from ..delivery.sessions import Sessions
    from ..hub import Hub
    from ..journal import Journal
    from ..limits.addresses import Addresses
    from ..meters import Histogram, Meters
    from .deadlines import Deadlines
    from .keeping import Keeping

DOORS: Final = ("terminal", "web", "http")
REASONS: Final = (
    "address",
    "address_lately",
    "descriptors",
    "full",
    "http",
    "irc",
    "no_proxy_header",
    "no_tls",
    "proxy_header",
    "tls",
)
LATE: Final = ("idle", "login_seconds")
"""The values of labels that are there from the beginning, with 0, so that the first of each is seen as a rise."""


class Sources(NamedTuple):
    """Whom to ask."""

    hub: Hub
    journal: Journal
    sessions: Sessions
    slow_readers: SlowReaders
    addresses: Addresses
    deadlines: Deadlines
    keeping: Keeping
    meters: Meters
    trouble: Callable[[], str]
    """Why people should not be sent here; nothing, if they can."""


class Metrics:
    """A collector of `prometheus_client`: see its `Collector`. To ask takes 1 ms, with 18,000 people 6 ms."""

    def __init__(self, sources: Sources) -> None:
        self._from = sources
        self._started = time.time()  # it is made when the server starts

    def collect(self) -> Iterator[Metric]:
        """Yield everything, on the hub's thread. Never switches."""
        version = GaugeMetricFamily("gchat_info", "Which gchat this is: always 1.", labels=["version"])
        version.add_metric([__version__], 1)
        yield version
        healthy = not self._from.trouble()
        yield GaugeMetricFamily("gchat_healthy", "Whether people can be sent to this server: 1, or 0.", float(healthy))
        yield from self._people()
        yield from self._delivery()
        yield from self._hub()
        yield from self._journal()
        yield from self._process()

    def _people(self) -> Iterator[Metric]:
        one = self._from
        doors = Counter(session.door for session in one.sessions.by_id.values())
        about = "Connections to this process, by the door they came through."
        yield _gauges("gchat_sessions", about, "door", doors, DOORS)
        nameless = len(one.sessions.nameless)
        yield GaugeMetricFamily("gchat_nameless_sessions", "Connections that have given no name yet.", nameless)
        yield GaugeMetricFamily("gchat_users", "People in the whole chat.", len(one.hub.users))
        yield GaugeMetricFamily("gchat_rooms", "Rooms in the whole chat.", len(one.hub.rooms))
        yield CounterMetricFamily("gchat_logins", "People who came in through this process.", one.sessions.arrivals)
        about = "Lines and other requests that were handled."
        yield CounterMetricFamily("gchat_requests", about, one.sessions.requests)
        about = "Clients that were turned away when they came, by the reason."
        yield _counters("gchat_turned_away", about, "reason", one.addresses.turned_away, REASONS)
        about = "Clients that were closed because they took too long, by the setting that says how long."
        yield _counters("gchat_closed_late", about, "setting", one.deadlines.closed, LATE)

    def _delivery(self) -> Iterator[Metric]:
        meters, readers = self._from.meters, self._from.slow_readers
        about = "What came out of the journal, by its kind: also what the rules refused then, which nobody hears of."
        yield _counters("gchat_events", about, "kind", meters.events, ("Said",))
        about = "Pieces given to clients: what a turn brings a client is one, however many lines that are."
        yield CounterMetricFamily("gchat_deliveries", about, meters.deliveries)
        about = "What these pieces held, before encryption."
        yield CounterMetricFamily("gchat_delivered_bytes", about, meters.delivered_bytes)
        yield _histogram("gchat_turn_events", "How many events fan-out delivered together.", meters.turn_events)
        about = "How long a turn of fan-out took, with the folding of its events and what others did meanwhile."
        yield _histogram("gchat_turn_seconds", about, meters.turn_seconds)
        behind = list(readers.behind)
        about = "Clients that have not taken all that they were sent."
        yield GaugeMetricFamily("gchat_waiting_clients", about, len(behind))
        about = "What waits in this process for these clients; shared bytes count once for each."
        yield GaugeMetricFamily("gchat_waiting_bytes", about, sum(outbox.size for outbox in behind))
        about = "Clients that were closed because they read too slowly."
        yield CounterMetricFamily("gchat_slow_readers_closed", about, readers.closed)

    def _hub(self) -> Iterator[Metric]:
        meters, keeping = self._from.meters, self._from.keeping
        about = "How late the event loop is: how much later than asked a timer rings, ten times a second."
        yield _histogram("gchat_hub_delay_seconds", about, meters.delay_seconds)
        about = "How often something kept the event loop for 0.1 s or more. The log says what."
        yield CounterMetricFamily("gchat_hub_kept", about, keeping.times)
        yield CounterMetricFamily(
            "gchat_hub_kept_seconds", "For how long something kept the event loop, in all.", keeping.seconds
        )

    def _journal(self) -> Iterator[Metric]:
        hub, journal = self._from.hub, self._from.journal
        about = "How long a commit to the history took (SQLite)."
        yield _histogram("gchat_commit_seconds", about, self._from.meters.commit_seconds)
        about = "Events that wait to be committed."
        yield GaugeMetricFamily("gchat_uncommitted_events", about, journal.uncommitted)
        about = "Events that began here and have not been delivered yet, those that wait to be committed among them."
        yield GaugeMetricFamily("gchat_undelivered_events", about, hub.undelivered)
        about = "Events that came from the cluster and are not in this server's history yet."
        yield GaugeMetricFamily("gchat_unstored_events", about, journal.unstored)
        figures = hub.figures()
        if figures is not None:
            about = "Events in Redis that this server has not read yet."
            yield GaugeMetricFamily("gchat_unread_events", about, max(0, figures.last - figures.place))
            about = "How long Redis took to take in a batch, lately."
            yield GaugeMetricFamily("gchat_redis_seconds", about, figures.batch / 1000)

    def _process(self) -> Iterator[Metric]:
        """Yield what the process takes. prometheus_client would look into /proc/stat, which gchat.service hides."""
        about = "Open file descriptors: each client takes one."
        with contextlib.suppress(OSError):
            # Since Linux 6.2 the size is their number. To list 20,000 of them takes 90 ms, in which nobody is served.
            number = os.stat("/proc/self/fd").st_size or len(os.listdir("/proc/self/fd"))
            yield GaugeMetricFamily("gchat_open_fds", about, number)
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield GaugeMetricFamily("gchat_max_fds", "How many file descriptors may be open.", most)
        with contextlib.suppress(OSError), open("/proc/self/statm") as file:
            virtual, resident = (int(pages) * resource.getpagesize() for pages in file.read().split()[:2])
            yield GaugeMetricFamily("gchat_resident_memory_bytes", "Memory that the process has in RAM.", resident)
            yield GaugeMetricFamily("gchat_virtual_memory_bytes", "Addresses that the process has taken.", virtual)
        about = "How long the process has computed, in all of its threads."
        yield CounterMetricFamily("gchat_cpu_seconds", about, time.process_time())
        about = "When the process was started, in seconds since 1970."
        yield GaugeMetricFamily("gchat_start_time_seconds", about, self._started)


def _gauges(name: str, about: str, label: str, values: Mapping[str, int], always: tuple[str, ...]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[label])
    for value in sorted({*always, *values}):
        family.add_metric([value], values.get(value, 0))
    return family


def _counters(name: str, about: str, label: str, values: Mapping[str, int], always: tuple[str, ...]) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for value in sorted({*always, *values}):
        family.add_metric([value], values.get(value, 0))
    return family


def _histogram(name: str, about: str, histogram: Histogram) -> Metric:
    buckets, count = [], 0
    for bound, here in zip([*map(str, map(float, histogram.bounds)), "+Inf"], list(histogram.counts), strict=True):
        count += here
        buckets.append((bound, count))
    return HistogramMetricFamily(name, about, buckets=buckets, sum_value=histogram.total)
