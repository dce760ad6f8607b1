"""Several nodes are one chat: whoever is connected where, everybody sees the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from nodes import Chat
from people import GREETING, ROOT, Person, eventually
from transcript import Play, RichPerson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def chat(tmp_path_factory) -> Iterator[Chat]:
    """A chat on two nodes."""
    chat = Chat(tmp_path_factory.mktemp("nodes"))
    chat.people_in(*chat.nodes("one", "two"))
    yield chat
    chat.close()


@pytest.fixture
def come(chat) -> Iterator[Callable[..., list[Person]]]:
    """Let people in: the first on one node, the next on the other, and so on. They are gone when the test is over."""
    came: list[Person] = []

    def come(*names: str, kind: type[Person] = Person) -> list[Person]:
        people = [kind(chat.all[number % 2], name) for number, name in enumerate(names)]
        came.extend(people)
        chat.is_heard_everywhere()
        return people

    yield come
    for person in came:
        person.hangs_up()
    for witness in chat.witnesses:
        for person in came:
            eventually(lambda witness=witness, person=person: is_gone(witness, person.name))


def is_gone(witness: Person, name: str) -> bool:
    witness.says(f"/whois {name}")
    while "in common" not in (line := witness.reads_line()):
        if line == f"server: Nobody here is called {name}.":
            return True
    return False


class Everywhere:
    """Some nodes, as if they were one server: whoever connects comes to another one than the last."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._nodes = chat.nodes("one", "two")
        chat.people_in(*self._nodes)
        self._next = 0

    @property
    def port(self) -> int:
        self._next += 1
        return self._nodes[self._next % 2].port

    def close(self) -> None:
        for node in self._nodes:
            node.close()


class Elsewhere(Person):
    """Somebody who is not told how long others have been idle: only their own node knows that."""

    def reads_line(self) -> str:
        while "last typed something" in (line := super().reads_line()):
            pass
        return line


class RichElsewhere(Elsewhere, RichPerson):
    """The same with a terminal."""


class PlayEverywhere(Play):
    """A transcript that is played by people on two nodes, who type when everybody has heard what there was before."""

    def __init__(self, chat: Chat, enter: type[Person]) -> None:
        self._chat = chat
        super().__init__(lambda: Everywhere(chat), enter)

    def _step(self, name: str | None, what: str | None, text: str) -> None:
        if what == "types":
            self._chat.is_heard_everywhere()
        if "last typed something" not in text:
            super()._step(name, what, text)


PLAIN = ["away", "classic", "edit-last", "founder", "ignore", "ignore-others", "invited-before", "private", "topic"]
RICH = ["classic", "edit", "private"]


@pytest.mark.parametrize(
    ("kind", "name"), [*((Elsewhere, name) for name in PLAIN), *((RichElsewhere, name) for name in RICH)]
)
def test_a_transcript_reads_the_same_when_people_are_on_different_nodes(tmp_path, name, kind):
    chat = Chat(tmp_path)
    try:
        play = PlayEverywhere(chat, kind)
        try:
            play.plays(ROOT / "tests" / "transcripts" / f"{name}.txt")
        finally:
            play.closes()
    finally:
        chat.close()


# Names.


def test_a_name_is_taken_on_every_node_until_it_is_given_up(chat, come, enter):
    (ann,) = come("Ann")
    stranger = enter(chat.all[1])
    stranger.says("aNN")
    stranger.sees(GREETING, "server: That username is taken: aNN.", GREETING)
    ann.says("/nick Anna")
    ann.sees("server: Your username is Anna.")
    chat.is_heard_everywhere()
    stranger.says("Ann")
    stranger.sees("server: Your username is Ann.")
    ann.says("/nick Ann")
    ann.sees("server: That username is taken: Ann.")
    ann.name = "Anna"


def test_of_two_who_claim_a_name_at_the_same_moment_one_has_it(chat, enter):
    winners = 0
    for number in range(30):
        name = f"Eve{number}"
        rivals = [enter(node) for node in chat.all[:2]]
        for rival in rivals:
            rival.sees(GREETING)
        for rival in rivals:
            rival.says(name)
        told = [rival.reads_line() for rival in rivals]
        assert sorted(told) == [f"server: That username is taken: {name}.", f"server: Your username is {name}."]
        winners += told[0].startswith("server: Your")
        for rival in rivals:
            rival.hangs_up()
    print(f"of 30 claims, {winners} were won on the node that was asked first")


def test_of_two_who_rename_themselves_alike_at_the_same_moment_one_has_the_name(come):
    ann, bob = come("Ann", "Bob")
    for number in range(30):
        for one in (ann, bob):
            one.says(f"/nick Eve{number}")
        told = {one: one.reads_line() for one in (ann, bob)}
        assert sorted(told.values()) == [
            f"server: That username is taken: Eve{number}.",
            f"server: Your username is Eve{number}.",
        ]
        for one in (ann, bob):
            if "Your" in told[one]:
                one.name = f"Eve{number}"


def test_a_person_who_has_another_name_now_is_heard_under_it_on_the_other_node(come):
    ann, bob = come("Ann", "Bob")
    ann.sends(b"one\n/nick Anna\ntwo\n")
    bob.sees("Ann : one", "Anna : two")
    ann.name = "Anna"


# Private messages.


def test_what_one_tells_another_reaches_them_alone_and_can_be_answered(come):
    ann, bob, eve = come("Ann", "Bob", "Eve")
    ann.says("/msg Bob psst")
    bob.sees("Ann -> you : psst")
    bob.says("/reply what?")
    ann.sees("Bob -> you : what?")
    bob.says("all")
    for one in (ann, eve):
        one.sees("Bob : all")


def test_nothing_of_a_private_message_stays_in_the_stream_or_in_anybodys_files(chat, come):
    ann, bob, eve = come("Ann", "Bob", "Eve")
    ann.says("/msg Bob the far secret")
    bob.sees("Ann -> you : the far secret")
    ann.says("/msg Eve the near secret")
    eve.sees("Ann -> you : the near secret")
    ann.says("the last line")
    bob.sees("Ann : the last line")
    chat.have_the_same_history(*chat.all)
    stream = chat.redis.ask("XRANGE", "{gchat}:stream", "-", "+")
    assert "the last line" in str(stream)
    assert "secret" not in str(stream)
    for node in chat.all:
        for file in node.data.iterdir():
            assert b"secret" not in file.read_bytes(), file
    left = chat.redis.ask("KEYS", "{gchat}:told:*")
    assert all(0 < chat.redis.ask("TTL", key) <= 60 for key in left), left
    assert "near secret" not in str([chat.redis.ask("GET", key) for key in left])  # it never left its node


# The rest.


def test_what_is_completed_and_listed_is_what_all_nodes_have(chat, come):
    ann, bob = come("Ann", "Bob-with-a-long-name", kind=RichPerson)
    bob.says("/join beekeepers")
    bob.sees("server: You are in beekeepers, alone.")
    bob.says("/topic honey")
    bob.sees("server: Bob-with-a-long-name set the topic of beekeepers: honey")
    bob.says("/away lunch")
    bob.sees("server: You are away: lunch")
    chat.is_heard_everywhere()
    ann.sends(b"/whois bob-w\t\r")
    assert ann.reads_line().startswith("server: Bob-with-a-long-name has been here since ")
    ann.sees("server: Bob-with-a-long-name is away: lunch", "server: You are both in: lobby")
    ann.sends(b"/join bee\t\r")
    ann.sees("server: You are in beekeepers with Bob-with-a-long-name.", "server: The topic of beekeepers is: honey")
    ann.says("/names lobby")
    ann.sees("server: 2 in lobby: Ann, Bob-with-a-long-name (away)")
    ann.says("/rooms")
    assert ann.reads_line().startswith("server: 2 rooms")
    ann.sees("server: > beekeepers  2 people    honey", "server: * lobby       2 people")


def test_history_and_search_find_on_each_node_what_was_said_on_any(chat, come):
    ann, bob = come("Ann", "Bob")
    for one in (ann, bob):
        one.says("/join archive")
        assert one.reads_line().startswith("server: You are in archive")
    chat.is_heard_everywhere()
    ann.says("the first needle")
    bob.sees("Ann : the first needle")
    bob.says("the second needle")
    ann.sees("Bob : the second needle")
    ann.says("/edit the better needle")
    bob.sees('* Ann edited "the first needle": the better needle')
    for one in (ann, bob):
        one.says("/search needle")
    pages = []
    for one in (ann, bob):
        until_seen("2 lines in archive, newest first", one)
        pages.append([one.reads_line() for _ in range(2)])
    assert pages[0] == pages[1]
    assert "Bob : the second *needle*" in pages[0][0]
    assert "Ann : the better *needle*" in pages[0][1]
    numbers = []
    for one in (ann, bob):
        one.says("/history 1")
        until_seen("Bob : the second needle", one)
        numbers.append(re.findall(r"#(\d+)", one.reads_line()))
    assert numbers[0] == numbers[1] != []


def until_seen(what: str, person: Person) -> str:
    """Let somebody read until a line has some text in it, and return that line."""
    while what not in (line := person.reads_line()):
        pass
    return line


def test_everybody_hears_everything_in_one_order(come):
    talkers = come(*(f"t{number}" for number in range(6)))
    for talker in talkers:
        talker.sends(b"".join(b"%d\n" % number for number in range(50)))
    heard = []
    for talker in talkers:
        lines = [talker.reads_line() for _ in range(50 * (len(talkers) - 1))]
        heard.append([line for line in lines if line.split()[0] not in ("t0", "t1")])
    mutual = [line for line in heard[0] if line.split()[0] not in ("t0", "t1")]
    assert heard[1] == mutual
    for number in (2, 3, 4, 5):
        mine = f"t{number}"
        assert [line for line in heard[number] if line.split()[0] != mine] == [
            line for line in mutual if line.split()[0] != mine
        ]
        assert [int(line.split()[-1]) for line in mutual if line.split()[0] == mine] == [*range(50)]
