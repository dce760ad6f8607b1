"""What each kind of event changes, and who hears of it."""

from __future__ import annotations

import msgspec
import pytest
from folded import Chat
from stream import everything, reread

from gchatd.chat.events import (
    Arrived,
    Deleted,
    Departed,
    Edited,
    Ignored,
    Invited,
    Joined,
    Left,
    MadePrivate,
    NotSent,
    Renamed,
    Restored,
    Said,
    Told,
    TopicSet,
    Vanished,
)
from gchatd.chat.folding import fold
from gchatd.chat.state import LOBBY

# Users.


def test_a_name_belongs_to_one_person_at_a_time_however_it_is_written():
    chat = Chat()
    ann = chat.enters("Ann")
    assert chat.refuses(9, Arrived(room=LOBBY, name="ANN")) is not None
    assert 9 not in chat.state.users
    chat.does(ann, Renamed(to="Eva"))
    assert set(chat.state.names) == {"eva"}
    chat.does(ann, Renamed(to="EVA"))
    assert (set(chat.state.names), str(chat.user(ann))) == ({"eva"}, "EVA")
    chat.does(ann, Departed())
    assert chat.state.names == chat.state.users == chat.room(LOBBY).members == {}


def test_who_departs_goes_by_the_name_that_they_have():
    chat = Chat()
    ann = chat.enters("Ann")
    departed = msgspec.structs.replace(chat.stamped(ann, Departed()), name="")
    assert fold(chat.state, departed).event.name == "Ann"


def test_who_is_ignored_stays_so_under_a_new_name_and_the_old_name_too():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.does(ann, Ignored(whom="BOB"))
    chat.does(bob, Renamed(to="Rob"))
    assert chat.state.ignorers == {"bob": {ann}, bob: {ann}}
    assert chat.user(ann).ignoring == {"bob": "BOB", bob: "BOB"}  # as it was typed
    chat.does(ann, Ignored(whom="Rob", on=False))
    assert chat.state.ignorers == {}
    assert not chat.user(ann).ignoring


def test_who_ignores_a_name_ignores_whoever_has_had_it():
    chat = Chat()
    ann = chat.enters("Ann")
    chat.does(ann, Ignored(whom="bob"))
    bob = chat.enters("Bob")
    assert chat.state.ignorers == {"bob": {ann}}
    chat.does(bob, Renamed(to="Rob"))
    assert chat.user(ann).ignoring == {"bob": "bob", bob: "Bob"}
    chat.does(bob, Departed())
    assert (chat.user(ann).ignoring, chat.state.ignorers) == ({"bob": "bob"}, {"bob": {ann}})


def test_who_takes_a_name_that_they_ignore_ignores_it_no_longer():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.does(ann, Ignored(whom="Bob"))
    chat.does(bob, Departed())
    chat.does(ann, Renamed(to="bob"))
    assert chat.state.ignorers == {}
    assert not chat.user(ann).ignoring
    chat.does(ann, Renamed(to="Ann"))
    assert chat.state.ignorers == {}


# Rooms.


def test_the_founder_is_who_created_a_room_until_they_leave_it():
    chat = Chat()
    ann, bob, carl = (chat.enters(name) for name in ("Ann", "Bob", "Carl"))
    for user in (ann, bob, carl):
        chat.does(user, Joined(room="dev"))
    assert chat.room("dev").founder == ann
    chat.does(bob, Left(room="dev"))
    assert chat.room("dev").founder == ann
    chat.does(ann, Departed())
    assert chat.room("dev").founder == 0
    assert chat.room(LOBBY).founder == 0


def test_invitations_end_when_whoever_was_invited_departs_and_not_when_they_leave():
    chat = Chat()
    ann, bob, carl = (chat.enters(name) for name in ("Ann", "Bob", "Carl"))
    for user in (ann, bob):
        chat.does(user, Joined(room="den"))
    chat.does(ann, MadePrivate(room="den", key="k"))
    chat.does(ann, Invited(room="den", target=carl, to="Carl"))
    den = chat.room("den")
    chat.does(bob, Left(room="den"))
    assert den.invited == {ann, bob, carl}
    assert chat.refuses(bob, Joined(room="den")) is None
    for user in (bob, carl):
        chat.does(user, Departed())
    assert den.invited == {ann}
    assert chat.user(ann).invitations == (den,)
    assert not den.admits(chat.user(chat.enters("Carl")))


def test_a_room_goes_by_one_name_however_it_is_written_by_those_who_join_it():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.does(ann, Joined(room="Den"))
    assert chat.does(bob, Joined(room="DEN")).event.room == "Den"


def test_who_comes_with_the_key_can_come_back_without_it():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.does(ann, Joined(room="den"))
    chat.does(ann, MadePrivate(room="den", key="k"))
    assert chat.refuses(bob, Joined(room="den")) is not None
    assert chat.refuses(bob, Joined(room="den", key="k")) is None
    chat.does(bob, Left(room="den"))
    assert chat.refuses(bob, Joined(room="den")) is None


def test_an_invitation_is_for_the_room_and_not_for_the_next_one_of_its_name():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.does(ann, Joined(room="den"))
    chat.does(ann, Invited(room="den", target=bob, to="Bob"))
    chat.does(ann, Left(room="den"))
    assert chat.user(bob).invitations == ()
    chat.does(ann, Joined(room="den"))
    chat.does(ann, MadePrivate(room="den", key="k"))
    assert not chat.room("den").admits(chat.user(bob))
    chat.does(bob, Departed())


def test_of_too_many_rooms_the_first_that_is_empty_makes_way_and_is_forgotten_for_good_if_it_was_silent():
    chat = Chat(most_rooms=4)
    ann = chat.enters("Ann")
    for room in ("Spoken", "Silent"):
        chat.does(ann, Joined(room=room))
        if room == "Spoken":
            chat.says(ann, "hello", room)
        chat.does(ann, MadePrivate(room=room, key="k"))
        chat.does(ann, Left(room=room))
    assert chat.does(ann, Joined(room="a")).vanished == ()
    assert list(chat.state.rooms) == [LOBBY, "spoken", "silent", "a"]
    assert chat.does(ann, Joined(room="b")).vanished == ()
    assert list(chat.state.rooms) == [LOBBY, "silent", "a", "b"]
    assert chat.does(ann, Joined(room="c")).vanished == ("Silent",)
    assert list(chat.state.rooms) == [LOBBY, "a", "b", "c"]
    assert chat.refuses(ann, Joined(room="d")) is not None
    assert len(chat.user(ann).invitations) == 0
    assert everything(reread(chat.state)) == everything(chat.state)


def test_a_room_that_is_left_by_all_vanishes_unless_it_is_private_or_spoken_in_or_the_lobby():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    for room in ("plain", "topical", "private", "spoken"):
        chat.does(ann, Joined(room=room))
    chat.does(ann, TopicSet(room="topical", topic="x"))
    chat.does(ann, MadePrivate(room="private", key="k"))
    chat.says(ann, "hello", "spoken")
    chat.does(ann, Joined(room="another"))
    chat.does(ann, TopicSet(room="another", topic="x"))
    chat.does(bob, Left(room=LOBBY))
    assert chat.does(ann, Departed()).vanished == ("topical", "another")
    assert list(chat.state.rooms) == [LOBBY, "private", "spoken"]


def restored(room: str, **more) -> Restored:
    lines = tuple(Said(room=room, name="Old", text=text, id=id) for id, text in enumerate("abc", 1))
    return Restored(room=room, lines=lines, **more)


def test_a_room_comes_back_from_history_with_its_last_lines_unless_it_is_there():
    chat = Chat(replay=2)
    ann = chat.enters("Ann")
    chat.does(0, restored("Den", topic="t", key="k"))
    den = chat.room("den")
    assert (den.name, den.topic, den.key, den.spoken, den.founder) == ("Den", "t", "k", True, 0)
    assert ([said.text for said in den.recent], den.version) == (["b", "c"], chat.state.place)
    chat.does(ann, Joined(room="den", key="k"))
    before = everything(den)
    chat.does(0, restored("DEN", topic="u", key="l"))
    assert everything(den) == before


def test_the_lobby_gets_its_past_once_and_no_key():
    chat = Chat(replay=5)
    ann = chat.enters("Ann")
    chat.does(0, restored(LOBBY, topic="t", key="k"))
    lobby = chat.room(LOBBY)
    assert (lobby.topic, lobby.private, len(lobby.recent)) == ("t", False, 3)
    chat.says(ann, "hello")
    chat.does(0, restored(LOBBY, topic="u"))
    assert (lobby.topic, len(lobby.recent)) == ("t", 4)


def test_a_topic_that_the_lobby_has_meanwhile_is_not_replaced_by_that_of_its_past():
    chat = Chat()
    chat.does(chat.enters("Ann"), TopicSet(room=LOBBY, topic="new"))
    chat.does(0, restored(LOBBY, topic="old"))
    assert chat.room(LOBBY).topic == "new"


def test_a_room_comes_back_in_place_of_an_empty_one_and_also_if_there_is_none_so_that_nobody_makes_it_public():
    chat = Chat(most_rooms=2)
    ann = chat.enters("Ann")
    chat.does(0, restored("docs"))
    chat.does(0, restored("den", key="k"))
    assert list(chat.state.rooms) == [LOBBY, "den"]
    chat.does(ann, Joined(room="den", key="k"))
    assert chat.does(0, restored("cave", key="l")).vanished == ()
    assert list(chat.state.rooms) == [LOBBY, "den", "cave"]
    assert chat.refuses(ann, Joined(room="cave")) is not None
    assert chat.does(ann, Joined(room="new")).vanished == ()  # history has the cave
    assert list(chat.state.rooms) == [LOBBY, "den", "new"]
    chat.does(ann, MadePrivate(room="new", key="m"))
    chat.does(ann, Left(room="new"))
    assert chat.does(0, restored("docs")).vanished == ("new",)


def test_a_room_has_another_version_whenever_its_last_lines_read_otherwise():
    chat = Chat(replay=3)
    ann = chat.enters("Ann")
    versions = [chat.room(LOBBY).version]
    line = chat.says(ann, "hello")
    versions.append(chat.room(LOBBY).version)
    for event in (Edited(room=LOBBY, line=line, text="bye"), Deleted(room=LOBBY, line=line)):
        assert chat.refuses(ann, event) is None
        versions.append(chat.room(LOBBY).version)
    assert versions == sorted(set(versions))
    chat.does(ann, TopicSet(room=LOBBY, topic="t"))
    assert chat.room(LOBBY).version == versions[-1]


# Who hears of it.


@pytest.mark.parametrize(("people", "told"), [(3, True), (4, False)])
def test_only_in_small_rooms_everybody_hears_who_comes_and_goes(people, told):
    chat = Chat(announce_up_to=3)
    users = [chat.enters(f"p{number}") for number in range(people)]
    for user in users:
        entered = chat.does(user, Joined(room="dev"))
    dev = chat.room("dev")
    assert entered.room is (dev if told else None)
    assert entered.entered is dev
    renamed = chat.does(users[0], Renamed(to="other"))
    assert [user.id for user in renamed.others] == (users[1:] if told else [])
    left = chat.does(users[0], Left(room="dev"))
    assert left.room is (dev if told else None)
    assert left.left == (dev,)


def test_who_departs_is_missed_once_by_everybody_in_their_small_rooms_and_by_nobody_else():
    chat = Chat(announce_up_to=3)
    ann, bob, carl, dee = (chat.enters(name) for name in ("Ann", "Bob", "Carl", "Dee"))
    for room, users in (("a", (ann, carl)), ("b", (bob, ann, carl))):
        for user in users:
            chat.does(user, Joined(room=room))
    outcome = chat.does(ann, Departed())
    assert [user.id for user in outcome.others] == [carl, bob]
    assert {room.name for room in outcome.left} == {LOBBY, "a", "b"}
    assert dee in chat.room(LOBBY).members


def test_what_is_between_two_people_is_for_these_two():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.enters("Carl")
    for event in (Told(target=bob, to="Bob", text="psst"), Invited(room="dev", target=bob, to="Bob")):
        if isinstance(event, Invited):
            chat.does(ann, Joined(room="dev"))
        outcome = chat.does(ann, event)
        assert (outcome.user, outcome.room, outcome.others) == (chat.user(ann), None, (chat.user(bob),))


@pytest.mark.parametrize("event", [Vanished(room="dev"), NotSent(why="full"), Restored(room=LOBBY)])
def test_what_is_nobodys_act_is_never_refused_and_heard_by_nobody(event):
    outcome = Chat().does(0, event)
    assert (outcome.refusal, outcome.user, outcome.room, outcome.others) == (None, None, None, ())
