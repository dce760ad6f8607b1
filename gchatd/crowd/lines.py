"""What the simulated people are called and what they say, and how a line that was heard is told from others' lines.

Every line can be made again from who says it, which of their lines it is, and when it was due; so whoever hears one
knows whether it is whole. Knows no sockets, and nothing of what was heard before.
"""

from __future__ import annotations

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
"""A prime number of them, so that everybody comes to say each."""


class Said(NamedTuple):
    """A line of ours: whose it is, which of theirs (from 0), and when it was due (CLOCK_MONOTONIC, nanoseconds)."""

    talker: int
    number: int
    due: int


class AlteredError(ValueError):
    """A line that bears our mark but is not as it was said."""


class Script:
    """Who says what. All processes of a run have the same one, by its `tag`: hexadecimal, and no other run's."""

    def __init__(self, tag: str, tagged_names: bool = False) -> None:
        """With `tagged_names` nobody else's crowd in the same room has the same names."""
        self._tag = tag
        self._suffix = f"-{tag}" if tagged_names else ""
        self._mark = re.compile(rb" ~([0-9a-f]{1,8})\.([0-9a-f]{1,8})\.([0-9a-f]{1,16})\.%s\Z" % tag.encode())

    def name(self, person: int) -> str:
        """What a person is called. No two have the same name."""
        return f"{FIRST_NAMES[person % len(FIRST_NAMES)]}-{person}{self._suffix}"

    def line(self, said: Said) -> bytes:
        """What the talker types, without its end."""
        sentence = SENTENCES[(said.talker * 7 + said.number) % len(SENTENCES)]
        return f"{sentence} ~{said.talker:x}.{said.number:x}.{said.due:x}.{self._tag}".encode()

    def heard(self, said: Said) -> bytes:
        """How the others hear it, without its end."""
        return f"{self.name(said.talker)} : ".encode() + self.line(said)

    def read(self, line: bytes) -> Said | None:
        """Tell what a line that was heard, without its end, is: one of ours, or None: somebody else's, or the server's.

        Raises AlteredError if it is one of ours that is not as it was said.
        """
        mark = self._mark.search(line)
        if mark is None:
            return None
        said = Said(*(int(number, 16) for number in mark.groups()))
        if line != self.heard(said):
            if not line.startswith(f"{self.name(said.talker)} : ".encode()):
                return None  # somebody quotes it
            raise AlteredError(line)
        return said
