"""The page on a phone: nothing is wider than the window, and the box to type in stays in view."""

from __future__ import annotations

import contextlib

import pytest
from bot import Bot
from browser import GREET_AFTER
from people import eventually

from bench.page import sizes

LONG = (
    "w" * 500,
    "see https://example.org/" + "path/" * 80,
    "`" + "code" * 100 + "`",
    "```\n" + "code " * 60 + "\n```",
    "名" * 300,
    "-" * 300,
    "\u0e01" * 300,
    "😀" * 200,
    "https://" + "a" * 300 + ".example/",
    "many  spaces  " * 30,
)

WIDTHS = (320, 390)

WIDE = """() => {
    const wide = [];
    const { clientWidth, scrollWidth } = document.documentElement;
    if (scrollWidth > clientWidth) wide.push(`the page: ${scrollWidth} > ${clientWidth}`);
    for (const element of document.querySelectorAll("body *")) {
        if (!element.checkVisibility({ visibilityProperty: true }) || element.closest(".hidden, .skip, svg")) continue;
        const { left, right, width } = element.getBoundingClientRect();
        const what = element.outerHTML.slice(0, 90);
        const holds = element.matches("#log, .scroll, dialog, form, li, .line, .text");
        const scrolls = element.parentElement.closest("pre");
        if (width && !scrolls && (right > innerWidth + 0.5 || left < -0.5)) wide.push(`${what}: ${left} to ${right}`);
        const style = getComputedStyle(element);
        const clips = /hidden|clip/.test(style.overflowX) && style.textOverflow === "ellipsis";
        if (holds && element.scrollWidth > element.clientWidth + 1 && !clips)
            wide.push(`${what} has ${element.scrollWidth} in ${element.clientWidth}`);
    }
    return wide;
}"""


@pytest.fixture
def server(start):
    return start(server__greet_after=GREET_AFTER)


def test_nothing_is_wider_than_a_phone_in_any_view(server, browse):
    name = "W" * 32
    with contextlib.closing(Bot(server, name)) as bot:
        ann = browse(server, width=WIDTHS[0], height=640)
        fits(ann)
        ann.enters("M" * 32)
        ann.is_in("lobby")
        bot.says_all("lobby", LONG)
        bot.says_all("lobby", LONG, action=True)
        bot.asks("settopic", room="lobby", text="topic" * 50)
        bot.asks("join", room="R" * 64)
        bot.asks("settopic", room="R" * 64, text="another " * 30)
        bot.asks("invite", name="M" * 32, room="R" * 64)
        bot.asks("tell", name="M" * 32, text="w" * 500)
        bot.asks("away", text="w" * 200)
        ann.log.get_by_role("button", name="Join").wait_for()
        ann.says("/whois " + name)
        ann.says(f"{'M' * 32}: hm")
        ann.types("w" * 1000)
        for scrolled in ("log.scrollHeight", "log.scrollHeight / 2", "0"):
            ann.log.evaluate(f"log => {{ log.scrollTop = {scrolled}; }}")
            fits(ann)
        ann.types("")
        for opens in ("#places-button", "#people-button"):
            ann.page.locator(opens).click()
            settles(ann)
            fits(ann)
            ann.page.locator(".drawer.open .close").click()
            settles(ann)
        for command, waits in {
            "/search w*": "#found button",
            "/search " + "w" * 500: "#found mark",
            "/rooms": "#all-rooms .place-name",
        }.items():
            ann.says(command)
            ann.page.locator(waits).first.wait_for()
            settles(ann)
            fits(ann)
            close = ann.page.locator(".drawer.open .close, dialog[open] .close")
            close.click()
            settles(ann)
        ann.says("/join " + "R" * 64)
        ann.is_in("R" * 64)
        fits(ann)
        ann.page.locator("#places-button").click()
        ann.page.locator("#settings-button").click()
        settles(ann)
        fits(ann)
        ann.page.keyboard.press("Escape")
        ann.page.locator("#places .close").click() if ann.page.locator("#places.open").count() else None
        settles(ann)
        ann.says("/msg " + name + " " + "w" * 300)
        ann.is_in(name)
        fits(ann)
        server.stop()
        ann.page.locator("#trouble").wait_for()
        ann.says("w" * 300)
        ann.log.locator(".pending").wait_for()
        fits(ann)


def settles(guest):
    eventually(
        lambda: guest.page.evaluate("document.getAnimations().every(({ playState }) => playState !== 'running')")
    )


def fits(guest):
    """On wide phones, and on narrow ones."""
    for width in reversed(WIDTHS):
        guest.page.set_viewport_size({"width": width, "height": 640})
        wide = guest.page.evaluate(WIDE)
        assert wide == [], "\n".join([f"{width}:", *wide[:8]])


def test_the_box_to_type_in_stays_in_view_when_a_keyboard_comes_up(server, browse):
    ann = browse(server, "Ann", width=390, height=844)
    for number in range(40):
        ann.says(f"line {number}")
    ann.sees("line 39")
    for height in (450, 300, 844):
        ann.page.set_viewport_size({"width": 390, "height": height})
        box = ann.page.locator("#compose")
        eventually(lambda box=box, height=height: is_within(box.bounding_box(), height))
        last = ann.line("line 39")
        eventually(lambda last=last, height=height: is_within(last.bounding_box(), height))
    ann.types("row\n" * 60)  # it grows, but not over everything
    eventually(lambda: is_within(ann.page.locator("#compose").bounding_box(), 844))
    assert ann.log.bounding_box()["height"] > 200


def is_within(box, height):
    return box["y"] >= 0 and box["y"] + box["height"] <= height + 0.5


def test_all_files_of_the_page_together_are_small():
    """`make page` prints the size of each."""
    assert sum(sizes().values()) < 60_000
