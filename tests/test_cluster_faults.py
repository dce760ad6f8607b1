"""Nodes that come late, end, die and freeze, and a Redis that does: nothing is lost, nothing comes twice."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from nodes import Chat
from people import GREETING, PATIENCE, ROOT, Person, eventually
from redisserver import RedisServer

from gchatd.cluster.redisstore import RedisStore
from gchatd.cluster.store import StoreGone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOST = (
    "server: This server has lost touch with the others, so it closes your connection. "
    "What you said last may not have been sent. Connect again to go on."
)
SHORT = 1  # second: the shortest lease


@pytest.fixture
def start_chat(tmp_path) -> Iterator[Callable[..., Chat]]:
    """Begin chats; their nodes and their Redis end with the test."""
    chats: list[Chat] = []

    def start(**settings: object) -> Chat:
        chats.append(Chat(tmp_path / f"chat{len(chats)}", **settings))
        return chats[-1]

    yield start
    for chat in chats:
        chat.close()


def watches(person: Person) -> None:
    """Let somebody be told who comes and goes."""
    person.says("/notices on")
    person.sees("server: Notices are on.")


def sees_past(person: Person, *lines: str, room: str = "lobby") -> None:
    """Somebody who comes in is shown these lines of before."""
    count = "line" if len(lines) == 1 else f"{len(lines)} lines"
    person.sees(f"server: The last {count} in {room}, times in UTC:")
    for line in lines:
        assert person.reads_line().endswith(f" {line}")
    person.sees("server: What follows is live.")


def is_in(person: Person) -> None:
    """Wait until somebody is not only promised a name, but has come in."""
    person.says("/ignore")
    person.sees("server: You are not ignoring anyone.")


def talk(*people: Person, about: str = "x", lines: int = 5) -> list[str]:
    """Let everybody say some lines, and see that everybody hears all of them, in the same order; return them."""
    for person in people:
        is_in(person)
    for number in range(lines):
        for person in people:
            person.says(f"{about} {number}")
    heard = [[person.reads_line() for _ in range(lines * (len(people) - 1))] for person in people]
    for person, lines_heard in zip(people, heard, strict=True):
        for other in people:
            expected = [] if other is person else [f"{other.name} : {about} {number}" for number in range(lines)]
            assert [line for line in lines_heard if line.startswith(f"{other.name} : ")] == expected
    return sorted({line for lines_heard in heard for line in lines_heard})


# Coming and going.


def test_a_node_that_starts_late_knows_everything(start_chat, enter):
    chat = start_chat(history__replay=2)
    one = chat.node("one")
    ann = enter(one, "Ann")
    ann.says("/topic gardens")
    ann.sees("server: Ann set the topic of lobby: gardens")
    for line in ("a", "b", "c"):
        ann.says(line)
    ann.sends(b"/join den\n/private\nnobody else knows\n/ignore Eve\n/away at work\n")
    ann.sees("server: You are in den, alone.")
    key = re.fullmatch(r"server: Ann made den private. To come back: /join den (\S+)", ann.reads_line())[1]
    ann.sees("server: You are now ignoring Eve. To stop: /unignore Eve", "server: You are away: at work")
    two = chat.node("two")
    bob = enter(two, "Bob")
    bob.sees("server: The topic of lobby is: gardens")
    sees_past(bob, "Ann : b", "Ann : c")
    bob.says("/msg Ann hi")
    bob.sees("server: Ann is away: at work")
    ann.sees("Bob -> you : hi")
    bob.says("/join den")
    bob.sees("server: den is private. Ask someone in it to /invite you.")
    bob.says(f"/join den {key}")
    bob.sees("server: You are in den with Ann.", f"server: den is private. To come back: /join den {key}")
    sees_past(bob, "Ann : nobody else knows", room="den")
    eve = enter(two, "Eve")
    eve.sees("server: The topic of lobby is: gardens")
    sees_past(eve, "Ann : b", "Ann : c")
    eve.says("/msg Ann do you hear?")
    eve.sees("server: Ann is away: at work")
    eve.says("/nick Ann")
    eve.sees("server: That username is taken: Ann.")
    bob.says("nothing from Eve, I hope")
    ann.sees("Bob : nothing from Eve, I hope")
    assert len(chat.have_the_same_history(one, two)) >= 5


def test_a_node_that_ends_in_peace_takes_its_people_along_at_once(start_chat, enter):
    chat = start_chat()
    one, two = chat.nodes("one", "two")
    ann = enter(one, "Ann")
    watches(ann)
    bob, cid = enter(two, "Bob"), enter(two, "Cid")
    ann.sees("server: Bob joined.", "server: Cid joined.")
    bob.says("the last word")
    ann.sees("Bob : the last word")
    assert two.stop() == 0
    assert bob.reads_to_the_end().endswith(b"server: The server is shutting down.\r\n")
    assert b"Bob : the last word" in cid.reads_to_the_end()
    assert {ann.reads_line(), ann.reads_line()} == {"server: Bob left.", "server: Cid left."}
    ann.says("/names")
    ann.sees("server: 1 in lobby: Ann")


def test_the_people_of_a_node_that_was_killed_leave_once_when_its_lease_is_over(start_chat, enter):
    chat = start_chat(cluster__lease_seconds=SHORT)
    one, two, three = chat.nodes("one", "two", "three")
    ann, cid = enter(one, "Ann"), enter(three, "Cid")
    watches(ann)
    watches(cid)
    enter(two, "Bob").says("I was here")
    for person in (ann, cid):
        while person.reads_line() != "Bob : I was here":
            pass
    two.stop(signal.SIGKILL)
    for person in (ann, cid):
        person.sees("server: Bob left.")
    ann.says("/names")
    ann.sees("server: 2 in lobby: Ann, Cid")
    enter(three, "Bob")  # the name is free
    ann.sees("server: Bob joined.")
    cid.sees("server: Bob joined.")
    chat.have_the_same_history(one, three)


def test_the_people_of_a_node_that_was_killed_leave_at_once_when_it_starts_again(start_chat, enter):
    chat = start_chat(cluster__lease_seconds=3600)
    one, two = chat.nodes("one", "two")
    ann = enter(one, "Ann")
    watches(ann)
    enter(two, "Bob").says("before")
    ann.sees("server: Bob joined.", "Bob : before")
    two.stop(signal.SIGKILL)
    ann.says("meanwhile")
    two = chat.node("two")
    ann.sees("server: Bob left.")
    bob = enter(two, "Bob")
    ann.sees("server: Bob joined.")
    talk(ann, bob)
    assert chat.texts(one, two)[:2] == ["before", "meanwhile"]


def test_all_nodes_can_be_killed_and_the_chat_goes_on(start_chat, enter):
    chat = start_chat(history__replay=10)
    for number in range(3):
        one, two = chat.nodes("one", "two")
        ann = enter(one, "Ann")
        bob = enter(two, "Bob")
        if number:
            for person in (ann, bob):
                sees_past(person, *(f"Ann : round {earlier}" for earlier in range(number)))
        ann.says(f"round {number}")
        bob.sees(f"Ann : round {number}")
        assert chat.texts(one, two) == [f"round {earlier}" for earlier in range(number + 1)]
        for node in (one, two):
            node.stop(signal.SIGKILL)


def test_a_node_that_was_frozen_for_longer_than_its_lease_closes_its_clients_with_a_sentence(start_chat, enter):
    chat = start_chat(cluster__lease_seconds=SHORT)
    one, two = chat.nodes("one", "two")
    ann = enter(one, "Ann")
    watches(ann)
    bob = enter(two, "Bob")
    ann.sees("server: Bob joined.")
    two.freeze()
    ann.sees("server: Bob left.")
    enter(one, "Bob")
    ann.sees("server: Bob joined.")
    bob.says("am I late?")
    two.thaw()
    bob.sees(LOST)
    assert bob.reads_to_the_end() == b""
    assert two.process.wait(PATIENCE) == 1
    assert "no longer part of the chat" in two.log()
    ann.says("/names")
    ann.sees("server: 2 in lobby: Ann, Bob")
    two = chat.node("two")
    cid = enter(two, "Cid")
    ann.sees("server: Cid joined.")
    talk(ann, cid)
    assert "am I late?" not in chat.texts(one, two)


# Redis.


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_redis_is_stopped_and_started_and_nobody_notices_but_for_a_pause(start_chat, enter, how):
    chat = start_chat()
    one, two = chat.nodes("one", "two")
    ann, bob = enter(one, "Ann"), enter(two, "Bob")
    talk(ann, bob, about="before")
    for number in range(2):
        getattr(chat.redis, how)()
        for person in (ann, bob):
            person.says(f"{person.name} is patient {number}")
        for node in (one, two):
            eventually(lambda node=node, number=number: node.log().count("cannot reach Redis") == number + 1)
        chat.redis.start()
        ann.sees(f"Bob : Bob is patient {number}")
        bob.sees(f"Ann : Ann is patient {number}")
        talk(ann, bob, about=f"after {number}")
    ann.says("/names")
    ann.sees("server: 2 in lobby: Ann, Bob")
    texts = chat.texts(one, two)
    assert len(texts) == len(set(texts)) + 15
    assert len(texts) == 34


def test_however_often_redis_could_not_be_reached_it_can_when_it_is_back(start_chat):
    redis = start_chat().redis
    store = RedisStore(redis.url, "gchat", 15, 1)
    redis.stop()
    for _ in range(120):
        with pytest.raises(StoreGone):
            store.connect()
    redis.start()
    store.connect()
    store.disconnect()


def test_redis_is_frozen_for_a_while(start_chat, enter):
    chat = start_chat(cluster__lease_seconds=SHORT)
    one, two = chat.nodes("one", "two")
    ann, bob = enter(one, "Ann"), enter(two, "Bob")
    chat.redis.freeze()
    ann.says("frozen")
    one.logs("cannot reach Redis")  # far longer than the lease
    chat.redis.thaw()
    bob.sees("Ann : frozen")
    talk(ann, bob)
    assert chat.texts(one, two).count("frozen") == 1


def test_redis_that_is_full_refuses_what_is_said_and_the_chat_goes_on(start_chat, enter):
    chat = start_chat(cluster__lease_seconds=SHORT)
    one, two = chat.nodes("one", "two")
    ann, bob = enter(one, "Ann"), enter(two, "Bob")
    talk(ann, bob, about="before")
    chat.redis.fills_up()
    ann.says("too much")
    ann.sees("server: Not sent: Redis has no memory left.")
    ann.says("/msg Bob too much, too")
    ann.sees("server: Not sent: Redis has no memory left.")
    ann.says("/names")
    ann.sees("server: 2 in lobby: Ann, Bob")
    stranger = enter(two)
    stranger.sees(GREETING)
    stranger.says("Eve")
    assert "lost touch with the others and cannot give out names" in stranger.reads_line()
    chat.redis.has_room_again()

    def works() -> bool:
        ann.says("again")
        return "what people say is kept again" in one.log()

    eventually(works)
    while bob.reads_line() != "Ann : again":
        pass
    texts = chat.texts(one, two)
    assert "too much" not in texts
    assert "kept again" in one.log()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"appendonly": "no"}, "keeps no append-only file, so it forgets everything when it ends"),
        ({"maxmemory": "100mb", "maxmemory_policy": "allkeys-lru"}, "drops data when it is full"),
    ],
)
def test_a_redis_that_may_lose_what_it_was_given_is_refused_unless_that_is_wanted(tmp_path, options, why):
    redis = RedisServer(**options)
    chat = Chat(tmp_path, redis)
    try:
        told = refusal(chat)
        assert why in told
        assert "cluster.any_redis = yes" in told
        assert why in chat.node("one", cluster__any_redis="yes").logs("WARNING this Redis")
    finally:
        chat.close()
        redis.close()


def test_nodes_that_would_not_agree_are_refused(start_chat, tmp_path):
    chat = start_chat(rooms__most=100)
    chat.node("one")
    told = refusal(chat, rooms__most=200)
    assert told == (
        "gchat: the other servers of this chat differ in rooms.most (200 here, 100 there): "
        "it must be the same everywhere\n"
    )


def refusal(chat: Chat, **settings: object) -> str:
    """Start a node that cannot start, and return what it says."""
    sets = [word for name, value in chat.settings(**settings).items() for word in ("--set", f"{name}={value}")]
    words = [sys.executable, str(ROOT / "gchat.py"), "--listen", "127.0.0.1:0", *sets]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=2 * PATIENCE, check=False)
    assert ended.returncode == 2, ended
    return ended.stderr.splitlines(keepends=True)[-1]


# One process and several.


def test_the_data_of_one_process_is_taken_into_a_cluster_and_back(start_chat, start, enter, tmp_path):
    chat = start_chat(history__replay=100)
    data = chat.data("one")
    alone = start(data=data, history__replay=100)
    ann = enter(alone, "Ann")
    for line in ("1", "2"):
        ann.says(line)
    ann.says("/join club")
    ann.sees("server: You are in club, alone.")
    ann.says("3")
    ann.says("/version")
    assert ann.reads_line().startswith("server: gchat ")
    alone.stop()
    one = chat.node("one")
    bob = enter(one, "Bob")
    sees_past(bob, "Ann : 1", "Ann : 2")
    bob.says("4")
    bob.says("/join club")
    bob.sees("server: You are in club, alone.")
    sees_past(bob, "Ann : 3", room="club")
    two = chat.node("two")
    cid = enter(two, "Cid")
    sees_past(cid, "Ann : 1", "Ann : 2", "Bob : 4")
    cid.says("5")
    cid.says("/search 5")
    assert "1 line in lobby" in cid.reads_line()
    assert cid.reads_line().endswith("Cid : *5*")
    eventually(lambda: one.lines()[-1][2].count('"5"'))
    for node in (one, two):
        assert node.stop() == 0
    alone = start(data=data, history__replay=100)
    dan = enter(alone, "Dan")
    sees_past(dan, "Ann : 1", "Ann : 2", "Bob : 4", "Cid : 5")
    dan.says("6")
    dan.says("/search 6")
    assert "1 line in lobby" in dan.reads_line()
    assert dan.reads_line().endswith("Dan : *6*")
    alone.stop()
    ids = [id for id, _, _ in one.lines()]
    assert ids == sorted(set(ids))
    one = chat.node("one")
    two = chat.node("two")
    eve = enter(two, "Eve")
    sees_past(eve, "Ann : 1", "Ann : 2", "Bob : 4", "Cid : 5", "Dan : 6")
