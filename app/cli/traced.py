"""The trace of a recall on the terminal: how the question was read, what each step took, and the best candidates by
what each signal gave them. Used by `mneme recall --trace`.
"""

from collections import Counter
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

CANDIDATES_SHOWN = 10
SIGNALS_SHOWN = 6


def trace_view(trace: dict[str, Any], weights: dict[str, Any]) -> RenderableType:
    """Tables: plan, steps, further rounds where there were any, candidates. `weights` is the policy's section
    `recall`.
    """
    plan = Table("The question", "as it was read")
    for name, value in trace["plan"].items():
        plan.add_row(name, escape(", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    margin = trace["support"]["margin"]
    plan.add_row("sufficient", f"{'yes' if margin >= 0 else 'no'} (margin {margin:+.2f})")
    steps = Table("Step", "ms")
    for name, spent in trace["milliseconds"].items():
        steps.add_row(name, f"{spent:.1f}")
    for name, number in trace["counts"].items():
        steps.add_row(f"{name} looked at", str(number))
    for reason, number in sorted(Counter(one["reason"] for one in trace["dropped"]).items()):
        steps.add_row(f"{reason}, left out", str(number))
    candidates = Table("#", "Total", "Kind", "Left out", "Signals that moved it most", expand=True)
    for number, found in enumerate(trace["candidates"][:CANDIDATES_SHOWN], 1):
        moved = moved_by(found["signals"], weights)
        candidates.add_row(str(number), f"{found['total']:.2f}", found["kind"], found["dropped"] or "", moved)
    return Group(plan, steps, *rounds_view(trace["rounds"]), candidates)


def rounds_view(rounds: list[dict[str, Any]]) -> list[RenderableType]:
    """One table of the rounds after the first; nothing where there was none."""
    if not rounds:
        return []
    table = Table("Further round", "Asked for", "Links", "New", "ms", "Ended")
    for number, one in enumerate(rounds, 1):
        asked = escape("\n".join(one["questions"]))
        spent = f"{one['milliseconds']:.1f}"
        table.add_row(str(number), asked, str(one["links"]), str(one["new"]), spent, one["ended"] or "")
    return [table]


def moved_by(signals: dict[str, float], weights: dict[str, Any]) -> str:
    """The largest products of signal and weight, with their sign."""
    parts = {name: value * float(weights.get(name, 0.0)) for name, value in signals.items()}
    largest = sorted((name for name in parts if parts[name]), key=lambda name: -abs(parts[name]))[:SIGNALS_SHOWN]
    return escape("  ".join(f"{name} {parts[name]:+.2f}" for name in largest))
