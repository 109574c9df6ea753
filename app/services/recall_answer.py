"""The answer of a recall from what was gathered: items as apps see them, the packed context, the trace. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.blocks import BlockKey, BlockKind, ShownBlock
from app.domain.event import EventState
from app.domain.memory import Source
from app.domain.packing import Block, Line, Material, Packed, Section, due_line, memory_line, pack, turn_line
from app.domain.query import Kind, Order, RecallQuery
from app.domain.ranking import Item, types_in_turn
from app.domain.secrets import mask
from app.domain.strength import RETURN_SHARE
from app.domain.tokens import counter, family_of
from app.domain.units import Candidates, Unit
from app.services.recall import Gathered
from app.services.recall_trace import trace

Hide = Callable[[Unit], str]  # what a unit says, as far as it may be shown


@dataclass(slots=True)
class AnswerItem:
    """One item as SPEC 4 shows it. Not frozen, which would take three times as long to make."""

    kind: Kind
    id: UUID
    type: str | None
    text: str
    score: float
    scores: dict[str, float]
    occurred_at: datetime
    event_time: str | None
    valid_from: str | None
    valid_to: str | None
    status: str
    pending: bool
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class RecallResult:
    """The whole answer."""

    items: list[AnswerItem]
    context: Packed
    max_tokens: int
    sufficient: bool
    degraded: bool
    pending_not_ranked: int
    upcoming: Sequence[str]  # the statements in the context that are due
    trace: dict[str, Any] | None

    @property
    def used_ids(self) -> list[UUID]:
        """The memories whose return counts as a use: those that rank about as high as the best item."""
        least = RETURN_SHARE * max((item.score for item in self.items), default=0.0)
        return [item.id for item in self.items if item.kind is Kind.MEMORY and item.score >= least]


def compose(query: RecallQuery, gathered: Gathered, *, degraded: bool, seconds: dict[str, float]) -> RecallResult:
    """Items, context and trace. `seconds` is what each step took so far, for the trace."""
    hide = _plain if gathered.prepared.policy.secrets.vault else _masked
    items = [_item(item, hide) for item in gathered.items]
    if query.order is Order.CHRONOLOGICAL:
        items.sort(key=lambda item: item.occurred_at)
    packed = pack(
        _material(gathered, hide),
        max_tokens=query.max_tokens,
        neighbour_share=gathered.prepared.policy.recall.neighbour_share,
        format_=query.format,
        count=counter(family_of(query.tokenizer)),
    )
    due = {id_ for section in packed.sections if section.name == Section.UPCOMING.value for id_ in section.ids}
    return RecallResult(
        items=items,
        context=packed,
        max_tokens=query.max_tokens,
        sufficient=gathered.sufficient,
        degraded=degraded,
        pending_not_ranked=gathered.prepared.pending.not_ranked,
        upcoming=[hide(unit) for unit in gathered.upcoming if str(unit.id) in due],
        trace=trace(query, gathered, packed, seconds) if query.trace else None,
    )


def _masked(unit: Unit) -> str:
    return unit.masked


def _plain(unit: Unit) -> str:
    return unit.text


def _item(item: Item, hide: Hide) -> AnswerItem:
    unit = item.unit
    event, memory = unit.event, unit.memory
    if event is not None:
        source = Source(event.id, event.client_id, event.session_id, event.occurred_at)
        return AnswerItem(
            kind=Kind.EVENT,
            id=event.id,
            type=None,
            text=hide(unit),
            score=round(item.score, 6),
            scores=item.scores,
            occurred_at=event.occurred_at,
            event_time=None,
            valid_from=None,
            valid_to=None,
            status="active",
            pending=event.state is not EventState.PROCESSED,
            sources=(source,),
        )
    assert memory is not None  # noqa: S101 - a unit is one of the two
    place = {turn: i for i, turn in enumerate(item.turn_ids)}
    return AnswerItem(
        kind=Kind.MEMORY,
        id=memory.id,
        type=memory.type.value,
        text=hide(unit),
        score=round(item.score, 6),
        scores=item.scores,
        occurred_at=memory.occurred_at,
        event_time=memory.event_time.text if memory.event_time else None,
        valid_from=memory.valid_from.text if memory.valid_from else None,
        valid_to=memory.valid_to.text if memory.valid_to else None,
        status=memory.status.value,
        pending=False,
        sources=tuple(sorted(memory.sources, key=lambda source: place[source.event_id])),
    )


def _material(gathered: Gathered, hide: Hide) -> Material:
    """What may go into the context: each turn once, the most important place first."""
    in_tail = {unit.id for unit in gathered.tail}
    quota = gathered.prepared.policy.recall.type_share
    found = gathered.candidates
    shown_items = types_in_turn(gathered.items) if quota < 1.0 else gathered.items
    lines = [_line(item.unit, hide, found) for item in shown_items if item.id not in in_tail]
    shown = in_tail | {item.id for item in gathered.items}
    around: dict[UUID, Unit] = {}
    for item in gathered.items:
        for turn in item.turn_ids[:1]:
            around |= {unit.id: unit for unit in gathered.neighbours.get(turn, ()) if unit.id not in shown}
    return Material(
        blocks=[_block(block, hide) for block in gathered.blocks],
        tail=[_line(unit, hide, section=Section.TAIL) for unit in gathered.tail],
        items=lines,
        neighbours=[_line(unit, hide, found) for unit in around.values()],
        history=_history(gathered.history, in_tail, hide),
        upcoming=_upcoming(gathered, in_tail, hide),
    )


def _upcoming(gathered: Gathered, in_tail: set[UUID], hide: Hide) -> list[Line]:
    """What is due, soonest first, but for what the tail of the session or a turn among the items says already. A plan
    that is an item itself stands once: here while there is room, else among the items.
    """
    turns = in_tail | {item.id for item in gathered.items if item.kind is Kind.EVENT}
    lines = []
    for unit in gathered.upcoming:
        plan = unit.memory
        if plan is None or any(source.event_id in turns for source in plan.sources):
            continue
        line = unit.lines.get((Section.UPCOMING, hide))
        if line is None:
            line = unit.lines[Section.UPCOMING, hide] = due_line(plan, hide(unit))
        lines.append(line)
    return lines


def _block(block: ShownBlock, hide: Hide) -> Block:
    """A block as the context takes it, made once."""
    made = block.made.get(hide)
    if made is None:
        made = block.made[hide] = Block(_section(block.key), mask(block.text) if hide is _masked else block.text)
    return made


def _section(key: BlockKey) -> Section:
    if key.kind is BlockKind.PROFILE:
        return Section.PROFILE
    return Section.SUMMARY if key.session_id else Section.OVERVIEW


def _history(history: Sequence[Unit] | None, in_tail: set[UUID], hide: Hide) -> list[Line] | None:
    """All turns, in order; those of the session's tail are marked as such."""
    if history is None:
        return None
    return [_line(unit, hide, section=Section.TAIL if unit.id in in_tail else Section.HISTORY) for unit in history]


def _memory_of(turn: Unit, found: Candidates) -> Unit | None:
    """The memory, among those found, that was made of this turn and of nothing else."""
    place = found.place.get(turn.id.int)
    made = (found.rows[row].unit for row in reversed(found.cited[place])) if place is not None else ()
    return next((unit for unit in made if len(unit.sources) == 1), None)


def _line(unit: Unit, hide: Hide, found: Candidates | None = None, section: Section = Section.TURNS) -> Line:
    """The line of a unit, made once; with the memory that may take its place where there is one."""
    line = unit.lines.get((section, hide))
    if line is None:
        if unit.memory is not None:
            line = memory_line(unit.memory, hide(unit))
        else:
            assert unit.event is not None  # noqa: S101 - a unit is one of the two
            line = turn_line(unit.event, hide(unit), section)
        unit.lines[section, hide] = line
    memory = _memory_of(unit, found) if found is not None and unit.event is not None else None
    return line if memory is None else line.with_shorter(_line(memory, hide))
