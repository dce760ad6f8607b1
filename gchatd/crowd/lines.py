"""What the simulated people are called, what they say and when, and which lines that are heard are theirs.

    ada-0 : the kettle is on #3

Every line can be made again from who says it and which of their lines it is. So whoever hears one can tell whether it
is whole, and when it was due. Knows no sockets, and nothing of what was heard before.
"""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

FIRST_NAMES: Final = (
    "ada alan ann bela bob carl dora edna emil fay finn gus hal ida ines ivan jo kay ken lea leo liv lou mae max mia "
    "nell nils nora olga otto pam paul ray rosa ruth sam sven tess theo tom uma vera vic wes willa yan zoe"
).split()

SENTENCES: Final = (
    "has anybody seen the lighthouse lately?",
    "the kettle is on",
    "good morning, all",
    "who wrote this, and why does it work",
    "I could swear there were fewer of us a minute ago",
    "it rains here; does it rain where you are?",
    "back from lunch",
    "is anyone else hearing an echo, or is that just the room",
    "my other terminal is a typewriter",
    "somebody should write that down",
    "I agree with whoever said that",
    "the cat has walked over the keyboard again",
    "hello to everybody in the last row",
    "does this go to all of you at once?",
    "one more line and then I really must go",
    "that reminds me of a song",
    "no, you are thinking of the other harbour",
    "what a crowd",
    "please do not all answer at once",
    "I shall have to look that up",
    "the tea was better yesterday",
    "does anyone have a spare umbrella",
    "I am only here to listen",
    "we should do this more often",
    "say that again, slowly",
    "it worked on the first try, which worries me",
    "the train is late, so here I am",
    "that is the nicest bug I have seen today",
    "so many names, and not one of them mine",
)
"""A prime number of them, so that everybody gets to say each."""


class Said(NamedTuple):
    """A line of ours: who says it, which of theirs (from 0), and when it is due (CLOCK_MONOTONIC, nanoseconds)."""

    talker: int
    number: int
    due: int


class AlteredError(ValueError):
    """A line of ours that is not as it was said."""


class Script:
    """Who says what, and when. All processes of a run have the same one.

    The talkers take turns: line n of all is due at `start + n / rate`. Until `begin` every line is due at 0.
    """

    def __init__(self, tag: str, talkers: int) -> None:
        """A `tag` makes the names of this run unlike those of any other crowd in the same room."""
        self._suffix = f"-{tag}" if tag else ""
        self._talkers = talkers
        self._start = 0
        self._rate = math.inf
        self._ours = re.compile(rb"[a-z]+-(\d{1,7})%s : .* #([1-9]\d{0,8})" % self._suffix.encode())

    def begin(self, start: int, rate: float) -> None:
        """Fix when each line is due: `start` in nanoseconds of CLOCK_MONOTONIC, `rate` in lines a second of all."""
        self._start = start
        self._rate = rate

    def name(self, person: int) -> str:
        """What a person is called. No two have the same name."""
        return f"{FIRST_NAMES[person % len(FIRST_NAMES)]}-{person}{self._suffix}"

    def due(self, talker: int, number: int) -> int:
        """When a line is due."""
        return self._start + int((number * self._talkers + talker) * 1e9 / self._rate)

    def line(self, talker: int, number: int) -> bytes:
        """What the talker types, without its end."""
        sentence = SENTENCES[(talker * 7 + number) % len(SENTENCES)]
        return f"{sentence} #{number + 1}".encode()

    def heard(self, talker: int, number: int) -> bytes:
        """How the others hear it, without its end."""
        return f"{self.name(talker)} : ".encode() + self.line(talker, number)

    def read(self, line: bytes) -> Said | None:
        """Tell which line was heard (given without its end). None: not ours, but a visitor's or the server's.

        Raises AlteredError if it is one of ours that is not as it was said.
        """
        ours = self._ours.fullmatch(line)
        if ours is None:
            return None
        talker, number = int(ours[1]), int(ours[2]) - 1
        if talker >= self._talkers or not line.startswith(f"{self.name(talker)} : ".encode()):
            return None
        if line != self.heard(talker, number):
            raise AlteredError(line)
        return Said(talker, number, self.due(talker, number))
