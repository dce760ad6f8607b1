"""Two hubs, each with people of its own, fold one stream of random acts: both come to the same state, and people hear
what they should. No sockets.

`GCHAT_TEST_STREAMS=200 pytest tests/test_folding.py` tries 200 streams rather than a few.
"""

from __future__ import annotations

import logging
import os
import random

import pytest
from acts import Acts
from hearsay import Model
from stream import NOTICES, Node, Stream, everything, reread, written

from gchatd.chat.events import Departed, Vanished
from gchatd.chat.state import Bounds

STREAMS = int(os.environ.get("GCHAT_TEST_STREAMS", "8"))
ACTS = 1000

QUIET = tuple(f"heard {notice.__name__} " for notice in NOTICES)


def check_heard(node: Node, told: dict[tuple[int, int], tuple[list[str], set[str]]]) -> None:
    """Check that the people of a node heard just this since the last look."""
    for address, somebody in node.people.items():
        expected, perhaps = told.get(address, ([], set()))
        if not somebody.format.notices:
            expected = [line for line in expected if not line.startswith(QUIET)]
        assert [line for line in somebody.heard() if line not in perhaps] == expected, (address, somebody.user)


def check_state(node: Node, model: Model) -> None:
    """Check that people and rooms are as the model says."""
    assert list(node.state.rooms) == list(model.rooms)
    for name, room in node.state.rooms.items():
        hall = model.rooms[name]
        assert (room.name, room.topic, room.key, room.founder) == (hall.name, hall.topic, hall.key, hall.founder)
        assert (list(room.members), room.invited, room.spoken) == (hall.people, hall.invited, hall.spoken)
    assert node.state.users.keys() == model.people.keys()
    for user in node.state.users.values():
        person = model.people[user.id]
        assert [room.name.lower() for room in user.rooms] == person.rooms
        assert (user.ignoring, user.away is not None) == (person.ignoring, person.away)
        for session in node.sessions.of(user.id):
            assert session.told_by == person.told_by


def catch_up(nodes: list[Node]) -> None:
    """Let all nodes hear everything, and what comes of it."""
    while sum(len(node.hears(10_000)) for node in nodes):
        pass


def check_leaving(nodes: list[Node]) -> None:
    """Check that nobody waits for anything, and that nothing is left of people who leave."""
    for node in nodes:
        assert {session.unheard for session in node.sessions.by_id.values()} <= {0}
        for somebody in [one for one in node.people.values() if one.id in node.sessions.by_id]:
            somebody.causes(Departed())
    catch_up(nodes)
    for node in nodes:
        assert node.sessions.by_id == node.sessions.audiences == node.state.users == node.state.ignorers == {}
        assert (node.hub.undelivered, [*node.hub._namings], node.hub._by_name) == (0, [], {})


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
                check_state(node, model)
                if new:
                    assert written(node.state) == stream.written[new[-1].place]
    catch_up(nodes)
    for state in (stream.restored, reread(stream.state), *(node.state for node in nodes)):
        assert everything(state) == everything(stream.state)
    vanished = [event.room for event in stream.events if isinstance(event, Vanished)]
    assert sorted(vanished) == sorted(models[0].gone) == sorted(models[1].gone)
    check_leaving(nodes)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
