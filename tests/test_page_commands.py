"""What people type at the page that cannot be done as they typed it, and where they are afterwards."""

from __future__ import annotations

import json

import pytest
from absence import has_come_in, passes
from browser import GREET_AFTER, shows
from people import eventually
from playwright.sync_api import expect


@pytest.fixture
def server(start):
    return start(server__greet_after=GREET_AFTER, history__replay=20)


def notes(guest):
    return guest.log.locator(".note").all_inner_texts()


def test_whoever_quits_is_told_so_calmly_and_finds_no_complaint_when_they_come_back(server, browse):
    ann = browse(server, "Ann")
    ann.says("/quit")
    why = ann.page.locator("#name-why")
    shows(why, "You have left. Come back whenever you like.")
    colour = "element => getComputedStyle(element).color"
    faint, bad = why.evaluate(colour), "rgb(163, 38, 28)"
    assert faint != bad
    ann.enters("2 words")
    expect(why).not_to_contain_text("You have left")
    expect(why).not_to_be_empty()
    assert why.evaluate(colour) == bad
    ann.enters("Ann")
    ann.is_in("lobby")
    ann.says("/uptime")
    ann.is_told("1 person is here.")
    assert len(notes(ann)) == 1


def test_what_is_typed_after_the_past_was_asked_for_goes_to_the_box(server, browse, enter):
    carl = enter(server, "Carl")
    for number in range(60):
        carl.says(f"line {number}")
    carl.says("/uptime")
    assert "has been up" in carl.reads_line()
    ann = browse(server, "Ann")
    ann.sees("line 59")
    has_come_in(ann)
    ann.says(f"/history before #{ann.line('line 40').get_attribute('data-id')}")
    ann.line("line 40").and_(ann.page.locator(".shown")).wait_for()
    expect(ann.box).to_be_focused()
    ann.page.keyboard.type("next")
    assert ann.box.input_value() == "next"
    ann.says("/history 5")
    ann.sees("line 5")
    expect(ann.box).to_be_focused()
    ann.page.keyboard.type("next")
    assert ann.box.input_value() == "next"
    ann.types("")
    ann.line("line 40").click()
    ann.page.keyboard.type("to the box")
    assert ann.box.input_value() == "to the box"
    ann.says("/history 200")
    eventually(lambda: ann.log.locator(".line").first.inner_text().endswith("line 0"))
    ann.says("/history")
    ann.is_told("There are no earlier lines: all of lobby is loaded.")
    ann.says("/help history")
    ann.is_told("before those that are loaded")


def test_a_command_that_is_nearly_right_is_answered_with_the_right_one(server, browse):
    ann = browse(server, "Ann")
    for typed, told in {
        "/join a b c": "A room name cannot contain spaces. Try /join a-b-c (only a room’s key goes after its name).",
        "/join #dev": "Room names have no # here. Try /join dev",
        "/jion dev": "There is no command /jion. Did you mean /join? /help all lists all commands.",
        "/help serch": "There is no command /serch. Did you mean /search?",
        "/xyzzyx": "There is no command /xyzzyx. /help all lists all commands.",
        "/join a 0123456789ab": "There is no private room called a.",
    }.items():
        ann.says(typed)
        ann.is_told(told)
    ann.says("/help")
    ann.is_told("/help COMMAND explains one")
    shows(ann.log.locator(".note").last.locator("code").nth(-2), "/help COMMAND")
    shows(ann.page.locator("#rooms .place"), ["lobby"])
    ann.page.locator("#join").click()
    ann.page.locator("#room").fill("a b")
    ann.page.keyboard.press("Enter")
    expect(ann.page.locator("#room + #join-why")).not_to_be_empty()


def test_private_words_lead_to_a_conversation_only_once_they_have_arrived(server, browse, enter):
    ann, carl = browse(server, "Ann"), enter(server, "Carl")
    for line in ("/msg Nobody hi there", "/msg Nobody"):
        ann.says(line)
        ann.is_told("Nobody")
        eventually(lambda line=line: ann.box.input_value() == line)
        ann.is_in("lobby")
        assert ann.page.locator("#talks .place").count() == 0
    ann.says("/msg carl hi there")
    ann.is_in("Carl")
    ann.sees("hi there", by="Ann")
    carl.sees("Ann -> you : hi there")
    assert ann.box.input_value() == ""
    ann.says("and more")
    ann.sees("and more", by="Ann")
    shows(ann.page.locator("#talks .place"), ["Carl"])


def test_a_name_that_is_given_twice_before_the_answer_comes_is_taken_once(server, browse):
    sent, heard = [], []
    ann = browse(server, clock=True)

    def listens(socket):
        socket.on("framesent", lambda frame: sent.append(json.loads(frame)))
        socket.on("framereceived", lambda frame: heard.append(json.loads(frame)))

    ann.page.on("websocket", listens)
    ann.page.reload()
    eventually(lambda: ann.page.evaluate("1") and any(message.get("answer") == "hello" for message in heard))
    ann.page.get_by_label("What should people call you?").fill("Ann")
    ann.page.locator("#name-form").evaluate("form => { form.requestSubmit(); form.requestSubmit(); }")
    ann.is_in("lobby")
    asked = [message for message in sent if message["do"] == "come"]
    assert len(asked) == 2, "twice is what this is about"
    for _ in range(10):
        passes(ann, 1)
    ann.says("still here")
    ann.sees("still here", by="Ann")
    assert [message for message in sent if message["do"] == "come"] == asked
    assert [message["name"] for message in heard if message.get("event") == "arrived"] == ["Ann"]
    assert ann.page.locator("#trouble").is_hidden()
    assert ann.page.locator("#name-dialog").is_hidden()
