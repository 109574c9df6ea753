"""Accuracy against tokens: how often the packed context holds the evidence, for growing budgets, as figures and plot.

The plot needs matplotlib, which nothing else does: it is imported here, when a plot is asked for.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.errors import UnavailableError
from app.evaluation.dataset import Conversation
from app.evaluation.measures import mean
from app.evaluation.running import Asked, Step, ask, unseen
from app.evaluation.systems import System

BUDGETS = (100, 200, 400, 700, 1_000, 1_500, 2_000, 3_000, 4_000)  # tokens
ENDINGS = (".png", ".svg")
MISSING = "a plot needs matplotlib: pip install 'mneme-server[eval]'"


def curve(
    system: System,
    conversations: Sequence[Conversation],
    step: Step = unseen,
    *,
    limit: int,
    budgets: Sequence[int] = BUDGETS,
) -> list[dict[str, float]]:
    """One point a budget: mean `tokens` of the contexts, and the shares `any` and `all` of the `questions` whose
    context holds at least one, or all, of their evidence turns. Only questions with evidence are asked.
    """
    with_evidence = [
        Conversation(c.user_id, c.events, [q for q in c.questions if q.gold and q.answerable]) for c in conversations
    ]
    points = []
    for budget in budgets:
        name = f"Budget of {budget}"
        points.append(point(budget, ask(system, with_evidence, step, limit=limit, max_tokens=budget, name=name)))
    return points


def point(budget: int, asked: Sequence[Asked]) -> dict[str, float]:
    """What one budget reaches."""
    return {
        "max_tokens": budget,
        "tokens": mean([one.answer.tokens for one in asked]),
        "any": mean([float(bool(one.question.gold & one.answer.held)) for one in asked]),
        "all": mean([float(one.question.gold <= one.answer.held) for one in asked]),
        "questions": len(asked),
    }


def need_matplotlib() -> None:
    """Raises UnavailableError where a plot could not be drawn; asked before a long run."""
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise UnavailableError(MISSING) from error


def draw(points: Sequence[dict[str, float]], path: Path, title: str) -> list[Path]:
    """The plot as PNG and as SVG beside it, with or without such an ending in `path`; returns both files."""
    need_matplotlib()
    figures: Any = importlib.import_module("matplotlib.figure")  # without pyplot: no window, no global state
    figure = figures.Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    budgets = [p["max_tokens"] for p in points]
    for name, label, marker in (("any", "at least one evidence turn", "o"), ("all", "all evidence turns", "s")):
        axes.plot(budgets, [p[name] for p in points], marker=marker, label=label)
    axes.set(xlabel="max_tokens of the context", ylabel="share of questions", title=title, ylim=(0, 1.02))
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    stem = path.with_suffix("") if path.suffix in ENDINGS else path
    files = [stem.with_name(stem.name + ending) for ending in ENDINGS]
    for file in files:
        figure.savefig(file, dpi=150)
    return files
