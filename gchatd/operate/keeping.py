"""Who keeps the hub, and for how long: the judgement on a row of samples. Knows no threads and no clocks.

What is said is certain. A loop that has begun to call greenlets in one iteration polls only in the next: so if two
samples see it busy in the same one, it was kept all the time between them. Time in which the process, or its thread,
got no CPU though it wanted some is nobody's fault in here, and is told in other words.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Remark = tuple[int, str]
    """A level of the log, and a line for it."""

EVERY_SECONDS: Final = 0.05
"""How far apart samples are meant to be. What keeps the hub for 150 ms is noticed for certain, for 100 ms perhaps.

To be woken costs an idle machine more than the sample itself: 0.15 % of a core, and twice that with 25 ms.
"""

LATE: Final = 1.3
"""If a sample comes so many times later than it is meant to, the machine, or whoever runs, has no time for it. (Python
code lets another thread run after 5 ms.) What of that time no thread of ours has used counts as lost.
"""

KEPT_SECONDS: Final = 0.1
"""From how long on it counts that the hub is kept."""

STILL_SECONDS: Final = 1.0
"""Who keeps it for longer is told of while that goes on."""

LOST_SECONDS: Final = 0.5
"""From how long on it is told that the process, or its thread, got no CPU; or that the machine slept."""

QUIET_SECONDS: Final = 5.0
"""How far apart the lines are that say who keeps the hub. In between they are counted."""

UNSEEN: Final = "by what was over when it could be seen"
"""By a call into C, most likely, which lets no other thread run."""


class Sample(NamedTuple):
    """What can be seen of the hub from another thread. Times in seconds."""

    at: float
    """Monotonic: it goes on while the process is stopped, and not while the machine sleeps."""

    asleep: float
    """How long the machine has slept since it was started."""

    iteration: int
    """How many times the loop has polled."""

    waits: bool
    """Whether it waits for something to happen."""

    cpu: float
    """What the main thread has used."""

    all_cpu: float
    """What all threads have used."""

    runnable: bool
    """Whether the main thread runs, or would if it were given a CPU; False: it waits, such as for a disk."""


class _Occasion:
    """Somebody keeps the hub, in one iteration of its loop."""

    def __init__(self, first: Sample, since: float) -> None:
        self.first = first
        self.since = since
        self.lost = 0.0  # for how long of that there was no CPU
        self.told_lost = 0.0  # and for how long of that the log has said so
        self.counts = False  # whether it has been for KEPT_SECONDS
        self.stack = ""  # of the moment when that was noticed
        self.told = False

    def kept(self, now: Sample) -> float:
        return now.at - self.since - self.lost

    def by_whom(self, now: Sample) -> str:
        others = (now.all_cpu - now.cpu) - (self.first.all_cpu - self.first.cpu)
        more = f", other threads {others:.2f} s" if others > self.kept(now) / 2 else ""
        whom = f"by {self.stack}" if self.stack else UNSEEN
        return f"(CPU {now.cpu - self.first.cpu:.2f} s{more}) {whom}"


class Keeping:
    """The judgement, and what came of it so far."""

    def __init__(self) -> None:
        self.times = 0
        """How often the hub was kept for KEPT_SECONDS or more."""
        self.seconds = 0.0
        """How long, in all."""
        self._last: Sample | None = None
        self._occasion: _Occasion | None = None
        self._told_at = float("-inf")
        self._untold = 0
        self._longest_untold = 0.0

    def look(self, now: Sample, stack: Callable[[], str]) -> Iterator[Remark]:
        """Take in a sample; yield what the log is to say.

        `stack` tells what the main thread does just now; nothing, if it waits.
        """
        before, self._last = self._last, now
        if before is None:
            return
        lost = _lost(now, before)
        if now.asleep - before.asleep > LOST_SECONDS:
            yield logging.INFO, f"this machine was asleep for {now.asleep - before.asleep:.1f} s"
        if lost > LOST_SECONDS:
            why = "it was stopped, or the machine had no time for it"
            yield logging.WARNING, f"this process got no CPU for {lost:.1f} s: {why}"
        if now.iteration != before.iteration:
            yield from self._over(before)
            yield from self._unseen(now, before)
        self._note(now, before, lost)
        if self._occasion is not None:
            yield from self._goes_on(self._occasion, now, lost, stack)
        if self._untold and now.at - self._told_at >= QUIET_SECONDS:
            yield logging.WARNING, f"the hub was kept {self._count_untold()}"
            self._told_at = now.at

    def _note(self, now: Sample, before: Sample, lost: float) -> None:
        if self._occasion is not None:
            self._occasion.lost += lost
            self._occasion.told_lost += lost if lost > LOST_SECONDS else 0.0
        elif not now.waits:
            # Where it was seen to wait, what it has used since then it has used in this iteration.
            waited = before.waits and before.iteration == now.iteration
            self._occasion = _Occasion(before if waited else now, now.at - (now.cpu - before.cpu if waited else 0.0))

    def _goes_on(self, one: _Occasion, now: Sample, lost: float, stack: Callable[[], str]) -> Iterator[Remark]:
        if not one.counts and one.kept(now) >= KEPT_SECONDS:
            one.counts, one.stack = True, stack()
        is_time = one.kept(now) >= STILL_SECONDS and now.at - self._told_at >= QUIET_SECONDS
        if one.counts and not one.told and is_time and lost < EVERY_SECONDS / 2:
            one.told = True
            yield self._tells(now.at, f"the hub is being kept, for {one.kept(now):.2f} s so far {one.by_whom(now)}")

    def _over(self, last: Sample) -> Iterator[Remark]:
        """The loop has polled since this sample."""
        one, self._occasion = self._occasion, None
        if one is None:
            return
        kept = one.kept(last)
        if not one.counts:
            lost = one.lost - one.told_lost
            if lost > LOST_SECONDS:
                yield logging.WARNING, f"the hub got no CPU for {lost:.1f} s: the machine had no time for it"
            return
        self.times += 1
        self.seconds += kept
        if one.told:
            yield logging.WARNING, f"the hub is free again, after {kept:.2f} s"
        elif last.at - self._told_at >= QUIET_SECONDS:
            yield self._tells(last.at, f"the hub was kept for {kept:.2f} s {one.by_whom(last)}")
        else:
            self._leave_out(kept)

    def _unseen(self, now: Sample, before: Sample) -> Iterator[Remark]:
        """Notice what kept all threads, this one too, and was over before anybody could look.

        If what the main thread has used does not fit into as many short iterations as there were, one was long.
        """
        kept = (now.cpu - before.cpu) / (now.iteration - before.iteration + 1)
        if kept < KEPT_SECONDS:
            return
        self.times += 1
        self.seconds += kept
        if now.at - self._told_at >= QUIET_SECONDS:
            yield self._tells(now.at, f"the hub was kept for at least {kept:.2f} s {UNSEEN}")
        else:
            self._leave_out(kept)

    def _tells(self, at: float, line: str) -> Remark:
        self._told_at = at
        return logging.WARNING, f"{line}; before that {self._count_untold()}" if self._untold else line

    def _leave_out(self, kept: float) -> None:
        self._untold += 1
        self._longest_untold = max(self._longest_untold, kept)

    def _count_untold(self) -> str:
        text = f"{self._untold} more times, for {self._longest_untold:.2f} s at most"
        self._untold, self._longest_untold = 0, 0.0
        return text


def _lost(now: Sample, before: Sample) -> float:
    """For how long, between two samples, there was no CPU for a thread that wanted some."""
    passed = now.at - before.at
    if passed > LATE * EVERY_SECONDS:  # this thread wanted some itself: it asks for little more than to be woken
        return max(0.0, passed - (now.all_cpu - before.all_cpu))
    return max(0.0, passed - (now.cpu - before.cpu)) if now.runnable and not now.waits else 0.0
