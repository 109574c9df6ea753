"""What each candidate of a recall scores on each signal, as columns. Pure; used by `columns`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain import strength
from app.domain.asking import Wanted
from app.domain.fusion import Mask, Vector, floor, standard
from app.domain.granularity import entropy_weights, standing
from app.domain.policy_lifecycle import RetentionPolicy
from app.domain.query import QueryPlan
from app.domain.units import Candidates, Row, Unit

NEAR_DAYS = 10.0
HALF_RECENT = 30.0  # days after which what was said is half as recent; memory types fade on their own scale
DAY = 86_400.0

Places = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float64]


def retrieved(rows: Sequence[Row], is_turn: Mask, limit: int) -> dict[str, Vector]:
    """Raw scores of the index's signals. Missing ones are bounded by their list, for turns and memories apart."""
    # Evidence is (dense, text, window); None becomes NaN.
    scores = np.array([score for row in rows for score in row.evidence], dtype=np.float64).reshape(len(rows), 3)
    scores[:, 2] = np.where(is_turn, scores[:, 2], scores[:, 1])  # a memory has no window: it stands for itself
    listed = np.ones(len(rows), dtype=bool)
    for number, (_, _, pending) in enumerate(rows):
        if pending is not None:
            listed[number] = False
            own = scores[number, 1:]
            own[:] = np.where(np.isnan(own), (pending.text, pending.window), own)
    return {
        "dense": _bounded(scores[:, 0], listed, is_turn, limit, lexical=False),
        "sparse": _bounded(scores[:, 1], listed, is_turn, limit, lexical=True),
        "window": _bounded(scores[:, 2], listed, is_turn, limit, lexical=True),
    }


def has_vector(rows: Sequence[Row]) -> Mask:
    """False for pending turns that nobody has embedded yet: their cosine is unknown, not low."""
    return np.array([row.pending is None or row.evidence.dense is not None for row in rows], dtype=bool)


def speakers(rows: Sequence[Row], plan: QueryPlan) -> Vector:
    """1 where a person named in the question speaks, or is whom a memory is about."""
    if not plan.speakers:
        return np.zeros(len(rows))
    first = [name.split()[0].casefold() for name in plan.speakers]

    def of(row: Row) -> bool:
        event, memory = row.unit.event, row.unit.memory
        if event is not None:
            return event.name in plan.speakers
        about = f"{memory.subject or ''} {memory.text[:80]}".casefold() if memory else ""
        return any(name in about for name in first)

    return np.array([float(of(row)) for row in rows])


def names(rows: Sequence[Row], plan: QueryPlan) -> Vector:
    """The share of the other names in the question that a candidate mentions."""
    if not plan.names:
        return np.zeros(len(rows))
    return np.array([named(row.unit, plan) for row in rows])


def named(unit: Unit, plan: QueryPlan) -> float:
    """The share of the names in the question that a candidate mentions; 0 where there are none."""
    if not plan.names:
        return 0.0
    wanted = [name.casefold() for name in plan.names]
    return sum(name in unit.folded or name in unit.entities for name in wanted) / len(wanted)


def times(rows: Sequence[Row], said: Vector, plan: QueryPlan) -> tuple[Vector, Vector]:
    """1 where a candidate was said in, or speaks of, a time that the question names; and how near to it what was said
    lies, exp(-days / 10).
    """
    inside, near = np.zeros(len(rows)), np.zeros(len(rows))
    if not plan.spans:
        return inside, near
    for start, end in plan.spans:
        first, last = start.timestamp(), end.timestamp()
        inside = np.maximum(inside, (said >= first) & (said < last))
        gap = np.maximum(np.maximum(first - said, said - last), 0.0) / DAY
        near = np.maximum(near, np.exp(-gap / NEAR_DAYS))
    for place, row in enumerate(rows):
        memory = row.unit.memory
        if memory is None or memory.event_time is None:
            continue
        offset = memory.occurred_at.utcoffset() or timedelta(0)
        start, end = memory.event_time.start(offset), memory.event_time.end(offset)
        if any(start < span_end and span_start < end for span_start, span_end in plan.spans):
            inside[place] = near[place] = 1.0
    return inside, near


def retention(facts: Matrix, policy: RetentionPolicy, now: datetime) -> Vector:
    """What is left of each memory (`strength.retentions`); a raw turn does not fade, nor does what is frozen. `facts`
    are the last four of `units.FACTS`, each over all candidates.
    """
    since, stability, uses, codes = facts
    return strength.retentions(now.timestamp() - since, stability, uses, codes, policy)


def recency(said: Vector, now: datetime) -> Vector:
    """1 for what is said now, one half after a month."""
    return 1.0 / (1.0 + np.maximum(now.timestamp() - said, 0.0) / DAY / HALF_RECENT)


def late(said: Vector) -> Vector:
    """0 for the first that was said, nearly 1 for the last."""
    return np.argsort(np.argsort(said)) / max(1, len(said))


def holding(rows: Sequence[Row], plan: QueryPlan, wanted: Wanted) -> Vector:
    """1 for a candidate that holds what the question wants, when that is of this kind."""
    if plan.wanted is not wanted and not (plan.wanted is Wanted.COUNT and wanted is Wanted.AMOUNT):
        return np.zeros(len(rows))
    return np.array([float(row.unit.holds(wanted)) for row in rows])


def granularities(found: Candidates, is_turn: Mask, dense: Vector) -> Vector:
    """The standard scores of each candidate's own kind, its segment and its scene, weighed by how decisive each is."""
    rows, segments, scenes = found.rows, found.segments, found.scenes
    if not segments.scores and not scenes.scores:
        return np.zeros(len(rows))

    def turns_of(row: Row) -> list[UUID]:
        return [source.event_id for source in row.unit.memory.sources] if row.unit.memory else [row.unit.id]

    memories = [[rows[other].unit.id for other in cited] for cited in found.cited]
    in_scene = [scenes.best([row.unit.id] if row.unit.memory else own) for row, own in zip(rows, memories, strict=True)]
    columns = (
        standard(dense, is_turn),
        standard(dense, ~is_turn),
        standing([segments.best(turns_of(row)) for row in rows], segments),
        standing(in_scene, scenes),
    )
    weights = entropy_weights([dense[is_turn].tolist(), dense[~is_turn].tolist(), segments.scores, scenes.scores])
    lifted: Vector = np.sum([weight * column for weight, column in zip(weights, columns, strict=True)], axis=0)
    return lifted


def _bounded(scores: Vector, listed: Mask, is_turn: Mask, limit: int, *, lexical: bool) -> Vector:
    values = scores.copy()
    known = ~np.isnan(values)
    for kind in (is_turn, ~is_turn):
        bound = floor(values[kind & known & listed], limit=limit, lexical=lexical)
        values[kind & ~known] = bound
    return values
