"""The page, when servers are killed, names are taken, tabs are copied and phones are locked."""

from __future__ import annotations

import re
import shutil
import signal

import pytest
from absence import chats, comes_back, finds_out, is_offline, passes, pending
from browser import GREET_AFTER, Guest, shows
from people import eventually
from playwright.sync_api import expect


@pytest.fixture
def restart(start, tmp_path):
    """Start a server; again at the same address, with the same data, after the first time."""
    port = 0

    def begin():
        nonlocal port
        settings = {"server__greet_after": GREET_AFTER, "history__replay": 20, "data": tmp_path / "data"}
        server = start(**settings, listen=(f"127.0.0.1:{port}",))
        port = server.port
        return server

    return begin


def test_a_server_killed_in_the_middle_of_a_talk_is_missed_by_nobody_once_it_is_back(restart, browse):
    server = restart()
    ann, bob = browse(server, "Ann", clock=True), browse(server, "Bob", clock=True)
    ann.says("one")
    bob.sees("one")
    ann.says("/join dev")
    ann.is_in("dev")
    ann.says("in dev")
    ann.sees("in dev")
    ann.goes_to("lobby")
    server.stop(signal.SIGKILL)
    is_offline(ann)
    is_offline(bob)
    ann.says("two")
    bob.says("three")
    assert pending(ann) == pending(bob) == ["Not sent yet: waiting for the connection."]
    bob.page.clock.pause_at(bob.page.evaluate("Date.now()") / 1000 + 10)  # he is back after her
    is_offline(bob)
    restart()
    comes_back(ann)
    ann.sees("two", by="Ann")
    bob.page.clock.resume()
    comes_back(bob)
    bob.sees("three", by="Bob")
    ann.sees("three", by="Bob")
    bob.sees("two", by="Ann")
    assert ann.texts() == bob.texts() == ["one", "two", "three"]
    ann.goes_to("dev")
    ann.says("again in dev")
    ann.sees("again in dev")
    assert ann.texts() == ["in dev", "again in dev"]
    ann.says("/edit still hers?")
    ann.sees("still hers? (edited)")


def test_a_server_that_is_down_for_long_is_tried_again_after_growing_and_uneven_pauses(restart, browse):
    server = restart()
    ann = browse(server, "Ann", clock=True)
    ann.page.evaluate(
        """() => {
            globalThis.tried = [{ to: 0 }];
            const Real = WebSocket;
            globalThis.WebSocket = class extends Real {
                constructor(address) {
                    super(address);
                    const attempt = { from: Date.now(), to: 0 };
                    tried.push(attempt);
                    this.addEventListener("close", () => (attempt.to = Date.now()));
                }
            };
            let turn = 0;
            Math.random = () => (turn++ % 2 ? 0.99 : 0);
        }"""
    )
    server.stop(signal.SIGKILL)
    is_offline(ann)
    ratios = []
    for attempt in range(12):
        step = min(500 * 2**attempt, 30_000) / 20
        eventually(lambda: ann.page.evaluate("tried.at(-1).to || tried.length === 1"))
        while ann.page.evaluate("tried.length") == attempt + 1:
            passes(ann, step / 1000)
        if attempt > 1:
            pause = ann.page.evaluate("tried.at(-1).from - tried.at(-2).to")
            ratios.append(pause / min(500 * 2**attempt, 30_000))
    assert all(0.45 < ratio < 1.2 for ratio in ratios), ratios
    assert max(ratios) > 1.5 * min(ratios), ratios
    is_offline(ann)
    ann.page.get_by_role("button", name="Try now").wait_for()
    restart()
    eventually(lambda: ann.page.evaluate("tried.at(-1).to"))
    ann.page.get_by_role("button", name="Try now").click()  # one need not wait
    expect(ann.page.locator("#trouble")).to_be_hidden()


def test_what_was_typed_long_ago_is_sent_only_if_its_author_still_wants_that(restart, lay, browse):
    server = restart()
    cable = lay(server)
    ann, bob = browse(cable, "Ann", clock=True), browse(server, "Bob")
    cable.cut()
    is_offline(ann)
    ann.says("old and unwanted")
    ann.says("old and wanted")
    passes(ann, 400)
    ann.says("new")
    cable.mend()
    comes_back(ann)
    bob.sees("new")
    states = pending(ann)
    assert len(states) == 2
    assert all(state.startswith("Not sent: the connection was lost for more than five minutes.") for state in states)
    ann.log.get_by_role("button", name="Send now").nth(1).click()
    bob.sees("old and wanted")
    eventually(lambda: len(pending(ann)) == 1)
    ann.log.get_by_role("button", name="Discard").click()
    eventually(lambda: not pending(ann))
    ann.says("end")
    bob.sees("end")
    assert bob.texts() == ann.texts() == ["new", "old and wanted", "end"]


def test_a_name_that_somebody_else_took_meanwhile_is_asked_for_and_nothing_typed_is_lost(restart, lay, browse, enter):
    server = restart()
    cable = lay(server)
    ann, bob = browse(cable, "Ann", clock=True), browse(server, "Bob")
    cable.cut()
    is_offline(ann)
    shows(bob.page.locator("#people-title"), "1 person")
    other = enter(server, "Ann")
    ann.says("what the first Ann typed")
    ann.types("a draft")
    cable.mend()
    dialog = ann.page.locator("#name-dialog")

    def is_asked():
        passes(ann, 5)
        return dialog.is_visible()

    eventually(is_asked)
    other.says("the other Ann")
    expect(dialog).to_contain_text("The name Ann is in use")
    ann.enters("Anna")
    ann.is_in("lobby")
    bob.sees("what the first Ann typed", by="Anna")
    ann.sees("the other Ann", by="Ann")
    assert ann.box.input_value() == "a draft"
    eventually(lambda: ann.texts() == bob.texts())


def test_two_pages_cannot_have_one_name_and_neither_pushes_the_other_out(restart, browse):
    server = restart()
    ann = browse(server, "Ann", clock=True)
    second = Guest(ann.page.context, server)
    expect(second.page.locator("#name-dialog")).to_contain_text("The name Ann is in use, perhaps by you in another tab")
    with ann.page.context.expect_page() as opened:  # such a page has a copy of what this tab remembers
        ann.page.evaluate("void window.open('/')")
    copied = opened.value.locator("#name-dialog")
    expect(copied).to_contain_text("The name Ann is in use")
    passes(ann, 60)
    ann.says("still here")
    ann.sees("still here", by="Ann")
    assert ann.page.locator("#trouble").is_hidden()
    second.enters("Ann2")
    second.sees("still here", by="Ann")
    assert not second.errors


def test_a_page_that_is_loaded_again_while_its_old_connection_hangs_has_its_name_and_rooms(restart, lay, browse):
    server = restart()
    cable = lay(server)
    ann = browse(cable, "Ann")
    ann.says("/join dev")
    ann.is_in("dev")
    ann.says("before")
    ann.sees("before")
    cable.bury()
    ann.page.reload()
    ann.is_in("dev")
    ann.sees("before")
    ann.says("after")
    ann.sees("after")
    shows(ann.page.locator("#me"), "Ann")
    assert ann.texts() == ["before", "after"]


def test_private_rooms_are_entered_again_with_their_key(restart, lay, browse, enter):
    server = restart()
    cable = lay(server)
    ann, carl = browse(cable, "Ann", clock=True), enter(server, "Carl")
    ann.says("/join den")
    ann.is_in("den")
    ann.says("/private")
    ann.is_told("To come back: /join den ")
    key = re.search(r"/join den (\S+)", ann.log.locator(".note").last.inner_text())[1]
    carl.says(f"/join den {key}")
    cable.bury()
    while "den" not in carl.reads_line():
        pass
    carl.says("between us")
    finds_out(ann)
    cable.cut()
    passes(ann, 30)
    cable.mend()
    comes_back(ann)
    ann.is_in("den")
    ann.sees("between us")
    ann.says("yes")
    ann.sees("yes")
    assert ann.place("den").locator(".icon").count() == 1
    assert [text for text in ann.texts() if text in ("between us", "yes")] == ["between us", "yes"]


@pytest.mark.parametrize("lost", [False, True])
def test_a_phone_that_was_locked_has_everything_when_it_wakes(restart, lay, browse, enter, lost):
    server = restart()
    cable = lay(server)
    ann, carl = browse(cable, "Ann", width=390, clock=True), enter(server, "Carl")
    ann.says("before")
    ann.sees("before")
    devtools = ann.page.context.new_cdp_session(ann.page)
    devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    if lost:
        cable.bury()
    chats(carl, (f"line {number}" for number in range(60)))
    devtools.send("Page.setWebLifecycleState", {"state": "active"})
    passes(ann, 60)
    if lost:
        finds_out(ann)
        comes_back(ann)
    ann.sees("line 59")
    ann.says("after")
    ann.sees("after")
    assert ann.texts() == ["before", *(f"line {number}" for number in range(60)), "after"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_private_room_that_has_ended_is_not_made_again_as_a_public_one(restart, browse, enter, tmp_path, kept):
    server = restart()
    ann = browse(server, "Ann", clock=True)
    ann.says("/join den")
    ann.is_in("den")
    ann.says("/private")
    ann.is_told("To come back: /join den ")
    ann.says("what a room is remembered by")
    ann.sees("what a room is remembered by")
    server.stop()
    is_offline(ann, "The server is restarting")
    ann.says("for few")
    if not kept:
        shutil.rmtree(tmp_path / "data")
    server = restart()
    comes_back(ann)
    if kept:
        ann.sees("for few")
        assert ann.place("den").locator(".icon").count() == 1
    else:
        ann.is_told("You are no longer in den. There is no private room called den.")
        ann.says("for them")
        shows(ann.log.locator(".pending .state"), [re.compile(r"^Not sent: you are not in den\.")] * 2)
        ann.says("/leave")
    ann.page.reload()
    ann.is_in("den" if kept else "lobby")
    shows(ann.page.locator("#rooms .place-name"), ["lobby", "den"] if kept else ["lobby"])
    carl = enter(server, "Carl")
    carl.says("/names den")
    while "den" not in (answer := carl.reads_line()):
        pass
    assert "There is no room called den" in answer
