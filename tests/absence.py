"""What happens to people at the page who lose their connection, in the page's own time: nobody has to wait for it.

Their page is opened with `clock=True`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from people import PATIENCE, eventually
from playwright.sync_api import TimeoutError as TimedOut
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from browser import Guest
    from people import Person

OFFLINE = "You are offline"

NOTE_TROUBLE = """words => {
    const text = document.querySelector("#trouble-text");
    globalThis.wasOffline = text.textContent.includes(words);
    new MutationObserver((changes) => {
        for (const { addedNodes } of changes)
            for (const { data } of addedNodes) globalThis.wasOffline ||= data.includes(words);
    }).observe(text, { childList: true });
}"""
"""Remembers whether the page has said that."""

ADDED = ".edited, time, .action > .text > .name:first-child"
"""What stands in a line beside what was said."""


def passes(guest: Guest, seconds: float) -> None:
    """So much time passes for a page, at once, as it does for a laptop that sleeps."""
    guest.page.clock.fast_forward(int(1000 * seconds))


def is_offline(guest: Guest, words: str = OFFLINE) -> None:
    """The page says so, in the line that is there for it."""
    expect(guest.page.locator("#trouble-text")).to_contain_text(words, timeout=1000 * PATIENCE)


def finds_out(guest: Guest) -> None:
    """A page of which nobody is told that its connection is dead finds that out, in a minute at most.

    It may be connected again by the time that we look.
    """
    guest.page.evaluate(NOTE_TROUBLE, OFFLINE)
    for _ in range(6):
        passes(guest, 10)
        if guest.page.evaluate("globalThis.wasOffline"):
            return
    eventually(lambda: guest.page.evaluate("globalThis.wasOffline"))  # what it draws waits for its clock, too


def comes_back(guest: Guest) -> None:
    """Time passes, a second at a time, until the page is connected again by itself."""

    def is_back() -> bool:
        passes(guest, 1)
        try:
            guest.page.locator("#trouble").wait_for(state="hidden", timeout=150)
        except TimedOut:
            return False
        return True

    eventually(is_back)


def has_come_in(guest: Guest) -> None:
    """All that a page asks for on the way in has been answered: requests are done in order."""
    guest.says("/topic")
    guest.is_told(" has no topic.")


def chats(person: Person, texts: Iterable[str]) -> None:
    """Somebody at a terminal says all that; when this returns, it has been said."""
    for text in texts:
        person.says(text)
    person.says("/uptime")
    while "has been up" not in person.reads_line():
        pass


def pending(guest: Guest) -> list[str]:
    """What the page says about each line that was not sent, in order."""
    return guest.log.locator(".pending .state").all_inner_texts()


def has_read(guest: Guest, said: list[str]) -> None:
    """All of that is there when one scrolls up, and nothing else, as soon as what was missed has been loaded."""
    seen = reads_all(guest)

    def all_of_it() -> bool:
        nonlocal seen
        seen = seen if seen == said else reads_all(guest, afresh=False)
        return seen == said

    with contextlib.suppress(AssertionError):  # the other one says more
        eventually(all_of_it)
    assert seen == said


def reads_all(guest: Guest, afresh: bool = True) -> list[str]:
    """Scroll up to the beginning; give the texts of all lines there are, oldest first.

    No line may be there twice at a time, and none out of order. Some hundreds of lines are shown at a time: what was
    seen the last time counts, too, if this is not `afresh`.
    """
    if afresh:
        guest.page.evaluate("globalThis.read = new Map()")

    def all_read() -> bool:
        return guest.page.evaluate(
            """() => {
                const log = document.querySelector("#log");
                const lines = [...document.querySelectorAll("#lines > .line:not(.pending)")];
                const ids = lines.map((line) => Number(line.dataset.id));
                if (ids.some((id, at) => at && id <= ids[at - 1])) throw new Error(`out of order: ${ids}`);
                for (const line of lines) {
                    const copy = line.cloneNode(true);
                    for (const added of copy.querySelectorAll(ADDED)) added.remove();
                    read.set(Number(line.dataset.id), copy.querySelector(".text").textContent);
                }
                const done = log.scrollTop === 0 && read.size === globalThis.before;
                globalThis.before = read.size;
                log.scrollTop = 0;
                return done && document.querySelector("#earlier").hidden;
            }""".replace("ADDED", repr(ADDED))
        )

    rounds = 0

    def settled() -> bool:
        nonlocal rounds
        rounds = rounds + 1 if all_read() else 0
        return rounds > 8

    eventually(settled)
    return guest.page.evaluate("[...read].sort(([a], [b]) => a - b).map(([, text]) => text)")
