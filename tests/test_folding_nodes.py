"""What the events between nodes change: names that are claimed, nodes that come and are lost."""

from __future__ import annotations

from folded import Chat
from stream import everything, reread

from gchatd.chat.answers import NameTaken
from gchatd.chat.events import (
    Arrived,
    Claimed,
    Departed,
    Ignored,
    Invited,
    Joined,
    MadePrivate,
    NodeJoined,
    NodeLost,
    NodeReady,
    Renamed,
    Told,
    TopicSet,
)
from gchatd.chat.folding import fold
from gchatd.chat.state import LOBBY, user_id

ATTIC, CELLAR = 7, 8
ANN, EVA = user_id(ATTIC, 1), user_id(ATTIC, 2)
BOB = user_id(CELLAR, 1)


def house() -> Chat:
    """Two nodes, ready; Ann and Eva are connected to one, Bob to the other."""
    chat = Chat()
    for node, name in ((ATTIC, "attic"), (CELLAR, "cellar")):
        chat.does(0, NodeJoined(node=node, name=name))
        chat.does(0, NodeReady(node=node))
    for user, name in ((ANN, "Ann"), (BOB, "Bob"), (EVA, "Eva")):
        assert chat.refuses(user, Arrived(room=LOBBY, name=name)) is None
    return chat


def test_a_name_is_for_whoever_claimed_it_first_however_it_is_written():
    chat = house()
    assert chat.refuses(BOB + 1, Claimed(name="Carl")) is None
    assert chat.refuses(ANN + 9, Claimed(name="CARL")) == NameTaken("CARL")
    assert chat.refuses(ANN + 9, Arrived(room=LOBBY, name="carl")) == NameTaken("carl")
    assert chat.refuses(ANN, Renamed(to="carl")) == NameTaken("carl")
    assert chat.refuses(BOB + 1, Arrived(room=LOBBY, name="Carl")) is None
    assert chat.state.claims == {}


def test_a_name_that_somebody_has_cannot_be_claimed_but_by_them():
    chat = house()
    assert chat.refuses(ANN + 9, Claimed(name="bob")) == NameTaken("bob")
    assert chat.refuses(BOB, Claimed(name="BOB")) is None
    assert chat.refuses(BOB, Renamed(to="BOB")) is None
    assert (str(chat.user(BOB)), chat.state.claims) == ("BOB", {})


def test_a_claimed_name_is_free_again_when_its_node_is_lost():
    chat = house()
    chat.does(ANN + 9, Claimed(name="Carl"))
    chat.does(BOB + 9, Claimed(name="Dora"))
    chat.does(0, NodeLost(node=ATTIC))
    assert chat.state.claims == {"dora": BOB + 9}
    assert chat.refuses(BOB + 1, Claimed(name="carl")) is None


def test_all_people_of_a_lost_node_depart_and_nobody_else():
    chat = house()
    chat.does(ANN, Joined(room="den"))
    chat.does(ANN, TopicSet(room="den", topic="coal"))
    chat.does(BOB, Ignored(whom="Ann"))
    outcome = chat.does(0, NodeLost(node=ATTIC))
    assert list(chat.state.users) == [BOB]
    assert list(chat.state.names) == ["bob"]
    assert list(chat.room(LOBBY).members) == [BOB]
    assert list(chat.state.nodes) == [CELLAR]
    assert [(type(one.event), one.event.name) for one in outcome.departures] == [(Departed, "Ann"), (Departed, "Eva")]
    assert [list(map(str, one.others)) for one in outcome.departures] == [["Bob", "Eva"], ["Bob"]]
    assert outcome.vanished == ("den",)
    assert "den" not in chat.state.rooms
    assert chat.user(BOB).ignoring == {"ann": "Ann"}
    assert everything(reread(chat.state)) == everything(chat.state)


def test_invitations_by_and_for_people_of_a_lost_node_leave_nothing_behind():
    chat = house()
    chat.does(BOB, Joined(room="den"))
    chat.does(BOB, MadePrivate(room="den", key="k"))
    chat.does(BOB, Invited(room="den", target=ANN, to="Ann"))
    chat.does(ANN, Joined(room="den"))
    chat.does(0, NodeLost(node=ATTIC))
    assert chat.room("den").invited == {BOB}
    assert chat.refuses(BOB, Told(target=ANN, to="Ann", text="still there?")) is not None


def test_a_node_is_lost_once():
    chat = house()
    lost = chat.stamped(0, NodeLost(node=ATTIC))
    assert len(fold(chat.state, lost).departures) == 2
    assert fold(chat.state, lost) is None
    assert chat.does(0, NodeLost(node=ATTIC)).departures == ()


def test_a_snapshot_is_given_by_a_node_that_is_ready_and_by_another_if_it_is_asked_for_again():
    chat = house()
    chat.does(0, NodeJoined(node=9, name="garden"))
    assert [chat.state.giver(9, attempt) for attempt in range(3)] == [ATTIC, CELLAR, ATTIC]
    assert chat.state.giver(ATTIC, 0) == CELLAR
    for node in (ATTIC, CELLAR):
        chat.does(0, NodeLost(node=node))
    assert chat.state.giver(9, 0) == 0


def test_a_node_that_is_lost_before_it_is_ready_is_forgotten():
    chat = house()
    chat.does(0, NodeJoined(node=9, name="garden"))
    chat.does(0, NodeLost(node=9))
    chat.does(0, NodeReady(node=9))
    assert 9 not in chat.state.nodes
