"""The past, as browsers are given it: what was said, what was changed since, and what could not be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent
import pytest
from people import PATIENCE
from stored import delete_history
from webhouse import House, opened

from gchatd.journal import History, SqliteJournal, sqlite
from gchatd.settings import History as HistorySettings
from gchatd.text import times

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Iterator[House]:
    """A house that keeps its history."""
    monkeypatch.setattr(sqlite, "TRIM_SECONDS", 0.01)
    history = History(tmp_path)
    journal = SqliteJournal(tmp_path, HistorySettings())
    journal.on_loss = history.let_go
    with opened(journal, history, replay=20) as house:
        yield house
    history.let_go(PATIENCE)


def test_what_was_said_is_given_with_the_label_of_the_question_only_and_not_too_much_of_it(kept, monkeypatch):
    monkeypatch.setattr("gchatd.chat.actions.MOST_LINES", 2)
    ann = kept.enters("Ann")
    for text in ("one", "two", "three"):
        ann.asks("say", room="lobby", text=text, label=text)
        last = ann.hears(event="said", text=text)["id"]
    ann.asks("history", room="lobby", count=200, label="1")
    past = ann.hears(answer="past", room="lobby", more=True, label="1")
    assert [said["text"] for said in past["lines"]] == ["two", "three"]
    assert not any({"label", "origin", "place"} & said.keys() for said in past["lines"])
    ann.asks("history", room="lobby", before_line=last, count=1, label="2")
    assert [said["text"] for said in ann.hears(answer="past", label="2")["lines"]] == ["two"]
    ann.asks("history", room="lobby", before=times.now() - 60_000, label="3")
    ann.hears(answer="past", lines=[], label="3")
    ann.asks("search", room="lobby", text="thr*", label="4")
    (found,) = ann.hears(answer="past", label="4")["lines"]
    assert found["text"] == "\2three\3"
    ann.asks("search", room="lobby", text="!", label="5")
    ann.hears(refusal="nothingtosearchfor", words="!", label="5")


def test_who_comes_later_is_given_what_was_said_lately_without_its_labels(kept):
    ann = kept.enters("Ann")
    ann.asks("tell", name="Ann", text="psst", label="secret")
    ann.hears(refusal="thatisyou", label="secret")
    ann.asks("say", room="lobby", text="one", label="secret")
    ann.hears(event="said", text="one")
    bob = kept.enters("Bob")
    bob.hears(answer="welcome", room="lobby", people=0)
    (said,) = bob.hears(answer="replay", room="lobby")["lines"]
    assert (said["event"], said["text"]) == ("said", "one")
    assert not {"label", "origin", "place"} & said.keys()


def test_who_may_not_enter_a_room_that_comes_back_from_history_is_told_nothing_of_it(kept):
    ann = kept.enters("Ann")
    ann.asks("join", room="den")
    ann.hears(event="joined")
    ann.hears(answer="welcome")
    ann.asks("private", room="den")
    key = ann.hears(event="madeprivate")["key"]
    ann.asks("say", room="den", text="psst", label="1")
    ann.hears(event="said")
    ann.asks("leave", room="den")
    ann.hears(event="left")
    del kept.hub.rooms["den"]  # as if the server had been started again
    bob = kept.enters("Bob")
    for text in ("", "open sesame"):
        bob.asks("join", room="den", key=text, label="2")
        bob.hears(refusal="roomisprivate", room="den", wrong_key=bool(text), label="2")
        del kept.hub.rooms["den"]
    bob.asks("join", room="den", key=key, label="3")
    bob.hears(event="joined", room="den", label="3")
    bob.hears(answer="welcome", room="den", key=key)
    assert [said["text"] for said in bob.hears(answer="replay", room="den")["lines"]] == ["psst"]


def test_what_could_not_be_kept_is_told_to_its_author_alone(kept, tmp_path):
    ann, bob = kept.enters("Ann"), kept.enters("Bob")
    ann.hears(event="arrived")
    delete_history(tmp_path)
    (tmp_path / "history.db").write_bytes(b"not a database at all" * 500)
    refused = None
    while refused is None:
        ann.asks("say", room="lobby", text="hello", label="3")
        heard = ann.reads()
        if heard["event"] == "notsent":
            refused = heard
        else:
            bob.hears(event="said")
            gevent.sleep(0.01)
    assert refused["why"]
    bob.has_heard_all()
