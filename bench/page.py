"""Prints how big the page is as it is sent, and how soon something of it is seen: `make page`.

Needs Chromium and what requirements-dev.txt lists.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys

from gchatd.doors.web.files import PAGE, Files
from gchatd.doors.web.http import Request

from .servers import Gchat

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def sizes() -> dict[str, int]:
    """How many bytes each file has that a browser loads, compressed as it is sent."""
    files = Files()
    paths = ["/" if file.name == "index.html" else f"/{file.name}" for file in sorted(PAGE.iterdir())]
    paths.append("/commands.json")
    asked = [Request("GET", path, path, {}, {"accept-encoding": "gzip"}) for path in paths if path in files]
    return {request.path: len(files.find(request).body) for request in asked}


def first_paints(port: int, path: str, rounds: int) -> list[float]:
    """How many milliseconds after it was asked for the page is seen, in a browser that has nothing of it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        paints = []
        for _ in range(rounds + 1):
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
            while not (at := page.evaluate(paint)):
                page.wait_for_timeout(10)
            paints.append(at)
            page.close()
        browser.close()
    return paints[1:]  # the first one waits for the browser itself


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    found = sizes()
    for path, size in found.items():
        print(f"{size:8,} bytes  {path}")
    print(f"{sum(found.values()):8,} bytes  in {len(found)} files, compressed")
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed, so it cannot be seen how soon the page is there")
    with Gchat() as server:
        paints = first_paints(server.port, chromium, rounds)
    middle, best, load = statistics.median(paints), min(paints), os.getloadavg()[0]
    print(f"first paint: median {middle:.0f} ms, best {best:.0f} ms of {rounds} (load {load:.1f})")


if __name__ == "__main__":
    main()
