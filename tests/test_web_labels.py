"""Labels, and the bytes that browsers share: without sockets, turns happen when told."""

from __future__ import annotations

import json

import gevent
import pytest
from room import Screen, Stage
from web import frames

from gchatd.doors.web.link import WebLink, WebLinks
from gchatd.link import Request
from gchatd.session import Session
from gchatd.settings import Limits


class WebStage(Stage):
    """A stage on which people have browsers."""

    def link(self) -> WebLink:
        return WebLink(WebLinks(self.sessions, Limits()), Screen(), "127.0.0.1:1")

    def comes(self, name: str, label: str = "") -> Session:
        session = Session(self.hub, self.sessions, self.link())
        asks(session, "come", name=name, label=label)
        return session


def asks(session: Session, do: str, label: str = "", **more: object) -> None:
    session.handle(Request(json.dumps({"do": do, **more}), label))


def heard(session: Session) -> list[dict]:
    """What it was sent since the last look."""
    data = b"".join(session.outbox.pieces)
    session.outbox.pieces.clear()
    return [json.loads(text) for _, text in frames(data)]


def told(session: Session) -> list[tuple[str, str | None]]:
    """What kinds of things it was sent since the last look, and their labels."""
    return [(one.get("event") or one.get("refusal") or one["answer"], one.get("label")) for one in heard(session)]


@pytest.fixture
def stage() -> WebStage:
    return WebStage()


@pytest.mark.parametrize("label", ["", "7"])
def test_browsers_in_a_room_share_one_frame_and_so_does_the_author_label_or_not(stage, label):
    ann, bob, carl, tom = *(stage.comes(name) for name in ("Ann", "Bob", "Carl")), stage.enters("Tom")
    stage.turn()
    for one in (ann, bob, carl, tom):
        one.outbox.pieces.clear()
    asks(ann, "say", label, room="lobby", text="ask tom, bob or carl")
    stage.turn()
    (to_ann,), (to_bob,), (to_carl,) = (one.outbox.pieces for one in (ann, bob, carl))
    assert to_ann is to_bob is to_carl
    assert tom.screen() == ["Ann : ask tom, bob or carl"]


def test_of_two_who_do_the_same_at_once_the_second_is_refused_with_the_label(stage):
    ann, bob, carl = (stage.comes(name) for name in ("Ann", "Bob", "Carl"))
    stage.turn()
    for one in (ann, bob, carl):
        heard(one)
    asks(ann, "settopic", "1", room="lobby", text="tea")
    asks(bob, "settopic", "2", room="lobby", text="tea")
    asks(carl, "say", "3", room="lobby", text="tea?")
    stage.turn()
    assert told(ann) == [("topicset", "1"), ("said", None)]
    assert told(bob) == [("topicset", None), ("sametopic", "2"), ("said", None)]
    assert told(carl) == [("topicset", None), ("said", None)]


def test_words_for_somebody_who_leaves_at_the_same_time_are_refused_with_the_label(stage):
    ann, bob = stage.comes("Ann"), stage.comes("Bob")
    stage.turn()
    heard(ann)
    bob.depart()
    asks(ann, "tell", "1", name="Bob", text="psst")
    stage.turn()
    assert told(ann) == [("departed", None), ("notdelivered", "1")]


def test_each_of_many_labels_of_a_turn_comes_back_once_and_to_its_author_alone(stage):
    people = [stage.comes(name, f"come {name}") for name in ("Ann", "Bob", "Carl")]
    stage.turn()
    for one, others in zip(people, ("BC", "C", ""), strict=True):
        name = one.user.name.shown
        assert told(one) == [("arrived", f"come {name}"), *[("arrived", None) for _ in others]]
    for n in range(3):
        for one in people:
            asks(one, "settopic", f"{one.user} {n}", room="lobby", text=f"{one.user} {n}")
    stage.turn()
    for one in people:
        labels = [label for _, label in told(one)]
        assert [label for label in labels if label] == [f"{one.user} {n}" for n in range(3)]
        assert len(labels) == 9


def test_a_label_comes_back_to_the_session_that_gave_it_and_not_to_another_of_the_same_person(stage):
    desk, phone = stage.comes("Ann"), Session(stage.hub, stage.sessions, stage.link())
    stage.turn()
    stage.sessions.arrive(phone, desk.user)
    stage.sessions.enter(phone, desk.user.rooms[0])
    heard(desk)
    joining = gevent.spawn(asks, desk, "join", "1", room="den")
    gevent.idle()
    stage.turn()
    joining.join()
    asks(desk, "settopic", "2", room="den", text="x")
    stage.turn()
    assert told(desk) == [("joined", "1"), ("welcome", None), ("topicset", "2")]
    assert told(phone) == [("welcome", None), ("topicset", None)]


def test_who_takes_a_name_that_they_ignored_still_hears_what_comes_of_what_they_do(stage):
    ann = stage.comes("Ann")
    stage.turn()
    heard(ann)
    asks(ann, "ignore", "1", name="Bob")
    stage.turn()
    renaming = gevent.spawn(asks, ann, "rename", "2", name="Bob")
    gevent.idle()
    stage.turn()
    renaming.join()
    asks(ann, "settopic", "3", room="lobby", text="x")
    asks(ann, "away", "4")
    stage.turn()
    assert told(ann) == [("ignored", "1"), ("renamed", "2"), ("topicset", "3"), ("wentaway", "4")]


def test_what_is_said_and_what_comes_of_no_request_has_no_label(stage):
    ann = stage.comes("Ann")
    stage.turn()
    asks(ann, "settopic", "1", room="lobby", text="x")
    asks(ann, "say", "2", room="lobby", text="x")
    ann.depart()
    assert [event.origin.label for event in stage.journal._committed] == ["1", "", ""]
