"""kill -9, at random moments, under load from 100 talkers; then what was heard is looked for in what was kept.

    python tests/torture/kill.py [--rounds 200] [--seed N] [--talkers 100]

Every round starts a server on the same data directory, lets the talkers in, lets them talk, and kills the server: most
often while they talk, now and then while they come in, or before anybody does. Then the server is started again, and

- every line that any client received is in the history, once, in the order in which every client received it;
- ids are above all that were there before, and no line that was there has another id or other words now;
- `pragma integrity_check` says ok; at the end the search index says what the lines say, too.

History is trimmed meanwhile, so that is killed as well.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import selectors
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

import apsw

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from people import Server

from gchatd.journal.folder import FILE
from gchatd.journal.store import Writer

MOST_SAID = 20_000  # lines in a round
KEPT_LINES = 30_000
LONGEST_TALK = 0.8  # seconds


class Crowd:
    """Talkers who say lines like `r12 t7 5` as fast as they may, and keep all they receive."""

    def __init__(self, port: int, talkers: int, round_: int, rng: random.Random) -> None:
        self._rng = rng
        self._round = round_
        self._selector = selectors.DefaultSelector()
        self._socks: list[socket.socket] = []
        self.received: list[bytearray] = []
        self._said = [0] * talkers
        self._unsent = [b""] * talkers
        for talker in range(talkers):
            sock = socket.create_connection(("127.0.0.1", port), 10)
            sock.setblocking(False)
            sock.send(b"t%d\n" % talker)
            self._selector.register(sock, selectors.EVENT_READ, talker)
            self._socks.append(sock)
            self.received.append(bytearray())

    def talk(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if sum(self._said) > MOST_SAID:
                self._read(until - time.monotonic())
                continue
            for talker in self._rng.sample(range(len(self._socks)), min(20, len(self._socks))):
                lines = self._unsent[talker] or b"".join(self._lines(talker, self._rng.randint(1, 3)))
                with contextlib.suppress(BlockingIOError):
                    lines = lines[self._socks[talker].send(lines) :]
                self._unsent[talker] = lines
            self._read(0.001)

    def _lines(self, talker: int, count: int) -> list[bytes]:
        first = self._said[talker]
        self._said[talker] += count
        return [b"r%d t%d %d\n" % (self._round, talker, number) for number in range(first, first + count)]

    def _read(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            with contextlib.suppress(BlockingIOError):
                self.received[key.data] += key.fileobj.recv(1 << 20)

    def read_to_the_end(self) -> None:
        """Read what the kernel had already taken from the server when it was killed."""
        for sock, received in zip(self._socks, self.received, strict=True):
            sock.setblocking(True)
            sock.settimeout(10)
            with contextlib.suppress(ConnectionResetError), sock:
                while data := sock.recv(1 << 20):
                    received += data
        self._selector.close()


def heard_lines(received: bytearray) -> list[str]:
    """The whole lines among these bytes that somebody said while this client was there."""
    whole = received[: received.rfind(b"\n") + 1].decode()
    return [line for line in whole.splitlines() if not line.startswith("server: ")]


def kept_lines(data: Path) -> dict[int, str]:
    db = apsw.Connection(str(data / FILE), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        verdict = db.execute("pragma integrity_check").fetchall()
        assert verdict == [("ok",)], verdict
        return {
            id: f"{name} : {text}"
            for id, name, text in db.execute("select id, event ->> 'name', event ->> 'text' from events order by id")
        }
    finally:
        db.close()


def check(before: dict[int, str], now: dict[int, str], heard: list[list[str]]) -> None:
    new = {line: id for id, line in now.items() if id not in before}
    assert len(new) + len(now.keys() & before.keys()) == len(now), "a line is there twice"
    assert min(new.values(), default=sys.maxsize) > max(before, default=0), "an id was used again"
    for id in now.keys() & before.keys():
        assert now[id] == before[id], f"line {id} has changed"
    for lines in heard:
        missing = [line for line in lines if line not in new]
        assert not missing, f"{len(missing)} lines that were heard are missing, such as {missing[0]!r}"
        ids = [new[line] for line in lines]
        assert all(a < b for a, b in itertools.pairwise(ids)), "lines were heard in another order"


def check_index(data: Path) -> None:
    """The search index says what the lines say, once the last of them are in it."""
    writer = Writer(data, "normal")
    writer.index(KEPT_LINES)
    writer._db.execute("insert into words(words, rank) values('integrity-check', 1)")
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--talkers", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    rng = random.Random(options.seed)
    kept: dict[int, str] = {}
    heard_in_all = said_in_all = 0
    with tempfile.TemporaryDirectory() as home:
        data = Path(home) / "data"
        settings = {"history__lines_per_room": KEPT_LINES, "log__level": "warning"}
        for round_ in range(1, options.rounds + 1):
            with contextlib.closing(Server(data=data, **settings)) as server:
                crowd = None
                if rng.random() < 0.95:
                    crowd = Crowd(server.port, options.talkers if rng.random() < 0.9 else 3, round_, rng)
                    crowd.talk(rng.uniform(0, LONGEST_TALK))
                server.process.send_signal(signal.SIGKILL)
                if crowd is not None:
                    crowd.read_to_the_end()
            with contextlib.closing(Server(data=data, **settings)) as again:
                now = kept_lines(data)
                heard = [heard_lines(received) for received in crowd.received] if crowd is not None else []
                check(kept, now, heard)
                again.stop(rng.choice([signal.SIGKILL, signal.SIGTERM]))
            said_in_all += len(now.keys() - kept.keys())
            heard_in_all += len(set().union(*heard))
            kept = now
            if round_ % 20 == 0:
                print(f"round {round_}: {said_in_all} lines were kept, {heard_in_all} of them heard", flush=True)
        check_index(data)
    print(
        f"{options.rounds} x kill -9: nothing that was heard was missing, no id was used twice, the database is sound"
    )


if __name__ == "__main__":
    main()
