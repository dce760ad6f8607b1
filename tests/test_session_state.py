"""A session that is written down and put back, in a hub that was, too, goes on as if nothing had happened."""

from __future__ import annotations

from collections import deque

import pytest
from house import Client, House, Wire, as_json
from people import PATIENCE
from test_wire_state import IS_TERMINAL, NAME, NAWS, SIZE, TTYPE, contents

from gchatd.chat.state import Room, State, User
from gchatd.delivery.outbox import Outbox, SlowReaders
from gchatd.doors.terminal.astray import Astray
from gchatd.doors.terminal.connection import TelnetConnection, Terminals
from gchatd.doors.terminal.lastsaid import LastSaid
from gchatd.doors.terminal.terminal import Terminal
from gchatd.session import Session
from gchatd.settings import Limits
from gchatd.text import times
from gchatd.wire.telnet import TelnetWire
from gchatd.wire.typed import Completions


@pytest.fixture(autouse=True)
def still(monkeypatch):
    """A clock on the wall that stands still, keys that are no secret, and pastes that take long."""
    monkeypatch.setattr(times, "now", lambda: 1_700_000_000_000)
    monkeypatch.setattr("secrets.token_hex", lambda size: "0123456789ab")
    monkeypatch.setattr("gchatd.doors.terminal.astray.QUIET_SECONDS", 10 * PATIENCE)
    monkeypatch.setattr("gchatd.doors.terminal.astray.ASTRAY_SECONDS", 10 * PATIENCE)


def ann(*typed: bytes | int) -> list[tuple[str, bytes | int]]:
    return [("ann", one) for one in typed]


def bob(*typed: bytes | int) -> list[tuple[str, bytes | int]]:
    return [("bob", one) for one in typed]


ANN, BOB = ann(b"Ann\n"), bob(b"Bob\n")
HERE = [*ANN, *BOB]
RICH = [*ann(b"Ann\r\n", NAWS + SIZE + TTYPE + NAME * 2 + IS_TERMINAL), *BOB]
ROOMS = [
    *ann(b"/join dev\n/join docs\n/go dev\n/private\n", b"/topic the code\n"),
    *bob(b"/join docs\n", b"/topic in docs\n", b"/go lobby\n"),
]
RICH_ROOMS = [(who, step.replace(b"\n", b"\r") if who == "ann" else step) for who, step in ROOMS]
DEN = bob(b"/join den\n", b"/private\n")
TALK = [*bob(b"hello Ann\n"), *ann(b"hello Bob\n"), *bob(b"/msg Ann psst\n"), *ann(b"/reply what?\n", b"/edit hallo\n")]

MOMENTS = {
    "nothing was typed": ([], [*HERE, *TALK]),
    "half a username": (ann(b"A"), [*ann(b"nn\n"), *BOB, *TALK]),
    "half a request of a browser": (ann(b"GET / HT"), ann(b"TP/1.1\r\n\r\n")),
    "a first line that was no browser's": (ann(b"/version\n"), ann(b"GET / HTTP/1.1\r\n\r\n")),
    "a word that was doubted before there was a name": (ann(b"exit\n"), ann(b"exit\n")),
    "a page of help before there was a name": (ann(b"/help all\n"), ann(b"/more\n", b"/more\n")),
    "somebody is here": (HERE, TALK),
    "half a line": ([*HERE, *ann(b"hel")], [*bob(b"hi\n"), *ann(b"lo\n")]),
    "several rooms": (
        [*HERE, *ROOMS],
        [*bob(b"one\n", b"/go docs\n", b"two\n"), *ann(b"three\n", b"/rooms\n", b"/leave\n")],
    ),
    "requests that were not handled": (
        [*HERE, *ann(0, b"/help all\n" * 20 + b"one\n/away tea\ntwo\n/whois Ann\n")],
        [*ann(1000, 10**9), *TALK],
    ),
    "bytes that were not sent": (
        [*HERE, *ann(10), *bob(b"one\n", b"two\n")],
        [*bob(b"three\n"), *ann(3, 10**9), *TALK],
    ),
    "something was told": ([*HERE, *bob(b"/msg Ann psst\n")], [*bob(b"/nick Rob\n"), *ann(b"/reply what?\n")]),
    "a long list": ([*HERE, *ann(b"/help all\n", b"/more\n")], ann(b"/more\n", b"/more\n")),
    "a line that can be changed": ([*HERE, *ann(b"helo\n")], ann(b"/edit hello\n", b"/delete\n", b"/delete\n")),
    "a private line that cannot": ([*HERE, *ann(b"hi\n", b"/msg Bob psst\n")], ann(b"/edit hello\n")),
    "a line that was not sent": ([*HERE, *ann(b"hi\n", b"/topicc x\n", b"exit\n")], ann(b"/edit hello\n")),
    "a word that was doubted": ([*HERE, *ann(b"exit\n")], ann(b"exit\n")),
    "a room that was not entered": ([*HERE, *DEN, *ann(b"/join den\n")], ann(b"for den\n", b"/go lobby\n", b"hello\n")),
    "another look": (
        [*HERE, *ann(b"/theme colour\n/time full\n/time +05:30\n/notices on\n/bell all\n")],
        [*TALK, *bob(b"/nick Rob\n", b"/quit\n")],
    ),
    "people who are ignored, and are away": (
        [*HERE, *ann(b"/ignore Bob\n", b"/away tea\n")],
        [*bob(b"one\n", b"/msg Ann two\n"), *ann(b"/ignore\n", b"/unignore Bob\n", b"/back\n"), *bob(b"three\n")],
    ),
    "a terminal": (RICH, [*TALK, *ann(b"\x03", b"/whois Bob\r")]),
    "a terminal whose user types": (
        [*RICH, *ann(b"one\rhalf a line\x1b[D\x1b[D")],
        [*bob(b"hi\n"), *ann(b"X\r\x1b[A\x1b[A\r")],
    ),
    "a terminal in several rooms": (
        [*RICH, *RICH_ROOMS],
        [*bob(b"one\n"), *ann(b"two\r", b"/leave\r", b"ha"), *bob(b"three\n")],
    ),
    "a terminal that is behind": (
        [*RICH, *ann(25, b"hel"), *bob(b"one\n", b"two\n")],
        [*bob(b"three\n"), *ann(10**9, b"lo\r")],
    ),
    "a terminal that was made plain": (
        [*RICH, *ann(b"/theme contrast\r", b"/plain\r")],
        [*TALK, *ann(b"/rich\n", IS_TERMINAL), *TALK],
    ),
    "a terminal that is being asked": (
        ann(b"Ann\r\n", NAWS + SIZE + TTYPE),
        [*ann(NAME * 2 + IS_TERMINAL), *BOB, *TALK],
    ),
}
"""What people do before another server takes over, and what they do later, which shows whether anything was lost."""


@pytest.fixture
def house():
    """Make a server in which Ann and Bob have connected, and have done something."""
    houses = []

    def make(steps=()) -> House:
        house = House()
        houses.append(house)
        for name in ("ann", "bob"):
            house.connects(name)
        house.rest()
        house.takes(steps)
        return house

    make.also = houses.append
    yield make
    for one in houses:
        one.close()


@pytest.mark.parametrize(("before", "later"), MOMENTS.values(), ids=MOMENTS.keys())
def test_sessions_that_are_moved_at_this_moment_go_on_just_so(house, before, later):
    stays, moves = house(before), house(before)
    moves = moves.moved()
    house.also(moves)
    assert kept(moves) == kept(stays)
    for step in later:
        stays.takes([step])
        moves.takes([step])
    seen = stays.screens()
    assert moves.screens() == seen
    assert kept(moves) == kept(stays)
    assert seen["ann"]


def kept(house: House) -> dict[str, object]:
    """What there is of Ann's session and Bob's, and in the hub, as it can be compared."""
    state = house.hub.state
    known = {
        "users": [(str(user), [str(room.name) for room in user.rooms], user.away) for user in state.users.values()]
    }
    for name in ("ann", "bob"):
        known |= {f"{name}'s {slot}": value for slot, value in of(house.session(name)).items()}
    return known


def of(session: Session) -> dict[str, object]:
    """All slots of a session, its link and its connection, but those that are not kept."""
    found = {}
    for one in (session, session._link, session._link.telnet):
        name = type(one).__name__.removesuffix("Link")
        for slot in slots(type(one)):
            if f"{name}.{slot}" not in NOT_KEPT:
                found[f"{name}.{slot}"] = plain(getattr(one, slot), session.chat)
    return found


def slots(cls: type) -> list[str]:
    return [slot for one in cls.__mro__ for slot in getattr(one, "__slots__", ())]


def plain(value: object, state: State) -> object:
    """A value as it can be compared with one of another process."""
    match value:
        case User():
            return value is state.users.get(value.id), str(value)
        case Room():
            return value.name
        case Outbox():
            return value.state(), value.failed, value.around is not None
        case LastSaid():
            known = [[getattr(one, slot) for slot in slots(LastSaid)] for one in (value, LastSaid())]
            return known[0] if known[0] != known[1] else None
        case Astray():
            return value.room
        case TelnetWire():
            return contents(value)
        case deque():
            return [*value] or None
        case list() | tuple():
            return [plain(one, state) for one in value]
        case int() if value in state.users:
            return str(state.users[value])  # ids say which server gave them
    return value


NOT_KEPT = {
    "Session._ended": "one that is over leaves, and is not handed on",
    "Session._words": "the same",
    "Session._heard": "what it did has taken effect before it is handed on",
    "Session.unheard": "the same",
    "Session._stuck": "the same",
    "Session._greeted": "whoever is handed on has been greeted",
    "Session._link": "compared by its own slots",
    "Session._sessions": "the other server's own",
    "Session.hub": "the same",
    "Session._gone": "the other server comes to the end, too",
    "Session._full_at": "what is kept is how long that takes: see below",
    "Session._ask_full_at": "the same",
    "Session._delayed": "see below",
    "Session.id": "the same",
    "Session.label": "that of the request that is being done, of which nothing more comes",
    "Session.active_at": "what is kept is how long ago that was: see below",
    "Session.came_at": "the same",
    "Terminal._replies": "sent when it is written down",
    "Terminal.session": "the one that has it",
    "Terminal.telnet": "compared by its own slots",
    "TelnetConnection._address": "the socket knows",
    "TelnetConnection._shared": "the other server's own",
    "TelnetConnection._held": "sent before anybody waits: see below",
}


def test_every_slot_that_there_is_has_something_to_lose_at_one_of_these_moments_or_a_reason(house):
    """Who adds a slot adds such a moment, and it is compared like all others; or says why there is nothing to keep."""
    fresh = of(house().session("ann"))
    lost = {
        slot
        for before, _ in MOMENTS.values()
        for slot, value in of(house(before).session("ann")).items()
        if value != fresh[slot]
    }
    there = {f"{cls.__name__}.{slot}" for cls in (Session, Terminal, TelnetConnection) for slot in slots(cls)}
    assert lost | NOT_KEPT.keys() == there
    assert not lost & NOT_KEPT.keys()


def test_who_has_sent_much_is_held_back_by_the_other_server_too(house):
    here = house(HERE)
    here.session("ann").owes((100.0, 200.0, 3.0))
    there = here.moved()
    house.also(there)
    requests, questions, delayed = there.session("ann").owed()
    assert 100 - PATIENCE < requests <= 100
    assert 200 - PATIENCE < questions <= 200
    assert delayed == 3.0


def test_how_long_somebody_has_been_here_and_has_said_nothing_is_kept(house):
    here = house(HERE)
    session = here.session("ann")
    session.came_at -= 5000
    session.active_at -= 300
    there = here.moved()
    house.also(there)
    asker, user = there.session("bob"), there.session("ann").user
    assert 5000 <= asker.here_seconds(user) < 5000 + PATIENCE
    assert 300 <= asker.idle_seconds(user) < 300 + PATIENCE


def test_a_question_that_is_held_until_the_next_answer_is_asked_after_a_move():
    terminals = Terminals(SlowReaders(10**6, 10), Limits())
    client = Client()
    here = TelnetConnection(terminals, Wire(client), ("::1", 1))
    client.typed = b"Ann\r\n"
    assert here.read(lambda before: Completions.of(0, ())) == ["Ann"]
    there = TelnetConnection.restore(terminals, Wire(client), ("::1", 1), as_json(here.state(), dict))
    assert there.take_held() == here.take_held() != b""


def test_a_terminal_that_was_moved_is_kept_alive(house, monkeypatch):
    monkeypatch.setattr("gchatd.doors.terminal.connection.NOP_SECONDS", -1)
    here = house(RICH)
    there = here.moved()
    house.also(there)
    there.screens()
    there._terminals.keep_alive()
    assert there.screens() == {"ann": b"\xff\xf1", "bob": b""}


def test_whoever_comes_in_after_a_move_has_another_id_than_all_before_and_so_have_lines(house):
    here = house([*HERE, *ann(b"one\n")])
    users, line = set(here.hub.state.users), here.session("ann").user.said[-1].id
    there = here.moved()
    house.also(there)
    there.connects("carl")
    there.rest()
    there.takes([("carl", b"Carl\n"), ("carl", b"two\n")])
    carl = there.session("carl").user
    assert len(users | {carl.id}) == 3
    assert carl.said[-1].id > line
    assert [str(user) for user in there.hub.rooms["lobby"].members.values()] == ["Ann", "Bob", "Carl"]


def test_people_who_were_moved_share_bytes_and_can_leave(house):
    here = house(HERE)
    here.takes([*ann(b"x\n"), *bob(b"y\n")])
    there = here.moved()
    house.also(there)
    audience = there.sessions.audiences[there.hub.rooms["lobby"]]
    assert [len(group.sessions) for group in audience.groups("lobby").values()] == [2]
    there.takes(ann(b"/quit\n"))
    assert [str(session.user) for session in there.sessions.by_id.values()] == ["Bob"]
    assert list(there.hub.users) == ["bob"]
