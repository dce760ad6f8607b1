"""What people say can never become markup: hundreds of payloads, through every field that others can write."""

from __future__ import annotations

import contextlib
import http.client
import unicodedata
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from absence import chats
from bot import Bot
from browser import Guest, shows
from payloads import BROKEN, NAMES, PAYLOADS
from people import Person, eventually
from playwright.sync_api import expect
from stage import Stage, cleaned, plain

from gchatd.text.cleaning import clean

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def one_stage(chromium: Any) -> Iterator[Stage]:
    with contextlib.closing(Stage(chromium)) as stage:
        yield stage


@pytest.fixture
def stage(one_stage: Stage) -> Iterator[Stage]:
    """It is the same for all; after each, nothing may have happened to it."""
    yield one_stage
    one_stage.is_unharmed()


@pytest.mark.parametrize("action", [False, True])
def test_in_what_is_said_and_done(stage, action):
    room = stage.opens(f"say{action:d}")
    assert len(PAYLOADS) >= 300
    stage.mallory.says_all(room, [*PAYLOADS, "end"], action=action)
    eventually(lambda: stage.shown()[-1:] == ["end"])
    assert stage.reads_all() == cleaned([*PAYLOADS, "end"])


def test_in_the_past(stage):
    room = "past"
    stage.mallory.asks("join", room=room)
    stage.mallory.says_all(room, PAYLOADS)
    stage.opens(room)
    eventually(lambda: len(stage.shown()) >= 50)
    assert stage.reads_all() == cleaned(PAYLOADS)


def test_in_what_is_changed(stage):
    room = stage.opens("edit")
    for at in range(0, len(PAYLOADS), 10):  # so many of somebody's last lines can be changed
        texts = PAYLOADS[at : at + 10]
        for line, text in zip(stage.mallory.says_all(room, ["a line"] * len(texts)), texts, strict=True):
            stage.mallory.asks("edit", line=line["id"], text=text)
    stage.mallory.says_all(room, ["end"])
    stage.ann.sees("end")
    changed = [(cleaned([text]) or ["a line"])[0] for text in PAYLOADS]
    assert stage.reads_all() == [*changed, "end"]


def test_in_what_is_found(stage):
    room = stage.opens("search")
    texts = [f"{text} needle{number // 45}" for number, text in enumerate(PAYLOADS)]
    stage.mallory.says_all(room, texts)
    stage.ann.page.get_by_role("button", name="Search this room").click()
    field = stage.ann.page.locator("#search-words")
    found: list[str] = []
    for batch in range((len(texts) + 44) // 45):
        field.fill(f"needle{batch}")
        field.press("Enter")
        expect(stage.ann.page.locator("#found mark.found").last).to_have_text(f"needle{batch}")
        found += reversed(stage.shown("#found li"))
        stage.is_unharmed()
    stage.ann.page.keyboard.press("Escape")
    assert found == cleaned(texts)


def test_in_topics(stage):
    room = stage.opens("topics")
    shown, title = [], ""
    for text in PAYLOADS:
        heard = stage.mallory.asks("settopic", room=room, text=text)
        if heard.get("event") == "topicset" and heard["topic"]:
            title = heard["topic"]
            shown.append(plain(f"Mallory set the topic: {title}"))
    assert len(shown) > 250
    eventually(lambda: stage.shown("#lines > .note")[-1:] == shown[-1:])
    assert [text for text in stage.shown("#lines > .note") if text.startswith("Mallory set")] == shown
    assert stage.ann.page.locator("#topic").text_content() == title
    for text in ("<img src=x onerror=pwned=1>", "javascript:pwned=1", "\u202eRTL"):
        topic = stage.mallory.asks("settopic", room=room, text=text)["topic"]
        eventually(lambda topic=topic: stage.ann.page.locator("#topic").text_content() == topic)


def test_in_private_words(stage):
    for text in PAYLOADS:
        stage.mallory.asks("tell", name="Ann", text=text)
    stage.ann.goes_to("Mallory")
    eventually(lambda: len(stage.shown()) >= 100)
    assert stage.reads_all() == cleaned(PAYLOADS)


def test_in_why_somebody_is_away_and_in_their_last_words(stage):
    stage.opens("lobby")
    stage.ann.says("/notices on")
    for number, text in enumerate(PAYLOADS[::9]):
        with contextlib.closing(Bot(stage.server, f"guest{number}")) as guest:
            if guest.asks("quit", text=text).get("answer") == "goodbye":
                words = clean(text.replace("\n", " "))
                told(stage, f"guest{number} left: {words}" if words else f"guest{number} left.")
    for text in PAYLOADS[3::9]:
        if stage.mallory.asks("away", text=text).get("event") == "wentaway":
            stage.ann.says("/whois Mallory")
            words = clean(text.replace("\n", " "))
            told(stage, f"Mallory is away: {words}" if words else "Mallory is away.")
    stage.mallory.asks("back")
    stage.ann.says("/notices off")


def told(stage: Stage, words: str) -> None:
    """This is among the last things that the page has told Ann, whatever the number of spaces."""

    def last() -> list[str]:
        return [" ".join(row.split()) for note in stage.shown("#lines > .note")[-1:] for row in note.split("\n")]

    eventually(lambda: " ".join(plain(words).split()) in last())


def test_over_http(stage):
    room = stage.opens("http")
    connection = http.client.HTTPConnection("127.0.0.1", stage.server.port)
    for text in [*PAYLOADS, "end"]:
        connection.request("POST", f"/rooms/{room}?name={quote('__proto__')}", text.encode())
        connection.getresponse().read()
    connection.close()
    stage.ann.sees("end", by="__proto__")
    assert stage.reads_all() == cleaned([*PAYLOADS, "end"])


def test_over_telnet(stage):
    room = stage.opens("telnet")
    lines = [f"x {text}" for text in PAYLOADS if text.isprintable() and len(text.encode()) < 4000]
    carl = Person(stage.server, "Carl")
    carl.says(f"/join {room}")
    chats(carl, [*lines, "end"])
    stage.ann.sees("end", by="Carl")
    carl.hangs_up()
    assert stage.reads_all() == cleaned([*lines, "end"])


def test_in_json_that_is_broken(stage):
    room = stage.opens("broken")
    for text in BROKEN:
        for request in (
            f'{{"do":"say","room":"{room}","text":"x{text}y"}}',
            f'{{"do":"say","room":"{room}","text":"x{text}","do":"say","__proto__":{{"pwned":1}},"label":"{text}"}}',
            f'{{"do":"settopic","room":"{room}","text":"x{text}y"}}',
            f'{{"do":"{text}","room":"{room}"}}',
            f'{{"do":"say","room":"{text}","text":"x"}}',
            f'{{"do":"tell","name":"Ann{text}","text":"x"}}',
        ):
            stage.mallory.writes(request)
    stage.mallory.sends("say", room=room, text="end")
    while stage.mallory.reads().get("text") != "end":
        pass
    stage.ann.sees("end", by="Mallory")
    said = [one["text"] for one in stage.mallory.heard if one.get("event") == "said" and one["room"] == room]
    assert len(said) > len(BROKEN)
    assert stage.reads_all() == [plain(text) for text in said]
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for text in said for char in text)


def test_in_names_of_people_and_rooms(stage, chromium):
    room = stage.opens("names")
    stage.ann.says("/names")
    guests = []
    with contextlib.ExitStack() as people:
        for name in NAMES:
            guests.append(people.enter_context(contextlib.closing(Bot(stage.server, name))))
            guests[-1].asks("join", room=room)
            guests[-1].asks("tell", name="Ann", text=f"I am {name}")
            guests[-1].says_all(room, [f"@{name} {name}: {name}"])
        eventually(lambda: len(stage.shown()) == len(NAMES))
        assert stage.shown() == [plain(f"@{name} {name}: {name}") for name in NAMES]
        assert stage.ann.log.locator(".line .by .name").all_text_contents() == list(NAMES)
        people_shown = stage.ann.page.locator("#people-list .name").all_text_contents()
        assert sorted(people_shown) == sorted([*NAMES, "Ann", "Mallory"])
        for name in NAMES[::3]:
            stage.ann.place(name).last.click()
            eventually(lambda name=name: stage.shown() == [plain(f"I am {name}")])
    for number, name in enumerate(NAMES[::4]):
        stage.mallory.asks("join", room=name)
        stage.mallory.asks("settopic", room=name, text=PAYLOADS[number])
        stage.ann.says(f"/join {name}")
        stage.ann.is_in(name)
        stage.ann.says(f"hello {number}")
        stage.ann.sees(f"hello {number}", by="Ann")
    for line in ("/__proto__ x", "/constructor", "/toString", "/run x", "/hasOwnProperty length"):
        stage.ann.says(line)
        stage.ann.is_told(f"There is no command {line.split()[0]}")
    stage.ann.says("/rooms")
    expect(stage.ann.page.locator("#all-rooms .place-name").nth(len(NAMES[::4]) - 1)).to_be_attached()
    assert set(NAMES[::4]) <= set(stage.ann.page.locator("#all-rooms .place-name").all_text_contents())
    stage.is_unharmed()
    stage.ann.page.keyboard.press("Escape")


@pytest.mark.parametrize("name", ["__proto__", "`{x}`"])
def test_in_ones_own_name(stage, chromium, name):
    context = chromium.new_context()
    guest = Guest(context, stage.server, name)
    guest.says(f"hello from {name}")
    line = guest.log.locator(".line").last
    shows(line.locator(".name"), name)
    guest.page.reload()
    guest.is_in("lobby")
    shows(line.locator(".name"), name)
    shows(line.locator(".text"), plain(f"hello from {name}"))
    assert not guest.errors
    context.close()
