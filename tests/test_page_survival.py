"""The page, when its connection fails: it comes back by itself, nothing is missing, and nothing is there twice."""

from __future__ import annotations

import contextlib
import threading

import pytest
from absence import chats, comes_back, finds_out, has_come_in, has_read, is_offline, passes, pending
from bot import Bot
from browser import GREET_AFTER, shows
from people import SECOND, eventually
from playwright.sync_api import expect


@pytest.fixture
def server(start):
    return start(server__greet_after=GREET_AFTER, history__replay=20)


@pytest.fixture
def cable(lay, server):
    return lay(server)


def test_after_a_minute_without_a_connection_all_that_happened_is_there_once(server, cable, browse):
    ann, bob = browse(cable, "Ann", clock=True), browse(server, "Bob")
    bob.says("one")
    bob.says("two")
    ann.says("three")
    bob.sees("three")
    for text in ("one", "two", "three"):
        ann.sees(text)
    cable.cut()
    is_offline(ann)
    bob.says("/delete")
    bob.says("/edit one, which was changed")
    bob.says("four")
    bob.says("five")
    bob.sees("five")
    bob.says("/delete")
    bob.sees("four")
    ann.says("six, which Ann typed meanwhile")
    assert pending(ann) == ["Not sent yet: waiting for the connection."]
    ann.types("half a li")
    passes(ann, 60)
    is_offline(ann)
    assert ann.texts() == ["one", "two", "three", "six, which Ann typed meanwhile"]
    cable.mend()
    comes_back(ann)
    ann.sees("six, which Ann typed meanwhile")
    bob.sees("six, which Ann typed meanwhile")
    changed = ["one, which was changed (edited)", "Message deleted", "three", "four"]
    assert bob.texts() == [*changed, "Message deleted", "six, which Ann typed meanwhile"]
    assert ann.texts() == [*changed, "six, which Ann typed meanwhile"]  # what she never saw is not there
    assert ann.box.input_value() == "half a li"


def test_a_line_whose_echo_was_lost_is_not_doubled_even_if_the_same_was_said_before(server, cable, browse):
    ann, bob = browse(cable, "Ann", clock=True), browse(server, "Bob")
    ann.says("ok")
    ann.sees("ok")
    cable.lose_answers()
    for text in (
        "ok",
        "  with spaces  ",
        "ok",
        "a\ttab and \x1b[1mbold",
        "two\nrows",
        "e\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
    ):
        ann.says(text)
    eventually(lambda: len(bob.texts()) == 7)
    finds_out(ann)
    cable.mend()
    comes_back(ann)
    ann.says("after that")
    bob.sees("after that")
    ann.sees("after that")
    assert pending(ann) == []
    assert ann.texts() == bob.texts()
    assert len(ann.texts()) == 8


def test_a_line_that_never_arrived_goes_out_again_behind_one_that_reads_the_same(server, cable, browse):
    ann, bob = browse(cable, "Ann", clock=True), browse(server, "Bob")
    ann.says("ok")
    ann.sees("ok")
    cable.bury()
    ann.says("ok")
    ann.says("ok")
    finds_out(ann)
    comes_back(ann)
    eventually(lambda: bob.texts() == ["ok"] * 3)
    eventually(lambda: ann.texts() == ["ok"] * 3 and not pending(ann))


@pytest.mark.parametrize("how", ["bury", "freeze", "page", "server"])
def test_the_page_gets_its_name_back_from_a_connection_that_looks_alive_to_the_server(server, cable, browse, how):
    ann, bob = browse(cable, "Ann", clock=True), browse(server, "Bob")
    bob.says("before")
    ann.sees("before")
    if how in ("page", "server"):
        cable.end(how)
    else:
        getattr(cable, how)()
        finds_out(ann)
    bob.says("meanwhile")
    ann.says("typed meanwhile")
    if how == "freeze":
        passes(ann, 120)
        is_offline(ann)
        cable.bury()
        cable.mend()
    comes_back(ann)
    ann.sees("typed meanwhile", by="Ann")
    bob.sees("typed meanwhile", by="Ann")
    eventually(lambda: sorted(ann.texts()) == ["before", "meanwhile", "typed meanwhile"])
    assert bob.texts() == ann.texts()
    shows(bob.page.locator("#people-title"), "2 people")


def test_what_was_held_up_on_the_way_comes_once(server, cable, browse):
    ann, bob = browse(cable, "Ann", clock=True), browse(server, "Bob")
    cable.freeze()
    ann.says("from Ann")
    bob.says("from Bob")
    bob.sees("from Bob")
    cable.thaw()
    bob.sees("from Ann")
    ann.sees("from Bob")
    eventually(lambda: ann.texts() == bob.texts() == ["from Bob", "from Ann"])
    cable.delay(0.1)
    for number in range(5):
        ann.says(str(number))
        bob.says(f"and {number}")
    ann.says("done")
    bob.sees("done")
    ann.sees("done")
    eventually(lambda: ann.texts() == bob.texts() and len(ann.texts()) == 13)
    assert ann.page.locator("#trouble").is_hidden()


def test_a_laptop_that_slept_for_hours_goes_on_where_it_was(server, cable, browse, enter):
    ann, carl = browse(cable, "Ann", clock=True), enter(server, "Carl")
    carl.says("good night")
    ann.sees("good night")
    cable.bury()
    chats(carl, (f"in the night {number}" for number in range(30)))
    passes(ann, 8 * 3600)
    finds_out(ann)
    comes_back(ann)
    ann.sees("in the night 29")
    eventually(lambda: ann.texts() == ["good night", *(f"in the night {number}" for number in range(30))])


def test_more_than_a_page_of_missed_lines_is_all_there(server, cable, browse, enter):
    ann, carl = browse(cable, "Ann", clock=True), enter(server, "Carl")
    carl.says("before")
    ann.sees("before")
    for first, count in ((0, 550), (550, 1150)):
        cable.cut()
        is_offline(ann)
        chats(carl, (f"line {number}" for number in range(first, first + count)))
        cable.mend()
        comes_back(ann)
        if count > 1000:  # then the present begins anew, and she stays where she was until she wants to go there
            ann.page.locator("#to-present").click()
        ann.sees(f"line {first + count - 1}")
    has_read(ann, ["before", *(f"line {number}" for number in range(1700))])


HOLD = """() => {
    globalThis.held = [];
    globalThis.release = () => {
        const questions = held;
        globalThis.held = null;
        for (const ask of questions) ask();
    };
    const { OPEN, prototype } = WebSocket;
    const { send } = prototype;
    prototype.send = function (data) {
        const ask = () => this.readyState === OPEN && send.call(this, data);
        if (held && JSON.parse(data).do === "history") held.push(ask);
        else ask();
    };
}"""
"""Questions about the past are sent only with `release()`."""


def test_a_connection_lost_before_the_past_of_a_room_was_loaded_leaves_no_hole(server, cable, browse, enter):
    ann, carl = browse(cable, "Ann", clock=True), enter(server, "Carl")
    ann.page.evaluate(HOLD)
    carl.says("/join dev")
    ann.says("/join dev")
    ann.is_in("dev")
    carl.says("heard")
    ann.sees("heard")
    cable.cut()
    is_offline(ann)
    said = ["heard", *(f"line {number}" for number in range(120))]
    chats(carl, said[1:])
    cable.mend()
    ann.page.evaluate("release()")
    comes_back(ann)
    ann.sees("line 119")
    seen = ann.texts()
    assert seen == said[-len(seen) :]
    has_read(ann, said)


def test_what_is_typed_while_the_past_of_a_room_is_loaded_is_said_in_that_room(server, cable, browse, enter):
    ann, carl = browse(cable, "Ann"), enter(server, "Carl")
    carl.says("/join dev")
    ann.page.evaluate(HOLD)
    ann.says("/join dev")
    ann.is_in("dev")
    ann.types("hello, dev")
    ann.page.evaluate("release()")
    expect(ann.page.locator("#empty")).to_be_visible()  # it has been loaded
    ann.presses("Enter")
    ann.sees("hello, dev", by="Ann")
    ann.goes_to("lobby")
    assert ann.box.input_value() == ""


def test_whoever_wants_to_go_to_the_present_while_it_is_loaded_gets_there(server, cable, browse, enter):
    ann, carl = browse(cable, "Ann", clock=True), enter(server, "Carl")
    carl.says("before")
    ann.sees("before")
    ann.page.evaluate(HOLD)
    cable.cut()
    is_offline(ann)
    said = [f"line {number}" for number in range(1100)]
    chats(carl, said)
    cable.mend()
    comes_back(ann)
    ann.says("I am back")
    ann.page.evaluate("release()")
    ann.sees("I am back")
    said.append("I am back")
    seen = ann.texts()
    assert seen == said[-len(seen) :]
    expect(ann.page.locator("#to-present")).to_be_hidden()
    has_read(ann, ["before", *said])


def test_whoever_reads_what_was_said_before_stays_there(server, cable, browse, enter):
    carl = enter(server, "Carl")
    chats(carl, (f"line {number}" for number in range(300)))
    ann = browse(cable, "Ann", clock=True)
    ann.sees("line 299")
    has_come_in(ann)
    ann.log.evaluate("log => { log.scrollTop = 200; }")
    ann.log.locator(".line").nth(120).wait_for(state="attached")
    ann.log.evaluate("log => { log.scrollTop = log.scrollHeight / 2; }")
    for missed in (1, 250, 1100):
        before = ann.top()
        cable.cut()
        is_offline(ann)
        chats(carl, (f"missed {missed}.{number}" for number in range(missed)))
        cable.mend()
        comes_back(ann)
        eventually(lambda missed=missed: f"{missed} new" in ann.page.locator("#to-present").inner_text() or missed > 1)
        text, at = ann.top()
        assert text == before[0]
        assert abs(at - before[1]) < 2
    ann.page.locator("#to-present").click()
    ann.sees("missed 1100.1099")


def test_a_talk_that_goes_on_while_the_connection_comes_and_goes_is_there_once(server, cable, browse):
    ann = browse(cable, "Ann", clock=True)
    with contextlib.closing(Bot(server, "Carl")) as carl:
        over = threading.Event()
        said = []

        def talks():
            while not over.wait(0.005 * SECOND):
                said.append(f"line {len(said)}")
                carl.sends("say", room="lobby", text=said[-1])

        talker = threading.Thread(target=talks)
        talker.start()
        try:
            for breaks in (cable.cut, cable.bury, cable.lose_answers, cable.cut):
                breaks()
                finds_out(ann)
                cable.mend()
                comes_back(ann)
        finally:
            over.set()
            talker.join()
        carl.says_all("lobby", ["end"])
        ann.sees("end")
    has_read(ann, [*said, "end"])
