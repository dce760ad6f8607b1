"""Many worlds of nodes that share a failing store: see tests/worlds.py.

    python tests/torture/worlds.py [--worlds 100000] [--seed N] [--processes 2]

Plays the worlds with the seeds from N on. A world in which something is wrong is printed with its last steps.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
import traceback
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from worlds import World

MOST_FAILURES = 5
AT_ONCE = 50


def play(seed: int) -> str:
    """Play one world; return what is wrong with it."""
    try:
        World(seed).play()
    except Exception:  # whatever goes wrong in a world is what is looked for
        return traceback.format_exc()
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() // 1000 % 10**9)
    parser.add_argument("--processes", type=int, default=min(2, multiprocessing.cpu_count()))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    since = time.monotonic()
    failures = 0
    with multiprocessing.Pool(options.processes, maxtasksperchild=20) as pool:
        seeds = range(options.seed, options.seed + options.worlds)
        for count, failure in enumerate(pool.imap_unordered(play, seeds, AT_ONCE), 1):
            if failure:
                failures += 1
                print(failure, flush=True)
                if failures == MOST_FAILURES:
                    break
            if count % 10_000 == 0:
                print(f"{count} worlds", flush=True)
    if failures:
        sys.exit(f"something is wrong in {failures} of {count} worlds")
    rate = options.worlds / (time.monotonic() - since)
    print(
        f"{options.worlds} worlds: in each all nodes heard the same, everything once or not at all, and nobody was lost"
        f" ({rate:.0f} worlds a second)"
    )


if __name__ == "__main__":
    main()
