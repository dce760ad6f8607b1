"""What the server took in the course of a run: its memory at each stage, its CPU from row to row and during the talk.

All of it together, and each of its processes if there are several.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from .facts import Memory, Part, PartRow
from .watch import Look, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping

Stage = Literal["before", "full", "talked", "left"]

ALL = ""
"""The name of all processes together. It is in every reading."""


class Reading(NamedTuple):
    """All that is known of the processes at a moment."""

    at: float
    looks: Mapping[str, Look]

    @property
    def rss_kb(self) -> int | None:
        return self.looks[ALL].rss_kb


class Meter:
    """Reads the processes of a server. Make it before anybody comes."""

    def __init__(self, pid: int | None) -> None:
        self._watch = Watch(pid)
        self._row = self.read()
        self._memory: dict[str, Memory] = {}
        self._busy: dict[str, float | None] = {}  # while people talked
        self._people: dict[str, int] = {}  # the most at once
        self.note("before")

    @property
    def processes(self) -> int:
        """How many there are."""
        return max(1, len(self._row.looks) - 1)

    @property
    def memory(self) -> Memory:
        return self._memory[ALL]

    @property
    def cpu_percent(self) -> float | None:
        """Give the CPU that it took while people talked, in percent of one core."""
        return self._busy.get(ALL)

    def read(self) -> Reading:
        """Look at every process."""
        looks = self._watch.look()
        living = [look.rss_kb for look in looks.values() if look.rss_kb is not None]
        cpu = sum(look.cpu_seconds for look in looks.values())
        return Reading(time.monotonic(), {**looks, ALL: Look(sum(living) if living else None, cpu, None)})

    def note(self, stage: Stage) -> None:
        """Keep the memory that it takes at this stage."""
        for name, look in self.read().looks.items():
            setattr(self._memory.setdefault(name, Memory()), stage, look.rss_kb)

    def note_talk(self, before: Reading) -> None:
        """Keep the CPU that it took since a reading as that of the talk."""
        self._busy = percents(before, self.read())

    def row(self) -> tuple[float | None, int | None, list[PartRow]]:
        """Give the CPU since the last call, in percent of one core; the memory; and both of each of several parts."""
        before, self._row = self._row, self.read()
        busy = percents(before, self._row)
        parts = []
        for name in self._names():
            look = self._row.looks[name]
            people = look.people if name.startswith("worker ") else None
            if people is not None:
                self._people[name] = max(people, self._people.get(name, 0))
            parts.append(PartRow(name, people, busy[name], look.rss_kb))
        return busy[ALL], self._row.rss_kb, parts

    def parts(self) -> list[Part]:
        """Give what each of several processes took."""
        return [
            Part(name, self._people.get(name), self._busy.get(name), self._memory.get(name, Memory()))
            for name in self._names()
        ]

    def _names(self) -> list[str]:
        return [name for name in self._row.looks if name != ALL] if len(self._row.looks) > 2 else []


def percents(before: Reading, after: Reading) -> dict[str, float | None]:
    """Give the CPU that each took in between, in percent of one core. None: not known, or it has ended."""
    took = max(after.at - before.at, 1e-3)
    found: dict[str, float | None] = {}
    for name, look in after.looks.items():
        earlier = before.looks.get(name)
        if earlier is None or earlier.rss_kb is None or look.rss_kb is None:
            found[name] = None
        else:
            found[name] = round(100 * (look.cpu_seconds - earlier.cpu_seconds) / took, 1)
    return found
