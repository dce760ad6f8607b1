"""`gchat crowd`: fills a room with simulated people, lets them talk, and tells what happened.

The server never imports this but for its command line (this file), and nothing here imports the packages that only the
demo needs (requirements-crowd.txt) before it is asked for: see `missing_packages`.

    __init__.py    arguments, and the order of things          people.py    the simulated people, a process of them
    plan.py        how many, in how many processes             checking.py  did all hear every line, once, in order?
    where.py       on this machine, or may it leave it?        lines.py     what they say
    stage.py       the server (guard.py ends it)               messages.py  what the processes tell each other
    conduct.py     a run (troupe.py: its processes)            watch.py     the server's memory and CPU
    board.py       what is shown meanwhile                     facts.py     what is known in the end
    report.py      the report as a page (plots.py: pictures)
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
"""What the demo needs: as it is imported, and as it is installed."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `crowd` to the commands."""
    parser = commands.add_parser(
        "crowd",
        help="fill a room with thousands of simulated people, and tell what happened",
        description="Fill a room with simulated people, let them talk, and tell what happened. Starts a server of its "
        "own on a free port, and ends it. A person may come in meanwhile: it says how.",
    )
    add = parser.add_argument
    add("--clients", metavar="N", type=_whole, help="how many come (default: 10000, or what this machine can hold)")
    add("--talkers", metavar="N", type=_whole, help="how many of them talk (default: 20)")
    add("--rate", metavar="LINES", type=_number, help="lines a second, of all talkers together (default: 5)")
    add("--seconds", metavar="S", type=_number, help="how long they talk (default: 30)")
    add("--ramp", metavar="N", type=_number, help="connections a second, at most (default: 5000)")
    add("--style", choices=("steady", "churn"), default="steady", help="churn: 5%% leave each second, and others come")
    add("--report", metavar="DIR", type=Path, help="write report.html, crowd.json and pictures there")
    add("--json", action="store_true", help="print what happened as JSON; the board goes to standard error")
    add("--connect", metavar="HOST:PORT", help="go to a server that is there already, on this machine")
    add("--not-this-machine", action="store_true", help="let --connect leave this machine; asks first")


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
    """Which of the packages that only this needs are not installed."""
    return [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]


def run(options: argparse.Namespace, program: Path) -> int:
    """Run the command; give the exit status: 0 if everybody came and heard everything. `program` is gchat.py.

    Raises ConfigError for what cannot be done as it was asked for.
    """
    missing = missing_packages()
    if missing:
        raise ConfigError(
            f"crowd needs {', '.join(missing)}: run `make crowd`, or `pip install -r requirements-crowd.txt` first"
        )
    from . import where
    from .stage import CrowdError

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
        sys.stderr.write("gchat: crowd: broken off\n")
        return 130


def _run(options: argparse.Namespace, program: Path, target: Target | None) -> int:
    from . import conduct, stage
    from .board import Board
    from .plan import Machine, make_plan

    machine = Machine.this()
    theatre: Stage
    if target is None:
        plan = make_plan(options, machine, machine.files)
        theatre = stage.OwnServer(program)
    else:
        theatre = stage.Elsewhere(target)
        plan = make_plan(options, machine, stage.open_files_allowed(theatre.pid) if theatre.pid is not None else None)
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
    """Let Ctrl-C and SIGTERM end the show, with a report; a second one breaks it off."""

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
    from .stage import CrowdError

    board.print_result(facts)
    if options.report is not None:
        from . import report

        try:
            report.write(options.report, facts)
        except OSError as error:
            raise CrowdError(f"--report: {error}") from None
        board.say(f"The report: {options.report / 'report.html'}")
    if options.json:
        sys.stdout.write(as_json(facts).decode())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--report {folder}: {(error.strerror or str(error)).lower()}") from None
