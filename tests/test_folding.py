"""Two hubs, each with people of its own, fold one stream of random acts: both come to the same state, and people hear
what they should. No sockets.

`GCHAT_TEST_STREAMS=200 pytest tests/test_folding.py` tries 200 streams rather than a few.
"""

from __future__ import annotations

import logging
import os
import random

import pytest
from hearsay import Model
from stream import NOTICES, Node, Somebody, Stream, everything, reread, written

from gchatd.chat.events import (
    CameBack,
    Deleted,
    Departed,
    Edited,
    Event,
    Ignored,
    Invited,
    Joined,
    Left,
    MadePrivate,
    Renamed,
    Restored,
    Said,
    Told,
    TopicSet,
    Vanished,
    WentAway,
)
from gchatd.chat.state import Bounds

STREAMS = int(os.environ.get("GCHAT_TEST_STREAMS", "4"))
ACTS = 1000
MOST_PEOPLE = 9  # of each node

NAMES = ["Ann", "ann", "Bob", "BOB", "Özil", "ÖZIL", *(f"{kind}{n}" for kind in "Pp" for n in range(12))]
ROOMS = ["lobby", "Lobby", *"aAbBcdefgh"]
KEYS = ["", "", "k1", "k2"]
QUIET = tuple(f"heard {notice.__name__} " for notice in NOTICES)


class Acts:
    """Lets people of some nodes act at random, whether or not they may."""

    def __init__(self, stream: Stream) -> None:
        self.random = stream.random
        self._stream = stream
        self._kinds = {
            self._arrives: 4, self._departs: 3, self._says: 30, self._edits: 8, self._deletes: 4, self._joins: 14,
            self._leaves: 7, self._sets_topic: 5, self._makes_private: 4, self._tells: 8, self._invites: 5,
            self._ignores: 5, self._renames: 4, self._goes: 2, self._comes_back: 2, self._restores: 3,
        }  # fmt: skip

    def act(self, node: Node) -> None:
        """Let somebody on a node do something."""
        here = [one for one in node.people.values() if one.id in node.sessions.by_id and not one.waits]
        kind = self.random.choices(list(self._kinds), list(self._kinds.values()))[0]
        if not here or kind == self._arrives:
            if len(here) < MOST_PEOPLE:
                node.enters(self.random.choice(NAMES), notices=self.random.random() < 0.7)
            return
        somebody = self.random.choice(here)
        event = kind(node, somebody)
        if event is not None:
            somebody.causes(event, label=self.random.choice(["", f"label{len(self._stream.events)}"]))

    def _room(self, somebody: Somebody) -> str:
        """Return a room that somebody is in, or was when this was asked; or any."""
        rooms = [room.name for room in somebody.user.rooms] if somebody.user is not None else []
        return self.random.choice(rooms if rooms and self.random.random() < 0.8 else ROOMS)

    def _somebody(self, node: Node) -> tuple[int, str]:
        """Return somebody who is known to a node; who has left, now and then; who is coming, now and then."""
        people = [*node.state.users.values(), *self._stream.state.users.values()]
        if not people or self.random.random() < 0.1:
            return self.random.choice([one.claimed for one in node.people.values()]), "Nobody"
        other = self.random.choice(people)
        return other.id, str(other)

    def _line(self, somebody: Somebody) -> Said | None:
        lines = somebody.user.said if somebody.user is not None else []
        if self.random.random() < 0.2:
            lines = [event for event in self._stream.events[-30:] if isinstance(event, Said)]
        return self.random.choice(lines) if lines else None

    def _arrives(self, node: Node, somebody: Somebody) -> None: ...

    def _departs(self, node: Node, somebody: Somebody) -> Event:
        return Departed(words=self.random.choice(["", "bye"]))

    def _says(self, node: Node, somebody: Somebody) -> Event:
        return Said(room=self._room(somebody), text=f"hello{self.random.randrange(9)}")

    def _edits(self, node: Node, somebody: Somebody) -> Event | None:
        line = self._line(somebody)
        text = f"hello{self.random.randrange(9)}"
        return Edited(room=line.room, line=line.id, text=text, was=line.text) if line is not None else None

    def _deletes(self, node: Node, somebody: Somebody) -> Event | None:
        line = self._line(somebody)
        room = line.room if line is not None and self.random.random() < 0.9 else "a"
        return Deleted(room=room, line=line.id) if line is not None else None

    def _joins(self, node: Node, somebody: Somebody) -> Event:
        key = self.random.choice(KEYS) if self.random.random() < 0.4 else ""
        return Joined(room=self.random.choice(ROOMS), key=key)

    def _leaves(self, node: Node, somebody: Somebody) -> Event:
        return Left(room=self._room(somebody))

    def _sets_topic(self, node: Node, somebody: Somebody) -> Event:
        return TopicSet(room=self._room(somebody), topic=self.random.choice(["", "x", "y", "z" * 301]))

    def _makes_private(self, node: Node, somebody: Somebody) -> Event:
        return MadePrivate(room=self._room(somebody), key=self.random.choice(["k1", "k2"]))

    def _tells(self, node: Node, somebody: Somebody) -> Event:
        target, name = self._somebody(node)
        return Told(target=target, to=name, text="psst")

    def _invites(self, node: Node, somebody: Somebody) -> Event:
        target, name = self._somebody(node)
        return Invited(room=self._room(somebody), target=target, to=name)

    def _ignores(self, node: Node, somebody: Somebody) -> Event:
        return Ignored(whom=self.random.choice(NAMES), on=self.random.random() < 0.6)

    def _renames(self, node: Node, somebody: Somebody) -> Event:
        return Renamed(to=self.random.choice(NAMES))

    def _goes(self, node: Node, somebody: Somebody) -> Event:
        return WentAway(words=self.random.choice(["", "lunch", "x" * 201]))

    def _comes_back(self, node: Node, somebody: Somebody) -> Event:
        return CameBack()

    def _restores(self, node: Node, somebody: Somebody) -> Event:
        room, key = self.random.choice(ROOMS), self.random.choice(KEYS)
        lines = tuple(Said(room=room, name=self.random.choice(NAMES), text="old", id=2**50 + n) for n in range(5))
        return Restored(
            room=room, topic=self.random.choice(["", "t"]), key=key, lines=lines[self.random.randrange(5) :]
        )


def check_heard(node: Node, told: dict[tuple[int, int], tuple[list[str], set[str]]]) -> None:
    """Check that the people of a node heard just this since the last look."""
    for address, somebody in node.people.items():
        expected, perhaps = told.get(address, ([], set()))
        if not somebody.format.notices:
            expected = [line for line in expected if not line.startswith(QUIET)]
        assert [line for line in somebody.heard() if line not in perhaps] == expected, (address, somebody.user)


def check_people(node: Node, model: Model) -> None:
    """Check that everybody is where the model says."""
    assert node.state.users.keys() == model.people.keys()
    for user in node.state.users.values():
        person = model.people[user.id]
        assert [room.name.lower() for room in user.rooms] == person.rooms
        for session in node.sessions.of(user.id):
            assert session.told_by == person.told_by


@pytest.mark.parametrize("seed", range(STREAMS))
def test_hubs_that_hear_one_stream_agree_and_their_people_hear_what_a_simple_model_says(seed, caplog):
    random_ = random.Random(seed)
    bounds = Bounds(random_.choice([4, 6, 20]), random_.choice([0, 2, 4, 50]), random_.choice([0, 1, 3, 20]))
    stream = Stream(random_, bounds)
    acts = Acts(stream)
    nodes = [Node(stream, 3), Node(stream, 7)]
    models = [Model(bounds) for _ in nodes]
    for step in range(ACTS):
        acts.act(random_.choice(nodes))
        for node, model in zip(nodes, models, strict=True):
            if random_.random() < 0.2 or step == ACTS - 1:
                new = node.hears(random_.choice([1, 2, 5, 20]) if step < ACTS - 1 else len(stream.events))
                check_heard(node, model.batch(new))
                check_people(node, model)
                if new:
                    assert written(node.state) == stream.written[new[-1].place]
    while any(node.behind for node in nodes):  # what vanished last
        for node in nodes:
            node.hears(len(stream.events))
    for state in (stream.restored, reread(stream.state), *(node.state for node in nodes)):
        assert everything(state) == everything(stream.state)
    vanished = [event.room for event in stream.events if isinstance(event, Vanished)]
    assert sorted(vanished) == sorted(models[0].gone) == sorted(models[1].gone)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
