"""Random messages, names, topics and telnet options: what of them reaches other people's screens, and the log.

    python tests/torture/garbage.py [--messages 300000] [--seed N]      (10,000,000: docs/performance.md)

Most go through real sessions, wires and looks over connections without sockets, and one in a hundred over sockets to a
server of its own (loopback only). What others see is held to a grammar of what the server itself makes, byte by byte;
the log has one line for each event, and no control character.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import random
import re
import select
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import gevent

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from house import House
from people import GREETING, Person, Server

from gchatd.doors.terminal.look import COLOURS
from gchatd.log import _Formatter

if TYPE_CHECKING:
    from collections.abc import Iterable

# What a terminal obeys or what fools its reader, found anew here: C0, DEL, C1, line separators, bidi controls,
# deprecated format characters, interlinear annotation, tags, and what has no UTF-8.
CONTROL = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff"
TEXT = f"[^{CONTROL}]++"
NAME = "|".join(rf"\x1b\[38;5;{colour}m" for colour in COLOURS)
MARKS = rf"{NAME}|\x1b\[[017]m"
LINE_EDITOR = r"\r\x1b\[J|\x1b\[[1-9][0-9]*A|\r\x1b\[[1-9][0-9]*C"
"""Erase a row and what is below it; go up to it; go back to where the cursor was (wire/lineedit.py)."""

SEEN = {
    "plain": re.compile(rf"(?:{TEXT}|\r\n)*+"),
    "reader": re.compile(rf"(?:{TEXT}|\r\n)*+"),
    "colour": re.compile(rf"(?:{TEXT}|\r\n\x07?\x07?|{MARKS})*+"),
    "rich": re.compile(rf"(?:{TEXT}|\r\n\x07?\x07?|{MARKS}|{LINE_EDITOR})*+"),
}
"""What may come, by who it is that sees it."""

SETTINGS = {
    "plain": b"/notices on\n/join den\n",
    "reader": b"/reader on\n/notices on\n/join den\n/go lobby\n",
    "colour": b"/theme colour\n/time full\n/bell all\n/notices on\n/join den\n",
    "rich": b"/theme colour\r/bell mentions\r/time hh:mm\r/notices on\r/join den\r/go lobby\r"
    b"half a line, which is too long for a row\x1b[D",
}
IAC, DO, WILL, SB, SE = b"\xff", b"\xfd", b"\xfb", b"\xfa", b"\xf0"
TERMINAL = IAC + WILL + b"\x1f" + IAC + SB + b"\x1f\x00\x1e\x00\x10" + IAC + SE + IAC + WILL + b"\x18"
XTERM = IAC + SB + b"\x18\x00xterm" + IAC + SE + (IAC + SB + b"\x18\x00xterm" + IAC + SE)
EVERY_KEY = IAC + DO + b"\x01" + IAC + DO + b"\x03"

PIECES: list[bytes] = [
    *(bytes((number,)) for number in range(256) if number not in (10, 13)),
    *(chr(number).encode() for number in range(0x80, 0xA0)),  # C1, as UTF-8
    *(chr(number).encode() for number in (*range(0x2028, 0x202F), *range(0x2060, 0x2070), *range(0xFFF9, 0xFFFC))),
    *(chr(number).encode() for number in (0xAD, 0x61C, 0x200B, 0x200D, 0xFEFF, 0xE0001, 0xE0041, 0x10FFFF, 0x3164)),
    *(b"\x1b[31m", b"\x1b[2J", b"\x1b[H", b"\x1b]0;title\x07", b"\x1b]8;;http://x\x1b\\", b"\x1bP1$r\x1b\\", b"\x1bc"),
    *(b"\x1b[", b"\x1b]", b"\x1b", b"\x9b31m", b"\xc2\x9b2J", b"\xc2\x9d0;t\xc2\x9c", b"\x1b#8"),
    *(b"\x1b[200~", b"\x1b[201~"),
    *(b"\r", b"\r\x00", b"\rserver: a lie", b"\x08\x08\x08", b"\x0b", b"\x0c", b"\xe2\x80", b"\xf0\x9f", b"\xc0\xaf"),
    *(b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xf4\x90\x80\x80", b"e" + "\u0301".encode() * 40, "👩‍👩‍👧".encode()),
    *(IAC + bytes((command,)) for command in range(236, 256)),
    *(IAC + bytes((command, option)) for command in range(251, 255) for option in (0, 1, 3, 6, 24, 31, 42, 86, 255)),
    *(IAC + SB + b"\x18\x00\x1b[2J" + IAC + SE, IAC + SB + b"\x1f\x00\x00\x00\x00" + IAC + SE, IAC + SB + b"\x2a\x01;"),
    *(b"2026-01-01 00:00:00,000 INFO forged", b"%s%n%(name)s", b"{0}", b"plain", b"reader", b"colour", b"rich"),
    *[b"word ", b" ", b"hello", b"a", b"B", b"/", b"//", b": ", b"\t", IAC + SE] * 6,
]
BEFORE = [
    *[b""] * 20,
    *(b"/me ", b"/topic ", b"/topic ", b"/nick ", b"/nick ", b"/msg plain ", b"/msg rich ", b"/away ", b"/edit "),
    *(b"/join ", b"/join den\n", b"/go lobby\n", b"/invite ", b"/ignore ", b"/whois ", b"/names ", b"/", b"/delete\n"),
]
"""What a message starts with."""
BACK = [IAC + SE + b"\n/go lobby\n", IAC + SE + b"\n/go den\n", b"\n"]
"""Where others hear what comes next."""


def messages(rng: random.Random, count: int) -> bytes:
    """Make so many of them."""
    made = []
    for _ in range(count):
        body = b"".join(rng.choices(PIECES, k=rng.randrange(1, 9))) if rng.random() < 0.9 else rng.randbytes(12)
        made.append(rng.choice(BEFORE) + body.replace(b"\n", b""))
    return b"\n".join(made) + b"\n"


class Finds:
    """What was found that should not be. `look` takes what somebody sees, `log` a line of the log."""

    def __init__(self) -> None:
        self.bytes = self.lines = 0
        self.faults: list[str] = []

    def look(self, who: str, data: bytes) -> None:
        self.bytes += len(data)
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            self._note(f"{who} sees what is no UTF-8: {data[max(0, error.start - 60) : error.end + 20]!r}")
            return
        match = SEEN[who].match(text)
        assert match is not None
        if match.end() < len(text):
            self._note(f"{who} sees {text[max(0, match.end() - 60) : match.end() + 20]!r}")

    def log(self, line: str) -> None:
        self.lines += 1
        if re.search(f"[{CONTROL}]", line) or not re.match(r"[-0-9]{10} [:0-9]{8},[0-9]{3} [A-Z]+ ", line):
            self._note(f"the log has {line!r}")

    def _note(self, fault: str) -> None:
        if len(self.faults) < 20:
            print(fault, flush=True)
        self.faults.append(fault)


class Log(logging.Handler):
    """Has each event formatted as in the log, and looked at."""

    def __init__(self, finds: Finds) -> None:
        super().__init__()
        self._finds = finds
        self.setFormatter(_Formatter(""))

    def emit(self, record: logging.LogRecord) -> None:
        self._finds.log(self.format(record))


class Crowd(House):
    """People of whom some only look, and some type garbage."""

    def __init__(self, finds: Finds) -> None:
        super().__init__()
        self._finds = finds
        for name, settings in SETTINGS.items():
            self.connects(name)
            steps = [TERMINAL, XTERM, EVERY_KEY] if name == "rich" else []
            begun = [name.encode() + (b"\r\n" if name == "rich" else b"\n"), *steps, settings]
            for step in begun:
                self.takes([(name, step)])
        assert self.session("rich").format.rich
        self.screens()

    def types(self, typed: dict[str, bytes]) -> None:
        """Let some type, and look at what the others see. Who is gone by then is forgotten."""
        for name, data in typed.items():
            wire = self._served[name][0]
            wire.client.typed += data
            wire.news.set()
        self.rest()
        for name, seen in self.screens().items():
            if name in SEEN:
                self._finds.look(name, seen)
        for name in typed:
            if self.is_gone(name):
                del self._served[name]

    def is_gone(self, name: str) -> bool:
        return self.session(name).id not in self.sessions.by_id

    def hangs_up(self, name: str) -> None:
        self._served[name][0].reset()
        self.comes_to(lambda: self.is_gone(name))
        del self._served[name]
        self._greenlets = [one for one in self._greenlets if not one.dead]


def without_sockets(rng: random.Random, count: int, finds: Finds) -> None:
    crowd, number, sent = Crowd(finds), 0, 0
    speakers: dict[str, int] = {}
    told = begun = time.monotonic()
    while sent < count:
        while len(speakers) < 4:
            number += 1
            name = f"speaker {number}"
            crowd.connects(name)
            speakers[name] = rng.randrange(2, 40)
        typed = {}
        for name in speakers:
            some = rng.randrange(20, 60)
            typed[name] = messages(rng, some // 2) + rng.choice(BACK) + messages(rng, some - some // 2)
            if rng.random() < 0.6:  # who got no name by garbage gets one
                typed[name] += name.replace(" ", "").encode() + b"\n"
            sent += some
        crowd.types(typed)
        for name in list(speakers):
            speakers[name] -= 1
            if name not in crowd._served:
                del speakers[name]
            elif speakers[name] <= 0:
                crowd.hangs_up(name)
                del speakers[name]
        if time.monotonic() > told + 30:
            told = time.monotonic()
            print(f"    {sent:,} of {count:,} after {told - begun:.0f} s", flush=True)
    print(f"    of these became {crowd.hub.state.place:,} events")
    crowd.close()
    print(f"    {sent:,} without sockets, by {number:,} people, in {time.monotonic() - begun:.0f} s", flush=True)


def take_in(people: Iterable[Person], seconds: float) -> dict[Person, bytes]:
    """Read what comes, until nothing has for so long."""
    seen: dict[Person, bytes] = {}
    people = list(people)
    while readable := select.select(people, [], [], seconds)[0]:
        for person in readable:
            try:
                data = person.takes(65536)
            except OSError:
                data = b""
            if not data:
                people.remove(person)
            seen[person] = seen.get(person, b"") + data
    return seen


class Speakers:
    """People with sockets who type garbage, and come and go."""

    def __init__(self, server: Server, rng: random.Random) -> None:
        self.people: list[Person] = []
        self.came = 0
        self._server = server
        self._rng = rng

    def types(self) -> int:
        """Let each type something; return how many messages that was."""
        while len(self.people) < 4:
            self.came += 1
            self.people.append(Person(self._server))
            if self._rng.random() < 0.7:
                self.people[-1].sees(GREETING)
                self.people[-1].says(f"speaker{self.came}")
        sent = 0
        for speaker in self.people:
            some = self._rng.randrange(20, 60)
            with contextlib.suppress(OSError):
                speaker.sends(messages(self._rng, some))
            sent += some
        return sent

    def leave(self) -> None:
        """Let one leave, perhaps, and whom the server has given up."""
        for speaker in self._rng.sample(self.people, self._rng.randrange(2)):
            self._rng.choice((speaker.hangs_up, speaker.resets))()
            self.people.remove(speaker)
        for speaker in list(self.people):
            if not take_in([speaker], 0).get(speaker, b"."):
                speaker.hangs_up()
                self.people.remove(speaker)


def over_sockets(rng: random.Random, count: int, finds: Finds) -> None:
    begun, sent = time.monotonic(), 0
    with contextlib.closing(Server()) as server:
        lookers = {Person(server, name): name for name in ("plain", "colour", "reader")}
        for looker, name in lookers.items():
            looker.sends(SETTINGS[name])
        take_in(lookers, 0.5)
        speakers = Speakers(server, rng)
        while sent < count:
            sent += speakers.types()
            for person, data in take_in([*lookers, *speakers.people], 0.02).items():
                if person in lookers:
                    finds.look(lookers[person], data)
            speakers.leave()
        for person, data in take_in(lookers, 1).items():
            finds.look(lookers[person], data)
        assert server.stop() == 0  # first: to read the log of one that writes would move where it writes
        _, _, lines = server.log().partition("\n")  # the first is what to type
        for line in lines.removesuffix("\n").split("\n"):
            finds.log(line)
        for person in (*lookers, *speakers.people):
            person.hangs_up()
    print(f"    {sent:,} over sockets, by {speakers.came} people, in {time.monotonic() - begun:.0f} s", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    rng, finds = random.Random(options.seed), Finds()
    print(f"{options.messages:,} random messages, names, topics and telnet options, seed {options.seed}", flush=True)
    logging.getLogger("gchatd").handlers[:] = [Log(finds)]
    logging.getLogger("gchatd").setLevel("DEBUG")
    logging.getLogger("gchatd").propagate = False
    over_sockets(rng, options.messages // 100, finds)
    with gevent.Timeout(None):
        without_sockets(rng, options.messages - options.messages // 100, finds)
    print(f"    others saw {finds.bytes / 1e6:,.1f} MB, the log has {finds.lines:,} lines", flush=True)
    print(f"    control characters that reached anybody, or broken lines of the log: {len(finds.faults)} (at most 0)")
    return 1 if finds.faults else 0


if __name__ == "__main__":
    sys.exit(main())
