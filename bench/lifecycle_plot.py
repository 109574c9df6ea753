"""A simulated year as a plot: how strong what was said is, and how many memories there are, week by week. Used by
`lifecycle`.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Week:
    """The store at the end of one week; `strength` is the mean of active memories of each kind."""

    week: int
    total: int
    active: int
    archived: int
    strength: dict[str, float] = field(default_factory=dict)


def draw(seen: Sequence[Week], users: int, path: Path) -> None:
    """Strength and the size of the store over the weeks."""
    figures: Any = importlib.import_module("matplotlib.figure")  # without pyplot: no window, no global state
    figure = figures.Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    weeks = [week.week for week in seen]
    for kind in sorted({kind for week in seen for kind in week.strength}):
        left.plot(weeks, [week.strength.get(kind, float("nan")) for week in seen], label=kind)
    for label, values in (
        ("all", [week.total for week in seen]),
        ("archived", [week.archived for week in seen]),
        ("active", [week.active for week in seen]),
    ):
        right.plot(weeks, [value / users for value in values], label=label)
    left.set(ylabel="mean strength of active memories", ylim=(0, 1))
    right.set(ylabel="memories per user")
    for axes in (left, right):
        axes.set(xlabel="week")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=100)
