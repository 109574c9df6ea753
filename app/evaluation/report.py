"""What an evaluation found, as tables for a terminal and as JSON for a file."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from app.evaluation.dataset import OVERALL
from app.evaluation.measures import mean, percentile
from app.evaluation.running import Fed
from app.evaluation.scoring import Row

QUESTIONS = "questions"
Figures = dict[str, dict[str, float]]  # by group, then by measure


@dataclass
class Report:
    """Everything that one run found out."""

    dataset: str
    system: str
    figures: Figures
    counts: dict[str, dict[str, int]]
    fed: Fed
    ablation: dict[str, Any] = field(default_factory=dict)
    curve: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report as it is written to a file: shares, tokens, milliseconds, events a second."""
        body = asdict(self)
        del body["fed"]
        return body | {"events": self.fed.events, "events_per_s": rates(self.fed)}


def rates(fed: Fed) -> dict[str, float]:
    """Events a second, until accepted and until understood."""
    return {name: fed.events / max(getattr(fed, name), 1e-9) for name in ("accepted", "processed")}


def summarise(rows: Sequence[Row]) -> tuple[Figures, dict[str, dict[str, int]]]:
    """Means of every measure by group, and of how many values; of milliseconds the 50th and 95th percentile."""
    values: dict[str, dict[str, list[float]]] = {}
    for group, row in rows:
        for name, value in row.items():
            values.setdefault(group, {}).setdefault(name, []).append(value)
    values = {group: values[group] for group in sorted(values, key=lambda group: (group == OVERALL, group))}
    figures: Figures = {}
    counts: dict[str, dict[str, int]] = {}
    for group, measured in values.items():
        counts[group] = {name: len(found) for name, found in measured.items()}
        figures[group] = {name: mean(found) for name, found in measured.items() if name != "ms"}
        if "ms" in measured:
            counts[group][QUESTIONS] = counts[group].pop("ms")
            figures[group] |= {f"ms p{round(100 * q)}": percentile(measured["ms"], q) for q in (0.5, 0.95)}
    return figures, counts


def figures_table(report: Report) -> Table:
    """One row a measure, one column a group."""
    table = new_table(f"{report.dataset}, {report.system}")
    table.add_column("measure", no_wrap=True)
    for group in report.figures:
        table.add_column(heading(group), justify="right", overflow="fold")
    table.add_row(QUESTIONS, *(str(report.counts[group].get(QUESTIONS, "")) for group in report.figures))
    for name in measures_of(report.figures):
        table.add_row(name, *(shown(name, report.figures[group].get(name)) for group in report.figures))
    return table


def ablation_table(report: Report) -> Table:
    """What each signal is worth: the figures over all without it, less those with everything."""
    full = report.figures[OVERALL]
    names = [name for name in full if not name.startswith("ms ")]
    table = new_table("Without one signal: difference over all")
    table.add_column("without", no_wrap=True)
    for name in names:
        table.add_column(heading(name), justify="right", overflow="fold")
    table.add_row("(nothing)", *(shown(name, full[name]) for name in names))
    for signal, found in report.ablation.items():
        if found is None:
            table.add_row(signal, "the service refuses 0")
            continue
        table.add_row(signal, *(difference(name, found.get(name), full[name]) for name in names))
    return table


def curve_table(report: Report) -> Table:
    """Accuracy against tokens."""
    table = new_table("Evidence in context")
    for name in ("budget", "tokens", "at least one", "all", QUESTIONS):
        table.add_column(name, justify="right")
    for point in report.curve:
        shares = (shown("any", point["any"]), shown("all", point["all"]))
        table.add_row(str(point["max_tokens"]), f"{point['tokens']:.0f}", *shares, str(point["questions"]))
    return table


def new_table(title: str) -> Table:
    """Narrow, so that nine groups fit into 80 columns."""
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)


def measures_of(figures: Figures) -> list[str]:
    """Every measure once, those of the overall group first and in their order."""
    return list(dict.fromkeys([*figures.get(OVERALL, {}), *(name for group in figures.values() for name in group)]))


def heading(name: str) -> str:
    """A name that a narrow column may break."""
    return name.replace("-", " ").replace("_", " ").replace("@", " @")


def shown(name: str, value: float | None) -> str:
    """A figure in the digits that it deserves."""
    if value is None or math.isnan(value):
        return "-"
    if name == "tokens":
        return f"{value:.0f}"
    return f"{value:.1f}" if name.startswith("ms ") else f"{value:.3f}".removeprefix("0")


def difference(name: str, value: float | None, full: float) -> str:
    """The same with its sign."""
    if value is None:
        return "-"
    return (
        f"{value - full:+.0f}" if name == "tokens" else f"{value - full:+.3f}".replace("+0.", "+.").replace("-0.", "-.")
    )


def write(path: Path, body: Mapping[str, Any]) -> None:
    """The JSON file; a figure that does not exist is null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_finite(body), ensure_ascii=False, indent=1) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
