"""Random people type random commands at a real server: nothing may fail, and nothing may be left when they have gone.

python tests/fuzz/commands.py [--seconds 30] [--seed N]    (loopback only; ends by itself)
"""

from __future__ import annotations

import argparse
import random
import select
import sys
import time
from contextlib import closing
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from people import Person, Server, eventually

NAMES = ["ann", "Bob", "cid", "dee", "Eve"]
ROOMS = ["a", "B", "b", "A", "ß", "lobby"]
LINES = [
    "/join {room}", "/join {room}", "/join {room}", "/join {room} key", "/leave", "/leave {room}", "/go {room}",
    "hi {name}", "hi {name}", "/edit new {name}", "/delete", "/private", "/invite {name}", "/msg {name} yo",
    "/reply yo", "/ignore {name}", "/unignore {name}", "/topic t", "/topic -", "/nick {name}", "/away x", "/back",
    "/names {room}", "/rooms", "/whois {name}", "/me x", "/history 3", "/search hi*", "/theme colour", "/time full",
    "/bell all", "/notices on", "/reader off", "/help all", "/more", "/quit bye",
]  # fmt: skip


def drains(person: Person) -> bool:
    """Read what there is, or comes soon: so nobody types faster than is answered. Tell whether they are still there."""
    while select.select([person], [], [], 0.002)[0]:
        try:
            if not person.takes(65536):
                return False
        except OSError:
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    rng = random.Random(options.seed)
    limits = {"rooms__most": 6, "rooms__announce_up_to": 3, "history__replay": 5}
    with closing(Server(program="tests/probe_server.py", **limits)) as server:
        before = server.alive()
        people: dict[str, Person] = {}
        packets, until = 0, time.monotonic() + options.seconds
        while time.monotonic() < until:
            who = rng.choice(NAMES)
            if who not in people:
                people[who] = Person(server)
                people[who].says(who)
            lines = (rng.choice(LINES) for _ in range(rng.randint(1, 8)))
            typed = "".join(line.format(room=rng.choice(ROOMS), name=rng.choice(NAMES)) + "\n" for line in lines)
            try:
                people[who].sends(typed.encode())
                packets += 1
                stays = rng.random() < 0.96 and drains(people[who])
            except OSError:
                stays = False
            if not stays:
                people.pop(who).hangs_up()
        for person in people.values():
            person.hangs_up()
        eventually(lambda: server.alive() == before)
        assert "Traceback" not in server.log(), server.log()
        assert server.stop() == 0
    print(f"{packets} pieces of input: nothing failed, and nothing was left behind")


if __name__ == "__main__":
    main()
