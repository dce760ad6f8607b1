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


def test_who_asked_history_what_it_refuses_leaves_nothing_behind(server, enter):
    before = server.alive()
    ann = enter(server, "Ann")
    for words in ("/search -", '/search ""', "/search !"):
        ann.says(words)
        assert ann.reads_line().startswith("server: There is no word")
    ann.says("/quit")
    ann.sees("server: Goodbye.")
    eventually(lambda: server.alive()["sessions"] == before["sessions"])


def test_200_clients_come_talk_and_leave_and_nothing_is_missed_doubled_or_left_over(server):
    rng = random.Random(7)
    watcher = Person(server, "watcher")
    before, descriptors = server.alive(), server.descriptors()
    coming = [f"p{number}" for number in range(200)]
    present: list[Person] = []
    gone: list[Person] = []
    said = {"watcher": 0}
    said_before: dict[Person, dict[str, int]] = {watcher: {}}  # what each talker had said when one came in
    while coming or len(present) > 20:
        step = rng.random()
        if coming and (step < 0.3 or len(present) < 3):
            person = Person(server, coming.pop())
            said_before[person] = dict(said)
            said[person.name] = 0
            present.append(person)
        elif step < 0.45 and len(present) > 3:
            gone.append(present.pop(rng.randrange(len(present))))
            rng.choice([Person.hangs_up, lambda person: person.says("/quit bye")])(gone[-1])
        else:
            person = rng.choice(present)
            for _ in range(rng.randint(1, 3)):
                person.says(f"line {said[person.name]}")
                said[person.name] += 1
    heard = {watcher: [read_said(watcher) for _ in range(sum(said.values()))]}  # so all has been delivered
    watcher.says("line 0")
    for person in present:
        heard[person] = []
        while (line := read_said(person)) != ("watcher", 0):
            heard[person].append(line)
    for person, lines in heard.items():
        for talker in said.keys() - {person.name, "watcher"}:
            spoken = [number for name, number in lines if name == talker]
            first = min(spoken, default=said[talker])
            assert first <= said_before[person].get(talker, 0), f"{person.name} missed what {talker} said first"
            assert spoken == list(range(first, said[talker])), f"{person.name} of {talker}"
        assert person.name not in {name for name, _ in lines}
    for person in present + gone:
        person.hangs_up()
    eventually(lambda: server.alive() == before)
    eventually(lambda: server.descriptors() == descriptors)
    watcher.hangs_up()
    eventually(lambda: server.alive()["sessions"] == 0)


def read_said(person: Person) -> tuple[str, int]:
    name, _, text = person.reads_line().partition(" : line ")
    return name, int(text)
