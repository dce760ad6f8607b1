"""What Redis does by script.lua, and its model in Python: the same, operation by operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from bothstores import KEYS, Both
from worlds import World

from gchatd.cluster.member import Member

if TYPE_CHECKING:
    from redisserver import RedisServer


@pytest.mark.parametrize("seed", range(1000, 1010))
def test_worlds_take_the_same_course_on_redis(redis: RedisServer, seed: int):
    both = Both(redis)
    World(seed, both).play()
    both.compare_stream(10**6)
    assert both.done > 100


def test_events_are_trimmed_where_their_marks_are_too_old(redis: RedisServer):
    both = Both(redis, retain=200_000)
    member = Member(cast("Any", both), "i0", "attic", "bounds")
    member.join(0, 0)
    member.found()
    for _ in range(300):
        both.now += 1000
        member.renew()
        both.append(member.node, member.peers[member.node].batch + 1, 0, member.place, 1, b"[]", [])
        for entry in both.keys.stream[-3:]:
            member.read(entry)
    assert both.keys.trimmed > 0
    assert redis.ask("HGET", KEYS[1], "trimmed") == str(both.keys.trimmed).encode()
    assert redis.ask("XLEN", KEYS[0]) < 310
