"""What a session promises to actions, without a socket: when they wait, and in what order its client is told."""

from __future__ import annotations

import gevent
import pytest
from house import House
from people import PATIENCE
from room import FakeSession, Stage, is_told

from gchatd.chat import actions
from gchatd.chat.events import Joined
from gchatd.chat.state import LOBBY
from gchatd.hub import MANY_COME_AND_GO, MOST_UNDELIVERED, MOST_UNDELIVERED_BYTES
from gchatd.text.names import parse_name


@pytest.fixture
def stage() -> Stage:
    return Stage()


def enter(stage: Stage, *names: str) -> list[FakeSession]:
    sessions = [stage.enters(name) for name in names]
    stage.turn()
    for session in sessions:
        session.screen()
    return sessions


def test_what_is_said_after_a_rename_is_said_under_the_new_name(stage):
    ann, bob = enter(stage, "Ann", "Bob")

    def act() -> None:
        actions.rename(ann, parse_name("Anna"))
        actions.say(ann, stage.hub.rooms[LOBBY], "hello")

    acting = gevent.spawn(act)
    gevent.idle()
    stage.turn()
    acting.get(timeout=PATIENCE)
    stage.turn()
    assert bob.screen() == ["Anna : hello"]


def test_who_says_something_waits_while_too_much_is_still_to_be_delivered(stage):
    ann, bob = enter(stage, "Ann", "Bob")
    for number in range(MOST_UNDELIVERED + 1):
        ann.says(str(number))
    saying = gevent.spawn(actions.say, bob, stage.hub.rooms[LOBBY], "at last")
    gevent.idle()
    assert not saying.dead
    stage.turn()
    saying.get(timeout=PATIENCE)
    stage.turn()
    assert ann.screen() == ["Bob : at last"]


def test_nobody_says_anything_or_waits_for_effect_once_the_server_shuts_down(stage):
    (ann,) = enter(stage, "Ann")
    ann.says("the last words")
    stage.hub.close()
    with is_told("shutting down"):
        actions.say(ann, stage.hub.rooms[LOBBY], "too late")
    assert gevent.spawn(ann.wait_for_effect).get(timeout=PATIENCE) is False


def test_an_answer_is_sent_before_the_effect_of_what_is_done_next(stage):
    (ann,) = enter(stage, "Ann")
    ann.terminal.reply("first")
    ann.causes(Joined, room="den")
    stage.turn()
    assert ann.screen() == ["server: first", "server: You are in den, alone."]


def test_a_connection_stays_until_its_client_has_read_the_goodbye():
    house = House()
    house.connects("Ann")
    house.rest()
    house.takes([("Ann", 0), ("Ann", b"Ann\n/quit\n")])
    serving = house._greenlets[-1]
    assert not serving.dead
    house.takes([("Ann", 10**6)])
    serving.join(PATIENCE)
    assert serving.dead
    assert house.screens()["Ann"].endswith(b"server: Goodbye.\r\n")
    house.close()


def test_who_says_something_waits_while_long_lines_hold_too_much(stage):
    ann, bob = enter(stage, "Ann", "Bob")
    for _ in range(MOST_UNDELIVERED_BYTES // 8192):
        ann.says("x" * 8192)
    saying = gevent.spawn(actions.say, bob, stage.hub.rooms[LOBBY], "at last")
    gevent.idle()
    assert not saying.dead
    stage.turn()
    saying.get(timeout=PATIENCE)
    stage.turn()
    assert ann.screen() == ["Bob : at last"]
    assert (stage.hub.undelivered, stage.hub._held) == (0, 0)


def test_those_who_wait_to_talk_go_on_in_the_order_in_which_they_came(stage):
    people = enter(stage, "Ann", "Bob", "Carl", "Dora")
    lobby = stage.hub.rooms[LOBBY]
    for _ in range(MOST_UNDELIVERED_BYTES // 8192):
        people[0].says("x" * 8192)

    def says(person: FakeSession) -> None:
        for number in range(3):
            actions.say(person, lobby, f"{number}")

    saying = [gevent.spawn(says, person) for person in people[1:]]
    gevent.idle()
    assert not any(one.dead for one in saying)
    stage.turn()
    gevent.joinall(saying, PATIENCE, raise_error=True)
    stage.turn()
    in_turn = [f"{name} : {number}" for number in range(2) for name in ("Bob", "Carl", "Dora")]
    assert people[0].screen()[:6] == in_turn


def test_a_talker_that_is_gone_keeps_nobody_waiting(stage):
    ann, bob, carl = enter(stage, "Ann", "Bob", "Carl")
    lobby = stage.hub.rooms[LOBBY]
    for _ in range(MOST_UNDELIVERED_BYTES // 8192):
        ann.says("x" * 8192)
    gone, saying = gevent.spawn(actions.say, bob, lobby, "never"), gevent.spawn(actions.say, carl, lobby, "at last")
    gevent.idle()
    gone.kill()
    stage.turn()
    saying.get(timeout=PATIENCE)
    stage.turn()
    assert ann.screen() == ["Carl : at last"]


def test_who_comes_or_goes_stands_aside_and_who_talks_does_not(monkeypatch):
    house = House()
    asked: list[bool] = []
    monkeypatch.setattr(house.sessions.pace, "pause", lambda stands_aside: asked.append(stands_aside()))
    house.connects("Ann")
    house.rest()
    house.takes([("Ann", b"Ann\n"), ("Ann", b"hello\n")])
    assert asked == [True, False]
    house.session("Ann").outbox.transport.reset()
    house.comes_to(lambda: len(asked) > 2)
    assert asked == [True, False, True]
    house.close()


def test_those_who_come_and_go_wait_while_very_many_of_them_are_on_their_way(stage):
    (ann,) = enter(stage, "Ann")
    must_wait = stage.sessions.pace.must_wait_aside
    for number in range(MANY_COME_AND_GO + 1):
        ann.says(f"what is said does not count: {number}")
    assert not must_wait()
    for number in range(MANY_COME_AND_GO + 1):
        stage.enters(f"n{number}")
    assert must_wait()
    stage.turn()
    assert not must_wait()


WANTS_EVERY_KEY = [b"Ann\r\n", b"\xff\xfb\x1f\xff\xfc\x18", b"\xff\xfd\x01\xff\xfd\x03"]  # WILL NAWS, DO ECHO, DO SGA


@pytest.mark.parametrize("keys", [b"\x04", b"\x03", b"\t\t", b"\x1b[200~a\rb\rc\rd\x1b[201~\r"])
def test_a_terminal_may_press_a_key_and_give_up_sending_keys_in_one_packet(keys, caplog):
    house = House()
    house.connects("Ann")
    house.takes([("Ann", piece) for piece in WANTS_EVERY_KEY])
    assert house.session("Ann").format.rich
    house.takes([("Ann", keys + b"\xff\xfe\x01")])  # DONT ECHO
    assert not [record for record in caplog.records if record.exc_info]
    if keys == b"\x04":
        assert house.screens()["Ann"].endswith(b"server: Goodbye.\r\n")
    house.close()
