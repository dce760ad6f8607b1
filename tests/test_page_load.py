"""The page when there is much: thousands of lines, and hundreds that come every second."""

from __future__ import annotations

import contextlib
import threading

import pytest
from absence import reads_all
from bot import Bot
from browser import GREET_AFTER
from people import SECOND, eventually

LINES = 5000
A_SECOND = 200


@pytest.fixture
def server(start):
    return start(server__greet_after=GREET_AFTER)


def test_a_room_with_thousands_of_loaded_lines_scrolls_through_a_few_hundred_elements(server, browse):
    with contextlib.closing(Bot(server, "Carl")) as carl:
        ann = browse(server, "Ann")
        for first in range(0, LINES, 500):
            carl.says_all("lobby", (f"line {number}" for number in range(first, first + 500)))
        ann.sees(f"line {LINES - 1}")
    most = ann.page.evaluate(
        """() => new Promise((done) => {
            const log = document.querySelector("#log");
            let most = 0;
            let still = 0;
            const up = () => {
                most = Math.max(most, document.querySelectorAll("#lines > *").length);
                const first = document.querySelector("#lines > .line").dataset.id;
                log.scrollTop = 0;
                still = first === globalThis.first ? still + 1 : 0;
                globalThis.first = first;
                if (still > 30) done([most, Number(first)]);
                else requestAnimationFrame(up);
            };
            up();
        })"""
    )
    assert most[1] == 1, "the first line there is was not reached"
    assert most[0] < 1000
    assert reads_all(ann)[0] == "line 0"
    ann.page.locator("#to-present").click()
    ann.sees(f"line {LINES - 1}")
    ann.says("still here")
    ann.sees("still here")


def test_hundreds_of_lines_a_second_leave_the_page_usable_and_nothing_is_missing(server, browse):
    """How long the page is busy at a time is counted in frames of its own, so that a slow machine does not matter."""
    with contextlib.closing(Bot(server, "Carl")) as carl:
        ann = browse(server, "Ann")
        seconds = 2
        over = threading.Event()

        def talks() -> None:
            for number in range(seconds * A_SECOND):
                carl.sends("say", room="lobby", text=f"line {number}")
                over.wait(SECOND / A_SECOND)

        talker = threading.Thread(target=talks)
        ann.page.evaluate(
            """() => {
                globalThis.frames = 0;
                const count = () => { globalThis.frames++; requestAnimationFrame(count); };
                count();
            }"""
        )
        talker.start()
        typed = ""
        while talker.is_alive():  # every key is taken while lines come
            ann.page.keyboard.type("x")
            typed += "x"
            assert ann.box.input_value() == typed
        talker.join()
        ann.sees(f"line {seconds * A_SECOND - 1}")
    assert ann.page.evaluate("frames") > 10 * seconds
    ann.types("")
    eventually(lambda: ann.page.evaluate("document.querySelectorAll('#lines > *').length") < 1000)
    assert reads_all(ann) == [f"line {number}" for number in range(seconds * A_SECOND)]
