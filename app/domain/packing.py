"""The context of an answer: what is worth its tokens, chosen for a budget. Pure; used by recall.

Each piece is counted once and their sum is the estimate; the text that comes of them is counted exactly, so that the
budget holds to the token in every format.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.choosing import Choice
from app.domain.fencing import clean
from app.domain.query import Format
from app.domain.rendering import (
    Block,
    Counter,
    Layout,
    Line,
    Packed,
    PackedSection,
    Section,
    due_line,
    memory_line,
    render,
    turn_line,
)

__all__ = [
    "Block", "Line", "Material", "Packed", "PackedSection", "Section", "clean", "due_line", "memory_line", "pack",
    "turn_line",
]  # fmt: skip

TITLES_FROM = 96  # tokens; below, titles and marks would eat what the budget is for
BLOCK_SHARE = 0.2  # each of profile and summaries
TAIL_SHARE = 0.5  # what the last turns may take of a budget that is too small for everything
UPCOMING_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Material:
    """What may go into a context. `items` are best first, `neighbours` those of the best items first, `upcoming` what
    is due, soonest first.
    """

    blocks: Sequence[Block] = ()
    tail: Sequence[Line] = ()
    items: Sequence[Line] = ()
    neighbours: Sequence[Line] = ()
    history: Sequence[Line] | None = None  # all of it, when it may be short enough to be given whole
    upcoming: Sequence[Line] = ()


def pack(material: Material, *, max_tokens: int, neighbour_share: float, format_: Format, count: Counter) -> Packed:
    """The best context that `max_tokens` can hold; whole and in order when all of the history fits."""
    titles = max_tokens >= TITLES_FROM
    layout = Layout(format_, titles=titles, marks=titles)
    if material.history:
        whole = _whole(material.history, material, max_tokens, layout, count)
        if whole is not None:
            return whole
    choice = Choice(max_tokens, layout, count)
    return choice.exactly(_choose(material, choice, neighbour_share))


def _choose(material: Material, choice: Choice, neighbour_share: float) -> list[Block]:
    """Fill the budget, each part within its share; the best item has its place before all else."""
    in_tail = {line.id for line in material.tail}
    held = choice.held(next((line for line in material.items if line.id not in in_tail), None))
    choice.budget.spend(held)
    blocks = [block for given in material.blocks if (block := _block(given, choice)) is not None]
    choice.take_tail(material.tail, TAIL_SHARE if material.items else 1.0)
    choice.budget.spend(-held)
    best = next((line for line in material.items if line.id not in choice.ids), None)
    longer = choice.take_first(best, alone=len(material.items) == 1) if best is not None else []
    choice.take_best(material.upcoming, UPCOMING_SHARE)
    choice.take_best(material.items, longer=longer)
    choice.take_best(material.neighbours, neighbour_share)
    return blocks


def _whole(
    history: Sequence[Line], material: Material, max_tokens: int, layout: Layout, count: Counter
) -> Packed | None:
    """All that was said, with what is due and what is known besides where there is room, without marks where there is
    little; None when it does not fit.
    """
    choice = Choice(max_tokens, layout, count)
    spent = 0
    for line in history:
        spent += choice.cost(line)
        if spent > max_tokens + max_tokens // 4 + 64:  # marks, and what the sum of the pieces is over the whole
            return None
    choice.budget.spend(spent)
    choice.take_best(material.upcoming, UPCOMING_SHARE)
    choice.take_best([line for line in material.items if not line.said])
    for extra, form in ((choice.kept, layout), ([], layout), ([], replace(layout, marks=False))):
        whole = render([], [*history, *extra], form, count, choice.cost)
        if whole.size <= max_tokens:
            return whole
    return None


def _block(block: Block, choice: Choice) -> Block | None:
    """As many whole lines of a block as its share holds; None when that is none."""
    choice.budget.open()
    kept: list[str] = []
    spent: list[int] = []
    opening = choice.opening(block.section)
    for text, size in zip(block.lines, choice.block_costs(block), strict=True):
        cost = size + (0 if kept else opening)
        if not choice.budget.take(cost, share=BLOCK_SHARE):
            break
        kept.append(text)
        spent.append(cost)
    while kept and _names_a_theme(kept[-1]):  # no line below it has room
        kept.pop()
        choice.budget.spend(-spent.pop())
    if not kept:
        return None
    choice.open(block.section)
    return Block(block.section, "\n".join(kept))


def _names_a_theme(text: str) -> bool:
    """Whether a line of a block is the name of what stands below it."""
    return text.endswith(":") and not text.startswith("- ")
