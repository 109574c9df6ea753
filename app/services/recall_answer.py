"""The answer of a recall from what was gathered: items as apps see them, the packed context, the trace. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.blocks import BlockKey, BlockKind
from app.domain.event import Event, EventState
from app.domain.memory import Memory, Source
from app.domain.packing import Block, Line, Material, Packed, Section, memory_line, pack, turn_line
from app.domain.query import Kind, Order, RecallQuery
from app.domain.ranking import Item, types_in_turn
from app.domain.secrets import mask
from app.domain.tokens import counter, family_of
from app.services.recall import Gathered

NO_FADING = 1.0


@dataclass(frozen=True, slots=True)
class AnswerItem:
    """One item as SPEC 4 shows it."""

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
    trace: dict[str, Any] | None

    @property
    def memory_ids(self) -> list[UUID]:
        """The memories that were served."""
        return [item.id for item in self.items if item.kind is Kind.MEMORY]


def compose(query: RecallQuery, gathered: Gathered, *, degraded: bool, seconds: dict[str, float]) -> RecallResult:
    """Items, context and trace. `seconds` is what each step took so far, for the trace."""
    hide: Callable[[str], str] = str if gathered.prepared.policy.secrets.vault else mask
    items = [_item(item, gathered, hide) for item in gathered.items]
    if query.order is Order.CHRONOLOGICAL:
        items.sort(key=lambda item: item.occurred_at)
    packed = pack(
        _material(gathered, hide),
        max_tokens=query.max_tokens,
        neighbour_share=gathered.prepared.policy.recall.neighbour_share,
        format_=query.format,
        count=counter(family_of(query.tokenizer)),
    )
    return RecallResult(
        items=items,
        context=packed,
        max_tokens=query.max_tokens,
        sufficient=gathered.sufficient,
        degraded=degraded,
        pending_not_ranked=gathered.prepared.pending.not_ranked,
        trace=_trace(gathered, seconds) if query.trace else None,
    )


def _item(item: Item, gathered: Gathered, hide: Callable[[str], str]) -> AnswerItem:
    if item.kind is Kind.EVENT:
        event = gathered.turns[item.id]
        source = Source(event.id, event.client_id, event.session_id, event.occurred_at)
        return AnswerItem(
            kind=Kind.EVENT,
            id=event.id,
            type=None,
            text=hide(event.content),
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
    memory = gathered.memories[item.id].memory
    place = {turn: i for i, turn in enumerate(item.turn_ids)}
    return AnswerItem(
        kind=Kind.MEMORY,
        id=memory.id,
        type=memory.type.value,
        text=hide(memory.text),
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


def _material(gathered: Gathered, hide: Callable[[str], str]) -> Material:
    """What may go into the context: each turn once, the most important place first."""
    in_tail = {event.id for event in gathered.tail}
    quota = gathered.prepared.policy.recall.type_share
    made_of = _memories_of_turns(gathered)
    lines = [
        _memory(gathered.memories[item.id].memory, hide)
        if item.kind is Kind.MEMORY
        else _turn(gathered.turns[item.id], Section.TURNS, hide, made_of.get(item.id))
        for item in (types_in_turn(gathered.items) if quota < 1.0 else gathered.items)
        if item.id not in in_tail
    ]
    shown = in_tail | {item.id for item in gathered.items}
    around: dict[UUID, Event] = {}
    for item in gathered.items:
        for turn in item.turn_ids[:1]:
            around |= {event.id: event for event in gathered.neighbours.get(turn, ()) if event.id not in shown}
    return Material(
        blocks=[Block(_section(block.key), hide(block.text)) for block in gathered.blocks],
        tail=[_turn(event, Section.TAIL, hide) for event in gathered.tail],
        items=lines,
        neighbours=[_turn(event, Section.TURNS, hide, made_of.get(event.id)) for event in around.values()],
        history=_history(gathered.history, in_tail, hide),
    )


def _section(key: BlockKey) -> Section:
    if key.kind is BlockKind.PROFILE:
        return Section.PROFILE
    return Section.SUMMARY if key.session_id else Section.OVERVIEW


def _history(history: Sequence[Event] | None, in_tail: set[UUID], hide: Callable[[str], str]) -> list[Line] | None:
    """All turns, in order; those of the session's tail are marked as such."""
    if history is None:
        return None
    return [_turn(event, Section.TAIL if event.id in in_tail else Section.HISTORY, hide) for event in history]


def _memories_of_turns(gathered: Gathered) -> dict[UUID, Memory]:
    """For a turn the memory, among those found, that was made of it and of nothing else."""
    found = (found.memory for found in gathered.memories.values())
    return {memory.sources[0].event_id: memory for memory in found if len(memory.sources) == 1}


def _turn(event: Event, section: Section, hide: Callable[[str], str], made_of: Memory | None = None) -> Line:
    return turn_line(event, hide(event.content), section, shorter=_memory(made_of, hide) if made_of else None)


def _memory(memory: Memory, hide: Callable[[str], str]) -> Line:
    return memory_line(memory, hide(memory.text))


def _trace(gathered: Gathered, seconds: dict[str, float]) -> dict[str, Any]:
    """How the question was read, what each step took, and every ranked candidate with its scores."""
    plan = gathered.prepared.plan
    return {
        "plan": {
            "dense": mask(plan.dense),
            "lexical": mask(plan.lexical),
            "speakers": list(plan.speakers),
            "names": list(plan.names),
            "times": [[start.isoformat(), end.isoformat()] for start, end in plan.spans],
            "latest": plan.latest,
            "wanted": plan.wanted.value,
        },
        "milliseconds": {step: round(1e3 * spent, 3) for step, spent in seconds.items()},
        "rerank": gathered.reranked,
        "counts": {
            "turns": len(gathered.turns),
            "memories": len(gathered.memories),
            "pending": len(gathered.prepared.pending.events),
        },
        "support": {
            "margin": round(gathered.judgement.margin, 4),
            **{name: round(value, 4) for name, value in gathered.judgement.features.items()},
        },
        "candidates": [
            {
                "kind": item.kind.value,
                "id": str(item.id),
                "turns": [str(turn) for turn in item.turn_ids],
                "total": round(item.total, 4),
                "scores": item.scores,
                "signals": {name: round(value, 4) for name, value in item.columns.items() if value},
            }
            for item in gathered.ranked
        ],
    }
