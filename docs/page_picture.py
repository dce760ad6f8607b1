"""Draws docs/page.png: the page in a browser, on a desk and on phones, as people see it who talk. `make picture`."""

from __future__ import annotations

import base64
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browser import FLAGS, GREET_AFTER, Guest
from people import Server
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURE = ROOT / "docs/page.png"
DESK, PHONE = (1280, 800), (390, 800)
SCALE = 0.62  # of the screenshots in the picture

_PAGE = """<!doctype html><style>
body {{ margin: 0; padding: 16px; width: max-content; display: flex; gap: 16px; background: #8b8f98; }}
img {{ height: {height}px; border-radius: 8px; }}
</style>{images}"""


def guest(browser: Browser, server: Server, name: str, size: tuple[int, int], scheme: str) -> Guest:
    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, locale="en-GB", timezone_id="Europe/London")
    return Guest(context, server, name)


def talk(alice: Guest, bob: Guest, max_: Guest) -> None:
    alice.says("/topic Release 2.0 on Friday")
    alice.says("Good morning! 2.0 is tagged: https://example.org/releases/2.0")
    bob.says("Run `make bench` before you announce it, please.")
    bob.says("```\ndeliveries/s  W=1    1.02\ndeliveries/s  W=200  1.11\n```")
    max_.says("Looks good from the train. Alice, do you want the figures in the README?")
    alice.says("Yes, please, with the command that prints them.")
    alice.says("/join dev")
    alice.is_in("dev")
    alice.says("/go lobby")
    alice.is_in("lobby")
    bob.says("/msg Alice psst: the second plot is upside down")
    bob.is_in("Alice")
    bob.says("/go lobby")
    for one in (alice, bob, max_):
        one.is_in("lobby")
        one.sees("Yes, please, with the command that prints them.")
    alice.page.get_by_role("button", name="Bob").first.wait_for()


def main() -> int:
    server = Server(server__greet_after=GREET_AFTER, history__replay=20)
    with contextlib.closing(server), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        alice = guest(browser, server, "Alice", DESK, "light")
        bob = guest(browser, server, "Bob", PHONE, "dark")
        max_ = guest(browser, server, "Max", PHONE, "light")
        talk(alice, bob, max_)
        shots = [base64.b64encode(one.page.screenshot()).decode() for one in (alice, bob, max_)]
        images = "".join(f'<img src="data:image/png;base64,{shot}">' for shot in shots)
        page = browser.new_page(viewport={"width": 1400, "height": 560})
        page.set_content(_PAGE.format(height=int(SCALE * DESK[1]), images=images))
        page.locator("body").screenshot(path=PICTURE)
        browser.close()
    print(f"{PICTURE.name}: {PICTURE.stat().st_size / 1024:.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
