"""The charts of a report, light and dark, each drawn by a small function. Knows no pages and no folders."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..text.phrases import plainly

if TYPE_CHECKING:
    from collections.abc import Callable, Sized

    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    from .facts import Facts

SIZE: Final = (3.75, 2.75)
"""Inches: as an SVG as wide as a phone or a third of a desktop page, so that its letters are as big as the text's."""

SUMMARY: Final = ("connections", "memory", "latency", "histogram")
"""The charts in the one picture that shows a whole run, two in a row."""

PNG_DPI: Final = 160

_FRAME: Final = (0.17, 0.19, 0.755, 0.575)  # left, bottom, width, height: the same for all, so that titles line up
_SMALL: Final = 10
_CPU_SECONDS: Final = 0.45


class Colours(NamedTuple):
    """The colours of a theme."""

    paper: str
    ink: str
    faint: str
    grid: str
    first: str
    second: str
    third: str


THEMES: Final = {
    "light": Colours("#ffffff", "#1f2328", "#5c666e", "#e7e9ec", "#2a6db0", "#c2601d", "#1f8a7d"),
    "dark": Colours("#171a1f", "#e6e9ec", "#a5afb8", "#2d333a", "#6bb0f2", "#f0a05f", "#58c9b9"),
}


class Plot(NamedTuple):
    """A chart: what its title says, what its numbers are, what it shows in words, and the function that draws it."""

    title: str
    unit: str
    alt: str
    draw: Callable[[Axes, Facts, Colours], None]


def svg(name: str, facts: Facts, theme: str) -> bytes:
    """Draw one of PLOTS."""
    return _save(_single(name, facts, theme), "svg")


def png(name: str, facts: Facts, theme: str) -> bytes:
    """Draw one of PLOTS."""
    return _save(_single(name, facts, theme), "png", dpi=PNG_DPI)


def summary_png(facts: Facts, theme: str) -> bytes:
    """Draw four of PLOTS in one picture."""
    with mpl.rc_context(_style(THEMES[theme])):
        figure = Figure(figsize=(2 * SIZE[0], 2 * SIZE[1]))
        for number, name in enumerate(SUMMARY):
            cell = figure.add_gridspec(2, 2)[number]
            _draw(name, figure.add_subfigure(cell), facts, THEMES[theme])
        return _save(figure, "png", dpi=PNG_DPI)


def _single(name: str, facts: Facts, theme: str) -> Figure:
    with mpl.rc_context(_style(THEMES[theme])):
        figure = Figure(figsize=SIZE)
        _draw(name, figure, facts, THEMES[theme])
        return figure


def _draw(name: str, figure: FigureBase, facts: Facts, colours: Colours) -> None:
    plot = PLOTS[name]
    axes = figure.add_axes(_FRAME)
    plot.draw(axes, facts, colours)
    figure.text(0.02, 0.965, plot.title, fontsize=12, fontweight="bold", va="top")
    figure.text(0.02, 0.862, plot.unit, fontsize=_SMALL, color=colours.faint, va="top")
    handles, labels = axes.get_legend_handles_labels()
    if not math.isfinite(axes.dataLim.width):  # the run was stopped before there was any
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", color=colours.faint)
    elif handles:
        legend = figure.legend(handles, labels, loc="upper right", ncols=3, handlelength=1, columnspacing=0.9)
        legend.set_bbox_to_anchor((1.0, 1.0))


def _save(figure: Figure, kind: str, **how: float) -> bytes:
    out = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "gchat"}):
        metadata = {"Date": None} if kind == "svg" else {}
        figure.savefig(out, format=kind, facecolor=figure.get_facecolor(), metadata=metadata, **how)  # type: ignore[arg-type]
    return out.getvalue()


def _style(colours: Colours) -> Any:
    return {
        "font.family": "DejaVu Sans",  # matplotlib brings it along
        "font.size": _SMALL,
        "axes.labelsize": _SMALL,
        "xtick.labelsize": _SMALL,
        "ytick.labelsize": _SMALL,
        "legend.fontsize": _SMALL,
        "legend.frameon": False,
        "figure.facecolor": colours.paper,
        "axes.facecolor": colours.paper,
        "text.color": colours.ink,
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
        "lines.linewidth": 1.6,
        "lines.solid_capstyle": "round",
    }


# The charts.


def _connections(axes: Axes, facts: Facts, colours: Colours) -> None:
    times = [0.0, *(row.at for row in facts.samples)]
    connected = [0, *(row.connected for row in facts.samples)]
    axes.fill_between(times, connected, color=colours.first, alpha=0.15, linewidth=0)
    axes.plot(times, connected, color=colours.first)
    _over_time(axes, facts)
    talking = [row.at for row in facts.samples if row.phase == "talking"]
    if len(talking) > 1:
        axes.axvspan(talking[0], talking[-1], color=colours.grid, alpha=0.45, linewidth=0, zorder=0)
        middle = (talking[0] + talking[-1]) / 2
        axes.text(middle, axes.get_ylim()[1] * 0.05, "talking", color=colours.faint, ha="center")


def _memory(axes: Axes, facts: Facts, colours: Colours) -> None:
    """Shows people arriving. They all leave at once, so there is just one mark for that."""
    memory = facts.memory_kb
    coming = [row for row in facts.samples if row.phase == "connecting"]
    points = [(0, memory.before), *((row.connected, row.rss_kb) for row in coming), (facts.connected, memory.full)]
    known = [(people, kb / 1024) for people, kb in points if kb is not None]
    axes.plot(
        [people for people, _ in known],
        [mb for _, mb in known],
        color=colours.first,
        clip_on=False,
        **_dots(known),
        label="arriving",
    )
    if memory.left is not None:
        ring: dict[str, Any] = {"markerfacecolor": colours.paper, "markeredgewidth": 1.6, "markersize": 7}
        axes.plot([0], [memory.left / 1024], "o", color=colours.second, label="all gone again", clip_on=False, **ring)
    axes.set_xlabel("people connected")
    axes.set_xlim(-0.04 * facts.clients, 1.04 * facts.clients)  # the marks at 0 stay clear of the labels
    axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    _from_zero(axes)
    if facts.rss_kb_per_client is not None:
        each = f"{facts.rss_kb_per_client:.1f} KB each"
        axes.text(0.97, 0.07, each, transform=axes.transAxes, ha="right", weight="bold")


def _cpu(axes: Axes, facts: Facts, colours: Colours) -> None:
    before, busy, at = 0.0, 0.0, 0.0
    points: list[tuple[float, float]] = []
    for row in facts.samples:  # CPU time comes in steps of 10 ms: over a tenth of a second it would be rough
        busy += (row.at - at) * (row.cpu_percent or 0)
        at = row.at
        if at - before >= _CPU_SECONDS:
            points.append((at, busy / (at - before)))
            before, busy = at, 0.0
    axes.plot([when for when, _ in points], [percent for _, percent in points], color=colours.second)
    _over_time(axes, facts)
    axes.set_ylim(0, max(100, axes.get_ylim()[1]))


def _latency(axes: Axes, facts: Facts, colours: Colours) -> None:
    rows = [(row.at, row.latency_ms) for row in facts.samples if row.latency_ms is not None]
    for name, colour in (("max", colours.second), ("p99", colours.first), ("p50", colours.third)):
        values = [getattr(late, name) for _, late in rows]
        axes.plot([at for at, _ in rows], values, color=colour, label=name, **_dots(rows))
    _over_time(axes, facts)


def _histogram(axes: Axes, facts: Facts, colours: Colours) -> None:
    steps, total = facts.histogram_ms, sum(count for _, count in facts.histogram_ms) or 1
    width = 2 ** (1 / 8)
    lefts = [up / width for up, _ in steps]
    widths = [up - left for (up, _), left in zip(steps, lefts, strict=True)]
    shares = [100 * count / total for _, count in steps]
    axes.bar(lefts, shares, widths, align="edge", color=colours.first, edgecolor=colours.paper, linewidth=0.5)
    axes.set_xscale("log")
    if steps:
        low, high = min(lefts), max(up for up, _ in steps)
        axes.set_xlim(low / 1.3, high * max(2.5, (high / low) ** 0.3))  # room for the words beside p99
    axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
    axes.xaxis.set_minor_formatter(FuncFormatter(_few_minor(lefts)))
    axes.tick_params(axis="x", which="both", labelsize=_SMALL, labelcolor=colours.faint, length=3)
    axes.set_xlabel("ms after a line was due")
    _from_zero(axes)
    top = max(shares, default=1) * 1.25
    axes.set_ylim(0, top)
    late = facts.latency_ms
    for name, value, side in (("p50", late and late.p50, "right"), ("p99", late and late.p99, "left")):
        if value:
            axes.axvline(value, color=colours.second, linewidth=1.2)
            gap = 0.94 if side == "right" else 1.06
            axes.text(value * gap, top * 0.98, f"{name} {value:.3g}", ha=side, va="top")


def _percentiles(axes: Axes, facts: Facts, colours: Colours) -> None:
    """Each step to the right leaves out nine tenths of the deliveries that are left."""
    total = sum(count for _, count in facts.histogram_ms)
    slowest = facts.latency_ms.max if facts.latency_ms else 0.0
    heard, points = 0, list[tuple[float, float]]()
    for up, count in facts.histogram_ms:
        heard += count
        points.append((math.log10(total / max(total - heard, 1)), min(up, slowest)))
    axes.plot([share for share, _ in points], [late for _, late in points], color=colours.first)
    last = min(max(1, math.log10(max(total, 1))), 4.2)
    axes.set_xlim(0, last)
    names = ["0", "90", "99", "99.9", "99.99"][: math.floor(last) + 1]
    axes.set_xticks(range(len(names)), names)
    axes.set_xlabel("% of deliveries")
    _from_zero(axes)


PLOTS: Final = {
    "connections": Plot("Connections", "people", "People connected, over time", _connections),
    "memory": Plot("Memory", "MB, the server", "The server's memory against the people connected", _memory),
    "cpu": Plot("CPU", "% of one core, the server", "The server's CPU, over time", _cpu),
    "latency": Plot("Latency", "ms after a line was due", "Latency percentiles, over time", _latency),
    "histogram": Plot("Latency histogram", "% of deliveries", "Histogram of the latencies", _histogram),
    "percentiles": Plot("Latency percentiles", "ms after a line was due", "Latency by percentile", _percentiles),
}
"""The charts by name, in the order of a report."""


def _dots(points: Sized) -> dict[str, Any]:
    """Mark each point where there are few."""
    return {"marker": "o", "markersize": 3} if len(points) <= 20 else {}


def _over_time(axes: Axes, facts: Facts) -> None:
    axes.set_xlabel("seconds")
    axes.set_xlim(0, max((row.at for row in facts.samples), default=1))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    _from_zero(axes)


def _from_zero(axes: Axes) -> None:
    axes.set_ylim(0, max(axes.get_ylim()[1] * 1.05, 1e-3))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(_thousands))


def _thousands(value: float, _: object) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else plainly(value)


def _few_minor(lefts: list[float]) -> Callable[[float, object], str]:
    """Label 2 and 5 between the powers of ten, where there are few of these."""
    wide = not lefts or max(lefts) / min(lefts) > 40

    def label(value: float, _: object) -> str:
        digit = f"{value:e}"[0]
        return _thousands(value, None) if digit in ("2", "5") and not wide else ""

    return label
