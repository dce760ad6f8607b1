"""A node of a world: a process that does what journal/redisthread.py does, round after round, with real parts.

It runs in a greenlet that stops before every operation of the store, where another node may go on.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

import greenlet
import msgspec
from deeds import Person, deed
from storelink import Link

from gchatd.chat.events import Arrived, Claimed, Departed, NotSent, Renamed, SnapshotAsked
from gchatd.chat.folding import fold
from gchatd.chat.state import LOBBY, Bounds, Snapshot, State, user_id
from gchatd.cluster.member import Member
from gchatd.cluster.store import Fenced, Outdated, Recovering, Restarted, StoreGone

if TYPE_CHECKING:
    from worlds import World

    from gchatd.chat.events import Event
    from gchatd.chat.folding import Outcome

LEASE = 15_000
RETRY, REFUSED, RENEWAL, SNAPSHOT, QUEUE = 200, 1000, LEASE // 5, 3000, 10_000  # ms, as in redisthread.py
BOUNDS = Bounds(most_rooms=5, announce_up_to=3, replay=3)


@dataclasses.dataclass
class Directory:
    """What outlives a node's process."""

    identity: str
    incarnation: int = 0
    last_id: int = 0


class Process:
    """One run of a node."""

    def __init__(self, world: World, directory: Directory) -> None:
        self.directory = directory
        self.link = Link(world.model, self._pause, world.fails)
        self.link.on_late = world.comes_late
        self.link.on_done = lambda operation, answer: world.done(self, operation, answer)
        self.member = Member(self.link, directory.identity, f"node {directory.identity}", "bounds")
        self.state: State | None = None
        self.running = self.closing = self.over = False
        self.frozen_until = self.wakes_at = 0
        self.listens = False
        self.given: list[Event] = []
        self.people: dict[int, Person] = {}
        self.came = 0
        self._world = world
        self._read: list[Event] = []  # before the state is known
        self._snapshots: list[Snapshot] = []
        self._agreed = False
        self._gone_at = self._renews_at = self._appends_at = 0
        self.greenlet = greenlet.greenlet(self._run)

    @property
    def node(self) -> int:
        return self.member.node

    @property
    def is_awake(self) -> bool:
        """Whether there is something to do."""
        if self._world.now >= self.wakes_at:
            return True
        news = self.given or self.closing or not self.link.connected
        return self.listens and bool(news or self._world.model.keys.last != self.member.place)

    @property
    def rests(self) -> bool:
        """Whether there is nothing to do but to wait."""
        idle = self.running and self._agreed and not (self.given or self.member.has_unsent)
        return idle and self.member.place == self._world.model.keys.last

    def _pause(self) -> None:
        self._world.main.switch()

    def _sleep(self, ms: int, listens: bool = False) -> None:
        self.wakes_at, self.listens = self._world.now + ms, listens
        self._pause()
        self.wakes_at, self.listens = 0, False

    def _run(self) -> None:
        try:
            while not self._begin():
                self._sleep(RETRY)
            self.running = self._agreed = True
            self._world.witness.runs(self)
            while not self._round():
                pass
        except Fenced as fenced:
            self._world.witness.is_fenced(self, fenced)
        self.over = True

    # Beginning.

    def _begin(self) -> bool:
        try:
            self.link.connect()
            directory = self.directory
            joined = self.member.join(directory.incarnation, directory.last_id)
            directory.incarnation, self._renews_at = joined.node, 0
            self._read, self.state = [], None
            attempt = 0
            while not self._know_state(attempt):
                attempt += 1
        except (StoreGone, Restarted, Recovering, Outdated, Fenced):
            return False
        return True

    def _know_state(self, attempt: int) -> bool:
        founded_at = self.member.found()
        if founded_at is not None:
            while self.member.place < founded_at:
                self._read_some()
            self.state = State(BOUNDS)
            self.state.place, self.state.nodes = founded_at, self.member.nodes
        else:
            self.member.queue([SnapshotAsked(node=self.node, attempt=attempt)])
            self.member.append()
            until, seen, asked_at, data = self._world.now + SNAPSHOT, 0, 0, None
            while data is None and self._world.now < until:
                self._read_some()
                for event in self._read[seen:]:
                    if isinstance(event, SnapshotAsked) and (event.node, event.attempt) == (self.node, attempt):
                        asked_at = event.place
                seen = len(self._read)
                data = self.link.snapshot(asked_at) if asked_at else None
            if data is None:
                return False
            self.state = State.restore(msgspec.json.decode(data, type=Snapshot))
        return self.member.ready(self.state.place)

    def _read_some(self) -> None:
        self._renew_when_due()
        for entry in self.link.read(self.member.place, self._world.random.randint(1, 9)):
            self._read += self.member.read(entry)
        self._sleep(10)

    # A round.

    def _round(self) -> bool:
        try:
            if self.given:
                self.member.queue(self.given)
                self.given = []
            if not self.link.connected:
                self._agreed = False
                self.link.connect()
            self._agreed = self._agreed or self.member.agree()
            if self._agreed:
                self._gone_at = 0
                self._renew_when_due()
                self._append()
                if not self._world.is_busy():
                    self._hear()
                while self._snapshots:
                    snapshot = self._snapshots[0]
                    self.link.give_snapshot(snapshot.place, msgspec.json.encode(snapshot))
                    self._snapshots.pop(0)
        except StoreGone:
            self._gone_at = self._gone_at or self._world.now
            if self._world.now - self._gone_at > QUEUE:
                self._are_not_sent(self.member.give_up("gone"))
        except Restarted:
            self._agreed = False
        if self.closing and self._agreed and not (self.given or self.member.has_unsent):
            with contextlib.suppress(StoreGone, Restarted):  # then the others will notice
                self.member.leave()
            return True
        self._wait()
        return False

    def _wait(self) -> None:
        if not (self.link.connected and self._agreed):
            self._sleep(RETRY)
        elif not self.member.has_unsent or self._world.now < self._appends_at:
            due = min(self._renews_at, self._appends_at if self.member.has_unsent else self._renews_at)
            self._sleep(max(0, due - self._world.now), listens=True)

    def _renew_when_due(self) -> None:
        if self._world.now >= self._renews_at:
            self.member.renew()
            self._renews_at = self._world.now + RENEWAL

    def _append(self) -> None:
        if self.member.has_unsent and self._world.now >= self._appends_at:
            refused = self.member.append()
            if refused or self._world.model.full:
                self._appends_at = self._world.now + REFUSED
            self._are_not_sent(refused)

    def _hear(self) -> None:
        read, self._read = self._read, []
        try:
            for entry in self.link.read(self.member.place, self._world.random.randint(1, 9)):
                read += self.member.read(entry)
        finally:
            for event in read:
                self._fold(event)

    def _fold(self, event: Event) -> None:
        assert self.state is not None
        outcome = fold(self.state, event)
        if outcome is None:
            return
        self._world.witness.hears(self, outcome)
        if event.kept and self._world.random.random() < 0.7:  # it is on the disk already
            self.directory.last_id = event.id
        if event.origin is not None and event.origin.node == self.node:
            self._own(outcome)
        if isinstance(event, SnapshotAsked) and self.state.giver(event.node, event.attempt) == self.node:
            self._snapshots.append(self.state.snapshot())

    # What people do.

    def _are_not_sent(self, refused: list[NotSent]) -> None:
        for event in refused:
            self._world.witness.is_told_not_sent(self, event)
            if event.of in ("claimed", "arrived"):
                self._claim_failed(event.user)

    def _own(self, outcome: Outcome) -> None:
        """Do what a session does when something that it did has happened."""
        event, refusal = outcome.event, outcome.refusal
        person = self.people[event.user]
        if isinstance(event, Claimed) and refusal is not None:
            self._claim_failed(event.user)
        elif isinstance(event, Claimed):
            name, person.name, person.claimed = person.name, person.claimed, ""
            self.acts(person, Renamed(name=name, to=person.name))
        elif isinstance(event, Arrived) and refusal is not None:
            self._claim_failed(event.user)
        elif isinstance(event, Arrived):
            person.name, person.claimed, person.here = person.claimed, "", True
        elif isinstance(event, Renamed):
            assert refusal is None, f"{event.name} claimed a name and does not get it: {refusal}"
        elif isinstance(event, Departed):
            del self.people[event.user]

    def _claim_failed(self, user: int) -> None:
        if self.people[user].here:
            self.people[user].claimed = ""
        else:
            del self.people[user]

    def acts(self, person: Person, event: Event) -> None:
        event = msgspec.structs.replace(event, user=person.id, name=event.name or person.name)
        self.given.append(self._world.witness.noted(self, event))

    def something_happens(self) -> None:
        """Let somebody who is connected here do something, or come in."""
        random = self._world.random
        here = [one for one in self.people.values() if one.here and not one.claimed]
        if not here or random.random() < 0.15:
            self.came += 1
            person = Person(user_id(self.node, self.came), random)
            self.people[person.id] = person
            self.acts(person, Arrived(room=LOBBY, name=person.claims().name))
            return
        assert self.state is not None
        person = random.choice(here)
        what = deed(person, self.state)
        if what is not None:
            self.acts(person, what)
