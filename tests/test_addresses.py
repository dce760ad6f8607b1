"""How often an address may connect."""

from __future__ import annotations

import logging

import pytest

from gchatd.limits import addresses as limits
from gchatd.limits.addresses import LATELY_SECONDS, Addresses
from gchatd.limits.repeats import MOST_A_SECOND, Repeats

ONE, OTHER = "192.0.2.1", "192.0.2.2"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("gchatd.limits.addresses.time", clock)
    monkeypatch.setattr("gchatd.limits.repeats.time", clock)
    return clock


def test_an_address_may_be_connected_so_many_times_at_once_and_others_do_not_count(clock):
    addresses = Addresses(2)
    assert not addresses.refusal(ONE)
    assert not addresses.refusal(ONE)
    assert "too many connections from your address." in addresses.refusal(ONE)
    assert not addresses.refusal(OTHER)
    addresses.leave(ONE)
    assert not addresses.refusal(ONE)
    assert addresses.count == 3


def test_an_address_may_connect_four_times_as_often_in_ten_minutes(clock):
    addresses = Addresses(2)
    for _ in range(8):
        assert not addresses.refusal(ONE)
        addresses.leave(ONE)
        clock.now += 1
    assert "lately" in addresses.refusal(ONE)
    assert not addresses.refusal(OTHER)
    clock.now = 1000 + LATELY_SECONDS - 0.1
    assert "lately" in addresses.refusal(ONE)
    clock.now = 1000 + LATELY_SECONDS
    assert not addresses.refusal(ONE)
    addresses.leave(ONE)
    assert "lately" in addresses.refusal(ONE)


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"),
        ("fe80::1%eth0", "fe80::2%eth1", "fe81::1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
    ],
)
def test_an_address_is_a_network_of_64_bits_or_an_ipv4_address(one, same, other):
    addresses = Addresses(1)
    assert not addresses.refusal(one)
    assert addresses.refusal(same)
    assert not addresses.refusal(other)


def test_who_is_exempt_counts_only_among_all():
    addresses = Addresses(1, ["127.0.0.0/8", "::1/128"], most=4)
    for host in ("127.0.0.1", "127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert not addresses.refusal(host)
    assert "full" in addresses.refusal("127.0.0.1")
    assert "full" in addresses.refusal(ONE)
    addresses.leave("::1")
    assert not addresses.refusal(ONE)


def test_other_limits_count_for_whoever_comes_next_and_those_who_are_here_are_counted_right(clock):
    addresses = Addresses(1, [ONE])
    assert not addresses.refusal(ONE)
    assert not addresses.refusal(ONE)
    addresses.configure(2, most=3)
    assert "from your address" in addresses.refusal(ONE)
    assert not addresses.refusal(OTHER)
    assert "full" in addresses.refusal(OTHER)
    for _ in range(2):
        addresses.leave(ONE)
    addresses.leave(OTHER)
    assert not addresses._here
    assert not addresses.refusal(OTHER)
    addresses.configure(2, [OTHER])
    addresses.leave(OTHER)
    assert not addresses._here
    assert addresses.count == 0


def test_what_is_remembered_of_addresses_has_a_bound_and_is_forgotten(clock, monkeypatch):
    monkeypatch.setattr(limits, "MOST_KNOWN", 100)
    addresses = Addresses(1)
    for number in range(1000):
        host = f"2001:db8:{number:x}::1"
        assert not addresses.refusal(host)
        addresses.leave(host)
        assert len(addresses._lately) <= 100
    clock.now += LATELY_SECONDS
    for _ in range(60):
        if not addresses.refusal(ONE):
            addresses.leave(ONE)
    assert [*addresses._lately] == [ONE]
    assert not addresses._here


def test_the_same_cause_from_the_same_address_is_one_line_with_a_count(clock, caplog):
    caplog.set_level(logging.INFO)
    repeats = Repeats()
    for number in range(100):
        repeats.log("telnet 192.0.2.1", "left: hung up", f"[telnet 192.0.2.1:{number}] left: hung up")
    repeats.log("telnet 192.0.2.2", "left: hung up", "another address")
    repeats.log("telnet 192.0.2.1", "left: quit", "another cause")
    repeats.sum_up()
    lines = [f"[telnet 192.0.2.1:{number}] left: hung up" for number in range(MOST_A_SECOND)]
    assert caplog.messages == [*lines, "another address", "another cause"]
    clock.now += 1
    repeats.sum_up()
    repeats.sum_up()
    assert caplog.messages[MOST_A_SECOND + 2 :] == ["[telnet 192.0.2.1] 95 more within a second: left: hung up"]
    repeats.log("telnet 192.0.2.1", "left: hung up", "in the next second")
    assert caplog.messages[-1] == "in the next second"
