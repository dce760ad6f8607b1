"""Whether people can be sent to a server, and why not."""

from __future__ import annotations

import signal
import threading
import types

import gevent
import gevent.socket
import pytest
from people import PATIENCE, eventually
from test_metrics import asks, port_of, scraped, sources

from gchatd.chat.events import Said
from gchatd.journal import SqliteJournal, sqlite
from gchatd.journal.store import Writer
from gchatd.operate.health import Health
from gchatd.settings import History


def test_a_server_that_works_is_healthy_and_one_that_shuts_down_says_so(start, enter):
    patient = {"server__drain_seconds": 10 * PATIENCE, "limits__stalled_seconds": 10 * PATIENCE}
    server = start(metrics__listen="127.0.0.1:0", **patient)
    port = port_of(server)
    assert asks(port, "/healthz") == (200, "ok\n")
    lazy, ann = enter(server, "Lazy", buffer=4096), enter(server, "Ann")

    def something_waits() -> bool:
        for _ in range(40):
            ann.says("x" * 4000)
        return scraped(port)["gchat_waiting_clients"] > 0

    eventually(something_waits)
    server.process.send_signal(signal.SIGTERM)
    assert eventually(lambda: asks(port, "/healthz")[0] == 503)
    assert asks(port, "/healthz") == (503, "This server is shutting down.\n")
    lazy.hangs_up()


def test_a_server_that_the_others_have_given_up_is_not_healthy():
    one = sources()
    journal = types.SimpleNamespace(fenced="its lease ran out", trouble="")
    assert Health(one.hub, journal).trouble() == "This server is no longer part of the chat: its lease ran out."
    journal = types.SimpleNamespace(fenced="", trouble="Redis has been out of reach for 3 s")
    assert Health(one.hub, journal).trouble().endswith("kept just now: Redis has been out of reach for 3 s.")
    assert Health(one.hub, one.journal).trouble() == ""


@pytest.fixture
def journal(tmp_path):
    journal = SqliteJournal(tmp_path, History())
    yield journal
    journal.close()
    with gevent.Timeout(PATIENCE):
        while journal.take():
            pass


def say(journal: SqliteJournal) -> None:
    journal.append(Said(room="lobby", user=1, name="Ann", text="hi"))


def test_a_history_that_cannot_be_written_is_trouble_until_it_can(journal, monkeypatch):
    with monkeypatch.context() as broken, gevent.Timeout(PATIENCE):
        broken.setattr(Writer, "append", lambda *_: 1 / 0)
        say(journal)
        journal.take()
        assert journal.trouble == "the history cannot be used"
    monkeypatch.setattr(sqlite, "RECALL_SECONDS", -1)  # nobody tries for so long
    assert journal.trouble == ""
    monkeypatch.undo()
    with gevent.Timeout(PATIENCE):
        while journal.trouble:
            gevent.sleep(0.1)
            say(journal)
            journal.take()


def test_a_disk_that_does_not_answer_is_trouble(journal, monkeypatch):
    monkeypatch.setattr(sqlite, "STUCK_SECONDS", 0.05)
    thawed = threading.Event()
    append = Writer.append
    monkeypatch.setattr(Writer, "append", lambda *args: thawed.wait() and append(*args))
    say(journal)
    with gevent.Timeout(PATIENCE):
        while not journal.trouble:
            gevent.sleep(0.01)
    assert journal.trouble == "the disk has not answered for 0 s"
    thawed.set()
    journal.take()
    assert journal.trouble == ""
