"""Whatever is raised in one client's greenlet ends that client only; and nobody who has left leaves anything behind."""

from __future__ import annotations

import random

import pytest
from people import Person, eventually

KINDS = ["SystemExit", "KeyboardInterrupt", "SystemError", "MemoryError", "GeneratorExit", "ValueError"]


@pytest.fixture
def server(start):
    return start(program="tests/probe_server.py")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["boom in reading", "/boom", "boom in rendering"])
def test_an_exception_ends_its_client_only_and_is_in_the_log(server, enter, where, kind):
    ann, bob, eve = enter(server, "Ann"), enter(server, "Bob"), enter(server, "Eve")
    ann.says("/notices on")
    ann.sees("server: Notices are on.")
    eve.says(f"{where} {kind}")
    assert eve.reads_to_the_end() == b""
    ann.sees("server: Eve left.")
    ann.says("what was that?")
    bob.sees("Ann : what was that?")
    bob.says("nothing")
    ann.sees("Bob : nothing")
    server.logs(f"^{kind}: boom")
    server.logs(r"Eve\] left: ")
    assert "Traceback" in server.log()
    enter(server, "Eve")


def test_an_exception_before_one_has_a_name_ends_its_client_only(server, enter):
    ann, stranger = enter(server, "Ann"), enter(server)
    stranger.says("/boom SystemExit")
    assert stranger.reads_to_the_end() == b"server: Input username.\r\n"
    ann.says("/who")
    ann.sees("server: 1 in lobby: Ann")


def test_200_clients_come_talk_and_leave_and_nothing_is_missed_doubled_or_left_over(server):
    rng = random.Random(7)
    watcher = Person(server, "watcher")
    before, descriptors = server.alive(), server.descriptors()
    people = [Person(server, f"p{number}") for number in range(200)]
    present, said = list(people), dict.fromkeys([*people, watcher], 0)
    expected: list[tuple[str, int]] = []
    for _ in range(600):
        person = rng.choice(present)
        if len(present) > 3 and said[person] and rng.random() < 0.3:
            present.remove(person)
            rng.choice([Person.hangs_up, lambda person: person.says("/quit bye")])(person)
            continue
        for _ in range(rng.randint(1, 3)):
            person.says(f"line {said[person]}")
            expected.append((person.name, said[person]))
            said[person] += 1
    heard = {person: [read_said(person) for _ in range(len(expected) - said[person])] for person in [*present, watcher]}
    for person, lines in heard.items():
        for talker in people:
            spoken = [number for name, number in lines if name == talker.name]
            assert spoken == ([] if talker is person else list(range(said[talker]))), f"{person.name} of {talker.name}"
    for person in people:
        person.hangs_up()
    eventually(lambda: server.alive() == before)
    eventually(lambda: server.descriptors() == descriptors)
    watcher.hangs_up()
    eventually(lambda: server.alive()["sessions"] == 0)


def read_said(person: Person) -> tuple[str, int]:
    name, _, text = person.reads_line().partition(" : line ")
    return name, int(text)
