"""The table that is printed, and what becomes of runs that fail."""

from __future__ import annotations

import contextlib
import statistics
from typing import TYPE_CHECKING, Any

from .load import RunFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .servers import Server


class Table:
    """The rows of the report, and what becomes of the runs."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.failures: list[str] = []
        self.notes: list[str] = []

    def compare(
        self, what: str, unit: str, runs: dict[str, list[float]], target: float | None = None, at_most: bool = False
    ) -> None:
        """Add a row: gchat's median, the reference's and the peers', and the ratio to the reference."""
        medians = {name: statistics.median(values) for name, values in runs.items() if values}
        if not {"gchat", "reference"} <= set(medians):
            return  # every run has failed, and is told of
        ratio = medians["gchat"] / medians["reference"]
        self._add(what, unit, runs["gchat"], ratio, target, at_most, reference=medians["reference"])
        for name, median in medians.items():
            if name not in ("gchat", "reference"):
                ratio = median / medians["reference"]
                self.notes.append(f"{what}, {name}: {number(median)} {unit}, {ratio:.2f} x reference")

    def absolute(self, what: str, unit: str, values: list[float], target: float | None = None) -> None:
        """Add a row whose value, not ratio, has a target that it may at most be, if any."""
        if not values:
            return  # every run has failed, and is told of
        self._add(what, unit, values, statistics.median(values), target, True, reference=None)

    def _add(
        self, what: str, unit: str, values: list[float], judged: float, target: float | None, at_most: bool, **more: Any
    ) -> None:
        reached = target is None or (judged <= target if at_most else judged >= target)
        row = {"what": what, "unit": unit, "value": statistics.median(values), "judged": judged, "target": target}
        self.rows.append({**row, "at_most": at_most, "reached": reached, "runs": values, **more})

    def show(self) -> None:
        head = ("", "value", "min to max", "reference", "ratio", "to reach")
        lines = [head]
        for row in self.rows:
            low, high = min(row["runs"]), max(row["runs"])
            sign = "<=" if row["at_most"] else ">="
            reference = number(row["reference"]) if row["reference"] is not None else ""
            ratio = f"{row['judged']:.2f} x" if row["reference"] is not None else ""
            target = f"{sign} {row['target']:g}{' x' if ratio else ''}" if row["target"] is not None else ""
            target += "" if row["reached"] else "  NOT REACHED"
            value = f"{number(row['value'])} {row['unit']}"
            lines.append((row["what"], value, f"{number(low)} to {number(high)}", reference, ratio, target))
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        for line in lines:
            print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
        for note in self.notes:
            print(f"  {note}")
        for failure in self.failures:
            print(f"FAILED: {failure}")


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


@contextlib.contextmanager
def attempt(table: Table, kind: type[Server]) -> Iterator[None]:
    """A run that fails is told, and is no number. That of a peer is no failure of ours."""
    try:
        yield
    except (RunFailedError, RuntimeError, NotImplementedError, OSError) as error:
        (table.notes if kind.peer else table.failures).append(f"{kind.name}: {error}")
