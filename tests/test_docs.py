"""What is written about gchat is true."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys

import commands_page
import performance_table
import protocol_page
import pytest
from people import ROOT, SECOND, Person, eventually

from bench.__main__ import MEASUREMENTS
from gchatd.doors.terminal.commands.table import COMMANDS, find

CONFIG = (ROOT / "config.ini").read_text()
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
PICTURE = (ROOT / "docs/session.svg").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "tests/transcripts/README.md"])
PERFORMANCE = ROOT / "docs/performance.md"
TOLD = [ROOT / "config.ini", *sorted(ROOT.glob("requirements*.txt"))]
GREET_AFTER = SECOND / 2
"""Who comes by HTTP says so sooner, and is not taken for a terminal."""

NODE = ["node", "--experimental-websocket", "-"]
"""From version 22 on, Node.js has WebSockets without being asked."""

TARGETS = re.search(r"^\.PHONY: (.+)", MAKEFILE, re.MULTILINE)[1].split()


def test_every_setting_in_config_ini_has_a_sentence_why():
    for block in CONFIG.split("\n\n"):
        for line in block.splitlines():
            if " = " in line and not line.startswith("#"):
                assert re.search(r"^#.*\w", block, re.MULTILINE), line


def test_readme_is_read_in_one_sitting():
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_something(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if link.startswith("http"):
            continue
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not heading or heading in headings(target.read_text()), link


def headings(text: str) -> list[str]:
    """The headings of a page, as links name them."""
    return [
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in re.findall("^#+ (.+)", text, re.M)
    ]


@pytest.mark.parametrize("page", [*PAGES, *TOLD], ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_tells_to_make_can_be_made(page):
    for target in re.findall(r"(?:`|^    |\()make ([a-z]+)", page.read_text(), re.MULTILINE):
        assert target in TARGETS, target
    for part in re.findall(r"make bench ONLY=(\w+)", page.read_text()):
        assert part in MEASUREMENTS, part


def test_make_help_tells_every_target():
    assert set(re.findall(r"echo 'make (\w+) ", MAKEFILE)) | {"help"} == set(TARGETS)


def test_the_tour_leads_to_every_file():
    """Or to a neighbour: one for all commands, one for all of the crowd."""
    tour = (ROOT / "CONTRIBUTING.md").read_text()
    files = {str(path.relative_to(ROOT)) for path in ROOT.glob("gchatd/**/*.py") if path.name != "__init__.py"}
    files -= {file for file in files if file.startswith(("gchatd/crowd/", "gchatd/doors/terminal/commands/"))}
    assert not files - set(re.findall(r"\]\(([^)]+)\)", tour))


def test_what_config_ini_says_to_read_first_is_there():
    for heading, page in re.findall(r'"([\w ]+)" in\n?#? ?([\w./]+\.md)', CONFIG):
        assert f"## {heading}\n" in (ROOT / page).read_text()
    assert "Letting others in" in CONFIG


# Figures. Each stands in one place.


def test_readme_has_five_figures_each_beside_the_command_that_makes_it():
    table = README.partition("## Five figures")[2].partition("|---|---|---|\n")[2].partition("\n\n")[0]
    five = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
    assert len(five) == 5
    for _, figure, command in five:
        assert re.fullmatch(r"`make \w.*`", command)
        assert "bench" not in command or figure in measured(), figure


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *TOLD], ids=lambda page: page.name)
def test_no_other_figure_of_the_benchmark_is_anywhere_but_on_its_page(page):
    without_tables = re.sub(r"^\|.*\|$", "", page.read_text(), flags=re.MULTILINE)
    for figure in measured():
        assert not re.search(rf"(?<![\d.,]){re.escape(figure)}\b", without_tables), figure


def measured() -> set[str]:
    """The figures in the table of the benchmark that have a unit."""
    table = PERFORMANCE.read_text().partition(performance_table.HEAD)[2].partition("\n\n")[0]
    cells = {cell.strip() for row in table.splitlines() for cell in row.strip("|").split("|")[1:4]}
    figures = {figure for cell in cells for figure in cell.split(" to ") if re.fullmatch(r"[\d.]+ \w+", figure)}
    assert len(figures) > 40
    return figures


def test_what_the_benchmark_found_becomes_the_table_on_its_page():
    old = PERFORMANCE.read_text()
    row = {"what": "resident memory per idle client", "unit": "KB", "value": 9.66, "judged": 9.66, "target": 10.0}
    row |= {"at_most": True, "reached": True, "runs": [9.7, 9.5], "reference": None}
    slow = {"what": "deliveries/s, W=1", "unit": "/s", "value": 305_400.0, "judged": 0.81, "target": 0.85}
    slow |= {"at_most": False, "reached": False, "runs": [305_400.0, 1_200_000.0], "reference": 378.0}
    new = performance_table.page(old, {"rows": [row, slow]})
    table = new.partition(performance_table.HEAD)[2].partition("\n\n")
    assert table[0].splitlines() == [
        "| resident memory per idle client | 9.66 KB | 9.5 KB to 9.7 KB |  |  | ≤ 10 KB |",
        "| deliveries per second, W=1 | 305 k | 305 k to 1.2 M | 378 | 0.81 | ≥ 0.85 **missed** |",
    ]
    assert old.endswith(table[2])
    assert new.startswith(old.partition(performance_table.HEAD)[0])


# The first minute.


def screens() -> list[list[str]]:
    """What README says is on Alice's screen: in a telnet, and in nc."""
    blocks = re.findall(r"(?:^    .*\n)+", README, re.MULTILINE)
    found = [[line.strip() for line in block.splitlines()] for block in blocks if "Hello Alice!" in block]
    assert len(found) == 2
    return found


def test_the_session_in_readme_is_what_alice_sees(start, enter):
    server = start()
    _, (asked, name, named, heard) = screens()
    alice = enter(server)
    alice.sees(asked)
    alice.says(name)
    alice.sees(named)
    enter(server, "Bob").says("Hello Alice!")
    alice.sees(heard)


def test_the_picture_shows_the_session_in_readme():
    in_telnet, _ = screens()
    rows = re.findall(r'<text x="([\d.]+)" y="(\d+)"[^>]*>([^<]*)</text>', PICTURE)
    middle = float(re.search(r'width="(\d+)"', PICTURE)[1]) / 2
    alice: dict[str, str] = {}
    for x, y, words in rows:
        if float(x) < middle:
            alice[y] = alice.get(y, "") + words.replace(" ", "")  # a row is drawn in pieces, one for each look
    shown = iter(alice.values())
    for line in in_telnet[:-1]:
        assert line.replace(" ", "").replace(">", "&gt;") in shown, line


def test_the_page_of_commands_is_what_the_table_says():
    assert (ROOT / "docs/commands.md").read_text() == commands_page.page(), "make docs"


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_a_command_has_help_with_its_grammar_and_an_example_and_its_handler_opens_with_it(command):
    assert command.usage.startswith(f"/{command.name}")
    assert command.help
    assert re.match(rf"/{command.name}\b", command.example)
    assert command.handler.__doc__.startswith(command.usage)


def test_readme_names_the_commands_that_there_are():
    for name in re.findall(r"`/([a-z]+)", README):
        assert find(name), name


def test_the_page_of_the_protocol_is_what_the_code_says():
    assert (ROOT / "docs/protocol.md").read_text() == protocol_page.page(), "make docs"


@pytest.mark.parametrize(("language", "run"), [("python", [sys.executable, "-"]), ("javascript", NODE)])
def test_the_bot_on_the_page_of_the_protocol_works(start, enter, language, run):
    if not shutil.which(run[0]):
        pytest.skip(f"there is no {run[0]} here")
    code = re.search(rf"```{language}\n(.+?)```", protocol_page.page(), re.DOTALL)[1]
    assert code.count("\n") <= 30
    server = start(server__greet_after=GREET_AFTER)
    ann = enter(server, "Ann")
    bot = subprocess.Popen(run, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        bot.stdin.write(code.replace("localhost:1337", f"127.0.0.1:{server.port}"))
        bot.stdin.close()
        server.logs("Echo\\] came")
        ann.says("Echo, are you there?")
        ann.sees("Echo : Ann: Echo, are you there?")
        ann.says("/join den")
        ann.sees("server: You are in den, alone.")
        ann.says("/invite Echo")
        ann.sees("server: You invited Echo to den.")
        eventually(lambda: asks_who_is_here(ann) == "server: 2 in den: Ann, Echo")
    finally:
        bot.kill()
        bot.stderr.close()
        bot.wait()


def asks_who_is_here(person: Person) -> str:
    person.says("/names")
    return person.reads_line()


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl here")
def test_the_bot_on_the_page_about_http_works(start, enter):
    code = re.search(r"```sh\n(.+?)```", (ROOT / "docs/http.md").read_text(), re.DOTALL)[1]
    assert code.count("\n") <= 10
    server = start(server__greet_after=GREET_AFTER)
    ann = enter(server, "Ann")
    bot = subprocess.Popen(["sh"], stdin=subprocess.PIPE, text=True, start_new_session=True)
    try:
        bot.stdin.write(code.replace("localhost:1337", f"127.0.0.1:{server.port}"))
        bot.stdin.close()
        server.logs("follows lobby")
        ann.says("hello everybody")
        ann.sees("greeter : Hello Ann!")
    finally:
        os.killpg(bot.pid, signal.SIGKILL)
        bot.wait()
