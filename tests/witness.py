"""Somebody who sees everything that happens in a world, and says what must not be."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
from storemodel import GRACE, RECOVERY
from stream import written

from gchatd.chat.events import NotSent, Origin, Told
from gchatd.chat.state import node_of
from gchatd.cluster.member import stamped

if TYPE_CHECKING:
    from process import Process
    from storemodel import Report
    from worlds import World

    from gchatd.chat.events import Event
    from gchatd.chat.folding import Outcome


@dataclasses.dataclass
class Record:
    """What one process did and heard."""

    began_at: int = 0
    """The place of the state that it began with."""
    places: list[int] = dataclasses.field(default_factory=list)
    """Of what it has heard since."""
    numbers: dict[int, int] = dataclasses.field(default_factory=lambda: defaultdict(int))
    """By node, the number of the last event that it has heard."""
    heard: set[tuple[int, int]] = dataclasses.field(default_factory=set)
    given: int = 0
    """How many events it has given the store."""
    not_sent: set[int] = dataclasses.field(default_factory=set)
    heard_own: set[int] = dataclasses.field(default_factory=set)
    renewed_at: int = 0
    may_be_fenced: bool = False


class Witness:
    """Events carry a number of their node's in their label."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._records: dict[Process, Record] = defaultdict(Record)
        self._events: dict[int, Event] = {}  # by place, whoever heard them
        self._written: dict[int, bytes] = {}  # by place, the state
        self._texts: dict[tuple[int, str], str] = {}  # of private messages, by node and label

    # What happens.

    def noted(self, process: Process, event: Event) -> Event:
        """Number an event that a process gives."""
        record = self._records[process]
        record.given += 1
        origin = Origin(process.node, 1, str(record.given))
        if isinstance(event, Told):
            self._texts[process.node, origin.label] = event.text
        return msgspec.structs.replace(event, origin=origin)

    def runs(self, process: Process) -> None:
        assert process.state is not None
        self._records[process].began_at = process.state.place
        self._compare(process)

    def has_renewed(self, process: Process) -> None:
        self._records[process].renewed_at = self._world.now

    def hears(self, process: Process, outcome: Outcome) -> None:
        """Note that a process has folded an event."""
        record, state, event = self._records[process], process.state, outcome.event
        assert state is not None
        record.places.append(state.place)
        if event.origin is not None:
            node, number = event.origin.node, int(event.origin.label)
            assert number > record.numbers[node], f"{event} comes again, or after what came after it"
            record.numbers[node] = number
            record.heard.add((node, number))
            if node == process.node:
                assert number not in record.not_sent, f"{event} was said not to be sent"
                record.heard_own.add(number)
            if isinstance(event, Told):
                self._look_at_text(process, event)
                outcome = msgspec.structs.replace(outcome, event=msgspec.structs.replace(event, text=""))
        before = self._events.setdefault(state.place, outcome.event)
        assert before == outcome.event, f"two events at a place: {before} and {outcome.event}"
        self._compare(process)

    def is_told_not_sent(self, process: Process, event: NotSent) -> None:
        record = self._records[process]
        assert event.origin is not None
        number = int(event.origin.label)
        assert number not in record.heard_own | record.not_sent, f"{event}, but it was heard"
        record.not_sent.add(number)

    def is_fenced(self, process: Process, why: Exception) -> None:
        record = self._records[process]
        self._world.note(f"{process.directory.identity}/{process.node}", "is fenced:", why)
        out_of_touch = self._world.now - record.renewed_at > 15_000
        assert record.may_be_fenced or out_of_touch, f"{process.directory} was in touch, and is fenced: {why}"

    def have_agreed(self, reports: dict[int, Report], took: int) -> None:
        """Note that the nodes have agreed on what the store has."""
        keys = self._world.model.keys
        self._world.note("they agree on", keys.base, "after", took, "ms:", reports)
        there = {event.place for entry in keys.stream for event in stamped(entry)}
        for process in self._running():
            record = self._records[process]
            if process.node in reports:
                tail = {place for place in record.places[-50:] if place >= keys.trimmed}
                is_there = process.member.place <= keys.base and tail <= there
                assert is_there or record.may_be_fenced, f"{process.directory} has heard what is gone, and had said so"
                if process.node in keys.nodes:
                    record.renewed_at = self._world.now
                hole = keys.trimmed - 1  # where it ends, if there is one
                remembered = any(one.after < hole <= one.place for one in reports.values())
                in_time = took < RECOVERY  # whoever reported
                record.may_be_fenced |= process.member.place < hole and not (remembered and in_time)
                continue
            record.may_be_fenced = True
            assert took >= GRACE or not reports, "too early for those of whom nobody knows"
            if process.node in keys.nodes:
                assert took >= RECOVERY, f"too early for {process.directory}"

    # What must be so.

    def _running(self) -> list[Process]:
        return [process for process in self._world.processes if process.running and not process.over]

    def _compare(self, process: Process) -> None:
        """Compare a state with that of others at the same place, before or after."""
        state = process.state
        assert state is not None
        mine = written(state)
        theirs = self._written.setdefault(state.place, mine)
        assert theirs == mine, f"two states at a place:\n{theirs.decode()}\n{mine.decode()}"
        assert len(state.names) == len(state.users)
        for name, user in state.claims.items():
            owner = state.names.get(name)
            assert owner is None or owner.id == user, f"{name} is somebody's, and somebody else has claimed it"

    def _look_at_text(self, process: Process, event: Told) -> None:
        assert event.origin is not None
        text = self._texts[event.origin.node, event.origin.label]
        if node_of(event.user) == process.node:
            assert event.text == text, f"{event} is not what was said"
        elif node_of(event.target) == process.node:
            assert event.text in ("", text), f"{event} is not what was said"
        else:
            assert not event.text, f"{event} is for others"

    def looks_back(self) -> None:
        """Look at how it all ended."""
        keys, processes = self._world.model.keys, self._world.processes
        stream = [event for entry in keys.stream for event in stamped(entry)]
        assert not any(b"psst" in entry.data for entry in keys.stream), "a private text is in the stream"
        places = [event.place for event in stream]
        assert {process.node for process in processes} == set(keys.nodes)
        for process in processes:
            self._look_back_at(process, places)
        if not self._world.may_lose:
            assert self._events.keys() <= set(places), "somebody has heard what is not there"

    def _look_back_at(self, process: Process, places: list[int]) -> None:
        record, state, member = self._records[process], process.state, process.member
        assert state is not None
        since = max(record.began_at + 1, self._world.model.keys.trimmed)
        assert [place for place in record.places if place >= since] == [place for place in places if place >= since]
        assert member.peers.keys() == state.nodes.keys() == self._world.model.keys.nodes.keys()
        assert {node_of(user) for user in state.users} <= state.nodes.keys(), "somebody's node is gone"
        here = {person.id for person in process.people.values() if person.here}
        assert here == {user for user in state.users if node_of(user) == process.node}
        assert not state.claims, "somebody claimed a name and never took it"
        every = set(range(1, record.given + 1))
        assert record.heard_own | record.not_sent == every, "something got lost"
        for other in self._world.processes:
            told = {number for node, number in self._records[other].heard if node == process.node}
            assert not told & record.not_sent, "something was heard and said not to be sent"
