"""2,000 clients at once: people who talk, come, go and change rooms, slow readers, floods, TLS and garbage.

    python tests/torture/mixed.py [--minutes 2] [--hour] [--seed N]      (loopback only)

1,000 people stay in the lobby, and 200 more in TLS; each must hear every line that 20 others say there, once and in
order. Around them 400 come and go and change rooms, 200 do not read what they are sent, 100 flood, and 100 send
garbage. The event loop must never be kept for more than 50 ms (in the thread's CPU time: what other programs took is
not counted), and the memory must stay what it is.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import multiprocessing
import random
import socket
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

import limits
from certificates import client_context, with_tls
from garbage import messages
from limits import memory_kb, reach
from masses import Client, Masses, percentile
from people import Server

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

STAY, TLS, TALK, MOVE, SLOW, FLOOD, GARBAGE = 1000, 200, 20, 400, 200, 100, 100
LINES_PER_SECOND = 5
MOST_KEPT_MS, MOST_GROWTH_MB = 50, 2
LOOK_SECONDS = 5.0
PASTE = b"".join(b"a line of a flood, as long as most lines of a chat are, number %d\n" % n for n in range(60))


class Encrypted(Masses):
    """Clients that speak TLS."""

    def dial(self) -> socket.socket:
        plain = super().dial()
        plain.settimeout(60)
        return client_context().wrap_socket(plain, server_hostname="localhost")


class Listeners:
    """Those who stay: what each has heard, and how late."""

    def __init__(self, masses: Masses, clients: list[Client]) -> None:
        self.masses = masses
        self.clients = clients
        self.heard = {client: [0] * TALK for client in clients}  # from each talker
        self.wrong = 0
        self.delays: list[float] = []
        masses.on_lines = self._hear

    def _hear(self, client: Client, lines: list[bytes]) -> None:
        for line in lines:
            _, found, what = line.partition(b" : line ")
            if found:
                talker, number, at = what.split()
                heard = self.heard.get(client, [0] * TALK)
                self.wrong += client in self.heard and int(number) != heard[int(talker)]
                heard[int(talker)] = int(number) + 1
                if client.number < 20:
                    self.delays.append(time.monotonic() - float(at))


class Others:
    """Those around them: a process of its own. One step is done each time one is due, for somebody by chance."""

    def __init__(self, port: int, seed: int) -> None:
        self._rng = random.Random(seed)
        self._movers, self._floods, self._garbage = Masses(port), Masses(port), Masses(port)
        for masses in (self._movers, self._floods, self._garbage):
            masses.only_drops = True
        self._port = port
        self._slow: list[socket.socket] = []
        self._count = 0
        self._movers.connect(MOVE, "m")
        self._floods.on_writable = lambda client: self._floods.say(client, PASTE)
        self._replace()

    def run(self, orders: Connection) -> None:
        orders.send("ready")
        due = look = time.monotonic()
        while not orders.poll(0):
            for masses in (self._movers, self._floods, self._garbage):
                masses.look(0.005)
            now = time.monotonic()
            while due < now:
                due += 0.02
                self._step()
            if look < now:
                look = now + 1
                self._replace()

    def _step(self) -> None:
        rng = self._rng
        client = rng.choice([*self._movers.clients.values()])
        what = rng.random()
        if what < 0.1:
            self._movers.drop([client])
        elif what < 0.15:
            self._movers.say(client, b"/quit bye\n")
        elif what < 0.5:
            self._movers.say(client, b"/join room%d\n" % rng.randrange(40))
        elif what < 0.7:
            self._movers.say(client, b"/leave\n")
        else:
            self._movers.say(client, b"/join room%d\nhello, whoever is here\n" % rng.randrange(40))
        if self._garbage.clients:
            client = rng.choice([*self._garbage.clients.values()])
            self._garbage.say(client, messages(rng, 5))
            if rng.random() < 0.1:
                self._garbage.drop([client])

    def _replace(self) -> None:
        """Have others come for those who have gone."""
        self._movers.connect(MOVE - self._movers.open, "m")
        for client in self._floods.connect(FLOOD - self._floods.open, "f"):
            self._floods.say(client, b"/join flood%d\n" % (client.number % 10))
            self._floods.flood(client)
        self._garbage.connect(GARBAGE - self._garbage.open)
        self._slow = [sock for sock in self._slow if not _is_reset(sock)]
        while len(self._slow) < SLOW:
            self._count += 1
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            sock.connect(("127.0.0.1", self._port))
            sock.send(b"slow%d\n" % self._count + (b"/help all\n/history 500\n" * 5 if self._count % 2 else b""))
            self._slow.append(sock)


def _is_reset(sock: socket.socket) -> bool:
    """Whether the server has given this one up; closes it then."""
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        sock.close()
        return True
    return False


def be_others(port: int, seed: int, orders: Connection) -> None:
    Others(port, seed).run(orders)


def run(seconds: float, seed: int) -> None:
    settings = with_tls(limits__flood=True, limits__stalled_seconds=20)
    with contextlib.closing(Server(program="bench/watched.py", **settings)) as server:
        plain, inside = Masses(server.port), Encrypted(server.port)
        groups = [Listeners(plain, plain.connect(STAY, "stays")), Listeners(inside, inside.connect(TLS, "tls"))]
        for group in groups:
            group.masses.look_until(functools.partial(all_named, group))
        talkers = plain.connect(TALK, "talker")
        plain.look_until(lambda: all(client.named for client in talkers))
        here, there = multiprocessing.Pipe()
        others = multiprocessing.Process(target=be_others, args=(server.port, seed, there), daemon=True)
        others.start()
        assert here.recv() == "ready"
        server.alive()  # begins anew
        begun = look = time.monotonic()
        said, kept, memory = 0, [0.0], []
        while (now := time.monotonic()) < begun + seconds:
            for group in groups:
                group.masses.look(0.005)
            while said < (now - begun) * LINES_PER_SECOND:
                plain.say(talkers[said % TALK], b"line %d %d %.6f\n" % (said % TALK, said // TALK, now))
                said += 1
            if now > look:
                look = now + LOOK_SECONDS
                kept.append(server.alive()["kept_ms"])
                memory.append(memory_kb(server) / 1024)
        with contextlib.suppress(AssertionError):
            for group in groups:
                group.masses.look_until(functools.partial(have_heard, group, said), 30)
        delays = [delay for group in groups for delay in group.delays]
        here.send("end")
        others.join(20)
        quarter = len(memory) // 4
        grown = statistics.median(memory[-quarter:]) - statistics.median(memory[quarter : 2 * quarter])
        log = server.log()
        print(f"    {log.count(' came')} came, {log.count('slow reader')} slow readers were closed")
        p50, p99 = (1000 * percentile(delays, share) for share in (0.5, 0.99))
        print(f"    {said} lines, p50 {p50:.0f} ms, p99 {p99:.0f} ms")
        reach("the event loop was kept for at most", max(kept), MOST_KEPT_MS, "ms")
        missing = sum(said - sum(heard) for group in groups for heard in group.heard.values())
        reach("lines that were lost", missing, 0, f"of {said * (STAY + TLS)}")
        reach("or came twice, or out of order", sum(group.wrong for group in groups), 0, "")
        reach("of those who stayed were lost", STAY + TALK + TLS - plain.open - inside.open, 0, "")
        print(f"    memory: {memory[quarter]:.1f} MB after a quarter of the time, at most {max(memory):.1f} MB")
        reach("its median grew from the second quarter to the last by", grown, MOST_GROWTH_MB, "MB")
        reach("tracebacks in the log", log.count("Traceback"), 0, "")


def all_named(group: Listeners) -> bool:
    return all(client.named for client in group.clients)


def have_heard(group: Listeners, count: int) -> bool:
    return all(sum(heard) == count for heard in group.heard.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--hour", action="store_true", help="60 minutes")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    minutes = 60 if options.hour else options.minutes
    print(f"2,000 clients of all kinds for {minutes:g} minutes, seed {options.seed}", flush=True)
    run(60 * minutes, options.seed)
    for what in limits.missed:
        print(f"MISSED: {what}")
    return 1 if limits.missed else 0


if __name__ == "__main__":
    sys.exit(main())
