"""One process of simulated people, on one epoll loop. Reads orders on standard input, reports on standard output.

Run as `python -P -m gchatd.crowd.people`. No gevent here: a delivery must cost only a few microseconds, so each takes
one `recv` and one comparison (checking.py). It ends when its standard input does, and connects only to the address that
it was given.
"""

from __future__ import annotations

import collections
import errno
import gc
import itertools
import os
import random
import resource
import select
import signal
import socket
import sys
import time
from typing import Final

import msgspec
from hdrh.histogram import HdrHistogram

from .checking import Stream
from .doors import TurnedAwayError, door_of
from .lines import Script
from .messages import HISTOGRAM, Account, Come, Hush, Leave, Order, Sample, Talk, Verdict
from .person import Person

REPORT_NS: Final = 250_000_000
"""How often it reports."""

ARRIVING_REPORT_NS: Final = 50_000_000
"""How often while people come in: often enough to plot the server's memory against how many there are."""

LATE_BITS: Final = 13
"""Latencies are gathered in steps of 2**13 ns, 8 us, before they go into the histogram, where adding one takes 1 us."""

AT_ONCE: Final = 256
"""How many events to handle before checking whether a line is due. They take about a millisecond."""

KNOCKING: Final = 3000
"""How many people, in all processes, may be connecting at once: many systems limit a listener's backlog to 4,096."""

PER_SOURCE: Final = 1000
"""Connections from each loopback address. Each has 28,232 ports, and one stays taken for a minute after a hang-up."""

LEAVER_PATIENCE_NS: Final = 5_000_000_000
"""Whoever leaves must have heard what was due this long before."""

_BIND_ADDRESS_NO_PORT: Final = 24  # ip(7), IP_BIND_ADDRESS_NO_PORT: the port is picked when the other end is known
_PIECE: Final = 16384
_NEVER: Final = 1 << 50  # the number of a line


class Crowd:
    """All the people in this process."""

    def __init__(self, come: Come) -> None:
        self._come = come
        self._door = door_of(come.door, come.host, come.port)
        self._script = Script(come.tag, come.talkers)
        self._stream = Stream(self._script, come.talkers)
        found = socket.getaddrinfo(come.host, come.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        self._family: socket.AddressFamily = found[0][0]
        self._address = found[0][4]
        self._loop = select.epoll()
        self._people: dict[int, Person] = {}  # by file descriptor
        self._talkers: dict[int, Person] = {}
        self._leavers: list[Person] = []  # those who may leave, for others to come: plain listeners but the first
        self._gone: list[Person] = []  # whom the server hung up on
        self._random = random.Random(come.process)
        self._began = time.monotonic_ns()
        self._people_wanted = len(range(come.process, come.clients, come.processes))
        self._next_number = come.process
        self._stays = next(n for n in itertools.count(come.process, come.processes) if n >= come.talkers)
        self._knocked = self._named = self._came = self._left = self._came_first = 0
        self._talk: Talk | None = None
        self._next_line = 0
        self._churned = 0
        self._lines = 0
        self._said: dict[int, int] = {}
        self._hushed = False
        self._all_said: list[int] | None = None
        self._lost = 0  # by people who left
        self._late = HdrHistogram(*HISTOGRAM)
        self._report_at = self._began
        self._errors: collections.Counter[str] = collections.Counter()

    def run(self) -> None:
        """Run until standard input ends."""
        os.set_blocking(0, False)
        self._loop.register(0, select.EPOLLIN)
        orders = b""
        people, clock = self._people, time.monotonic_ns
        hear = self._hear if self._come.door == "web" else self._stream.hear
        while True:
            for fd, event in self._loop.poll(self._patience(), AT_ONCE):
                person = people.get(fd)
                if person is None:
                    if fd == 0:
                        if not (more := os.read(0, 1 << 20)):
                            return
                        *lines, orders = (orders + more).split(b"\n")
                        for line in lines:
                            self._obey(msgspec.json.decode(line, type=Order))
                elif data := self._read(person, event):
                    if person.named:
                        hear(person, data, clock())
                    else:
                        self._introduce(person, data)
            now = clock()
            self._say_what_is_due(now)
            self._come_and_go(now)
            if now >= self._report_at:
                self._report(now)

    def _read(self, person: Person, event: int) -> bytes:
        """Give what somebody was sent. Nothing: they have been disconnected, or connected only now."""
        if event & select.EPOLLOUT:
            self._loop.modify(person.sock, select.EPOLLIN)
            self._send(person, self._door.hello)
            return b""
        try:
            data = person.read(_PIECE)
        except BlockingIOError:
            return b""
        except OSError as error:
            self._lose(person, error.strerror or str(error))
            return b""
        if not data:
            self._lose(person, "the server hung up")
        return data

    def _patience(self) -> float:
        """Give the seconds until there is something to do, rounded down to milliseconds: epoll rounds up."""
        now = time.monotonic_ns()
        due = self._report_at
        if self._talk is not None:
            due = min(due, self._due(self._next_line), now + 10_000_000 if self._talk.churn else due)
        elif self._knocked < self._people_wanted:
            due = min(due, now + 2_000_000)
        return max(0, due - now) // 1_000_000 / 1000

    def _obey(self, order: Order) -> None:
        match order:
            case Talk():
                self._talk = order
                self._script.begin(order.start, order.rate)
                self._next_line = self._my_line(0)
                self._report_at = order.start  # so that a second of reports is a second of lines
            case Hush():
                self._hushed = True
                self._talk = None
                self._knocked = self._people_wanted
                self._report_at = time.monotonic_ns()
            case Account(said):
                self._all_said = said
                self._report_at = time.monotonic_ns()
            case Leave():
                self._tell(self._verdict())
                for person in list(self._people.values()):
                    self._hang_up(person)
                self._report_at = time.monotonic_ns()
            case Come():
                raise ValueError("they have come already")

    # Coming and going.

    def _come_and_go(self, now: int) -> None:
        come = self._come
        if self._knocked < self._people_wanted:
            due = min(int((now - self._began) / 1e9 * come.ramp / come.processes) + 1, self._people_wanted)
            room = KNOCKING // come.processes - (len(self._people) - self._named)
            for _ in range(min(due - self._knocked, room, AT_ONCE)):
                self._knocked += 1
                self._knock(0)
        talk = self._talk
        if talk is not None and talk.churn and now >= talk.start:
            due = int(min(now - talk.start, talk.seconds * 1e9) / 1e9 * talk.churn * self._people_wanted)
            for _ in range(min(due - self._churned, len(self._leavers), AT_ONCE)):
                self._churned += 1
                self._go_away(self._random.choice(self._leavers), now)
                self._knock(now)

    def _knock(self, since: int) -> None:
        """Start connecting one more person."""
        number = self._next_number
        self._next_number += self._come.processes
        own = number if number < self._come.talkers and not self._door.hears_itself else None
        try:
            sock = socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            if self._family == socket.AF_INET and self._come.host.startswith("127."):
                sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
                source = number // PER_SOURCE
                sock.bind((f"127.0.{source // 250 % 250}.{2 + source % 250}", 0))
            error = sock.connect_ex(self._address)
        except OSError as failure:
            self._errors[failure.strerror or str(failure)] += 1
            return
        if error not in (0, errno.EINPROGRESS):
            self._errors[os.strerror(error)] += 1
            sock.close()
            return
        person = Person(number, self._script.name(number), sock, own, since)
        self._people[sock.fileno()] = person
        self._loop.register(sock, select.EPOLLOUT if self._door.hello else select.EPOLLIN)  # a failure is reported too

    def _introduce(self, person: Person, data: bytes) -> None:
        """Read what the server says to somebody who has no name yet, and answer."""
        try:
            is_in, reply, person.held = self._door.enter(person.name, person.held + data)
        except TurnedAwayError as error:
            self._lose(person, str(error))
            return
        if reply:
            self._send(person, reply)
        if is_in:
            self._welcome(person)
            held, person.held = person.held, b""
            if held:
                self._hear(person, held, time.monotonic_ns())

    def _hear(self, person: Person, data: bytes, now: int) -> None:
        """Take in what somebody is sent who is in."""
        heard = self._door.hear(person.held + data)
        if heard is None:
            self._stream.hear(person, data, now)
            return
        person.held = heard.rest
        if heard.reply:
            self._send(person, heard.reply)
        if heard.lines:
            self._stream.hear(person, heard.lines, now)

    def _welcome(self, person: Person) -> None:
        person.named = True
        self._named += 1
        self._came += 1
        if not person.since:
            self._came_first += 1
            if self._came_first == self._people_wanted:
                self._report_at = time.monotonic_ns()  # all are in
        if person.since:
            person.since = time.monotonic_ns()
        if person.number < self._come.talkers:
            self._talkers[person.number] = person
        elif person.number != self._stays:  # somebody stays and hears everything
            person.place = len(self._leavers)
            self._leavers.append(person)

    def _go_away(self, person: Person, now: int) -> None:
        """Let somebody leave: every other one says so first."""
        self._lost += self._stream.forget(person, now - LEAVER_PATIENCE_NS)
        if person.number % 2:
            self._send(person, self._door.quit)
        self._left += 1
        self._hang_up(person)

    def _hang_up(self, person: Person) -> None:
        if person.place >= 0:
            last = self._leavers.pop()
            if last is not person:
                self._leavers[person.place] = last
                last.place = person.place
            person.place = -1
        self._named -= person.named
        del self._people[person.sock.fileno()]
        person.sock.close()

    def _lose(self, person: Person, why: str) -> None:
        """Note that somebody was disconnected, and why."""
        self._errors[why] += 1
        if person.named:
            self._gone.append(person)
        self._hang_up(person)

    # Talking.

    def _my_line(self, number: int) -> int:
        """Give the first line, from this one on, whose talker is in this process."""
        come = self._come
        if come.process >= come.talkers:
            return _NEVER
        while number % come.talkers % come.processes != come.process:
            number += 1
        return number

    def _due(self, line: int) -> int:
        number, talker = divmod(line, self._come.talkers)
        return self._script.due(talker, number)

    def _say_what_is_due(self, now: int) -> None:
        if self._talk is None:
            return
        end = self._talk.start + int(self._talk.seconds * 1e9)
        while (due := self._due(self._next_line)) <= now and due < end:
            number, talker = divmod(self._next_line, self._come.talkers)
            self._next_line = self._my_line(self._next_line + 1)
            person = self._talkers.get(talker)
            if person is None or person.sock.fileno() < 0:
                continue  # the server hung up on them, which is an error already
            if number != self._said.get(talker, 0):
                continue  # they came too late for their first line, so they say none
            self._said[talker] = number + 1
            self._lines += 1
            self._send(person, self._door.say(self._script.line(talker, number)))
        if now >= end:
            self._talk = None

    def _send(self, person: Person, data: bytes) -> None:
        """Send as much as the kernel takes. The rest goes before the next thing that this person says."""
        data = person.unsent + data
        try:
            person.unsent = data[person.sock.send(data) :]
        except BlockingIOError:
            person.unsent = data
        except OSError:
            pass  # reading will notice

    # Reporting.

    def _report(self, now: int) -> None:
        for person in self._talkers.values():
            if person.unsent:
                self._send(person, b"")
        late, self._stream.late[:] = list(self._stream.late), []
        for step, count in collections.Counter([ns >> LATE_BITS for ns in late]).items():
            self._late.record_value(max(1, (((step << LATE_BITS) + (1 << (LATE_BITS - 1))) // 1000)), count)
        said = self._all_said
        behind = -1
        if said is not None and not late:  # asking 18,000 takes 20 ms, by which a line still on its way would seem late
            behind = sum(self._stream.missed(one, said) > one.skipped for one in self._people.values())
        sample = Sample(
            at=now,
            connected=self._named,
            came=self._came,
            left=self._left,
            lines=self._lines,
            deliveries=len(late),
            late=self._late.encode().decode() if late else "",
            slowest_us=max(late, default=0) // 1000,
            hushed=self._hushed,
            said=self._said,
            behind=behind,
            errors=dict(self._errors),
        )
        self._tell(sample)
        if late:
            self._late.reset()
        self._came = self._left = self._lines = 0
        self._stream.trim(self._people.values(), now)
        every = REPORT_NS if self._came_first == self._people_wanted else ARRIVING_REPORT_NS
        self._report_at = max(self._report_at + every, now)

    def _verdict(self) -> Verdict:
        lost, examples = self._lost, list[str]()
        for person in [*self._people.values(), *self._gone]:
            missed = self._stream.missed(person, self._all_said or [0] * self._come.talkers)
            if missed and person.named:
                lost += missed
                if len(examples) < 3:
                    examples.append(f"{person.name} missed {missed}")
        stream = self._stream
        return Verdict(lost, stream.duplicated, stream.disordered, stream.altered, examples)

    @staticmethod
    def _tell(message: Sample | Verdict) -> None:
        data = msgspec.json.encode(message) + b"\n"
        while data:
            data = data[os.write(1, data) :]


def main() -> None:
    """Read the first order, then run."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the process that started this one decides when it ends
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.disable()  # there are no cycles, and a full collection would be somebody's latency
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return
        line += byte
    try:
        Crowd(msgspec.json.decode(line, type=Come)).run()
    except BrokenPipeError:
        sys.exit(1)  # nobody listens


if __name__ == "__main__":
    main()
