"""The vocabulary for people at the page: each in a browser of their own, which is a real one.

ann.says("hello"); bob.sees("hello", by="Ann")
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from people import PATIENCE, SECOND, eventually
from playwright.sync_api import expect

if TYPE_CHECKING:
    from people import Server
    from playwright.sync_api import BrowserContext, Locator

GREET_AFTER = 1 * SECOND
"""Browsers open connections before they need them: who is silent for less than this is not greeted as a terminal."""

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Guest:
    """Somebody at the page. With a name, they are already in."""

    def __init__(self, context: BrowserContext, server: Server, name: str = "") -> None:
        self.page = context.new_page()
        self.page.set_default_timeout(1000 * PATIENCE)
        self.errors: list[str] = []
        self.page.on("console", lambda message: self._notes(message.type, message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._hears))
        self._has_come_in = False
        self.page.goto(f"http://127.0.0.1:{server.port}/")
        self.log = self.page.get_by_role("log")
        self.box = self.page.get_by_label("Message", exact=True)
        self.name = name
        if name:
            self.enters(name)
            self.is_in("lobby")
            # What was said so far is there: a connection that is lost before that finds the page as if it were new.
            eventually(lambda: self.page.evaluate("true") and self._has_come_in)

    def _hears(self, frame: str | bytes) -> None:
        self._has_come_in |= '"answer":"past"' in str(frame)

    def _notes(self, kind: str, text: str) -> None:
        """A connection that is refused is no error of the page's; what the page's policy refuses is one."""
        if kind == "error" and "WebSocket connection" not in text:
            self.errors.append(text)

    def enters(self, name: str) -> None:
        self.page.get_by_label("What should people call you?").fill(name)
        self.page.keyboard.press("Enter")

    def is_in(self, place: str) -> None:
        """This is what they look at, and they may talk."""
        shows(self.page.locator("#title"), place)
        expect(self.page.locator("#name-dialog")).to_be_hidden(timeout=1000 * PATIENCE)

    def types(self, text: str) -> None:
        self.box.fill(text)

    def says(self, text: str) -> None:
        self.types(text)
        self.presses("Enter")

    def presses(self, key: str) -> None:
        self.box.press(key)

    def line(self, text: str) -> Locator:
        """The line that reads so."""
        return self.log.locator(".line:not(.pending)").filter(
            has=self.page.locator(".text", has_text=re.compile(f"^{re.escape(text)}$"))
        )

    def sees(self, text: str, by: str = "") -> None:
        """There is one line that reads so, by this person."""
        expect(self.line(text)).to_have_count(1, timeout=1000 * PATIENCE)
        if by:
            shows(self.line(text).locator(".name"), by)

    def is_told(self, text: str) -> None:
        """The page says this below the lines."""
        expect(self.log.locator(".note").last).to_contain_text(text, timeout=1000 * PATIENCE)

    def goes_to(self, place: str) -> None:
        self.place(place).click()
        self.is_in(place)

    def place(self, name: str) -> Locator:
        """The button of a room or a conversation."""
        return self.page.locator("#places button.place").filter(
            has=self.page.locator(".place-name", has_text=re.compile(f"^{re.escape(name)}$"))
        )

    def texts(self) -> list[str]:
        """What is shown of all that was said, in order."""
        return self.log.locator(".line .text").all_inner_texts()

    def top(self) -> tuple[str, float]:
        """The first line in view, and how far below the edge it begins."""
        text, top = self.page.evaluate(
            """() => {
                const edge = document.querySelector("#log").getBoundingClientRect().top;
                for (const line of document.querySelectorAll("#lines > .line")) {
                    const { top } = line.getBoundingClientRect();
                    if (top >= edge) return [line.querySelector(".text").innerText, top - edge];
                }
            }"""
        )
        return text, top


def shows(where: Locator, text: str | re.Pattern[str] | list[str]) -> None:
    """That is what stands there, sooner or later."""
    expect(where).to_have_text(text, timeout=1000 * PATIENCE)
