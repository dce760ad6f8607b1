"""Who may do what: each rule answers the same when it is asked before an event is broadcast, and when it is folded."""

from __future__ import annotations

import pytest
from folded import Chat
from stream import everything

from gchatd.chat import answers as a
from gchatd.chat import rules
from gchatd.chat.events import (
    Arrived,
    CameBack,
    Deleted,
    Departed,
    Edited,
    Ignored,
    Invited,
    Joined,
    Left,
    MadePrivate,
    Renamed,
    Said,
    Told,
    TopicSet,
    WentAway,
)
from gchatd.chat.folding import Outcome
from gchatd.chat.state import LOBBY

ANN, BOB, CARL, GONE = 1, 2, 3, 99
"""Ann created dev, which is public, and den, which is private; Bob is in dev, and Carl may enter den."""

MINUTES = 60_000


@pytest.fixture
def chat() -> Chat:
    chat = Chat(most_rooms=3)
    for name in ("Ann", "Bob", "Carl"):
        chat.enters(name)
    for user, event in (
        (ANN, Joined(room="Dev")),
        (ANN, Joined(room="den")),
        (ANN, MadePrivate(room="den", key="k")),
        (ANN, Invited(room="den", target=CARL, to="Carl")),
        (ANN, TopicSet(room="den", topic="t")),
        (BOB, Joined(room="dev")),
        (BOB, Ignored(whom="Carl")),
        (CARL, Renamed(to="Cleo")),
    ):
        assert chat.refuses(user, event) is None
    assert chat.says(ANN, "hello", "den") == LINE
    return chat


LINE = 12

NOT_IN = ["Left", "Said", "TopicSet", "MadePrivate", "Invited"]


def act(kind: str, room: str):
    more = {"Said": {"text": "x"}, "TopicSet": {"topic": "x"}, "MadePrivate": {"key": "x"}}
    more["Invited"] = {"target": CARL, "to": "Cleo"}
    return globals()[kind](room=room, **more.get(kind, {}))


REFUSED = [
    (8, Arrived(room=LOBBY, name="CLEO"), a.NameTaken("CLEO")),
    *((BOB, act(kind, "den"), a.NotInRoom("den")) for kind in NOT_IN),
    *((BOB, act(kind, "nowhere"), a.NotInRoom("nowhere")) for kind in NOT_IN),
    *((GONE, event, a.NotHere()) for event in (act("Said", "dev"), Departed(), CameBack(), Renamed(to="x"))),
    # Rooms.
    (ANN, Joined(room="new", key="k"), a.NoSuchPrivateRoom("new")),
    (ANN, Joined(room="new"), a.TooManyRooms(3)),
    (BOB, Joined(room="DEV"), a.AlreadyInRoom("Dev")),
    (BOB, Joined(room="DEV", key="k"), a.AlreadyInRoom("Dev")),
    (CARL, Joined(room="dev", key="k"), a.RoomHasNoKey("Dev")),
    (BOB, Joined(room="DEN"), a.RoomIsPrivate("den")),
    (BOB, Joined(room="den", key="K"), a.RoomIsPrivate("den", wrong_key=True)),
    (ANN, TopicSet(room="den", topic="t"), a.SameTopic("den", "t")),
    (ANN, TopicSet(room="DEV", topic=""), a.SameTopic("Dev", "")),
    (ANN, TopicSet(room="den", topic="x" * 301), a.TooLong("topic", 300, 301)),
    (ANN, MadePrivate(room="den", key="l"), a.AlreadyPrivate("den")),
    (ANN, MadePrivate(room=LOBBY, key="l"), a.AlwaysPublic(LOBBY)),
    (BOB, MadePrivate(room="dev", key="l"), a.NotFounder("Dev")),
    (ANN, Invited(room="den", target=GONE, to="X"), a.UserLeft("X")),
    (ANN, Invited(room="dev", target=BOB, to="Bob"), a.AlreadyMember("Bob", "Dev")),
    # People.
    (ANN, Told(target=GONE, to="X", text="x"), a.NotDelivered("X")),
    (ANN, Told(target=ANN, to="Ann", text="x"), a.ThatIsYou()),
    (ANN, Ignored(whom="ANN"), a.ThatIsYou()),
    (BOB, Ignored(whom="CARL"), a.AlreadyIgnoring("CARL")),
    (BOB, Ignored(whom="Ann", on=False), a.NotIgnoring("Ann")),
    (ANN, Ignored(whom="nobody", on=False), a.NotIgnoring("nobody")),
    (ANN, Renamed(to="BOB"), a.NameTaken("BOB")),
    (ANN, Renamed(to="Ann"), a.SameName("Ann")),
    (ANN, WentAway(words="x" * 201), a.TooLong("reason", 200, 201)),
    (ANN, CameBack(), a.NotAway()),
    # Lines.
    (BOB, Edited(room="den", line=LINE, text="x"), a.CannotChange()),
    (BOB, Deleted(room="den", line=LINE), a.CannotChange()),
    (ANN, Edited(room="Dev", line=LINE, text="x"), a.CannotChange()),
    (ANN, Deleted(room="den", line=LINE + 1), a.CannotChange()),
    (ANN, Edited(room="den", line=LINE, text="hello"), a.SameText()),
]

ALLOWED = [
    (8, Arrived(room=LOBBY, name="Carl")),
    (ANN, Joined(room=LOBBY)),
    (CARL, Joined(room="dev")),
    (CARL, Joined(room="den")),
    (BOB, Joined(room="den", key="k")),
    (BOB, Left(room="DEV")),
    (BOB, Said(room="dev", text="x")),
    (BOB, TopicSet(room="dev", topic="x" * 300)),
    (ANN, MadePrivate(room="dev", key="l")),
    (BOB, Invited(room="dev", target=CARL, to="Cleo")),
    (ANN, Told(target=BOB, to="Bob", text="x")),
    (BOB, Ignored(whom="Cleo")),
    (BOB, Ignored(whom="CARL", on=False)),
    (BOB, Ignored(whom="CLEO", on=False)),
    (ANN, Renamed(to="ANN")),
    (ANN, Renamed(to="Carl")),
    (ANN, WentAway(words="x" * 200)),
    (ANN, Edited(room="den", line=LINE, text="x")),
    (ANN, Deleted(room="den", line=LINE)),
    (ANN, Departed()),
]


def label(value: object) -> str | None:
    return type(value).__name__ if not isinstance(value, int) else None


@pytest.mark.parametrize(("user", "event", "refusal"), REFUSED, ids=label)
def test_what_is_refused_is_refused_when_asked_and_when_folded_and_changes_nothing(chat, user, event, refusal):
    before = everything(chat.state)
    assert rules.check(chat.state, chat.stamped(user, event)) == refusal
    assert everything(chat.state) == before
    outcome = chat.does(user, event)
    assert outcome == Outcome(chat.events[-1], refusal, chat.state.users.get(user))
    assert everything(chat.state) == {**before, "place": chat.events[-1].place}


@pytest.mark.parametrize(("user", "event"), ALLOWED, ids=label)
def test_what_is_allowed_is_allowed_when_asked_and_when_folded(chat, user, event):
    if event == Joined(room=LOBBY):
        chat.does(ANN, Left(room=LOBBY))
    assert rules.check(chat.state, chat.stamped(user, event)) is None
    assert chat.refuses(user, event) is None


def test_every_rule_is_asked_here_both_ways():
    acts = {*rules.RULES, Arrived}
    assert {type(event) for _, event, _ in REFUSED} | {Left} == acts
    assert {type(event) for _, event in ALLOWED} | {CameBack} == acts


@pytest.mark.parametrize(("user", "first", "then", "refusal"), [
    (BOB, (ANN, MadePrivate(room="dev", key="l")), (CARL, Joined(room="dev")), a.RoomIsPrivate("Dev")),
    (BOB, (CARL, Departed()), (ANN, Told(target=CARL, to="Cleo", text="x")), a.NotDelivered("Cleo")),
    (BOB, (CARL, Renamed(to="Eva")), (BOB, Renamed(to="Eva")), a.NameTaken("Eva")),
    (BOB, (BOB, Departed()), (BOB, Said(room="dev", text="x")), a.NotHere()),
    (BOB, (ANN, Left(room="dev")), (ANN, MadePrivate(room="dev", key="l")), a.NotInRoom("dev")),
])  # fmt: skip
def test_what_was_allowed_when_asked_is_refused_when_somebody_was_faster(chat, user, first, then, refusal):
    assert rules.check(chat.state, chat.stamped(*then)) is None
    chat.does(*first)
    assert chat.refuses(*then) == refusal


def test_a_line_can_be_changed_for_ten_minutes(chat):
    chat.at += 10 * MINUTES
    assert rules.check(chat.state, chat.stamped(ANN, Deleted(room="den", line=LINE))) is None
    chat.at += 1
    for event in (Deleted(room="den", line=LINE), Edited(room="den", line=LINE, text="x")):
        assert chat.refuses(ANN, event) == a.TooLateToChange(10)


def test_a_line_can_be_changed_only_while_its_author_is_in_its_room(chat):
    chat.does(ANN, Left(room="den"))
    assert chat.refuses(ANN, Edited(room="den", line=LINE, text="x")) == a.NotInRoom("den")
    assert chat.refuses(ANN, Deleted(room="den", line=LINE)) == a.NotInRoom("den")


def test_a_line_that_was_deleted_cannot_be_changed_again(chat):
    assert chat.refuses(ANN, Deleted(room="den", line=LINE)) is None
    assert chat.refuses(ANN, Deleted(room="den", line=LINE)) == a.CannotChange()


def test_who_is_back_is_no_longer_away(chat):
    for words in ("lunch", ""):
        chat.does(ANN, WentAway(words=words))
        assert chat.user(ANN).away == words
        assert chat.refuses(ANN, CameBack()) is None
        assert chat.refuses(ANN, CameBack()) == a.NotAway()


def test_nobody_is_in_more_rooms_than_there_may_be_for_one():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    for number in range(rules.MOST_JOINED - 1):
        assert chat.refuses(ann, Joined(room=f"r{number}")) is None
    chat.does(bob, Joined(room="bobs"))
    for room in ("another", "bobs"):
        assert chat.refuses(ann, Joined(room=room)) == a.TooManyJoined(rules.MOST_JOINED)
    assert chat.refuses(ann, Joined(room=LOBBY)) == a.AlreadyInRoom(LOBBY)
    chat.does(ann, Left(room=LOBBY))
    assert chat.refuses(ann, Joined(room="another")) is None


def test_nobody_ignores_more_people_than_there_may_be_for_one():
    chat = Chat()
    ann, bob = chat.enters("Ann"), chat.enters("Bob")
    chat.does(ann, Ignored(whom="Bob"))  # the name and the person count once
    for number in range(rules.MOST_IGNORED - 1):
        assert chat.refuses(ann, Ignored(whom=f"p{number}")) is None
    assert chat.refuses(ann, Ignored(whom="another")) == a.TooManyIgnored(rules.MOST_IGNORED)
    assert chat.refuses(bob, Ignored(whom="another")) is None
    chat.does(ann, Ignored(whom="p7", on=False))
    assert chat.refuses(ann, Ignored(whom="another")) is None


def test_an_empty_room_makes_way_for_a_new_one_but_the_lobby_does_not(chat):
    for user in (ANN, BOB, CARL):
        chat.does(user, Left(room=LOBBY))
    assert chat.refuses(ANN, Joined(room="new")) == a.TooManyRooms(3)
    chat.does(ANN, Left(room="den"))
    assert chat.refuses(ANN, Joined(room="new")) is None


def test_who_is_not_here_says_something_in_passing_where_they_may_and_as_nobody_who_is_here(chat):
    assert chat.refuses(0, Said(room="dev", name="CI", text="x")) is None
    assert chat.refuses(0, Said(room="den", name="CI", text="x")) == a.NoSuchRoom("den")
    assert chat.refuses(0, Said(room="den", name="CI", text="x", with_key=True)) is None
    assert chat.refuses(0, Said(room="nowhere", name="CI", text="x")) == a.NoSuchRoom("nowhere")
    assert chat.refuses(0, Said(room="dev", name="ann", text="x")) == a.NameTaken("ann")
