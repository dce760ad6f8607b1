"""A node of a cluster that is no server: whoever measures has it append what a server's people would do.

    python -m bench.guest URL

It joins the nodes that are there, takes no clients, and reads nothing. Orders come on standard input, one a line; each
is answered with the seconds that it took.

    people N        N people come in, into the lobby
    say N SIZE      the first 20 of them say N lines, SIZE in a batch, as fast as Redis takes them
"""

from __future__ import annotations

import select
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from gchatd.chat.events import Arrived, Claimed, Said
from gchatd.chat.state import LOBBY, user_id
from gchatd.cluster.redisstore import RedisStore
from gchatd.cluster.store import BoundsDifferError
from gchatd.settings import Cluster

from .load import LINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gchatd.chat.events import Event
    from gchatd.cluster.store import Joined

PEOPLE_IN_BATCH = 500
TALKERS = 20
RENEW_SECONDS = 2


class Guest:
    def __init__(self, url: str) -> None:
        defaults = Cluster()
        self._store = RedisStore(url, defaults.name, defaults.lease_seconds, defaults.retain)
        self._store.connect()
        self._node = self._join().node
        self._batch = 0
        self._renew_at = 0.0

    def _join(self) -> Joined:
        try:
            return self._store.join("guest", "guest", 0, 0, "")
        except BoundsDifferError as error:  # it says what the bounds of the others are
            return self._store.join("guest", "guest", 0, 0, str(error))

    def renew_when_due(self) -> None:
        if time.monotonic() > self._renew_at:
            self._store.renew(self._node)
            self._renew_at = time.monotonic() + RENEW_SECONDS

    def _append(self, events: Sequence[Event]) -> None:
        self.renew_when_due()
        self._batch += 1
        self._store.append(self._node, self._batch, 0, 0, len(events), msgspec.json.encode(events), ())

    def people(self, count: int) -> None:
        for start in range(1, count + 1, PEOPLE_IN_BATCH):
            events: list[Event] = []
            for number in range(start, min(start + PEOPLE_IN_BATCH, count + 1)):
                user, name = user_id(self._node, number), f"guest{number:06}"
                events += Claimed(user=user, name=name), Arrived(user=user, name=name, room=LOBBY)
            self._append(events)

    def say(self, count: int, size: int) -> None:
        talkers = [(user_id(self._node, number), f"guest{number:06}") for number in range(1, TALKERS + 1)]
        for start in range(0, count, size):
            events = []
            for line in range(start, min(start + size, count)):
                user, name = talkers[line % TALKERS]
                events.append(Said(user=user, name=name, room=LOBBY, text=f"={line:09}=".ljust(LINE_BYTES, "x")))
            self._append(events)


def main() -> None:
    guest = Guest(sys.argv[1])
    while True:
        guest.renew_when_due()
        if not select.select([sys.stdin], [], [], RENEW_SECONDS)[0]:
            continue
        match sys.stdin.readline().split():
            case ["people", count]:
                start = time.monotonic()
                guest.people(int(count))
            case ["say", count, size]:
                start = time.monotonic()
                guest.say(int(count), int(size))
            case _:
                return
        print(time.monotonic() - start, flush=True)


if __name__ == "__main__":
    main()
