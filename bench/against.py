"""Compares this tree with another one, such as an earlier version: connections, deliveries, memory, run in turn.

    git worktree add /tmp/before 92831af^ && python -m bench.against /tmp/before [--rounds 6] [--seconds 2]

The other tree's server runs with this tree's Python, under the same load. A ratio is that of the medians; beside it
stands the median of the ratios of each round, in which both ran one right after the other. Where other programs want
the same cores, go by what is counted per second of the server's CPU.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from .load import Load, RunFailedError
from .servers import Gchat

TALKERS = (1, 16, 200)


class Other(Gchat):
    """The other tree's server."""

    name = "the other"
    tree = Path()

    def command(self) -> list[str]:
        program, data = str(self.tree / "gchat.py"), str(self.home / "data")
        has_limits = "\nflood" in (self.tree / "config.ini").read_text()
        unlimited = ["--set", "limits.flood=no"] if has_limits else []
        config = ["--config", str(self.tree / "config.ini")]
        return [sys.executable, program, "--listen", f"127.0.0.1:{self.port}", "--data", data, *config, *unlimited]


def measure(kind: type[Gchat], seconds: float) -> dict[str, float]:
    """Start a server, and measure everything once."""
    seen = {}
    with kind() as server, Load(server) as load:
        load.connect(1000)
        for w in TALKERS:
            used, run = server.cpu_seconds(), load.talk(w, seconds)
            seen[f"deliveries/s, W={w}"] = run["per_second"]
            seen[f"deliveries per CPU second, W={w}"] = run["lines"] * 999 / (server.cpu_seconds() - used)
    with kind() as server, Load(server) as load:
        used = server.cpu_seconds()
        seen["connections/s, 10,000"] = load.connect(10_000)["per_second"]
        seen["connections per CPU second"] = 10_000 / (server.cpu_seconds() - used)
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.against", description=__doc__.splitlines()[0])
    parser.add_argument("tree", type=Path)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    Other.tree = options.tree.resolve()
    rounds: list[tuple[dict[str, float], dict[str, float]]] = []
    while len(rounds) < options.rounds:
        kinds = (Gchat, Other) if len(rounds) % 2 else (Other, Gchat)
        try:
            seen = {kind: measure(kind, options.seconds) for kind in kinds}
        except RunFailedError as error:
            print(f"a round is left out: {error}", flush=True)
            continue
        rounds.append((seen[Gchat], seen[Other]))
    for what in rounds[0][0]:
        ours, others = [one[what] for one, _ in rounds], [other[what] for _, other in rounds]
        ratio = statistics.median(ours) / statistics.median(others)
        each = [one / other for one, other in zip(ours, others, strict=True)]
        print(
            f"{what}: {ratio:.2f} x; round by round {statistics.median(each):.2f} x, {min(each):.2f} to {max(each):.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
