"""How fast one session may ask for things: two token buckets, one for requests and one for expensive questions.

A bucket's whole state is one number, which its owner keeps: the moment (monotonic seconds) at which it will be full
again. So a client that does nothing costs no object and no timer, and nothing has to fill its buckets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from ..settings import Limits

MUTED_SECONDS: Final = 60.0
"""How long nothing is handled of what somebody sends who did not stop flooding."""


class Bucket(msgspec.Struct, frozen=True):
    """A token bucket: `burst` requests at once, then so many a second. `full_at` is the number that its owner keeps."""

    burst: float
    per_second: float

    def delay(self, full_at: float, now: float) -> float:
        """Return how many seconds the next request has to wait; 0 if there is a token for it."""
        return max(0.0, full_at - now - (self.burst - 1) / self.per_second)

    def take(self, full_at: float, now: float, tokens: float = 1.0) -> float:
        """Return the new `full_at` once a request was handled. It may have taken more tokens than there were."""
        return max(full_at, now) + tokens / self.per_second


class Flood(msgspec.Struct, frozen=True):
    """What all sessions may ask for."""

    requests: Bucket
    questions: Bucket
    bytes_per_token: float
    most_delay: float
    """After so many seconds of delay without a pause, a session is muted for MUTED_SECONDS."""

    @classmethod
    def of(cls, limits: Limits) -> Flood | None:
        """Return what the settings say. None: everybody may ask for anything, any time."""
        if not limits.flood:
            return None
        requests = Bucket(limits.burst, limits.lines_per_second)
        questions = Bucket(limits.questions, limits.questions_per_minute / 60)
        return cls(requests, questions, limits.bytes_per_second / limits.lines_per_second, limits.flood_seconds)

    def tokens(self, text: str) -> float:
        """Return how many tokens a request takes: one, or more if it is long."""
        size = len(text) if text.isascii() else len(text.encode(errors="replace"))
        return max(1.0, size / self.bytes_per_token)
