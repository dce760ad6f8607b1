"""The page without a mouse, for screen readers, in every theme, and for those who are made ill by things that move."""

from __future__ import annotations

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browser import GREET_AFTER, shows
from people import eventually
from playwright.sync_api import expect

from gchatd.doors.terminal.look import COLOURS

FOCUS = """() => {
    const element = document.activeElement;
    const ring = element.closest(".box") ?? element;
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(ring);
    const text = element.getAttribute("aria-label") || element.textContent.trim() || element.tagName;
    return {
        name: element === document.body ? "BODY" : element.id || text,
        ringed: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        seen: box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth && box.width > 0,
    };
}"""


@pytest.fixture
def server(start):
    return start(server__greet_after=GREET_AFTER)


def focused(guest):
    """What has the focus, which can be seen."""
    found = guest.page.evaluate(FOCUS)
    assert found["seen"], found
    assert found["ringed"] or found["name"] == "BODY", found
    return found["name"]


def stands_still(guest):
    eventually(
        lambda: guest.page.evaluate("document.getAnimations().every(({ playState }) => playState !== 'running')")
    )


def has_focus(guest, wanted):
    eventually(lambda: focused(guest) == wanted)


def tabs_to(guest, wanted, key="Tab"):
    """Press Tab until that has the focus; everything on the way there shows that it has it."""
    passed = []
    for _ in range(60):
        if (name := focused(guest)) == wanted:
            return
        passed.append(name)
        guest.page.keyboard.press(key)
    raise AssertionError(f"{wanted} is not among {passed}")


def test_everything_can_be_done_without_a_mouse(server, browse, enter):
    enter(server, "Carl")
    ann = browse(server)
    keys = ann.page.keyboard
    has_focus(ann, "name")
    keys.press("Escape")  # there is no way around a name
    keys.type("Ann")
    keys.press("Enter")
    ann.is_in("lobby")
    has_focus(ann, "composer")
    keys.type("a needle")
    keys.press("Enter")
    ann.sees("a needle", by="Ann")
    keys.press("ArrowUp")
    keys.type(" or two")
    keys.press("Enter")
    ann.sees("a needle or two (edited)")
    keys.type("wrong")
    keys.press("Enter")
    ann.sees("wrong")
    keys.type("/delete")
    keys.press("Enter")
    ann.sees("Message deleted")
    # Rooms.
    tabs_to(ann, "join", "Shift+Tab")
    keys.press("Enter")
    has_focus(ann, "room")
    keys.press("Escape")
    expect(ann.page.locator("#join-dialog")).to_be_hidden()
    has_focus(ann, "join")
    keys.press("Enter")
    keys.type("dev")
    keys.press("Enter")
    ann.is_in("dev")
    has_focus(ann, "composer")
    keys.press("Alt+1")
    ann.is_in("lobby")
    # Search, and a hit.
    keys.press("Control+k")
    has_focus(ann, "search-words")
    keys.type("needle")
    keys.press("Enter")
    ann.page.locator("#found mark").wait_for()
    keys.press("Tab")
    keys.press("Enter")
    eventually(lambda: "a needle or two" in focused(ann))
    keys.press("Escape")
    has_focus(ann, "composer")
    keys.press("Control+k")
    keys.press("Escape")
    expect(ann.page.locator("#search")).to_be_hidden()
    # People.
    tabs_to(ann, "people-button", "Shift+Tab")
    keys.press("Enter") if ann.page.locator("#people").is_hidden() else None
    ann.page.locator("#people").wait_for()
    tabs_to(ann, "Carl")
    keys.press("Enter")
    ann.is_in("Carl")
    # Settings.
    tabs_to(ann, "settings-button", "Shift+Tab")
    keys.press("Enter")
    tabs_to(ann, "theme")
    keys.type("d")
    expect(ann.page.locator("html")).to_have_attribute("data-theme", "dark")
    keys.press("Escape")
    expect(ann.page.locator("#settings-dialog")).to_be_hidden()
    has_focus(ann, "settings-button")
    tabs_to(ann, "composer")
    keys.type("/quit")
    keys.press("Enter")
    expect(ann.page.locator("#name-dialog")).to_contain_text("You have left.")


@pytest.mark.parametrize("width", [1280, 390])
def test_no_key_is_caught_anywhere(server, browse, width):
    """Tab goes around, in both directions, and comes by everything again."""
    ann = browse(server, "Ann", width=width)
    ann.says("```\ncode\n```")
    ann.says("/help keys")
    for key in ("Tab", "Shift+Tab"):
        ann.box.focus()
        seen = []
        for _ in range(40):
            ann.page.keyboard.press(key)
            if (name := focused(ann)) == "composer":
                break
            seen.append(name)
        assert name == "composer", seen
        assert {"log", "people-button", "search-button"} <= set(seen)
    if width > 760:
        return
    for name in ("places", "people", "search"):
        tabs_to(ann, f"{name}-button", "Shift+Tab")
        ann.page.keyboard.press("Enter")
        drawer = ann.page.locator(f"#{name}")
        eventually(lambda drawer=drawer: drawer.evaluate("drawer => drawer.contains(document.activeElement)"))
        stands_still(ann)
        for _ in range(12):
            ann.page.keyboard.press("Tab")
            where = ann.page.evaluate("document.activeElement.closest('.drawer, body').id")
            assert where in (name, ""), where  # the browser's own controls come after the last
        drawer.get_by_role("button").first.focus()
        ann.page.keyboard.press("Escape")
        ann.page.evaluate("document.querySelector('#settings-button').focus()")  # it is still sliding away
        has_focus(ann, f"{name}-button")


def test_a_screen_reader_finds_the_lines_and_the_name_of_every_control(server, browse, enter):
    carl = enter(server, "Carl")
    ann = browse(server, "Ann")
    log = ann.page.get_by_role("log", name="Messages in lobby")
    carl.says("hello")
    carl.says("and more")
    ann.sees("and more")
    expect(log).to_have_attribute("aria-live", "polite")
    expect(log.locator(".line").last).to_contain_text("Carl")  # who said it is there even if it is not shown
    for button in ("Settings", "People", "Rooms and conversations", "Search"):
        assert ann.page.locator(f"[aria-label^='{button}']").count(), button
    ann.page.get_by_role("status").first.wait_for(state="attached")
    for opens in (None, "#settings-button", "#join"):
        if opens:
            ann.page.locator(opens).click()
        for control in ann.page.locator(
            "button:visible, input:visible, select:visible, textarea:visible, a:visible"
        ).all():
            named = control.evaluate(
                """element => element.getAttribute("aria-label") || element.textContent.trim()
                    || [...(element.labels ?? [])].map((label) => label.textContent.trim()).join("")"""
            )
            assert named, control.evaluate("element => element.outerHTML")
        ann.page.keyboard.press("Escape")
    tree = ann.page.locator("body").aria_snapshot()
    for part in (
        'log "Messages in lobby"',
        'textbox "Message"',
        'navigation "Rooms and conversations"',
        "main:",
        "complementary",
    ):
        assert part in tree, tree


VIEWS = {
    "the form for a name": None,
    "the chat": lambda ann: None,
    "a conversation": lambda ann: ann.goes_to("Carl"),
    "the search": lambda ann: (ann.says("/search hello"), ann.page.locator("#found mark").first.wait_for()),
    "the settings": lambda ann: ann.page.locator("#settings-button").click(),
    "the dialog for rooms": lambda ann: (ann.says("/rooms"), ann.page.locator("#all-rooms button").first.wait_for()),
}
DRAWERS = {"the people, narrow": "#people-button", "the rooms, narrow": "#places-button"}


THEMES = ["dark", "contrast", "light"]

TURNS_TO = """theme => {
    document.documentElement.dataset.theme = theme;
    return import("./colours.js").then(({ paintNames }) => paintNames());
}"""

AXE = "options => axe.run(options).then(({ violations }) => violations)"


def test_axe_finds_nothing(server, browse, enter):
    carl = enter(server, "Carl")
    carl.says("hello `code` https://example.org/ @Ann")
    carl.says("/topic a topic")
    narrow, wide = browse(server, "Nell", width=390), browse(server)
    for guest in (narrow, wide):
        guest.page.evaluate(AXE_SCRIPT)
    found = {"the form for a name": looks(wide)}
    wide.enters("Ann")
    wide.is_in("lobby")
    carl.says("/msg Ann psst")
    for text in ("hello yourself", "hello, but wrong", "/edit hello again", "/me waves", "```\nhello()\n```", "hello"):
        wide.says(text)
    wide.says("/delete")
    wide.says("/help")
    for view, goes in VIEWS.items():
        if goes:
            goes(wide)
            found[view] = looks(wide)
            wide.page.keyboard.press("Escape")
            if view == "a conversation":
                wide.goes_to("lobby")
    found["the chat, narrow"] = looks(narrow)
    for view, button in DRAWERS.items():
        narrow.page.locator(button).click()
        found[view] = looks(narrow)
        narrow.page.keyboard.press("Escape")
    server.stop()
    wide.page.locator("#trouble").wait_for()
    wide.says("not sent")
    found["the chat, offline"] = looks(wide)
    assert {view: violations for view, violations in found.items() if violations} == {}


def looks(guest):
    """What axe finds in each theme, once nothing moves any more; in the first two only colours are looked at."""
    violations = []
    for theme in THEMES:
        guest.page.evaluate(TURNS_TO, theme)
        stands_still(guest)
        rules = {} if theme == "light" else {"runOnly": ["color-contrast"]}
        for one in guest.page.evaluate(AXE, {"resultTypes": ["violations"], **rules}):
            node = one["nodes"][0]
            violations.append((theme, one["id"], node["html"][:200], node["failureSummary"][:300]))
    return violations


def test_the_colours_of_names_can_be_read_in_every_theme(server, browse):
    ann = browse(server, "Ann")
    for theme in ("light", "dark", "contrast"):
        ann.says(f"/theme {theme}")
        expect(ann.page.locator("html")).to_have_attribute("data-theme", theme)
        worst = ann.page.evaluate(
            """count => {
                const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
                const rgb = (colour) => {
                    canvas.fillStyle = colour;
                    canvas.fillRect(0, 0, 1, 1);
                    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
                };
                const light = (colour) => rgb(colour)
                    .map((value) => value / 255)
                    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
                    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
                const probe = document.querySelector("#lines").appendChild(document.createElement("bdi"));
                const row = document.querySelector("#lines").appendChild(document.createElement("div"));
                probe.className = "name";
                const ground = (element) => getComputedStyle(element).backgroundColor;
                const grounds = [];
                for (const name of ["line", "line mention", "line shown"]) {
                    row.className = name;
                    grounds.push(/, 0\\)$/.test(ground(row)) ? ground(document.documentElement) : ground(row));
                }
                for (const side of ["#people", "#places"]) grounds.push(ground(document.querySelector(side)));
                const contrasts = [];
                for (let index = 0; index < count; index++) {
                    probe.style.color = `var(--name-${index})`;
                    const { color } = getComputedStyle(probe);
                    for (const ground of grounds) {
                        const [dark, bright] = [light(color), light(ground)].sort((one, other) => one - other);
                        contrasts.push([(bright + 0.05) / (dark + 0.05), index, color, ground]);
                    }
                }
                probe.remove();
                row.remove();
                return contrasts.sort(([one], [other]) => one - other)[0];
            }""",
            len(COLOURS),
        )
        assert worst[0] >= 4.5, (theme, worst)
    ann.page.reload()
    expect(ann.page.locator("html")).to_have_attribute("data-theme", theme)


def test_nothing_moves_for_those_who_asked_for_that(server, browse):
    ann = browse(server, "Ann", width=390, reduced_motion="reduce")
    ann.page.locator("#places-button").click()
    assert ann.page.evaluate("document.getAnimations().length") == 0
    moving = ann.page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((element) => {
            const style = getComputedStyle(element);
            return parseFloat(style.transitionDuration) > 0 || parseFloat(style.animationDuration) > 0
                || style.scrollBehavior === "smooth";
        }).map((element) => element.outerHTML.slice(0, 80))"""
    )
    assert moving == []
    shows(ann.place("lobby").locator(".place-name"), "lobby")
