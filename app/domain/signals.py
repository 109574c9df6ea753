"""What each candidate of a recall scores on each signal, as columns. Pure; used by `ranking`."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.event import Event, Role
from app.domain.fusion import Evidence, Vector, floor, standard
from app.domain.granularity import NO_UNITS, Granularity, entropy_weights, standing
from app.domain.memory import Memory
from app.domain.pending import PendingScore
from app.domain.policy import TauDays
from app.domain.query import QueryPlan
from app.domain.sparse import SparseVector

NOTHING = Evidence()
NEAR_DAYS = 10.0
HALF_RECENT = 30.0  # days after which what was said is half as recent; memory types fade on their own scale

_ASKS = re.compile(r"\?[\s\"')\]]*\Z")


@dataclass(frozen=True, slots=True)
class Terms:
    """The words of a candidate, and of a turn together with the turn before and after it, as the database holds them
    (`SparseVector.to_bytes`).
    """

    text: bytes | None
    window: bytes | None = None

    def words(self) -> frozenset[int]:
        """The term ids of the text."""
        return frozenset(SparseVector.from_bytes(self.text).indices.tolist()) if self.text else frozenset()


NO_TERMS = Terms(None)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the index and PostgreSQL found for a question. `limit` is how long a list of the index may be."""

    turns: Mapping[UUID, Event]
    memories: Mapping[UUID, Memory]
    evidence: Mapping[UUID, Evidence]
    pending: Mapping[UUID, PendingScore] = field(default_factory=dict)
    entities: Mapping[UUID, frozenset[str]] = field(default_factory=dict)  # of memories, normalised
    limit: int = 100
    terms: Mapping[UUID, Terms] = field(default_factory=dict)
    outdated: frozenset[UUID] = frozenset()  # turns of statements that no longer hold
    segments: Granularity = NO_UNITS
    scenes: Granularity = NO_UNITS
    links: Sequence[tuple[UUID, UUID, float]] = ()  # among the memories, where the policy weighs them


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate: a turn or a memory, and what was found out about it."""

    id: UUID
    event: Event | None
    memory: Memory | None
    evidence: Evidence
    pending: PendingScore | None
    entities: frozenset[str]
    terms: Terms = NO_TERMS

    @property
    def text(self) -> str:
        return self.event.content if self.event else self.memory.text if self.memory else ""

    @property
    def said(self) -> datetime:
        thing = self.event or self.memory
        assert thing is not None  # noqa: S101 - a row is one of the two
        return thing.occurred_at


def rows_of(found: Candidates) -> list[Row]:
    """All candidates, turns first."""
    evidence, terms, none = found.evidence, found.terms, frozenset[str]()
    turns = [
        Row(id_, event, None, evidence.get(id_, NOTHING), found.pending.get(id_), none, terms.get(id_, NO_TERMS))
        for id_, event in found.turns.items()
    ]
    memories = [
        Row(
            id_,
            None,
            memory,
            evidence.get(id_, NOTHING),
            None,
            found.entities.get(id_, none),
            terms.get(id_, NO_TERMS),
        )
        for id_, memory in found.memories.items()
    ]
    return turns + memories


def cited(rows: Sequence[Row]) -> dict[UUID, list[UUID]]:
    """By turn the memories among the candidates that rest on it."""
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for row in rows:
        for source in row.memory.sources if row.memory else ():
            found[source.event_id].append(row.id)
    return found


def retrieved(rows: Sequence[Row], limit: int) -> dict[str, Vector]:
    """Raw scores of the index's signals. Missing ones are bounded by their list, for turns and memories apart."""
    readers: dict[str, Callable[[Row], float | None]] = {"dense": _dense, "sparse": _text, "window": _window}
    return {name: _column(rows, read, limit, lexical=name != "dense") for name, read in readers.items()}


def has_vector(rows: Sequence[Row]) -> npt.NDArray[np.bool_]:
    """False for pending turns that nobody has embedded yet: their cosine is unknown, not low."""
    return np.array([row.pending is None or row.evidence.dense is not None for row in rows], dtype=bool)


def speakers(rows: Sequence[Row], plan: QueryPlan) -> Vector:
    """1 where a person named in the question speaks, or is whom a memory is about."""
    if not plan.speakers:
        return np.zeros(len(rows))
    first = [name.split()[0].casefold() for name in plan.speakers]

    def of(row: Row) -> bool:
        if row.event is not None:
            return row.event.name in plan.speakers
        about = f"{row.memory.subject or ''} {row.memory.text[:80]}".casefold() if row.memory else ""
        return any(name in about for name in first)

    return np.array([float(of(row)) for row in rows])


def names(rows: Sequence[Row], plan: QueryPlan) -> Vector:
    """The share of the other names in the question that a candidate mentions."""
    if not plan.names:
        return np.zeros(len(rows))
    wanted = [name.casefold() for name in plan.names]

    def of(row: Row) -> float:
        text = row.text.casefold()
        return sum(name in text or name in row.entities for name in wanted) / len(wanted)

    return np.array([of(row) for row in rows])


def times(rows: Sequence[Row], plan: QueryPlan) -> tuple[Vector, Vector]:
    """1 where a candidate was said in, or speaks of, a time that the question names; and how near to it what was said
    lies, exp(-days / 10).
    """
    inside, near = np.zeros(len(rows)), np.zeros(len(rows))
    if not plan.spans:
        return inside, near
    said = np.array([row.said.timestamp() for row in rows])
    for start, end in plan.spans:
        first, last = start.timestamp(), end.timestamp()
        inside = np.maximum(inside, (said >= first) & (said < last))
        gap = np.maximum(np.maximum(first - said, said - last), 0.0) / 86_400
        near = np.maximum(near, np.exp(-gap / NEAR_DAYS))
    for place, row in enumerate(rows):
        if row.memory is None or row.memory.event_time is None:
            continue
        offset = row.said.utcoffset() or timedelta(0)
        start, end = row.memory.event_time.start(offset), row.memory.event_time.end(offset)
        if any(start < span_end and span_start < end for span_start, span_end in plan.spans):
            inside[place] = near[place] = 1.0
    return inside, near


def retention(rows: Sequence[Row], tau_days: TauDays, now: datetime, use_gain: float = 1.0) -> Vector:
    """R = exp(-dt / (tau * S)) since a memory was recorded or last used; a raw turn does not fade. Each use adds
    `use_gain` to S.
    """

    def of(memory: Memory | None) -> float:
        tau = tau_days.of(memory.type) if memory is not None and not memory.frozen else 0.0
        if memory is None or tau == 0:
            return 1.0
        since = max(memory.created_at, memory.last_used_at or memory.created_at)
        age = max(0.0, (now - since).total_seconds() / 86_400)
        return math.exp(-age / (tau * (max(memory.stability, 0.01) + use_gain * memory.use_count)))

    return np.array([of(row.memory) for row in rows])


def recency(rows: Sequence[Row], now: datetime) -> Vector:
    """1 for what is said now, one half after a month."""
    ages = np.array([max(0.0, (now - row.said).total_seconds() / 86_400) for row in rows])
    return 1.0 / (1.0 + ages / HALF_RECENT)


def lengths(rows: Sequence[Row]) -> Vector:
    """The logarithm of each turn's number of words as a z-score; 0 for memories."""
    counted = np.array([math.log1p(len(row.event.content.split())) if row.event else 0.0 for row in rows])
    return standard(counted, np.array([row.event is not None for row in rows], dtype=bool))


def questions(rows: Sequence[Row]) -> Vector:
    """1 for a turn that ends in a question."""
    return np.array([float(row.event is not None and bool(_ASKS.search(row.event.content[-8:]))) for row in rows])


def echoes(rows: Sequence[Row]) -> Vector:
    """1 for what an assistant or a tool said, unless it has a name: then it is a person of the conversation."""
    return np.array(
        [float(row.event is not None and row.event.role is not Role.USER and not row.event.name) for row in rows]
    )


def granularities(rows: Sequence[Row], dense: Vector, segments: Granularity, scenes: Granularity) -> Vector:
    """The standard scores of each candidate's own kind, its segment and its scene, weighed by how decisive each is."""
    is_turn = np.array([row.event is not None for row in rows], dtype=bool)
    memories = cited(rows)

    def turns_of(row: Row) -> list[UUID]:
        return [source.event_id for source in row.memory.sources] if row.memory else [row.id]

    columns = (
        standard(dense, is_turn),
        standard(dense, ~is_turn),
        standing([segments.best(turns_of(row)) for row in rows], segments),
        standing([scenes.best([row.id] if row.memory else memories[row.id]) for row in rows], scenes),
    )
    weights = entropy_weights([dense[is_turn].tolist(), dense[~is_turn].tolist(), segments.scores, scenes.scores])
    lifted: Vector = np.sum([weight * column for weight, column in zip(weights, columns, strict=True)], axis=0)
    return lifted


def _dense(row: Row) -> float | None:
    return row.evidence.dense


def _text(row: Row) -> float | None:
    return row.pending.text if row.evidence.text is None and row.pending is not None else row.evidence.text


def _window(row: Row) -> float | None:
    if row.memory is not None:
        return row.evidence.text  # a memory stands for itself
    return row.pending.window if row.evidence.window is None and row.pending is not None else row.evidence.window


def _column(rows: Sequence[Row], read: Callable[[Row], float | None], limit: int, *, lexical: bool) -> Vector:
    values = [read(row) for row in rows]
    missing: dict[bool, float] = {}
    for is_turn in (True, False):
        listed = [
            value
            for row, value in zip(rows, values, strict=True)
            if value is not None and row.pending is None and (row.event is not None) == is_turn
        ]
        missing[is_turn] = floor(listed, limit=limit, lexical=lexical)
    return np.array(
        [missing[row.event is not None] if value is None else value for row, value in zip(rows, values, strict=True)],
        dtype=np.float64,
    )
