"""The pictures of a report, in light and in dark, each drawn by a small function. Knows no pages and no folders."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from .facts import Facts, Row

SIZE: Final = (5.0, 3.2)
"""Inches: at 72 to the inch as wide as a telephone shows, so that there the letters keep their size."""

SUMMARY_SIZE: Final = (11.0, 6.4)
SUMMARY_DPI: Final = 110
PNG_DPI: Final = 160


_CPU_SECONDS: Final = 0.45

_BESIDE_TITLE: Final[dict[str, Any]] = {
    "loc": "lower right",
    "bbox_to_anchor": (1.02, 0.985),
    "ncols": 3,
    "handlelength": 1.1,
    "columnspacing": 1.1,
}


class Colours(NamedTuple):
    """What a picture is painted with."""

    paper: str
    ink: str
    faint: str
    grid: str
    first: str
    second: str
    third: str


THEMES: Final = {
    "light": Colours("#ffffff", "#1f2328", "#667078", "#e7e9ec", "#2a6db0", "#c2601d", "#1f8a7d"),
    "dark": Colours("#171a1f", "#e6e9ec", "#9aa4ad", "#2d333a", "#6bb0f2", "#f0a05f", "#58c9b9"),
}


def svg(name: str, facts: Facts, theme: str) -> bytes:
    """Draw one of PLOTS."""
    return _save(_single(name, facts, theme), "svg")


def png(name: str, facts: Facts, theme: str) -> bytes:
    """Draw one of PLOTS."""
    return _save(_single(name, facts, theme), "png", dpi=PNG_DPI)


def summary_png(facts: Facts, theme: str) -> bytes:
    """Draw four of PLOTS in one wide picture."""
    with mpl.rc_context(_style(THEMES[theme])):
        figure = Figure(figsize=SUMMARY_SIZE, layout=ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.14))
        for place, name in enumerate(("connections", "deliveries", "latency", "memory"), start=1):
            PLOTS[name](figure.add_subplot(2, 2, place), facts, THEMES[theme])
        return _save(figure, "png", dpi=SUMMARY_DPI)


def _single(name: str, facts: Facts, theme: str) -> Figure:
    with mpl.rc_context(_style(THEMES[theme])):
        figure = Figure(figsize=SIZE, layout="constrained")
        PLOTS[name](figure.add_subplot(), facts, THEMES[theme])
        return figure


def _save(figure: Figure, kind: str, **how: float) -> bytes:
    out = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "gchat"}):
        metadata = {"Date": None} if kind == "svg" else {}
        figure.savefig(out, format=kind, facecolor=figure.get_facecolor(), metadata=metadata, **how)  # type: ignore[arg-type]
    return out.getvalue()


def _style(colours: Colours) -> Any:
    return {
        "font.family": "DejaVu Sans",  # matplotlib brings it along
        "font.size": 11,
        "axes.titlesize": 12,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.labelsize": 10.5,
        "xtick.labelsize": 10.5,
        "ytick.labelsize": 10.5,
        "legend.fontsize": 10.5,
        "legend.frameon": False,
        "figure.facecolor": colours.paper,
        "axes.facecolor": colours.paper,
        "text.color": colours.ink,
        "axes.titlecolor": colours.ink,
        "axes.labelcolor": colours.faint,
        "xtick.color": colours.grid,
        "ytick.color": colours.grid,
        "xtick.labelcolor": colours.faint,
        "ytick.labelcolor": colours.faint,
        "axes.edgecolor": colours.grid,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "grid.color": colours.grid,
        "grid.linewidth": 0.8,
        "ytick.major.size": 0,
        "lines.linewidth": 1.8,
        "lines.solid_capstyle": "round",
    }


# The pictures.


def _connections(axes: Axes, facts: Facts, colours: Colours) -> None:
    times, connected = [0.0], [0]
    for row in facts.samples:
        times.append(row.at)
        connected.append(row.connected)
    axes.fill_between(times, connected, color=colours.first, alpha=0.15, linewidth=0)
    axes.plot(times, connected, color=colours.first)
    _over_time(axes, facts, colours, "Connections", "people", shade=True)


def _deliveries(axes: Axes, facts: Facts, colours: Colours) -> None:
    rows = _while_talking(facts)
    times, rates = [row.at for row in rows], [row.deliveries_per_second for row in rows]
    axes.fill_between(times, rates, color=colours.third, alpha=0.15, linewidth=0)
    axes.plot(times, rates, color=colours.third, **_dots(rows))  # type: ignore[arg-type]
    _over_time(axes, facts, colours, "Deliveries", "a second")


def _latency(axes: Axes, facts: Facts, colours: Colours) -> None:
    rows = [(row.at, row.latency_ms) for row in _while_talking(facts) if row.latency_ms is not None]
    times = [at for at, _ in rows]
    dots = _dots([row for row in facts.samples if row.latency_ms is not None])
    for name, colour in (("max", colours.second), ("p99", colours.first), ("p50", colours.third)):
        axes.plot(times, [getattr(late, name) for _, late in rows], color=colour, label=name, **dots)  # type: ignore[arg-type]
    axes.legend(**_BESIDE_TITLE)
    _over_time(axes, facts, colours, "Latency", "ms, from when a line was due")


def _histogram(axes: Axes, facts: Facts, colours: Colours) -> None:
    steps, total = facts.histogram_ms, sum(count for _, count in facts.histogram_ms) or 1
    width = 2 ** (1 / 8)
    lefts = [up / width for up, _ in steps]
    widths = [up - left for (up, _), left in zip(steps, lefts, strict=True)]
    shares = [100 * count / total for _, count in steps]
    axes.bar(lefts, shares, widths, align="edge", color=colours.first, edgecolor=colours.paper, linewidth=0.8)
    axes.set_xscale("log")
    if steps:
        axes.set_xlim(min(lefts) / 1.3, max(up for up, _ in steps) * 1.9)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(FuncFormatter(_few_minor(lefts)))
    axes.tick_params(axis="x", which="both", labelsize=10.5, labelcolor=colours.faint, length=3, pad=4)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.set_title("How late lines arrive")
    axes.set_xlabel("ms, from when a line was due")
    axes.set_ylabel("% of deliveries")
    top = max(shares, default=1)
    axes.set_ylim(0, top * 1.22)
    late = facts.latency_ms
    for name, value, side in (("p50", late and late.p50, "right"), ("p99", late and late.p99, "left")):
        if value:
            axes.axvline(value, color=colours.second, linewidth=1.4)
            gap = 0.94 if side == "right" else 1.06
            axes.text(
                value * gap, top * 1.2, f"{name} {value:.3g}", color=colours.ink, ha=side, va="top", fontsize=10.5
            )


def _memory(axes: Axes, facts: Facts, colours: Colours) -> None:
    before = facts.memory_kb.before or 0
    coming = [row for row in facts.samples if row.phase == "connecting" and row.rss_kb is not None]
    after = [row for row in facts.samples if row.phase != "connecting" and row.rss_kb is not None]
    rest = [row for row in after if row.phase != "leaving"], [row for row in after if row.phase == "leaving"]
    axes.plot(
        [0, *(row.connected for row in coming)],
        [before / 1024, *((row.rss_kb or 0) / 1024 for row in coming)],
        color=colours.first,
        marker="o",
        markersize=4,
        label="coming",
    )
    for rows, label, colour in ((rest[0], "talking", colours.third), (rest[1], "leaving", colours.second)):
        if rows:
            heights = [(row.rss_kb or 0) / 1024 for row in rows]
            axes.plot([row.connected for row in rows], heights, "o", color=colour, markersize=4.5, label=label)
    axes.legend(**_BESIDE_TITLE)
    axes.set_title("Memory")
    axes.set_xlabel("people connected")
    axes.set_ylabel("MB resident, the server")
    axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.set_xlim(-0.03 * facts.clients, 1.04 * facts.clients)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.12)
    if facts.rss_kb_per_client is not None:
        each = f"{facts.rss_kb_per_client:.1f} KB each"
        axes.text(0.98, 0.06, each, transform=axes.transAxes, ha="right", color=colours.ink, fontsize=11, weight="bold")


def _cpu(axes: Axes, facts: Facts, colours: Colours) -> None:
    before, busy, at = 0.0, 0.0, 0.0
    points: list[tuple[float, float]] = []
    for row in facts.samples:  # CPU is told in steps of 10 ms: a tenth of a second would be rough
        busy += (row.at - at) * (row.cpu_percent or 0)
        at = row.at
        if at - before >= _CPU_SECONDS:
            points.append((at, busy / (at - before)))
            before, busy = at, 0.0
    axes.plot([when for when, _ in points], [percent for _, percent in points], color=colours.second)
    axes.set_ylim(0, 100)
    _over_time(axes, facts, colours, "CPU", "% of one core, the server")


PLOTS: Final[dict[str, Callable[[Axes, Facts, Colours], None]]] = {
    "connections": _connections,
    "deliveries": _deliveries,
    "latency": _latency,
    "histogram": _histogram,
    "cpu": _cpu,
    "memory": _memory,
}
"""The pictures by name, in the order of a report."""


def _while_talking(facts: Facts) -> list[Row]:
    """What was seen while people talked; the first of these moments is when they began."""
    return [row for row in facts.samples if row.phase == "talking"][1:]


def _dots(rows: list[Row]) -> dict[str, object]:
    """Show moments, where they are few."""
    return {"marker": "o", "markersize": 3.5} if len(rows) <= 15 else {}


def _over_time(axes: Axes, facts: Facts, colours: Colours, title: str, unit: str, shade: bool = False) -> None:
    axes.set_title(title)
    axes.set_xlabel("seconds")
    axes.set_ylabel(unit)
    axes.set_ylim(0, max(axes.get_ylim()[1] * 1.08, 1e-3))
    axes.set_xlim(0, max((row.at for row in facts.samples), default=1))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(_thousands))
    talking = [row.at for row in facts.samples if row.phase == "talking"]
    if shade and len(talking) > 1:
        axes.axvspan(talking[0], talking[-1], color=colours.grid, alpha=0.45, linewidth=0, zorder=0)
        axes.text(
            (talking[0] + talking[-1]) / 2, axes.get_ylim()[1] * 0.05, "they talk", color=colours.faint, ha="center"
        )


def _thousands(value: float, _: object) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:g}"


def _few_minor(lefts: list[float]) -> Callable[[float, object], str]:
    """Label 2 and 5 between the powers of ten, where there are few of these."""
    wide = not lefts or max(lefts) / min(lefts) > 200

    def label(value: float, _: object) -> str:
        digit = f"{value:e}"[0]
        return f"{value:g}" if digit in ("2", "5") and not wide else ""

    return label
