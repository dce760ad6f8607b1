"""Bad days: clients that say nothing, that send without end, that all come back at once; and no more descriptors.

    python tests/torture/limits.py [silent] [endless] [flood] [files] [lost]    (loopback only; some five minutes)

Each case prints its figures, and fails if one of them is not what docs/performance.md ("Bad days") promises.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from masses import Client, Masses, percentile
from people import GREETING, Person, Server, eventually

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

TICKS = os.sysconf("SC_CLK_TCK")
FLOOD_SECONDS, FILES_SECONDS = 60.0, 60.0
missed: list[str] = []


def reach(what: str, value: float, most: float, unit: str) -> None:
    """Print a figure beside what it must not exceed."""
    verdict = "" if value <= most else "  MISSED"
    print(f"    {what}: {value:.3g} {unit} (at most {most:g}){verdict}", flush=True)
    if verdict:
        missed.append(what)


def memory_kb(server: Server) -> int:
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def cpu_seconds(server: Server) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def logs_in(server: Server, number: int) -> float:
    """Come in and leave; tell how long it took until one had a name."""
    begun = time.monotonic()
    person = Person(server)
    person.sees(GREETING)
    person.says(f"real{number}")
    person.sees(f"server: Your username is real{number}.")
    person.hangs_up()
    return time.monotonic() - begun


def silent() -> None:
    print("5,000 connect and say nothing, 5,000 send a byte every 5 s, and must have a name after 20 s")
    with contextlib.closing(Server(limits__flood=True, limits__login_seconds=20)) as server:
        masses = Masses(server.port)
        everybody = masses.connect(10_000)
        print(f"    all were connected after {time.monotonic() - everybody[0].came_at:.1f} s")
        drips, took, number = everybody[5000:], [], 0
        begun = time.monotonic()
        sent = 0
        while masses.open and time.monotonic() < begun + 60:
            masses.look(0.01)
            due = int((time.monotonic() - begun) * len(drips) / 5)
            while sent < due:
                client = drips[sent % len(drips)]
                if not client.closed_at:
                    masses.say(client, b"x")
                sent += 1
            if time.monotonic() - begun > number * 0.5:
                took.append(logs_in(server, number))
                number += 1
        late = [client.closed_at - client.came_at - 20 for client in everybody if client.closed_at]
        reach("a real login took at most", max(took), 1, "s")
        reach("the last was closed after its deadline by", max(late), 10, "s")
        reach("were never closed", len(everybody) - len(late), 0, "clients")
        lines = server.log().count("gave no name")
        print(f"    {len(took)} real logins; the log has {lines} lines about these 10,000")


def endless() -> None:
    print("1 GB without a line end from one client")
    with contextlib.closing(Server(limits__flood=True)) as server:
        ann, bob = Person(server, "Ann"), Person(server, "Bob")
        block = b"x" * (1 << 20)
        for _ in range(32):  # to warm up
            ann.sends(block)
        before, begun, took = memory_kb(server), time.monotonic(), []
        for number in range(1024):
            ann.sends(block)
            if not number % 64:
                asked = time.monotonic()
                bob.says("/uptime")
                assert "The server has been up" in bob.reads_line()
                took.append(time.monotonic() - asked)
        print(f"    it was read within {time.monotonic() - begun:.1f} s")
        reach("resident memory grew by", (memory_kb(server) - before) / 1024, 1, "MB")
        reach("somebody else was answered within", max(took), 0.5, "s")
        ann.hangs_up()
        bob.hangs_up()


def heard(masses: Masses, observer: Client, delays: list[float]) -> None:
    """Note how long each line took that says when it was said, and that this client hears."""

    def on_lines(client: Client, lines: list[bytes]) -> None:
        if client is observer:
            now = time.monotonic()
            delays.extend(now - float(line.rsplit(b" ", 1)[1]) for line in lines if b" : at " in line)

    masses.on_lines = on_lines


def flood() -> None:
    print(f"500 send lines as fast as they can for {FLOOD_SECONDS:g} s, and 100 say a line every 30 s")
    with contextlib.closing(Server(limits__flood=True)) as server:
        flooding, talking = Masses(server.port), Masses(server.port)
        flooding.only_drops = True
        floods = flooding.connect(500, "flood")
        talkers = talking.connect(101, "talker")
        flooding.look_until(lambda: all(client.named for client in floods))
        talking.look_until(lambda: all(client.named for client in talkers))
        delays: list[float] = []
        heard(talking, talkers[-1], delays)
        block = b"".join(b"a line that is as long as most lines of a chat are, number %d\n" % n for n in range(60))
        flooding.on_writable = lambda client: flooding.say(client, block)
        for client in floods:
            flooding.flood(client)
        begun, said, middle = time.monotonic(), 0, 0
        cpu = cpu_seconds(server)
        while time.monotonic() < begun + FLOOD_SECONDS:
            flooding.look(0.005)
            talking.look(0.005)
            while said < (time.monotonic() - begun) * 100 / 30:
                talking.say(talkers[said % 100], b"at %.6f\n" % time.monotonic())
                said += 1
            if not middle and time.monotonic() > begun + 15:
                middle = memory_kb(server)
        grown = (memory_kb(server) - middle) / 1024
        cpu = (cpu_seconds(server) - cpu) / FLOOD_SECONDS
        talking.look_until(lambda: len(delays) >= said, 10)
        print(f"    {said} lines, p50 {1000 * percentile(delays, 0.5):.0f} ms; the server used {cpu:.0%} of a core")
        reach("p99 of those who talk now and then", percentile(delays, 0.99), 0.5, "s")
        reach("memory grew, from 15 s on, by", grown, 2, "MB")
        reach("clients that were lost", 601 - flooding.open - talking.open, 0, "")


def files() -> None:
    print(f"no file descriptors for {FILES_SECONDS:g} s, while 20 people talk and others want to come in")
    with contextlib.closing(Server(limits__flood=True)) as server:
        masses = Masses(server.port)
        people = masses.connect(21, "p")
        masses.look_until(lambda: all(client.named for client in people))
        delays: list[float] = []
        heard(masses, people[-1], delays)

        def talk(seconds: float) -> float:
            """Talk so long; return what part of a core the server used."""
            begun, used, said = time.monotonic(), cpu_seconds(server), 0
            while time.monotonic() < begun + seconds:
                masses.look(0.02)
                while said < (time.monotonic() - begun) * 20:
                    masses.say(people[said % 20], b"at %.6f\n" % time.monotonic())
                    said += 1
            return (cpu_seconds(server) - used) / seconds

        before = talk(15)
        print(f"    before: p99 {1000 * percentile(delays, 0.99):.1f} ms, {before:.1%} of a core")
        delays.clear()
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (server.descriptors(), most))
        newcomers = masses.connect(100, "n")
        during = talk(FILES_SECONDS)
        assert not any(client.named for client in newcomers)
        reach("p99 of those inside", 1000 * percentile(delays, 0.99), 100, "ms")
        reach("the server used, above before,", 100 * (during - before), 5, "% of a core")
        reach("lines in the log about it", server.log().count("cannot accept"), FILES_SECONDS // 60 + 1, "")
        again = time.monotonic()
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (most, most))
        masses.look_until(lambda: all(client.named for client in newcomers))
        reach("100 who had waited were in after", time.monotonic() - again, 2, "s")


def come_and_go(port: int, count: int, orders: Connection) -> None:
    """Be 18,000 clients that lose their connections, and come back: a process of its own."""
    masses = Masses(port)
    masses.only_drops = True

    def come() -> float:
        begun = time.monotonic()
        clients = masses.connect(count, f"c{int(begun)}x")
        masses.look_until(lambda: all(client.named for client in clients), 300)
        orders.send(time.monotonic() - begun)
        return begun

    come()
    while not orders.poll(0):
        masses.look(0.05)
    masses.drop(list(masses.clients.values()))
    come()
    while not orders.poll(0) or orders.recv() != "end":
        masses.look(0.05)


def lost() -> None:
    print("18,000 are lost at once and come back, while 500 stay and say 5 lines a second")
    with contextlib.closing(Server(limits__flood=True)) as server:
        staying = Masses(server.port)
        stayers = staying.connect(501, "s")
        here, there = multiprocessing.Pipe()
        others = multiprocessing.Process(target=come_and_go, args=(server.port, 18_000, there), daemon=True)
        others.start()
        staying.look_until(lambda: here.poll(0), 300)
        print(f"    18,000 came in within {here.recv():.1f} s")
        delays: list[float] = []
        heard(staying, stayers[-1], delays)
        begun, said, back, told, end = time.monotonic(), 0, 0.0, False, 0.0
        while not end or time.monotonic() < end:
            staying.look(0.005)
            while said < (time.monotonic() - begun) * 5:
                staying.say(stayers[said % 500], b"at %.6f\n" % time.monotonic())
                said += 1
            if not told and time.monotonic() > begun + 5:
                print(f"    before: p99 {1000 * percentile(delays, 0.99):.0f} ms")
                delays.clear()
                here.send("go")
                told = True
            if told and not end and here.poll(0):
                back = here.recv()
                end = time.monotonic() + 3
            assert time.monotonic() < begun + 120
        reach("all were back after", back, 60, "s")
        reach("p99 of those who stayed", 1000 * percentile(delays, 0.99), 500, "ms")
        reach("of those who stayed were lost", 501 - staying.open, 0, "")
        assert eventually(lambda: "Traceback" not in server.log())
        here.send("end")
        others.join(20)


CASES = {case.__name__: case for case in (silent, endless, flood, files, lost)}


def main() -> int:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for name in sys.argv[1:] or CASES:
        CASES[name]()
    for what in missed:
        print(f"MISSED: {what}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
