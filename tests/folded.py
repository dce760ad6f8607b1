"""A chat that consists of its state alone: what happens is folded at once. No hub, no sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gchatd.chat.events import (
    Arrived,
    Claimed,
    Event,
    Ignored,
    Invited,
    Joined,
    MadePrivate,
    NodeJoined,
    NodeReady,
    Said,
    TopicSet,
    WentAway,
)
from gchatd.chat.folding import Outcome, fold
from gchatd.chat.state import LOBBY, Bounds, Room, State, User

if TYPE_CHECKING:
    from gchatd.errors import Refusal


class Chat:
    """Users are known by the ids that `enters` gives."""

    def __init__(self, most_rooms: int = 10_000, announce_up_to: int = 50, replay: int = 0) -> None:
        self.state = State(Bounds(most_rooms, announce_up_to, replay))
        self.events: list[Event] = []
        """All that happened, refused or not, as the journal would give it back."""
        self.at = 1_700_000_000_000
        self._last_user = 0

    def enters(self, name: str) -> int:
        self._last_user += 1
        assert self.does(self._last_user, Arrived(room=LOBBY, name=name)).refusal is None
        return self._last_user

    def stamped(self, user: int, event: Event) -> Event:
        """Return an event of a user as the journal would give it back now."""
        place = self.state.place + 1
        name = str(self.state.users[user]) if user in self.state.users else event.name
        return msgspec.structs.replace(
            event, user=user, name=name, place=place, at=self.at, id=place if event.kept else 0
        )

    def does(self, user: int, event: Event) -> Outcome:
        """Fold an event; return what came of it."""
        event = self.stamped(user, event)
        self.events.append(event)
        outcome = fold(self.state, event)
        assert outcome is not None
        return outcome

    def refuses(self, user: int, event: Event) -> Refusal | None:
        """Return why something is refused, if it is."""
        return self.does(user, event).refusal

    def says(self, user: int, text: str, room: str = LOBBY) -> int:
        """Fold something that somebody says; return its id."""
        assert self.refuses(user, Said(room=room, text=text)) is None
        return self.events[-1].id

    def room(self, name: str) -> Room:
        return self.state.rooms[name.lower()]

    def user(self, id: int) -> User:
        return self.state.users[id]


def rich_chat() -> Chat:
    """Return a chat where no field of users, rooms or the state has the value everywhere that it began with.

    A test looks whether that is so.
    """
    chat = Chat(most_rooms=20, announce_up_to=3, replay=2)
    ann, bob, carl = (chat.enters(name) for name in ("Ann", "Bob", "Özil"))
    for room in ("den", "dev"):
        assert chat.refuses(ann, Joined(room=room)) is None
    for id, event in (
        (ann, TopicSet(room="den", topic="a topic")),
        (ann, MadePrivate(room="den", key="k")),
        (ann, Invited(room="den", target=bob, to="Bob")),
        (bob, Joined(room="dev")),
        (carl, Joined(room="den", key="k")),
        (bob, WentAway(words="lunch")),
        (carl, WentAway()),
        (carl, Ignored(whom="ann")),
        (carl, Ignored(whom="nobody")),
        (ann, Ignored(whom="nobody")),
    ):
        assert chat.refuses(id, event) is None
    for text in ("one", "two", "three"):
        chat.says(ann, text, "den")
    chat.says(bob, "four", "dev")
    chat.does(99, Claimed(name="Dora"))
    chat.does(0, NodeJoined(node=7, name="attic", identity="abc"))
    chat.does(0, NodeReady(node=7))
    return chat
