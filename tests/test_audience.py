"""Who listens, and how bytes get to them: listeners of one format, a room's audience, and the sessions of a process."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gchatd.chat.events import Origin, Said
from gchatd.chat.state import Room, User
from gchatd.delivery.audience import Audience, Listeners
from gchatd.delivery.outbox import CHANGES_KEPT, SlowReaders, send_nowhere
from gchatd.delivery.sessions import Sessions
from gchatd.text.names import Name


class Ear:
    """A session, as far as who listens is concerned. A format is a word."""

    def __init__(self, id: int, format: str = "plain") -> None:
        self.id = id
        self.format = format
        self.user: User | None = None
        self.outbox = self
        self.send = lambda data: len(data)
        self.waits = True

    def format_in(self, room: str) -> str:
        return self.format if room != "elsewhere" else f"{self.format} elsewhere"

    def falls_behind(self, slow_readers: SlowReaders) -> None:
        """Get another `send`, as outboxes do."""
        self.send = lambda data: 0
        slow_readers.note_change(self.id)

    def wait_no_more(self) -> None:
        self.waits = False


@pytest.fixture
def slow_readers():
    return SlowReaders(0, 0)


def ids(listeners: Listeners) -> list[int]:
    return [session.id for session in listeners.sessions]


def sends(listeners: Listeners) -> list:
    return [session.send for session in listeners.sessions]


# Listeners.


def test_listeners_stand_in_the_order_of_their_ids_however_they_come(slow_readers):
    ears = [Ear(id) for id in (5, 1, 9)]
    listeners = Listeners(ears)
    assert ids(listeners) == [1, 5, 9]
    assert listeners.ways(slow_readers) == sends(listeners)
    for id in (7, 10, 0):
        listeners.add(Ear(id))
    assert ids(listeners) == [0, 1, 5, 7, 9, 10]
    assert listeners.ways(slow_readers) == sends(listeners)
    assert listeners.remove(ears[0])
    assert not listeners.remove(ears[0])
    assert not listeners.remove(Ear(100))
    assert ids(listeners) == [0, 1, 7, 9, 10]
    assert listeners.ways(slow_readers) == sends(listeners)


def test_listeners_are_found_by_id_be_they_few_or_many():
    listeners = Listeners(Ear(id) for id in range(10, 30, 2))
    assert [listeners.index(id) for id in (9, 10, 11, 12, 28, 29)] == [None, 0, None, 1, 9, None]
    assert sorted(listeners.indexes({12, 13, 28})) == [1, 9]
    assert listeners.indexes(set(range(100))) == list(range(10))
    assert listeners.indexes(set(range(11, 100))) == list(range(1, 10))
    assert Listeners().indexes({1}) == Listeners().indexes(set()) == []


@pytest.mark.parametrize("changed", [1, 2, 3, 16])
def test_ways_follow_when_few_outboxes_change_and_when_many_do(slow_readers, changed):
    """Two of sixteen are few."""
    ears = [Ear(id) for id in range(1, 17)]
    listeners = Listeners(ears)
    before = listeners.ways(slow_readers)
    assert listeners.ways(slow_readers) is before
    for ear in ears[:changed]:
        ear.falls_behind(slow_readers)
    Ear(100).falls_behind(slow_readers)  # who does not listen here
    assert listeners.ways(slow_readers) == sends(listeners)


def test_of_many_listeners_only_those_are_looked_at_whose_outbox_has_changed(slow_readers):
    ears = [Ear(id) for id in range(1, 17)]
    listeners = Listeners(ears)
    listeners.ways(slow_readers)
    ears[3].send = None  # without a word
    ears[4].falls_behind(slow_readers)
    assert listeners.ways(slow_readers)[3] is not None
    assert listeners.ways(slow_readers)[4] is ears[4].send


def test_ways_are_right_however_long_ago_somebody_last_looked(slow_readers):
    listeners = Listeners(ears := [Ear(id) for id in range(1, 101)])
    listeners.ways(slow_readers)
    ears[50].falls_behind(slow_readers)
    for _ in range(2 * CHANGES_KEPT):
        slow_readers.note_change(1000)
    assert listeners.ways(slow_readers) == sends(listeners)


def test_ways_that_were_never_looked_at_are_made_when_they_are(slow_readers):
    listeners = Listeners()
    listeners.add(ear := Ear(2))
    listeners.add(Ear(1))
    ear.falls_behind(slow_readers)
    assert listeners.ways(slow_readers) == sends(listeners)


def test_at_some_indexes_the_way_leads_nowhere_for_once(slow_readers):
    listeners = Listeners(Ear(id) for id in (1, 2, 3))
    one, two, three = sends(listeners)
    assert listeners.ways(slow_readers, [0, 2]) == [send_nowhere, two, send_nowhere]
    assert listeners.ways(slow_readers) == [one, two, three]


DEEDS = st.sampled_from(["add", "add", "remove", "change", "change", "look", "flood"])


@settings(max_examples=150, deadline=None)
@given(st.sets(st.integers(1, 60)), st.lists(st.tuples(DEEDS, st.integers(1, 60)), max_size=60))
def test_whatever_happens_ways_are_those_of_the_listeners_there_are(first, deeds):
    slow_readers = SlowReaders(0, 0)
    model = {id: Ear(id) for id in first}
    listeners = Listeners(model.values())
    for deed, id in [*deeds, ("look", 0)]:
        if deed == "add" and id not in model:
            listeners.add(model.setdefault(id, Ear(id)))
        elif deed == "remove":
            there = id in model
            assert listeners.remove(model.pop(id, Ear(id))) is there
        elif deed == "change":
            model.get(id, Ear(id)).falls_behind(slow_readers)
        elif deed == "flood":
            for _ in range(CHANGES_KEPT):
                slow_readers.note_change(id)
        elif deed == "look":
            assert listeners.ways(slow_readers) == [model[id].send for id in sorted(model)]
        assert ids(listeners) == sorted(model)


# A room's audience.


def groups(audience: Audience, room: str = "dev") -> dict[str, list[int]]:
    return {format: ids(listeners) for format, listeners in audience.groups(room).items()}


def test_an_audience_is_grouped_by_the_format_in_which_each_reads_the_room():
    audience = Audience()
    assert audience.is_empty
    for ear in (Ear(3), Ear(1), Ear(2, "colour")):
        audience.add(ear, "elsewhere")
    assert groups(audience, "elsewhere") == {"plain elsewhere": [1, 3], "colour elsewhere": [2]}
    assert not audience.is_empty


def test_who_reads_another_format_from_now_on_changes_groups_before_the_next_turn_and_not_during_one():
    audience = Audience()
    ears = [Ear(1), Ear(2), Ear(3, "colour")]
    for ear in ears:
        audience.add(ear, "dev")
    during = audience.groups("dev")
    ears[0].format = ears[2].format = "contrast"
    audience.restyled(ears[0])
    audience.restyled(ears[2])
    assert {format: ids(listeners) for format, listeners in during.items()} == {"plain": [1, 2], "colour": [3]}
    assert groups(audience) == {"plain": [2], "contrast": [1, 3]}  # and nobody is left with colours
    assert groups(audience) == {"plain": [2], "contrast": [1, 3]}


def test_who_leaves_is_found_whatever_they_read_by_now_and_empty_groups_vanish():
    audience = Audience()
    ears = [Ear(1), Ear(2), Ear(3, "colour")]
    for ear in ears:
        audience.add(ear, "dev")
    ears[0].format = "colour"
    assert audience.remove(ears[0], "dev")
    assert not audience.remove(ears[0], "dev")
    assert groups(audience) == {"plain": [2], "colour": [3]}
    ears[2].format = "contrast"
    audience.restyled(ears[2])
    assert audience.remove(ears[2], "dev")
    assert groups(audience) == {"plain": [2]}
    assert audience.remove(ears[1], "dev")
    assert groups(audience) == {}
    assert audience.is_empty


def test_who_does_not_listen_is_not_added_by_another_look():
    audience = Audience()
    audience.add(Ear(1), "dev")
    audience.restyled(Ear(2))
    assert groups(audience) == {"plain": [1]}


# The sessions of a process.


def a_user(id: int, *rooms: Room) -> User:
    user = User(id, Name(f"U{id}", f"u{id}"), 0)
    user.rooms = rooms
    return user


@pytest.fixture
def sessions():
    return Sessions(7)


def joined(sessions: Sessions, user: User | None = None, format: str = "plain") -> Ear:
    """A session that was added, and speaks for a user."""
    ear = Ear(0, format)
    ear.id = sessions.add(ear)
    if user is not None:
        sessions.arrive(ear, user)
        for room in user.rooms:
            sessions.enter(ear, room)
    return ear


def test_no_id_of_a_session_is_used_again(sessions):
    first, second = joined(sessions), joined(sessions)
    sessions.remove(second)
    assert first.id < second.id < joined(sessions).id
    assert sessions.by_id[first.id] is first
    assert second.id not in sessions.by_id


def test_a_user_may_have_several_sessions_and_lose_them_one_by_one(sessions):
    room = Room("dev")
    user, other = a_user(1, room), a_user(2, room)
    phone, desk, theirs = joined(sessions, user), joined(sessions, user), joined(sessions, other)
    assert list(sessions.of(1)) == [phone, desk]
    assert (phone.user, theirs.user) == (user, other)
    sessions.remove(phone)
    sessions.remove(phone)  # changes nothing
    assert list(sessions.of(1)) == [desk]
    assert groups(sessions.audiences[room]) == {"plain": [desk.id, theirs.id]}
    sessions.remove(desk)
    assert list(sessions.of(1)) == []
    assert sessions._by_user.keys() == {2}
    sessions.remove(theirs)
    assert (sessions.audiences, sessions.by_id, sessions._by_user) == ({}, {}, {})


def test_who_never_came_in_is_removed_all_the_same(sessions):
    sessions.remove(joined(sessions))
    assert not sessions.by_id


def test_an_events_origin_is_a_session_that_is_here_and_of_this_run(sessions):
    ear = joined(sessions)
    assert sessions.origin(Said(text="x", origin=Origin(7, ear.id))) is ear
    assert sessions.origin(Said(text="x", origin=Origin(6, ear.id))) is None
    assert sessions.origin(Said(text="x", origin=Origin(7, ear.id + 1))) is None
    assert sessions.origin(Said(text="x")) is None


def test_a_room_has_an_audience_while_somebody_listens(sessions):
    room = Room("dev")
    ann, bob = joined(sessions), joined(sessions)
    sessions.leave(ann, room)  # changes nothing
    sessions.enter(ann, room)
    sessions.enter(bob, room)
    sessions.leave(ann, room)
    sessions.leave(ann, room)
    assert groups(sessions.audiences[room]) == {"plain": [bob.id]}
    sessions.leave(bob, room)
    assert not sessions.audiences


def test_another_look_counts_in_all_rooms_of_the_user_that_anybody_listens_to(sessions):
    dev, elsewhere = Room("dev"), Room("elsewhere")
    ear = joined(sessions, a_user(1, dev, elsewhere))
    ear.user.rooms += (Room("entered just now"),)
    ear.format = "colour"
    assert groups(sessions.audiences[dev]) == {"plain": [ear.id]}
    sessions.restyled(ear)
    sessions.restyled(joined(sessions))  # who has not come in yet
    assert groups(sessions.audiences[dev]) == {"colour": [ear.id]}
    assert groups(sessions.audiences[elsewhere], "elsewhere") == {"colour elsewhere": [ear.id]}


def test_when_the_server_shuts_down_nobody_waits_for_what_they_did(sessions):
    ears = [joined(sessions), joined(sessions, a_user(1))]
    sessions.wait_no_more()
    assert not any(ear.waits for ear in ears)
