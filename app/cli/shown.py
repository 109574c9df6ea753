"""A recall's answer on the terminal: ranked items with scores and sources, and the packed context."""

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

SCORES_SHOWN = 4
SIGNALS = ("dense", "sparse", "window", "entity", "time")  # in this order, then the rest
ALWAYS = {"retention", "recency"}  # of every item, whatever is asked
TEXT_SHOWN = 400


def answer_view(answer: dict[str, Any], *, context: bool) -> RenderableType:
    """The whole answer; with `context` the text for a prompt as well."""
    parts: list[RenderableType] = [items_table(answer["items"])]
    if context:
        packed = answer["context"]
        title = f"Context: {packed['tokens']} of {packed['max_tokens']} tokens"
        parts.append(Panel(Text(packed["text"] or "(empty)"), title=title, title_align="left"))
    notes = []
    if not answer["sufficient"]:
        notes.append("nothing found is good enough to rely on (sufficient: false)")
    if answer["degraded"]:
        notes.append("the index is down; PostgreSQL answered (degraded: true)")
    if answer["pending_not_ranked"]:
        notes.append(f"{answer['pending_not_ranked']} newer events are not ranked yet")
    parts += [Text(f"Note: {note}", style="yellow") for note in notes]
    return Group(*parts)


def items_table(items: list[dict[str, Any]]) -> Table:
    """One row an item, best first."""
    table = Table("#", "Score", "What", "Because of", "Source", show_lines=False, expand=True)
    table.columns[2].ratio = 5
    table.columns[3].ratio = 2
    table.columns[4].ratio = 3
    for number, item in enumerate(items, 1):
        text = item["text"] if len(item["text"]) <= TEXT_SHOWN else item["text"][:TEXT_SHOWN] + "..."
        kind = item["type"] or "turn"
        pending = " (new)" if item["pending"] else ""
        table.add_row(
            str(number),
            f"{item['score']:.2f}",
            f"{escape(text)} [dim]{kind}{pending}[/]",
            signals(item["scores"]),
            sources(item["sources"]),
        )
    return table


def signals(scores: dict[str, float]) -> str:
    """Why it is here: the signals that say something about this question."""
    told = {name: scores[name] for name in (*SIGNALS, *sorted(scores)) if scores.get(name) and name not in ALWAYS}
    return escape("\n".join(f"{name} {value:.2f}" for name, value in list(told.items())[:SCORES_SHOWN]))


def sources(found: list[dict[str, Any]]) -> str:
    """The events that it rests on."""
    lines = [f"{s['session_id']} {s['occurred_at'][:10]} {s['client_id']}" for s in found[:3]]
    if len(found) > 3:
        lines.append(f"and {len(found) - 3} more")
    return escape("\n".join(lines))
