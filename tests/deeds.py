"""What the people of a world do: random deeds, whether or not they may."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from gchatd.chat.events import (
    CameBack,
    Claimed,
    Deleted,
    Departed,
    Edited,
    Event,
    Ignored,
    Joined,
    Left,
    MadePrivate,
    Said,
    Told,
    TopicSet,
    WentAway,
)
from gchatd.chat.state import LOBBY

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from gchatd.chat.state import State

NAMES = ["Ann", "ann", "Bob", "BOB", "Özil", *"cdefgh"]
ROOMS = [LOBBY, "Lobby", *"abAcdef"]


class Person:
    """Somebody who came in through a node, or is about to."""

    def __init__(self, id: int, random: random.Random) -> None:
        self.id = id
        self.name = self.claimed = ""
        """What they are called, and about to be called."""
        self.here = False
        self.random = random
        self._texts = itertools.count(1)

    def text(self, kind: str) -> str:
        """Return words that nobody else says."""
        return f"{kind}{self.id}-{next(self._texts)}"

    def claims(self) -> Event:
        self.claimed = self.random.choice([name for name in NAMES if name != self.name])
        return Claimed(name=self.claimed)


def _room(person: Person, state: State) -> str:
    """Return a room that somebody is in, most often."""
    user = state.users.get(person.id)
    if user is not None and user.rooms and person.random.random() < 0.7:
        return person.random.choice(user.rooms).name
    return person.random.choice(ROOMS)


def _says(person: Person, state: State) -> Event:
    return Said(room=_room(person, state), text=person.text("hello"))


def _tells(person: Person, state: State) -> Event:
    others = [(user.id, str(user)) for user in state.users.values()]
    target, name = person.random.choice([*others, (person.id, person.name)])
    return Told(target=target, to=name, text=person.text("psst"))


def _joins(person: Person, state: State) -> Event:
    return Joined(room=person.random.choice(ROOMS), key=person.random.choice(["", "", "k"]))


def _changes(person: Person, state: State) -> Event | None:
    user = state.users.get(person.id)
    if user is None or not user.said:
        return None
    line = person.random.choice(user.said)
    edited = Edited(room=line.room, line=line.id, text=person.text("edited"), was=line.text)
    return person.random.choice([edited, Deleted(room=line.room, line=line.id)])


def _claims(person: Person, state: State) -> Event:
    return person.claims()


def _does_something_else(person: Person, state: State) -> Event:
    room = _room(person, state)
    topic = TopicSet(room=room, topic=person.text("topic"))
    ignored = Ignored(whom=person.random.choice(NAMES))
    return person.random.choice(
        [topic, MadePrivate(room=room, key="k"), ignored, WentAway(), CameBack(), Left(room=room), Left(room=room)]
    )


def _departs(person: Person, state: State) -> Event:
    person.here = False
    return Departed(words="bye")


_DEEDS: list[Callable[[Person, State], Event | None]] = [
    *[_says] * 8, *[_tells] * 5, *[_joins] * 4, *[_claims] * 2, *[_changes] * 2, *[_does_something_else] * 5, _departs,
]  # fmt: skip


def deed(person: Person, state: State) -> Event | None:
    """Return what somebody who is here does next, if anything."""
    return person.random.choice(_DEEDS)(person, state)
