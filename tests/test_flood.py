"""People who send faster than a chat can bear: they wait, and nobody else does."""

from __future__ import annotations

import time

import pytest
from house import House
from people import PATIENCE, SECOND

from gchatd import intake
from gchatd.limits.flood import Bucket, Flood
from gchatd.settings import Limits

FLOOD = {"limits__flood": True}


def test_a_bucket_gives_its_burst_at_once_and_then_one_token_at_a_time():
    bucket, full_at, now = Bucket(burst=5, per_second=2), 0.0, 100.0
    for _ in range(5):
        assert bucket.delay(full_at, now) == 0
        full_at = bucket.take(full_at, now)
    for _ in range(20):
        assert bucket.delay(full_at, now) == 0.5
        now += 0.5
        assert bucket.delay(full_at, now) == 0
        full_at = bucket.take(full_at, now)


def test_a_bucket_is_full_again_after_a_pause_and_never_fuller():
    bucket = Bucket(burst=3, per_second=1)
    full_at = 0.0
    for now in (50.0, 1000.0):
        for _ in range(3):
            assert bucket.delay(full_at, now) == 0
            full_at = bucket.take(full_at, now)
        assert bucket.delay(full_at, now) == 1


def test_a_long_line_goes_out_at_once_and_the_next_pays_for_it():
    flood = Flood.of(Limits(lines_per_second=2, bytes_per_second=1000, burst=1))
    assert flood.tokens("hi") == 1
    assert flood.tokens("x" * 500) == 1
    assert flood.tokens("x" * 5000) == 10
    assert flood.tokens("ä" * 5000) == 20
    full_at = flood.requests.take(0.0, 100.0, flood.tokens("x" * 5000))
    assert flood.requests.delay(full_at, 100.0) == 5


def test_without_flood_control_nobody_waits():
    assert Flood.of(Limits(flood=False)) is None
    assert Flood.of(Limits()) is not None


def test_who_floods_is_held_back_and_loses_nothing(start, enter):
    server = start(**FLOOD, limits__burst=3, limits__lines_per_second=10)
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    begun = time.monotonic()
    ann.sends(b"".join(b"line %d\n" % number for number in range(12)))
    bob.sees("Ann : line 0", "Ann : line 1")  # her name took the first of three tokens
    bob.sees(*(f"Ann : line {number}" for number in range(2, 12)))
    assert 0.9 < time.monotonic() - begun < 0.9 + SECOND
    begun = time.monotonic()
    bob.says("hello")
    ann.sees("Bob : hello")
    assert time.monotonic() - begun < 0.5 * SECOND


def test_keys_are_echoed_while_lines_wait(start, terminal):
    server = start(**FLOOD, limits__burst=1, limits__lines_per_second=0.05)
    ann = terminal(server)
    ann.types("one\r")
    ann.types("half a li")
    ann.sees_line("half a li")
    assert "Alice : one" not in ann.rows()


def test_who_hangs_up_is_heard_first_and_held_back_all_the_same(start, enter):
    server = start(**FLOOD, limits__burst=2, limits__lines_per_second=5)
    bob = enter(server, "Bob")
    ann = enter(server)
    begun = time.monotonic()
    ann.sends(b"Ann\none\ntwo\nthree\n/quit\n")
    ann.says_no_more()
    bob.sees("Ann : one", "Ann : two", "Ann : three")
    assert 0.4 <= time.monotonic() - begun < 0.4 + SECOND
    server.logs("Ann.* left: quit")


def test_who_does_not_stop_is_told_and_muted(monkeypatch):
    monkeypatch.setattr(intake, "MUTED_SECONDS", 0.3)
    house = House(Flood.of(Limits(burst=2, lines_per_second=1000, flood_seconds=0.02)))
    for name in ("Ann", "Bob"):
        house.connects(name)
        house.rest()
        house.takes([(name, name.encode() + b"\n")])
    house.screens()
    begun = time.monotonic()
    house.takes([("Ann", b"hi\n" * 60)])
    house.comes_to(lambda: not house.session("Ann")._requests)
    house.rest()
    assert 0.3 <= time.monotonic() - begun < 0.3 + SECOND
    told = b"server: You send too much. Nothing of it is handled for 0 seconds; then it goes on.\r\n"
    screens = house.screens()
    assert screens["Ann"].startswith(told)
    assert screens["Bob"] == b"Ann : hi\r\n" * 60
    house.close()


def test_delays_with_a_pause_between_them_do_not_add_up(monkeypatch):
    house = House(Flood.of(Limits(burst=2, lines_per_second=1000, flood_seconds=0.02)))
    house.connects("Ann")
    house.rest()
    house.takes([("Ann", b"Ann\n")])
    for _ in range(20):
        house.takes([("Ann", b"hi\n" * 12)])
        session = house.session("Ann")
        house.comes_to(lambda session=session: not session._requests)
        assert session.owed()[2] < 0.02
        wait_until_full(session)
    assert b"You send too much" not in house.screens()["Ann"]
    house.close()


def wait_until_full(session) -> None:
    while session.owed()[0]:
        time.sleep(session.owed()[0])


def test_who_is_held_back_is_not_read_without_end():
    house = House(Flood.of(Limits(burst=2, lines_per_second=0.001)))
    house.connects("Ann")
    house.rest()
    wire = house._served["Ann"][0]
    wire.client.typed = b"Ann\n" + b"x\n" * 100_000
    wire.news.set()
    house.comes_to(lambda: len(house.session("Ann")._requests) > intake.MOST_HELD)
    left = len(wire.client.typed)
    house.comes_to(lambda: house.session("Ann")._full_at)
    assert len(wire.client.typed) == left > 190_000
    house.session("Ann").outbox.fail("the test is over")
    house._greenlets[-1].join(PATIENCE)
    assert house._greenlets[-1].dead
    house.close()


def test_who_is_reset_while_held_back_is_gone_soon(start, enter):
    server = start(**FLOOD, limits__burst=2, limits__lines_per_second=0.1)
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    ann.sends(b"line\n" * 5)
    bob.sees("Ann : line")
    ann.resets()
    server.logs("Ann.* left: connection lost")


@pytest.mark.parametrize("question", ["/who", "/rooms", "/history", "/search line"])
def test_expensive_questions_have_a_bucket_of_their_own(start, enter, question):
    server = start(**FLOOD, limits__burst=100, limits__questions=2, limits__questions_per_minute=60)
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    begun = time.monotonic()
    ann.sends(f"{question}\n".encode() * 3 + b"done\n")
    bob.sees("Ann : done")
    assert 1 <= time.monotonic() - begun < 1 + SECOND
