"""What members do when the store fails in ways that few worlds have: each on the model alone, and on Redis as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
from bothstores import Both
from storemodel import GRACE, RECOVERY, Model

from gchatd.chat.events import Departed, NodeJoined, NodeReady, NotSent, Said, Told
from gchatd.chat.state import user_id
from gchatd.cluster.member import Member, stamped
from gchatd.cluster.store import Fenced, Outdated, Recovering, Refill, Restarted, StoreRefused

if TYPE_CHECKING:
    from gchatd.chat.events import Event

LEASE = 15_000


@pytest.fixture(params=["model", "redis"])
def store(request: pytest.FixtureRequest) -> Model:
    if request.param == "model":
        return Model()
    both = Both(request.getfixturevalue("redis"))
    both.now = 1_800_000_000_000
    return both


def joins(store: Model, identity: str, incarnation: int = 0) -> Member:
    member = Member(cast("Any", store), identity, identity, "bounds")
    member.join(incarnation, 0)
    return member


def founds(store: Model, identity: str) -> Member:
    member = joins(store, identity)
    place = member.found()
    assert place is not None
    reads(store, member)
    assert member.ready(place)
    return member


def reads(store: Model, member: Member) -> list[Event]:
    return [event for entry in store.entries(member.place, 1000) for event in member.read(entry)]


def said(member: Member, text: str) -> Said:
    return Said(room="lobby", user=user_id(member.node, 1), name="Ann", text=text)


def says(member: Member, *texts: str) -> None:
    """Let a member append each in a batch of its own."""
    for text in texts:
        member.queue([said(member, text)])
        assert member.append() == []


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, (Said, Told))]


def agree(store: Model, *members: Member) -> None:
    """Let members report until they agree with the store."""
    waiting = list(members)
    for _ in range(100):
        waiting = [member for member in waiting if not member.agree()]
        store.now += 200
    assert not waiting


def test_an_entry_that_comes_twice_is_read_once(store: Model):
    ann = founds(store, "ann")
    says(ann, "one")
    (entry,) = store.entries(ann.place, 9)
    assert texts(ann.read(entry)) == ["one"]
    assert ann.read(entry) == []


def test_batches_that_were_lost_are_sent_again_and_if_the_first_is_refused_the_others_keep_their_order(store: Model):
    ann, bob = founds(store, "ann"), joins(store, "bob")
    copy = store.copy()
    told = Told(user=user_id(ann.node, 1), name="Ann", target=user_id(bob.node, 1), to="Bob", text="psst")
    for batch in ([said(ann, "one"), Departed(user=ann.node, words="bye")], [told], [said(ann, "three")]):
        ann.queue(batch)
        ann.append()
    store.restart(copy)
    agree(store, ann)
    store.full = True
    assert [event.of for event in ann.append()] == ["said"]
    store.full = False
    while ann.has_unsent:
        assert ann.append() == []
    reads(store, bob)
    events = [type(event).__name__ for event in reads(store, ann) if event.user]
    assert events == ["Departed", "Told", "Said"]


def test_a_refused_batch_of_private_messages_is_said_not_to_be_sent_and_can_be_sent_anew(store: Model):
    ann = founds(store, "ann")
    store.full = True
    ann.queue([Told(user=user_id(ann.node, 1), name="Ann", target=user_id(9, 1), to="Bob", text="psst")])
    (not_sent,) = ann.append()
    assert isinstance(not_sent, NotSent)
    assert not ann.has_unsent


def test_a_batch_that_comes_after_the_node_has_reported_anew_has_no_effect(store: Model):
    ann = founds(store, "ann")
    agree(store, ann)
    data = msgspec.json.encode([said(ann, "late")])
    with pytest.raises(Restarted):
        store.append(ann.node, 1, 0, ann.place, 1, data, [])
    assert ann.agree()
    says(ann, "one")
    assert texts(reads(store, ann)) == ["one"]


def test_a_report_that_comes_late_does_not_undo_a_later_one(store: Model):
    ann = founds(store, "ann")
    agree(store, ann)
    assert ann.agree()
    store.report(ann.node, 1, ann.place, 0, True, [])
    says(ann, "one")


def test_a_batch_is_never_left_out(store: Model):
    ann = founds(store, "ann")
    with pytest.raises(Fenced):
        store.append(ann.node, 2, 0, ann.place, 1, b"[]", [])


def test_a_state_from_before_the_chat_began_anew_is_nobodys_state(store: Model):
    ann, bob = founds(store, "ann"), joins(store, "bob")
    reads(store, bob)
    place = bob.place
    ann.leave()
    carl = founds(store, "carl")
    assert not bob.ready(place)
    reads(store, bob)
    assert bob.found() is None
    assert bob.ready(bob.place)
    assert carl.renew().left.keys() == {bob.node, carl.node}


def test_that_a_node_is_ready_is_not_lost_with_the_end_of_the_stream(store: Model):
    ann = joins(store, "ann")
    reads(store, ann)
    copy = store.copy()
    place = ann.found()
    assert place is not None
    ann.ready(place)
    store.restart(copy)
    bob = Member(cast("Any", store), "bob", "bob", "bounds")
    with pytest.raises(Recovering):
        bob.join(0, 0)
    while store.keys.recovery is not None:
        assert not ann.agree()
        store.now += 200
    bob.join(0, 0)
    assert bob.found() is None
    assert any(isinstance(event, NodeReady) for event in reads(store, ann))


def test_a_ready_node_that_was_forgotten_ends_when_the_chat_has_begun_anew(store: Model):
    ann = joins(store, "ann")
    reads(store, ann)
    copy = store.copy()
    ann.ready(ann.place)
    store.restart(copy)
    bob = Member(cast("Any", store), "bob", "bob", "bounds")
    with pytest.raises(Recovering):
        bob.join(0, 0)
    store.now += RECOVERY
    bob.join(0, 0)
    assert bob.found() is not None
    with pytest.raises(Fenced):
        ann.agree()


def test_that_a_node_has_joined_is_not_lost_for_the_others_who_had_not_read_it(store: Model):
    ann = founds(store, "ann")
    copy = store.copy()
    bob = joins(store, "bob")
    reads(store, bob)
    store.restart(copy)
    agree(store, ann, bob)
    assert [event.node for event in reads(store, ann) if isinstance(event, NodeJoined)] == [bob.node]
    assert ann.peers.keys() == bob.peers.keys() == {ann.node, bob.node}


def test_a_node_that_does_not_notice_that_everything_is_deleted_loses_no_batch(store: Model):
    ann, bob = founds(store, "ann"), joins(store, "bob")
    reads(store, ann)
    says(bob, "one", "two")
    store.flush()
    for _ in range(RECOVERY // 200 + 2):
        if ann.agree():
            break
        store.now += 200
    bob.queue([said(bob, "three")])
    with pytest.raises(Restarted):
        bob.append()
    assert bob.agree() or bob.agree()
    while bob.has_unsent:
        bob.append()
    assert texts(reads(store, ann)) == ["one", "two", "three"]


def test_whoever_is_silent_is_not_waited_for_for_ever(store: Model):
    ann, bob = founds(store, "ann"), joins(store, "bob")
    copy = store.copy()
    says(ann, "one")
    reads(store, ann)
    store.restart(copy)
    reads(store, bob)
    assert not ann.agree()
    for _ in range(RECOVERY // 200 - 1):
        store.now += 200
        assert not bob.agree()
    store.now += 200 + GRACE
    assert not bob.agree()
    assert bob.agree(), "what nobody else has read is waited for no longer"
    with pytest.raises(Fenced):
        ann.agree()


def test_two_put_back_what_each_remembers_and_nothing_twice(store: Model):
    ann = founds(store, "ann")
    copy = store.copy()
    says(ann, "one")
    reads(store, ann)
    bob = joins(store, "bob")
    says(bob, "two")
    reads(store, bob)
    store.restart(copy)
    agree(store, ann, bob)
    assert texts(reads(store, ann)) == ["two"]
    assert texts([event for entry in store.entries(0, 99) for event in stamped(entry)]) == ["one", "two"]


def test_what_was_put_back_meanwhile_is_not_put_back_again(store: Model):
    ann = founds(store, "ann")
    copy = store.copy()
    bob = joins(store, "bob")
    reads(store, ann)
    says(bob, "one", "two")
    reads(store, bob)
    entries = store.entries(0, 99)
    peers = {number: msgspec.structs.replace(peer) for number, peer in bob.peers.items()}
    store.restart(copy)
    answer = None
    while answer is None:
        ann.agree()
        answer = store.report(bob.node, 1, bob.place, 0, False, [ann.node])
        store.now += 200
    assert isinstance(answer, Refill)
    store.refill(bob.node, answer.run, "bounds", bob.node, peers, 0, bob.place, entries)
    with pytest.raises(Restarted):
        store.refill(bob.node, answer.run, "bounds", bob.node, peers, 0, bob.place, entries)
    assert texts([event for entry in store.entries(0, 99) for event in stamped(entry)]) == ["one", "two"]


def test_what_an_older_copy_has_and_nobody_has_read_is_not_left_among_what_is_put_back(store: Model):
    ann = founds(store, "ann")
    says(ann, "one")
    reads(store, ann)
    before = store.copy()
    store.restart()
    agree(store, ann)
    bob = joins(store, "bob")
    says(bob, "of another day")
    another_day = store.copy()
    store.restart(before)
    agree(store, ann)
    says(ann, "two")
    reads(store, ann)
    store.restart(another_day)
    store.now += RECOVERY
    for _ in range(RECOVERY // 200 + 2):
        ann.agree()
        store.now += 200
    assert ann.agree()
    assert texts([event for entry in store.entries(0, 99) for event in stamped(entry)]) == ["one", "two"]


def test_whoever_reads_across_what_it_has_not_heard_ends(store: Model):
    ann, bob = founds(store, "ann"), joins(store, "bob")
    copy = store.copy()
    says(ann, "one")
    reads(store, bob)
    store.restart(copy)
    for _ in range(RECOVERY // 200 + 1):
        ann.agree()
        store.now += 200
    with pytest.raises(Fenced):
        reads(store, bob)
    with pytest.raises(Fenced):
        bob.agree()


def test_nobody_is_lost_because_the_store_was_stuck_whoever_comes_first(store: Model):
    ann = founds(store, "ann")
    store.now += 2 * LEASE
    bob = joins(store, "bob")
    assert bob.found() is None
    assert ann.renew().left.keys() == {ann.node, bob.node}
    store.now += LEASE // 3
    bob.renew()
    store.now += LEASE // 3
    bob.renew()
    store.now += LEASE // 3
    assert bob.renew().left.keys() == {bob.node}
    with pytest.raises(Fenced):
        ann.renew()


def test_a_join_that_comes_late_ends_nobody(store: Model):
    ann = joins(store, "ann")
    with pytest.raises(Outdated):
        store.join("ann", "ann", 0, 0, "bounds")
    again = joins(store, "ann")
    assert again.node > ann.node
    with pytest.raises(Fenced):
        ann.renew()


def test_a_private_text_is_not_forgotten_if_the_store_fails_while_it_is_read(store: Model):
    ann, bob = founds(store, "ann"), joins(store, "bob")
    mine = Told(user=user_id(ann.node, 1), name="Ann", target=user_id(ann.node, 2), to="Eva", text="psst")
    ann.queue([mine])
    ann.append()
    entry = store.entries(ann.place, 9)[-1]
    theirs = msgspec.structs.replace(mine, user=user_id(bob.node, 1), target=user_id(ann.node, 1), sealed="x", text="")
    own = msgspec.json.decode(entry.data)
    both = entry._replace(data=msgspec.json.encode([*own, theirs]), size=2)

    class Gone:
        def secret(self, key: str) -> str:
            raise StoreRefused("gone")

    ann._store, real = cast("Any", Gone()), ann._store
    with pytest.raises(StoreRefused):
        ann.read(both)
    ann._store = real
    assert texts(ann.read(both))[0] == "psst"
