"""What can happen in a chat, as frozen records in the past tense. Values only: no sockets, no sessions, no behaviour.

Every event is JSON as it stands (`msgspec.json.encode(event)`), told apart by its `event` field, so that the same
records can cross to a browser or to another machine. What each of them changes, and who hears of it: folding.py.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

FOUND, FOUND_END = "\x02", "\x03"
"""What stands around the words that a search found, in what it gives: characters that nobody can type."""


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="event", tag=str.lower):
    """Something that `name` did; in `room`, as the room writes its name (empty: in no room, or in all of theirs).

    `at`, `place` and `id` are given by the journal: the time in milliseconds since 1970, UTC; the event's position in
    the stream, which only grows (0: not from the journal); and, to what is history, an integer below 2**53 that only
    grows and is never used again (gaps are allowed; 0: not history). `place` is never persisted. `origin` is the
    number of the session that caused the event (0: none of ours), so that an echo or a "not sent" finds its way back;
    it is never persisted.
    """

    kept: ClassVar[bool] = False
    """Whether such events are history."""

    room: str = ""
    name: str
    id: int = 0
    at: int = 0
    place: int = 0
    origin: int = 0


# In a room.


class Said(Event, frozen=True, kw_only=True, gc=False):
    """`name` said `text`; with `action`, did it (`/me waves`). In history, `edited` says that it was changed."""

    kept: ClassVar[bool] = True

    text: str
    action: bool = False
    edited: bool = False


class Edited(Event, frozen=True, kw_only=True, gc=False):
    """`name` changed the line with the id `line`, which reads `text` from now on.

    `was` is the beginning of how it read before, to show which one it was.
    """

    kept: ClassVar[bool] = True

    line: int
    text: str
    was: str = ""


class Deleted(Event, frozen=True, kw_only=True, gc=False):
    """`name` removed the line with the id `line`."""

    kept: ClassVar[bool] = True

    line: int


class Joined(Event, frozen=True, kw_only=True, gc=False):
    """`name` joined the room, with a `key` if they gave one. The first to join creates the room."""

    key: str = ""


class Left(Event, frozen=True, kw_only=True, gc=False):
    """`name` left the room."""


class Turned(Event, frozen=True, kw_only=True, gc=False):
    """`name` made this one of their rooms the current one, in the session `origin`."""


class TopicSet(Event, frozen=True, kw_only=True, gc=False):
    """`name` set the room's topic; an empty one clears it."""

    kept: ClassVar[bool] = True

    topic: str


class MadePrivate(Event, frozen=True, kw_only=True, gc=False):
    """`name` made the room private. The `key` brings its people back."""

    kept: ClassVar[bool] = True

    key: str


class Vanished(Event, frozen=True, kw_only=True, gc=False):
    """A room where nothing was ever said is gone, with its topic and key. `name` was the last to leave it, if known."""

    kept: ClassVar[bool] = True


# Between two people. `target` is the number of the session that it is for, as `origin` is of the one it came from.


class Told(Event, frozen=True, kw_only=True, gc=False):
    """`name` said `text` to `to` alone."""

    to: str
    text: str
    target: int = 0


class Invited(Event, frozen=True, kw_only=True, gc=False):
    """`name` invited `to` to the room."""

    to: str
    target: int = 0


class Ignored(Event, frozen=True, kw_only=True, gc=False):
    """`name` ignores `whom` from now on; without `on`, no longer."""

    whom: str
    on: bool = True


# About somebody, wherever they are.


class Renamed(Event, frozen=True, kw_only=True, gc=False):
    """`name` is called `to` from now on."""

    to: str


class WentAway(Event, frozen=True, kw_only=True, gc=False):
    """`name` is away; `words` say why, if they gave a reason."""

    words: str = ""


class CameBack(Event, frozen=True, kw_only=True, gc=False):
    """`name` is no longer away."""


class Departed(Event, frozen=True, kw_only=True, gc=False):
    """`name` left the chat, with parting `words` (often none)."""

    words: str = ""


# For the one who asked for it.


class NotSent(Event, frozen=True, kw_only=True, gc=False):
    """What `name` said was not kept, so nobody heard it. For the session `origin` alone: `why`, in a few words."""

    why: str


class Refused(Event, frozen=True, kw_only=True, gc=False):
    """What `name` asked for had become impossible. For the session `origin` alone: `why`, a sentence."""

    why: str
