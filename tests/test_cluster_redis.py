"""Members and a real Redis: killed, restored from an older file, emptied, full."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from people import PATIENCE

from gchatd.chat.events import Departed, Said, Told
from gchatd.chat.state import user_id
from gchatd.cluster.member import Member
from gchatd.cluster.redisstore import RedisStore
from gchatd.cluster.store import BoundsDifferError, Restarted, StoreGone

if TYPE_CHECKING:
    from collections.abc import Callable

    from redisserver import RedisServer

    from gchatd.cluster.store import Entry

NAME = "test"
STREAM = "{test}:stream"


def joined(redis: RedisServer, identity: str, place: int = 0, bounds: str = "bounds") -> tuple[RedisStore, Member]:
    """Return a member that has joined, with its store."""
    store = RedisStore(redis.url, NAME, 15, 1)
    store.connect()
    member = Member(store, identity, f"node {identity}", bounds)
    member.join(0, place)
    return store, member


def reads(store: RedisStore, member: Member) -> list[str]:
    """Let a member read all there is; return the texts."""
    found = [event for entry in store.entries(member.place, 1000) for event in member.read(entry)]
    return [event.text for event in found if isinstance(event, (Said, Told))]


def agrees(store: RedisStore, member: Member) -> bool:
    """Let a member connect, and speak with Redis once."""
    store.connect()
    return member.agree()


def says(member: Member, text: str) -> None:
    member.queue([Said(room="lobby", user=user_id(member.node, 1), name="Ann", text=text)])
    assert member.append() == []


def recover(*members: tuple[RedisStore, Member]) -> None:
    """Let members agree on what a Redis has that was started anew."""
    waiting, until = list(members), time.monotonic() + PATIENCE
    while waiting:
        assert time.monotonic() < until, "they do not agree"
        waiting = [one for one in waiting if not agrees(*one)]
        time.sleep(0.02)


def test_what_a_killed_redis_has_lost_is_put_back_by_whoever_has_read_it(start_redis: Callable[[], RedisServer]):
    redis = start_redis()
    first, second = joined(redis, "i1"), joined(redis, "i2")
    assert first[1].found() is not None
    says(first[1], "one")
    old = redis.copy()
    for number in range(300):
        says(first[1], f"line {number}")
    reads(*first)
    says(first[1], "nobody has read this")
    redis.kill()
    with pytest.raises(StoreGone):
        first[1].renew()
    redis.start(old)
    recover(first, second)
    assert first[1].has_unsent
    assert first[1].append() == []
    heard = reads(*second)
    assert heard == ["one", *(f"line {number}" for number in range(300)), "nobody has read this"]
    assert reads(*first) == ["nobody has read this"]
    assert first[1].peers == second[1].peers


def test_a_redis_without_its_data_gets_it_back(redis: RedisServer):
    first, second = joined(redis, "i1"), joined(redis, "i2")
    assert first[1].found() is not None
    says(first[1], "one")
    reads(*first)
    redis.ask("FLUSHALL")
    for _, member in (first, second):
        with pytest.raises(Restarted):
            member.renew()
    recover(first, second)
    says(first[1], "two")
    assert reads(*first) == ["two"]
    assert reads(*second) == ["one", "two"]


def test_a_full_redis_refuses_batches_and_keeps_leases(redis: RedisServer):
    store, member = joined(redis, "i1")
    says(member, "one")
    redis.ask("CONFIG", "SET", "maxmemory", 1)
    try:
        member.queue([Said(room="lobby", user=user_id(member.node, 1), name="Ann", text="two"), Departed(words="bye")])
        assert [event.why for event in member.append()] == ["Redis has no memory left"]
        assert member.renew().left.keys() == {member.node}
    finally:
        redis.ask("CONFIG", "SET", "maxmemory", 0)
    assert member.append() == []
    assert reads(store, member) == ["one"]
    assert not member.has_unsent


def test_private_texts_are_in_keys_of_their_own_that_expire(redis: RedisServer):
    first, second = joined(redis, "i1"), joined(redis, "i2")
    target = user_id(second[1].node, 1)
    first[1].queue([Told(user=user_id(first[1].node, 1), name="Ann", target=target, to="Bob", text="psst")])
    first[1].append()
    assert reads(*first) == ["psst"]
    assert reads(*second) == ["psst"]
    assert b"psst" not in redis.ask("DUMP", STREAM)
    (key,) = redis.ask("KEYS", "*told*")
    assert 0 < redis.ask("TTL", key) <= 60


def test_nodes_whose_bounds_differ_do_not_join_each_other(redis: RedisServer):
    joined(redis, "i1")
    with pytest.raises(BoundsDifferError, match="bounds"):
        joined(redis, "i2", bounds="others")


def test_a_node_that_knows_more_than_redis_ever_had_goes_on_above_it(redis: RedisServer):
    first = joined(redis, "i1")
    _, member = joined(redis, "i2", place=2**52)
    assert member.place > 2**52
    says(member, "here")
    assert reads(*first) == ["here"]


def test_what_comes_next_is_read_without_waiting_and_from_the_middle_of_an_entry(redis: RedisServer):
    store, member = joined(redis, "i1")
    member.queue([Said(room="lobby", user=1, name="Ann", text=str(number)) for number in range(5)])
    member.append()
    until = time.monotonic() + PATIENCE
    read: list[Entry] = []
    while len(read) < 2 and time.monotonic() < until:
        read += store.read(read[-1].last if read else member.place)
    assert [one.size for one in read] == [1, 5]
    assert [one.size for one in store.entries(read[-1].first + 1, 10)] == [5]
    assert store.entries(read[-1].last, 10) == []
