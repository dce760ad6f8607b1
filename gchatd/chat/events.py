"""What can happen in a chat, as frozen records in the past tense. Values only: no sockets, no behaviour.

Every event is JSON as it stands (`msgspec.json.encode(event)`), told apart by its `event` field, so that the same
records can cross to a browser or to another machine. What each of them changes, and whom it concerns: folding.py. Who
may cause it: rules.py.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

FOUND, FOUND_END = "\x02", "\x03"
"""What stands around the words that a search found, in what it gives: characters that nobody can type."""


class Origin(msgspec.Struct, frozen=True, array_like=True, gc=False, omit_defaults=True):
    """Where an event came from: a session of a node (a run of a server), and the label of the request, if it had one.

    For echoes and for "not sent" only: who did it is the event's `user`.
    """

    node: int
    session: int
    label: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="event", tag=str.lower):
    """Something that a user did; in `room`, as the room writes its name (empty: in no room, or in all of theirs).

    `user` is the author's id, which is never used again, and `name` what they were called. The journal gives each event
    its `place` in the stream, an integer that only grows; its time `at`, in milliseconds since 1970, UTC; and, to what
    is history, an `id` below 2**53 that only grows and is never used again (gaps are allowed; 0: not history). `origin`
    and `user` are not kept in the history.
    """

    kept: ClassVar[bool] = False
    """Whether such events are history."""

    room: str = ""
    user: int = 0
    name: str = ""
    id: int = 0
    at: int = 0
    place: int = 0
    origin: Origin | None = None


# Coming and going.


class Arrived(Event, frozen=True, kw_only=True, gc=False):
    """Somebody called `name` came into the chat, and into `room`, if that is not empty. They are `user` from now on."""


class Departed(Event, frozen=True, kw_only=True, gc=False):
    """`name` left the chat, with parting `words` (often none)."""

    words: str = ""


# In a room.


class Said(Event, frozen=True, kw_only=True, gc=False):
    """`name` said `text`; with `action`, did it (`/me waves`). In history, `edited` says that it was changed.

    Without a `user` somebody said it in passing, who is not here: over HTTP, under a name that nobody here has, and, in
    a private room, `with_key`.
    """

    kept: ClassVar[bool] = True

    text: str
    action: bool = False
    edited: bool = False
    with_key: bool = False


class Edited(Event, frozen=True, kw_only=True, gc=False):
    """`name` changed the line with the id `line`, which reads `text` from now on.

    `was` is the beginning of how it read before, to tell which one it was.
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


class TopicSet(Event, frozen=True, kw_only=True, gc=False):
    """`name` set the room's topic; an empty one clears it."""

    kept: ClassVar[bool] = True

    topic: str


class MadePrivate(Event, frozen=True, kw_only=True, gc=False):
    """`name` made the room private. The `key` brings its people back."""

    kept: ClassVar[bool] = True

    key: str


# Between two people. `target` is the id of the user whom it is for, and `to` what they were called.


class Told(Event, frozen=True, kw_only=True, gc=False):
    """`name` said `text` to `to` alone.

    In a stream that several nodes share, `text` is empty, and `sealed` names where the two nodes concerned find it.
    """

    target: int
    to: str
    text: str
    sealed: str = ""


class Invited(Event, frozen=True, kw_only=True, gc=False):
    """`name` invited `to` to the room."""

    target: int
    to: str


class Ignored(Event, frozen=True, kw_only=True, gc=False):
    """`name` ignores `whom` from now on; if `on` is false, no longer."""

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


# Between the journal and the state; nobody hears of the first two.


class Restored(Event, frozen=True, kw_only=True, gc=False):
    """A room was found in the history, with its topic, its key, and the last `lines` said in it, as they read now."""

    topic: str = ""
    key: str = ""
    lines: tuple[Said, ...] = ()


class Vanished(Event, frozen=True, kw_only=True, gc=False):
    """A room in which nothing was ever said is gone. For the journal, which forgets its topic and key."""

    kept: ClassVar[bool] = True


class NotSent(Event, frozen=True, kw_only=True, gc=False):
    """What `name` said was not kept, so nobody heard it. For its origin alone: `why`, as the system names it.

    `of` is the kind of event that it stands for, as JSON has it. It is in no stream that several nodes share, and then
    has no place.
    """

    why: str
    of: str = ""


# Between nodes that share a stream (gchatd/cluster). Nobody hears of these, but of whom they lose.


class Claimed(Event, frozen=True, kw_only=True, gc=False):
    """The name `name` is for `user` alone, who is about to take it."""


class NodeJoined(Event, frozen=True, kw_only=True, gc=False):
    """A node called `name` reads the stream. `identity` names its data directory, which outlives it."""

    node: int
    identity: str = ""


class NodeReady(Event, frozen=True, kw_only=True, gc=False):
    """A node knows the state and takes clients."""

    node: int


class NodeLost(Event, frozen=True, kw_only=True, gc=False):
    """A node has ended, or was not heard of for too long: all its people depart."""

    node: int


class SnapshotAsked(Event, frozen=True, kw_only=True, gc=False):
    """A node that has just joined asks for the state at this place; `attempt` counts how often it has asked before."""

    node: int
    attempt: int = 0


EVENT_BYTES = 32
"""What an event takes beside its text: a name, the line's end."""


def size(event: Event) -> int:
    """Return about how many characters, or more, an event brings everybody who hears it."""
    text: str = getattr(event, "text", "")  # most have none
    return EVENT_BYTES + (len(text) if text.isascii() else 4 * len(text))
