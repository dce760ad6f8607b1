"""What can happen in a chat, as frozen records in the past tense. Values only: no sockets, no sessions, no behaviour.

Every event is JSON as it stands (`msgspec.json.encode(event)`), told apart by its `event` field, so that the same
records can cross to a browser or to another machine.
"""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="event", tag=str.lower):
    """Something that `name` did in `room`.

    `id` and `at` are given by the journal: an integer below 2**53 that only grows and is never used again (gaps are
    allowed), and the time in milliseconds since 1970, UTC. `origin` is the number of the session that caused the event
    (0: none of ours), so that an echo or a "not sent" finds its way back; it is never persisted.
    """

    room: str
    name: str
    id: int = 0
    at: int = 0
    origin: int = 0


class Said(Event, frozen=True, kw_only=True, gc=False):
    """`name` said `text`; with `action`, did it (`/me waves`)."""

    text: str
    action: bool = False


class Joined(Event, frozen=True, kw_only=True, gc=False):
    """`name` came into the room."""


class Left(Event, frozen=True, kw_only=True, gc=False):
    """`name` went out of the room, with these last `words` (often none)."""

    words: str = ""


class Renamed(Event, frozen=True, kw_only=True, gc=False):
    """`name` is called `to` from here on."""

    to: str
