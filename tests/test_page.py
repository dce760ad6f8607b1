"""The page, in a real browser, against a real server: what people do there."""

from __future__ import annotations

import random
import re
from zlib import crc32

import pytest
from absence import chats, comes_back, has_come_in, is_offline
from browser import GREET_AFTER, shows
from people import eventually

from gchatd.doors.terminal.commands.table import COMMANDS
from gchatd.doors.terminal.look import COLOURS
from gchatd.text.cleaning import clean

FOR_TERMINALS = {"rich", "plain", "reader", "more"}


@pytest.fixture
def server(start):
    return start(server__greet_after=GREET_AFTER, history__replay=20)


def test_people_in_two_browsers_and_at_a_telnet_talk(server, browse, enter):
    ann, bob, carl = browse(server, "Ann"), browse(server, "Bob"), enter(server, "Carl")
    ann.says("hello from a browser")
    bob.sees("hello from a browser", by="Ann")
    ann.sees("hello from a browser", by="Ann")
    carl.sees("Ann : hello from a browser")
    carl.says("hello from a telnet")
    ann.sees("hello from a telnet", by="Carl")
    bob.sees("hello from a telnet", by="Carl")
    ann.says("two\nrows")
    bob.sees("two\nrows")
    carl.sees("Ann : two", "    rows")


def test_who_comes_later_sees_what_was_said_before(server, browse, enter):
    enter(server, "Carl").says("early")
    browse(server, "Ann").sees("early", by="Carl")


def test_a_name_is_remembered_and_one_that_is_taken_is_refused(server, browse):
    ann = browse(server, "Ann")
    ann.page.reload()
    ann.is_in("lobby")
    shows(ann.page.locator("#me"), "Ann")
    other = browse(server)
    other.enters("ann")
    other.page.get_by_text("The name ann is in use").wait_for()
    other.enters("Ann2")
    other.is_in("lobby")


def test_a_line_is_changed_and_removed_in_place(server, browse):
    ann, bob = browse(server, "Ann"), browse(server, "Bob")
    ann.says("tomorow")
    ann.says("and then")
    bob.sees("and then")
    ann.presses("ArrowUp")
    assert ann.box.input_value() == "/edit and then"
    ann.says("/edit and after that")
    bob.sees("and after that (edited)")
    assert bob.texts() == ["tomorow", "and after that (edited)"]
    ann.line("tomorow").hover()
    ann.page.get_by_role("button", name="Edit").click()
    ann.says("/edit tomorrow")
    bob.sees("tomorrow (edited)")
    ann.says("/delete")
    bob.sees("Message deleted")
    assert bob.texts() == ["tomorrow (edited)", "Message deleted"]
    ann.line("tomorrow (edited)").hover()
    ann.page.get_by_role("button", name="Delete").click()
    assert "tomorrow (edited)" in bob.texts()
    ann.page.get_by_role("button", name="Delete it for good").click()
    eventually(lambda: bob.texts() == ["Message deleted", "Message deleted"])


def test_a_room_is_left_by_a_button(server, browse):
    ann = browse(server, "Ann")
    ann.says("/join dev")
    ann.is_in("dev")
    ann.page.get_by_role("button", name="Leave dev").click()
    ann.is_in("lobby")
    shows(ann.page.locator("#rooms .place"), ["lobby"])


def test_what_is_said_elsewhere_is_counted_until_it_is_read(server, browse, enter):
    ann, carl = browse(server, "Ann"), enter(server, "Carl")
    ann.says("/join dev")
    ann.is_in("dev")
    carl.says("one")
    carl.says("two")
    shows(ann.place("lobby"), "lobby2 2 unread")
    carl.says("ann: three")
    shows(ann.place("lobby"), "lobby1 3 unread, 1 mention")
    ann.goes_to("lobby")
    shows(ann.place("lobby"), "lobby")
    ann.sees("ann: three")
    assert ann.log.locator(".new-mark + .line .text").inner_text() == "one"


def test_private_words_are_a_conversation(server, browse, enter):
    ann, carl = browse(server, "Ann"), enter(server, "Carl")
    carl.says("/msg Ann psst")
    shows(ann.place("Carl"), "Carl1 1 unread")
    ann.goes_to("Carl")
    ann.sees("psst", by="Carl")
    ann.says("yes?")
    carl.sees("Ann -> you : yes?")
    ann.sees("yes?", by="Ann")


def test_scrolling_up_loads_what_was_said_before_and_nothing_jumps(server, browse, enter):
    carl = enter(server, "Carl")
    for number in range(400):
        carl.says(f"line {number}")
    carl.says("/uptime")
    assert "has been up" in carl.reads_line()
    ann = browse(server, "Ann")
    ann.sees("line 399")
    has_come_in(ann)
    for _ in range(3):
        count = ann.log.locator(".line").count()
        ann.log.evaluate("log => { log.scrollTop = 200; }")
        before = ann.top()
        eventually(lambda count=count: ann.log.locator(".line").count() > count)
        text, at = ann.top()
        assert before[0] == text
        assert abs(before[1] - at) < 2
    carl.says("now")  # does not move those who read what was before
    shows(ann.page.locator("#to-present"), re.compile("1 new message"))
    assert ann.top()[0] == text
    ann.page.locator("#to-present").click()
    ann.sees("now")


def test_a_search_leads_to_the_line(server, browse, enter):
    carl = enter(server, "Carl")
    for number in range(300):
        carl.says("a needle, at last" if number == 20 else f"hay {number}")
    carl.says("/uptime")
    assert "has been up" in carl.reads_line()
    ann = browse(server, "Ann")
    ann.sees("hay 299")
    ann.says("/search needle")
    found = ann.page.locator("#found li")
    shows(found.locator("mark"), "needle")
    found.get_by_role("button").click()
    ann.sees("a needle, at last")
    ann.sees("hay 19")
    assert ann.page.evaluate("document.activeElement.innerText").endswith("a needle, at last")
    ann.page.keyboard.press("Escape")
    ann.page.keyboard.press("Escape")
    ann.sees("hay 299")


def test_every_command_works_or_says_that_it_is_for_terminals(server, browse):
    ann = browse(server, "Ann")
    ann.says("/help all")
    ann.is_told("/quit [WORDS]")
    listed = ann.log.locator(".note").last.inner_text().splitlines()
    assert {line for line in listed if line.endswith("(for terminals)")} == {
        f"{COMMANDS[name].usage}: {COMMANDS[name].help} (for terminals)" for name in FOR_TERMINALS
    }
    assert all(any(line.startswith(command.usage) for line in listed) for command in COMMANDS.values())
    for name in FOR_TERMINALS:
        ann.says(f"/{name}")
        ann.is_told(f"/{name} is for terminals")
    for line, told in {
        "/nick Anna": "Your name is Anna.",
        "/away lunch": "You are away: lunch",
        "/back": "You are back.",
        "/ignore Mallory": "You are now ignoring Mallory.",
        "/topic": "lobby has no topic.",
        "/uptime": "1 person is here.",
        "/version": "gchat ",
        "/motd": "There is no message of the day.",
        "/nodes": "This chat runs on one server",
        "/whois Anna": "Anna has been here since",
        "/notices on": "are on",
        "/theme contrast": "The theme is contrast.",
        "/bell mentions": "You are notified of mentions",
        "/reply hm": "You have no private message to reply to.",
        "/edit hm": "You have no message here that you can change",
        "/history": "There are no earlier lines: all of lobby is loaded.",
        "/join": "Say more: /join ROOM [KEY]",
        "/help join": "For example: /join dev",
        "/jion": "Did you mean /join?",
    }.items():
        ann.says(line)
        ann.is_told(told)
    ann.says("/quit")
    ann.page.get_by_text("You have left.").wait_for()


def test_what_was_typed_while_the_server_was_away_is_sent_in_order(start, browse, tmp_path):
    settings = {"server__greet_after": GREET_AFTER, "data": tmp_path / "data"}
    server = start(**settings)
    ann = browse(server, "Ann")
    ann.says("before")
    ann.sees("before")
    server.stop()
    ann.page.locator("#trouble").get_by_text("Trying to connect again").wait_for()
    for text in ("one", "two", "three"):
        ann.says(text)
    ann.log.get_by_text("Not sent yet").first.wait_for()
    again = start(**settings, listen=(f"127.0.0.1:{server.port}",))
    bob = browse(again, "Bob")
    bob.sees("three", by="Ann")
    ann.sees("three")
    assert ann.texts() == bob.texts() == ["before", "one", "two", "three"]


def test_who_missed_much_goes_on_where_they_were_and_who_missed_little_is_at_the_end(server, lay, browse, enter):
    cable, carl = lay(server), enter(server, "Carl")
    chats(carl, [f"early {number}" for number in range(30)])
    ann = browse(cable, "Ann", clock=True)
    ann.sees("early 29")
    has_come_in(ann)
    for missed in (2, 60):
        before = ann.top()[0]
        cable.cut()
        is_offline(ann)
        chats(carl, [f"{missed} were missed: {number}" for number in range(missed)])
        cable.mend()
        comes_back(ann)
        ann.sees(f"{missed} were missed: {missed - 1}")
        shows(ann.log.locator(".new-mark + .line .text"), f"{missed} were missed: 0")
        eventually(lambda before=before, missed=missed: (ann.top()[0] == before) == (missed > 30))
        assert ann.page.locator("#to-present").is_visible() == (missed > 30)


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_is_wider_than_the_window(server, browse, enter, width):
    carl = enter(server, "C" * 32)
    ann = browse(server, "Ann", width=width)
    carl.says("w" * 400)
    carl.says("see https://example.org/" + "path/" * 60)
    carl.says("/topic " + "a long topic " * 10)
    ann.says("```\n" + "code " * 60 + "\n```")
    ann.log.locator("pre").wait_for()
    fits(ann, width)
    ann.says("/names")
    ann.page.get_by_role("complementary", name="2 people").wait_for()
    fits(ann, width)


def fits(guest, width):
    assert guest.page.evaluate("document.documentElement.scrollWidth") <= width
    assert guest.log.evaluate("log => log.scrollWidth - log.clientWidth") == 0


def test_names_have_the_colours_that_terminals_show_and_can_be_read(server, browse):
    """The hue is the terminal's; the lightness is the theme's, and gives a contrast of 4.5."""
    ann = browse(server, "Ann")
    names = ["Ann", "bob", "Ünal", "Straße", "ΟΔΥΣΣΕΥΣ", "Иван", "ИВАН", "ıI", "ﬁn", "名前", "x_y|z"]
    indexes = ann.page.evaluate("names => import('./names.js').then((m) => names.map(m.colourOf))", names)
    assert indexes == [crc32(name.casefold().encode()) % len(COLOURS) for name in names]
    for theme in ("light", "dark"):
        ann.says(f"/theme {theme}")
        ann.is_told(f"The theme is {theme}.")
        paper, tint, *colours = ann.page.evaluate(
            """() => {
                const probe = document.body.appendChild(document.createElement("i"));
                const all = ["--paper", "--tint", ...Array.from({ length: 16 }, (_, index) => `--name-${index}`)];
                return all.map((name) => {
                    probe.style.color = `var(${name})`;
                    return getComputedStyle(probe).color.match(/[0-9]+/g).map(Number);
                });
            }"""
        )
        assert len({tuple(colour) for colour in colours}) == len(COLOURS)
        assert all(contrast(colour, ground) >= 4.5 for colour in colours for ground in (paper, tint))


def test_the_page_cleans_what_is_typed_as_the_server_does(server, browse):
    """Or it would not know its own line again when that comes back."""
    alphabet = (
        "ab ~[]m1;\\_P\t\n\x00\x07\x1b\x90\x98\x9b\x9c\x9d"
        "\u0301\u0302\u0489\u0903\u115f\u200b\u200d\u2028\u202e\u3164é漢😀\U000e0041"
    )
    chance = random.Random(1)
    texts = ["".join(chance.choices(alphabet, k=chance.randint(1, 24))) for _ in range(5000)]
    cleaned = browse(server).page.evaluate("texts => import('./cleaning.js').then((m) => texts.map(m.clean))", texts)
    assert cleaned == ["\n".join(map(clean, text.split("\n"))) for text in texts]


def contrast(one: list[int], other: list[int]) -> float:
    """WCAG 2.2, "contrast ratio"."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: list[int]) -> float:
    parts = [value / 255 for value in colour]
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_what_people_type_is_never_markup(server, browse):
    ann = browse(server, "Ann")
    typed = (
        '<img src=x onerror="document.title=1"> javascript:alert(1) http://ok.example/<b>, (see https://a.example/).'
    )
    ann.says(typed)
    ann.sees(typed)
    links = ann.line(typed).locator("a")
    assert [link.get_attribute("href") for link in links.all()] == ["http://ok.example/", "https://a.example/"]
    assert {link.get_attribute("rel") for link in links.all()} == {"noopener noreferrer"}
    assert ann.log.locator("img").count() == 0
