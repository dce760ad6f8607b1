"""`gchat crowd`: fills a room with simulated people, lets them talk, and reports what happened.

The server imports only this file, for its command line. The packages that only the crowd needs
(requirements-crowd.txt) are imported when somebody runs the command, not before: see `missing_packages`.

    __init__.py    arguments, and what happens in which order  people.py    those of one process (person.py: one)
    plan.py        how many, in how many processes             checking.py  did all hear every line, once, in order?
    where.py       is the target this machine?                 lines.py     what they say
    stage.py       the server (guard.py ends it)               messages.py  what the processes tell each other
    greeting.py    does it answer, and each of its workers?    doors.py     by which they come, and hear what is said
    conduct.py     a run (troupe.py: its processes)            watch.py     the server's processes
    board.py       what you see during a run                   meter.py     their memory and CPU during the run
    report.py      the report as a page (plots.py: charts)     facts.py     what is known at its end
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from .board import Board
    from .conduct import Show
    from .facts import Facts
    from .stage import Stage
    from .where import Target

PACKAGES: Final = {"rich": "rich", "psutil": "psutil", "hdrh": "hdrhistogram", "matplotlib": "matplotlib"}
"""What the crowd needs: the name to import, and the name to install."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `crowd` to the commands."""
    parser = commands.add_parser(
        "crowd",
        help="fill a room with thousands of simulated people and report what happens",
        description="Start a server on a free port, fill a room with simulated people, let them talk, and report what "
        "happened. You can join them: the board says how.",
    )
    add = parser.add_argument
    add("--clients", metavar="N", type=_whole, help="how many people (default: 10000, or what this machine can hold)")
    add("--talkers", metavar="N", type=_whole, help="how many of them talk (default: 20)")
    add("--rate", metavar="LINES", type=_number, help="lines per second, all talkers together (default: 5; of many, 1)")
    add("--seconds", metavar="S", type=_number, help="how long they talk (default: 30)")
    add("--ramp", metavar="N", type=_number, help="most connections per second (default: 5000)")
    add("--style", choices=("steady", "churn"), default="steady", help="churn: every second 5%% leave and others come")
    add("--door", choices=("terminal", "web"), default="terminal", help="web: they come as browsers, over WebSockets")
    add("--report", metavar="DIR", type=Path, help="write report.html, crowd.json and the charts to this folder")
    add("--json", action="store_true", help="print the results as JSON; the board goes to standard error")
    add("--workers", metavar="N", type=_whole, help="server processes (default: as many as the people need)")
    add("--connect", metavar="HOST:PORT", help="use a server that is already running on this machine")
    add("--not-this-machine", action="store_true", help="let --connect go to another machine; asks you first")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number") from None


def missing_packages() -> list[str]:
    """Give the packages that the crowd needs and that are not installed."""
    return [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]


def run(options: argparse.Namespace, program: Path) -> int:
    """Run the command and give the exit status: 0 if everybody came and heard everything. `program` is gchat.py.

    Raises ConfigError if what was asked for cannot be done.
    """
    missing = missing_packages()
    if missing:
        raise ConfigError(
            f"crowd needs {', '.join(missing)}: run `make crowd`, or `pip install -r requirements-crowd.txt` first"
        )
    from . import where
    from .greeting import CrowdError

    if options.workers is not None and options.connect is not None:
        raise ConfigError("--workers: how many a server has that is already running (--connect) is decided there")
    if options.report is not None:
        _make_folder(options.report)
    target = None
    if options.connect is not None:
        target = where.resolve(options.connect)
        clients = f"{options.clients:,} simulated people" if options.clients else "thousands of simulated people"
        where.ask_before_leaving(target, options.not_this_machine, clients)
    try:
        return _run(options, program, target)
    except CrowdError as error:
        sys.stderr.write(f"gchat: crowd: {error}\n")
        return 1
    except KeyboardInterrupt:  # the second one
        sys.stderr.write("gchat: crowd: stopped at once, without results\n")
        return 130


def _run(options: argparse.Namespace, program: Path, target: Target | None) -> int:
    from . import conduct, stage
    from .board import Board
    from .plan import Machine, make_plan
    from .watch import Watch

    machine = Machine.this()
    theatre: Stage
    if target is None:
        plan = make_plan(options, machine, machine.files)
        theatre = stage.OwnServer(program, plan.workers, stage.GREET_AFTER if plan.door == "web" else None)
    else:
        theatre = stage.Elsewhere(target)
        there = Watch(theatre.pid)
        plan = make_plan(options, machine, there.files_allowed(), running=max(1, there.workers))
    try:
        board = Board(plan, theatre.host, theatre.port, sys.stderr if options.json else sys.stdout)
        show = conduct.Show(plan, theatre, board, own_server=target is None)
        with board, _stopped_by_signals(show):
            facts = show.run()
    finally:
        theatre.close()
    _tell(options, board, facts)
    return 0 if facts.ok else 1


@contextlib.contextmanager
def _stopped_by_signals(show: Show) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the show with a report; a second one ends it at once, without."""

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        show.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(options: argparse.Namespace, board: Board, facts: Facts) -> None:
    from .facts import as_json
    from .greeting import CrowdError

    board.print_result(facts)
    if options.report is not None:
        from . import report

        try:
            report.write(options.report, facts)
        except OSError as error:
            raise CrowdError(f"--report: {error}") from None
        board.say(f"Report: {options.report / 'report.html'}")
    if options.json:
        sys.stdout.write(as_json(facts).decode())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--report {folder}: {(error.strerror or str(error)).lower()}") from None
