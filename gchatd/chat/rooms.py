"""Rooms, the people in them, and who may do what there. Knows nothing of sockets or bytes.

A room is a fold over delivered events (folding.py): who is in it changes when `Joined` or `Left` comes out of the
journal, and at no other time.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakSet

import msgspec

from ..delivery.audience import Audience
from ..errors import UserError
from .events import Deleted, Edited, MadePrivate, Said, TopicSet

if TYPE_CHECKING:
    from collections.abc import MutableSequence

    from ..hub import User
    from .events import Event

LOBBY = "lobby"
"""The room where everybody starts."""


_versions = itertools.count(1)


class Room:
    """One room: its name, its topic, and its members in the order they came."""

    __slots__ = (
        "audience",
        "founder",
        "invited",
        "key",
        "members",
        "name",
        "recent",
        "spoken",
        "topic",
        "version",
    )

    def __init__(self, name: str, replay: int = 0) -> None:
        """Create an empty room that remembers the last `replay` lines said in it."""
        self.name = name
        self.topic = ""
        self.key = ""
        """Brings people back into a private room. Empty: the room is public."""
        self.founder: User | None = None
        """Who created the room, until they leave it."""
        self.invited: WeakSet[User] = WeakSet()
        """Who may enter a private room without its key, until they disconnect: invited, or once a member."""
        self.members: dict[User, None] = {}
        self.spoken = False
        """Whether anything was ever said in it. Such a room stays when it is empty, and so does a private one."""
        self.recent: deque[Said] = deque(maxlen=replay)
        self.version = 0
        """Changes whenever `recent` does; no two rooms, nor one room restored from history, ever share a version."""
        self.audience = Audience()

    @property
    def private(self) -> bool:
        return bool(self.key)

    def remember(self, event: Said | Edited | Deleted) -> None:
        """Keep what was said, or how it reads now, for people who come in later."""
        self.spoken = True
        self.version = next(_versions)
        if isinstance(event, Said):
            self.recent.append(event)
        else:
            revise(self.recent, event)

    def restore(self, event: Event) -> None:
        """Apply an event from history."""
        match event:
            case Said():
                self.recent.append(event)
                self.version = next(_versions)
            case TopicSet(topic=topic):
                self.topic = topic
            case MadePrivate(key=key) if self.name != LOBBY:
                self.key = key

    def enter(self, user: User) -> None:
        """Add a member; does nothing for those who are members already."""
        if user not in self.members:
            self.members[user] = None
            user.rooms = (*user.rooms, self)
            for session in user.sessions:
                self.audience.add(session, self)
        if self.private:
            self.invited.add(user)

    def leave(self, user: User) -> None:
        """Remove a member; does nothing for others. The caller has already taken this room out of `user.rooms`."""
        if self.founder is user:
            self.founder = None
        if self.members.pop(user, self) is None:
            for session in user.sessions:
                self.audience.remove(session)

    def close_to_others(self, key: str) -> None:
        """Make the room private: only members, invited people and those with the key may enter."""
        self.key = key
        self.invited.update(self.members)

    # Who may do what. The checks raise UserError, with a sentence for the person who may not.

    def admits(self, user: User, key: str = "") -> bool:
        """Whether a user may enter the room, and may know that it exists."""
        return not self.private or user in self.invited or key == self.key

    def check_admits(self, user: User, key: str) -> None:
        if not self.admits(user, key):
            wrong = "That is not its key: ask" if key else "Ask"
            raise UserError(f"{self.name} is private. {wrong} someone in it to /invite you.")

    def check_may_close(self, user: User) -> None:
        if self.private:
            raise UserError(f"{self.name} is already private.")
        if self.name == LOBBY:
            raise UserError(f"{LOBBY} is open to everyone. Create a room of your own first: /join ROOM")
        if self.founder is not user:
            raise UserError(f"Only the person who created {self.name}, and has not left it since, can make it private.")


def revise(lines: MutableSequence[Said], event: Edited | Deleted) -> None:
    """Apply an edit or a deletion to lines; one that is not among them changes nothing."""
    for place, said in enumerate(lines):
        if said.id == event.line:
            if isinstance(event, Edited):
                lines[place] = msgspec.structs.replace(said, text=event.text, edited=True)
            else:
                del lines[place]
            return
