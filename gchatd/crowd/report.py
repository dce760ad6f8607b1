"""The report of a run, in a folder: a page that needs no network, its charts, and all figures as JSON."""

from __future__ import annotations

import base64
import html
import string
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..text.phrases import plainly
from . import plots
from .board import ms, number, pace, summary, verdict_line
from .facts import as_json

if TYPE_CHECKING:
    from .facts import Facts

TEMPLATE: Final = Path(__file__).with_name("report.html")


def write(folder: Path, facts: Facts) -> None:
    """Write report.html, crowd.json, and each chart as NAME.png and NAME-dark.png. Raises OSError."""
    (folder / "crowd.json").write_bytes(as_json(facts))
    for theme, suffix in (("light", ""), ("dark", "-dark")):
        for name in plots.PLOTS:
            (folder / f"{name}{suffix}.png").write_bytes(plots.png(name, facts, theme))
        (folder / f"crowd{suffix}.png").write_bytes(plots.summary_png(facts, theme))
    (folder / "report.html").write_text(_page(facts), encoding="utf-8")


def _page(facts: Facts) -> str:
    late = facts.latency_ms
    figures = [
        ("connected", f"{facts.connected:,}"),
        ("time to connect", f"{facts.connect_seconds:.1f} s"),
        ("deliveries a second", number(facts.deliveries_per_second)),
        ("latency p50", ms(late.p50 if late else None)),
        ("latency p99", ms(late.p99 if late else None)),
        ("memory per client", number(facts.rss_kb_per_client, "KB", 1)),
    ]
    labels = {"cpu": "CPU", "memory_mb": "memory, MB", "python": "Python"}
    machine = [
        (labels.get(name, name), f"{value:,}" if isinstance(value, int) else value)
        for name, value in facts.machine.items()
    ]
    machine.append(("versions", ", ".join(f"{name} {version}" for name, version in facts.versions.items())))
    line = verdict_line(facts)
    verdict, more = line[: len(facts.verdict)], line[len(facts.verdict) :]
    return string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=_text(f"A crowd of {facts.clients:,}"),
        subtitle=_text(_subtitle(facts)),
        bad="" if facts.ok else " bad",
        verdict=_text(verdict),
        more=_text(more),
        figures="\n".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in figures),
        plots="\n".join(_picture(name, facts) for name in plots.PLOTS),
        facts=_rows(summary(facts)),
        machine=_rows(machine),
        command=_command(facts),
        processes="process" if facts.plan.workers == 1 else "processes",
    )


def _subtitle(facts: Facts) -> str:
    plan = facts.plan
    style = f", while {100 * plan.churn:g} % left each second and others came" if plan.churn else ""
    talked = "one talked" if plan.talkers == 1 else f"{plan.talkers:,} talked"
    workers = f" with {plan.workers} workers" if plan.workers > 1 else ""
    people = "people with browsers" if plan.door == "web" else "people"
    started = facts.started.replace("T", " ").replace("+00:00", " UTC")
    return (
        f"Simulated {people} in one room of a gchat server{workers}: {talked} for {facts.talk_seconds:.0f} s, "
        f"{pace(plan.rate)} in all{style}. {started}."
    )


def _command(facts: Facts) -> str:
    plan = facts.plan
    words = ["python gchat.py crowd"]
    for name in ("clients", "talkers", "rate", "seconds", "ramp", "style", "door"):
        value = getattr(plan, name)
        words.append(f"--{name} {value if isinstance(value, str) else plainly(value)}")
    if plan.workers > 1 and facts.own_server:
        words.append(f"--workers {plan.workers}")
    return " ".join(f'<span class="whole">{_text(word)}</span>' for word in words)


def _picture(name: str, facts: Facts) -> str:
    """Make an image of each chart rather than inlining the SVG, so that names in them cannot clash."""
    light, dark = (_data(plots.svg(name, facts, theme)) for theme in ("light", "dark"))
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{_text(plots.PLOTS[name].alt)}" width="375" height="275"></picture>'
    )


def _data(image: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(image).decode()}"


def _rows(rows: list[tuple[str, str]]) -> str:
    return "\n".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows)


def _text(text: str) -> str:
    return html.escape(text)
