"""What can happen in a chat, as frozen records in the past tense. Values only: no sockets, no sessions, no behaviour.

Every event is JSON as it stands (`msgspec.json.encode(event)`), told apart by its `event` field, so that the same
records can cross to a browser or to another machine.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

FOUND, FOUND_END = "\x02", "\x03"
"""What stands around the words that a search found, in what it gives: characters that nobody can type."""


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="event", tag=str.lower):
    """Something that `name` did in `room`.

    `at` and `id` are given by the journal: the time in milliseconds since 1970, UTC, and, to what is history, an
    integer below 2**53 that only grows and is never used again (gaps are allowed; 0: not history). `origin` is the
    number of the session that caused the event (0: none of ours), so that an echo or a "not sent" finds its way back;
    it is never persisted.
    """

    kept: ClassVar[bool] = False
    """Whether such events are history."""

    room: str
    name: str
    id: int = 0
    at: int = 0
    origin: int = 0


class Said(Event, frozen=True, kw_only=True, gc=False):
    """`name` said `text`; with `action`, did it (`/me waves`)."""

    kept: ClassVar[bool] = True

    text: str
    action: bool = False


class NotSent(Event, frozen=True, kw_only=True, gc=False):
    """What `name` said was not kept, so nobody heard it. For the session `origin` alone: `why`, in a few words."""

    why: str


class Joined(Event, frozen=True, kw_only=True, gc=False):
    """`name` came into the room."""


class Left(Event, frozen=True, kw_only=True, gc=False):
    """`name` went out of the room, with these last `words` (often none)."""

    words: str = ""


class Renamed(Event, frozen=True, kw_only=True, gc=False):
    """`name` is called `to` from here on."""

    to: str
