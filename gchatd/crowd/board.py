"""The board that you see during a run, and the table at its end. Knows how things look, no more.

On a terminal: progress bars and a table that change in place, with a line for each of a server's several processes.
Elsewhere: a line per second, and theirs where something new begins.
"""

from __future__ import annotations

import math
import time
from typing import IO, TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from ..text.phrases import plainly
from .facts import NOTHING_LOST

if TYPE_CHECKING:
    from .facts import Facts, Memory, Part, PartRow, Row
    from .plan import Plan

REFRESH_SECONDS: Final = 0.2
UNKNOWN: Final = "–"
_BAR = 36
_WIDE = 78  # columns of a terminal on which three columns of figures fit


class Board:
    """A context manager. Writes only to the stream that it is given."""

    def __init__(self, plan: Plan, host: str, port: int, stream: IO[str]) -> None:
        self._plan = plan
        self._console = Console(file=stream, highlight=False)
        self._lines = not self._console.is_terminal
        self._columns = 3 if self._console.width >= _WIDE else 2
        self._row: Row | None = None
        self._shown_at = 0.0
        self._progress = Progress(
            TextColumn("{task.description:<11}"),
            BarColumn(bar_width=_BAR, style="bright_black", complete_style="cyan", finished_style="green"),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            console=self._console,
            auto_refresh=False,
        )
        self._bars: dict[str, TaskID] = {
            "connecting": self._progress.add_task("connecting", total=plan.clients, unit="people"),
            "talking": self._progress.add_task("talking", total=round(plan.seconds), unit="s"),
        }
        churn = f", {100 * plan.churn:g} % come and go each second" if plan.churn else ""
        browsers = " browsers" if plan.door == "web" else ""
        several = f" in {plan.processes} processes" if plan.processes > 1 else ""
        workers = f" of {plan.workers} workers" if plan.workers > 1 else ""
        talkers = "one talks" if plan.talkers == 1 else f"{plan.talkers:,} talk"
        self._title = Text.assemble(
            ("A crowd of ", ""),
            (f"{plan.clients:,}", "bold cyan"),
            (f"{browsers}{several} in one room{workers}: {talkers}, {pace(plan.rate)} in all{churn}.\n", ""),
            ("Join them from another terminal:  ", ""),
            (f"telnet {host} {port}", "bold green"),
            *([("\nor in a browser:  ", ""), (f"http://{host}:{port}/", "bold green")] if plan.door == "web" else []),
        )
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> Board:
        self._console.print(self._title)
        if not self._lines:
            self._live.start(refresh=True)
        return self

    def __exit__(self, *exc: object) -> None:
        if not self._lines:
            self._live.stop()

    def show(self, row: Row) -> None:
        """Show how things are now."""
        new_phase = self._row is None or row.phase != self._row.phase
        self._row = row
        self._progress.update(self._bars["connecting"], completed=min(row.connected, self._plan.clients))
        if self._lines and (new_phase or time.monotonic() >= self._shown_at + 0.95):
            self._shown_at = time.monotonic()
            self._console.print(_line(row), soft_wrap=True)
            for part in row.parts if new_phase else ():
                self._console.print(f"        {_part_line(part)}", soft_wrap=True)
        self.tick()

    def tick(self, talked: float | None = None) -> None:
        """Move the bars on. `talked`: for how many seconds people have been talking."""
        if talked is not None:
            self._progress.update(self._bars["talking"], completed=min(int(talked), round(self._plan.seconds)))
        now = time.monotonic()
        if self._row is None or self._lines or now < self._shown_at + REFRESH_SECONDS:
            return
        self._shown_at = now
        parts = [_parts(self._row.parts)] if self._row.parts else []
        table = _table(self._row, self._columns)
        self._live.update(Group("", self._progress, "", table, *parts, _hint(self._row)), refresh=True)

    def print_result(self, facts: Facts) -> None:
        """Print what happened."""
        self._console.print(_result(facts))
        style = "bold green" if facts.ok else "bold red"
        self._console.print(Text(verdict_line(facts), style=style), soft_wrap=self._lines)

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(Text(text), soft_wrap=True)


def verdict_line(facts: Facts) -> str:
    """Give the outcome in one line. It starts with `facts.verdict`, capitalised."""
    words = [facts.verdict[0].upper() + facts.verdict[1:]]
    if facts.verdict == NOTHING_LOST:
        words[0] += ": everybody heard every line once and in order"
    if facts.connected < facts.clients:
        words.append(f"{facts.connected:,} of {facts.clients:,} were connected")
    words += [f"{count:,} times: {what}" for what, count in facts.errors.items()]
    words += facts.examples
    if facts.interrupted:
        words.append("you stopped it early")
    return "; ".join(words)


def number(value: float | None, unit: str = "", digits: int = 0) -> str:
    """Write a number for people: with thousands separators, and as many digits after the point as asked for."""
    if value is None:
        return UNKNOWN
    return f"{value:,.{digits}f}{' ' if unit else ''}{unit}"


def pace(rate: float) -> str:
    """Write how many lines are said each second."""
    return "one line a second" if rate == 1 else f"{plainly(rate)} lines a second"


def ms(value: float | None) -> str:
    """Write a time in ms, with three digits."""
    return number(value, "ms", 0 if value is None or value >= 100 else 1 if value >= 10 else 2)


def _cells(row: Row) -> list[tuple[str, str]]:
    late = row.latency_ms
    return [
        ("connected", number(row.connected)),
        ("lines/s", number(row.lines_per_second, digits=1)),
        ("deliveries/s", number(row.deliveries_per_second)),
        ("errors", number(row.errors)),
        ("latency p50", ms(late.p50 if late else None)),
        ("p99", ms(late.p99 if late else None)),
        ("max", ms(late.max if late else None)),
        ("slow readers", number(row.slow_readers)),
        ("server CPU", number(row.cpu_percent, "%")),
        ("memory", number(_megabytes(row.rss_kb), "MB", 1)),
        ("per client", number(row.rss_kb_per_client, "KB", 1)),
    ]


def _table(row: Row, columns: int) -> Padding:
    grid = Table.grid(padding=(0, 2))
    for _ in range(columns):
        grid.add_column(style="bright_black", min_width=12)
        grid.add_column(style="bold", min_width=9, justify="right")
    cells = _cells(row)
    height = math.ceil(len(cells) / columns)
    for line in range(height):
        words: list[Text | str] = []
        for name, value in cells[line::height]:
            bad = name in ("slow readers", "errors") and value not in ("0", UNKNOWN)
            words += [name, Text(value, style="bold red") if bad else value]
        grid.add_row(*words)
    return Padding(grid, (0, 0, 0, 1))


def _parts(parts: list[PartRow]) -> Padding:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bright_black", min_width=12)
    for _ in range(3):
        grid.add_column(min_width=9, justify="right")
    for part in parts:
        people = "" if part.people is None else _people(part.people)
        grid.add_row(part.name, people, number(part.cpu_percent, "%"), number(_megabytes(part.rss_kb), "MB", 1))
    return Padding(grid, (1, 0, 0, 1))


def _part_line(part: PartRow) -> str:
    """Say how a process of the server is."""
    people = "" if part.people is None else f"{_people(part.people)}, "
    return f"{part.name}: {people}CPU {number(part.cpu_percent, '%')}, {number(_megabytes(part.rss_kb), 'MB', 1)}"


def _people(count: int) -> str:
    return "1 person" if count == 1 else number(count, "people")


def _megabytes(kb: int | None) -> float | None:
    return kb and kb / 1024


def _hint(row: Row) -> Text:
    words = {
        "connecting": "People are coming in. Press Ctrl-C to stop early; you still get the results.",
        "talking": "Latency counts from when a line was due. Press Ctrl-C to stop early; you still get the results.",
        "counting": "Checking that everybody heard everything.",
        "leaving": "Everybody is leaving.",
    }
    return Text(f"\n {words[row.phase]}", style="bright_black")


def _line(row: Row) -> str:
    cells = ", ".join(f"{name} {value}" for name, value in _cells(row) if value != UNKNOWN)
    return f"{row.at:5.1f} s {row.phase}: {cells}"


def _result(facts: Facts) -> Table:
    table = Table(title="Results", title_justify="left", title_style="bold", box=None, show_header=False)
    table.add_column(style="bright_black")
    table.add_column()
    for name, value in summary(facts):
        table.add_row(name, value)
    return table


def summary(facts: Facts) -> list[tuple[str, str]]:
    """Give the results, as names and values. Each of a server's several processes has a line."""
    late = facts.latency_ms
    latency = f"p50 {ms(late.p50)}, p99 {ms(late.p99)}, max {ms(late.max)}" if late else UNKNOWN
    rows = [
        ("connected", f"{facts.connected:,} of {facts.clients:,}, in {facts.connect_seconds:.1f} s"),
        ("lines said", f"{facts.lines:,}, in {facts.talk_seconds:.0f} s"),
        ("deliveries", f"{facts.deliveries:,}: {facts.deliveries_per_second:,.0f} a second"),
        ("latency since due", latency),
        ("server memory", _stages(facts.memory_kb, f"with {facts.connected:,} connected")),
        ("memory per client", number(facts.rss_kb_per_client, "KB", 1)),
        ("server CPU", UNKNOWN if facts.cpu_percent is None else f"{facts.cpu_percent:.0f} % of one core"),
        ("slow readers closed", number(facts.slow_readers)),
        ("errors", number(sum(facts.errors.values()))),
    ]
    rows += [(part.name, _part(part)) for part in facts.parts]
    if facts.plan.churn:
        rows.insert(1, ("while they talked", f"{facts.left:,} left, {facts.came_later:,} came"))
    return rows


def _part(part: Part) -> str:
    memory, words = part.memory_kb, [] if part.people is None else [_people(part.people)]
    if part.cpu_percent is not None:
        words.append(f"{part.cpu_percent:.0f} % of one core")
    full, before = (number(_megabytes(kb), "MB", 1) for kb in (memory.full, memory.before))
    if memory.full is not None:
        words.append(f"{full} ({before} before)")
    return ", ".join(words) or UNKNOWN


def _stages(memory: Memory, full: str) -> str:
    stages = {
        "before": memory.before,
        full: memory.full,
        "after the talk": memory.talked,
        "after all had left": memory.left,
    }
    known = [f"{number(_megabytes(kb), 'MB', 1)} {when}" for when, kb in stages.items() if kb is not None]
    return ", ".join(known) or UNKNOWN
