"""The trace of a recall on the terminal: how the question was read, what each step took, and the best candidates by
what each signal gave them. Used by `mneme recall --trace`.
"""

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

CANDIDATES_SHOWN = 10
SIGNALS_SHOWN = 6


def trace_view(trace: dict[str, Any], weights: dict[str, Any]) -> RenderableType:
    """Three tables: plan, steps, candidates. `weights` is the policy's section `recall`."""
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
    candidates = Table("#", "Total", "Kind", "Signals that moved it most", expand=True)
    for number, found in enumerate(trace["candidates"][:CANDIDATES_SHOWN], 1):
        candidates.add_row(str(number), f"{found['total']:.2f}", found["kind"], moved_by(found["signals"], weights))
    return Group(plan, steps, candidates)


def moved_by(signals: dict[str, float], weights: dict[str, Any]) -> str:
    """The largest products of signal and weight, with their sign."""
    parts = {name: value * float(weights.get(name, 0.0)) for name, value in signals.items()}
    largest = sorted((name for name in parts if parts[name]), key=lambda name: -abs(parts[name]))[:SIGNALS_SHOWN]
    return escape("  ".join(f"{name} {parts[name]:+.2f}" for name in largest))
