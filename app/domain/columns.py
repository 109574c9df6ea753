"""Every signal of a recall as a column over the candidates, under the name that its weight has in the policy. Pure.

Columns of unbounded scores are z-scores over the turns (or scaled as `fusion` says), the others lie between 0 and 1.
Used by `ranking` and, through the trace of an answer, by bench/tune.py, which fits the weights.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from app.domain import signals
from app.domain.asking import Wanted, can_answer
from app.domain.coverage import REACH, Coverage, covered
from app.domain.fusion import Mask, Vector
from app.domain.linked import best_linked
from app.domain.policy import RecallPolicy, TauDays
from app.domain.query import QueryPlan
from app.domain.scaling import SCALES, Fusion
from app.domain.signals import Candidates, Row
from app.domain.sparse import SparseVector

HOLDS = {
    "holds_time": Wanted.TIME,
    "holds_amount": Wanted.AMOUNT,
    "holds_place": Wanted.PLACE,
    "holds_person": Wanted.PERSON,
}
BEST_OF_SESSION = 3

Columns = dict[str, Vector]


def columns_of(  # noqa: PLR0913, PLR0917 - the question, what was found, and what to judge it by
    rows: Sequence[Row],
    plan: QueryPlan,
    words: SparseVector,
    found: Candidates,
    now: datetime,
    tau_days: TauDays | None,
    use_gain: float = 1.0,
    fusion: Fusion = Fusion.ZSCORE,
) -> tuple[Columns, Columns]:
    """The weighted columns, and the raw scores that answers show."""
    scale = SCALES[fusion]
    raw = signals.retrieved(rows, found.limit)
    is_turn = np.array([row.event is not None for row in rows], dtype=bool)
    known = signals.has_vector(rows)
    around = _neighbours(rows)
    coverage = covered(words, [row.terms.text for row in rows], [row.terms.window for row in rows], around)
    number = {row.id: place for place, row in enumerate(rows)}
    memories = signals.cited(rows)
    cited = [[number[id_] for id_ in memories.get(row.id, ())] for row in rows]
    dense = scale(raw["dense"], known, is_turn)
    beside = _beside(raw["dense"], around, is_turn)
    questions = signals.questions(rows)
    after = np.array([float(-1 in near and questions[near[-1]] > 0) for near in around])
    following = scale(beside[1], known, is_turn)
    best = coverage.best
    session_words, session_dense = _sessions(rows, coverage, raw["dense"], is_turn)
    inside, near = signals.times(rows, plan)
    recency = signals.recency(rows, now)
    told = np.array([float(row.memory is not None or bool(cited[place])) for place, row in enumerate(rows)])
    columns = {
        "dense": dense,
        "text": scale(raw["sparse"], sample=is_turn),
        "window": scale(raw["window"], sample=is_turn),
        "memory": scale(_of_memories(raw["dense"], cited), known, is_turn),
        "told": told,
        "outdated": np.array([float(row.id in found.outdated and not plan.past) for row in rows]) * (1.0 - told),
        "following": following,
        "coverage": coverage.own,
        "around": coverage.around,
        "nearby": coverage.nearby,
        "session": best * scale(session_words, sample=is_turn),
        "session_dense": best * scale(session_dense, sample=is_turn),
        "dense_with_words": best * dense,
        "following_with_words": best * following,
        "speaker": signals.speakers(rows, plan),
        "entity": signals.names(rows, plan),
        "time": inside,
        "near_time": near,
        **{name: _holding(rows, plan, wanted) for name, wanted in HOLDS.items()},
        "question": questions,
        "after_question": after,
        "answers": after * scale(beside[-1], known, is_turn),
        "echo": (0.0 if plan.of_assistant else 1.0) * signals.echoes(rows),
        "length": signals.lengths(rows),
        "recency": recency,
        "latest": float(plan.latest) * recency,
        "late": _late(rows),
        "retention": np.ones(len(rows)) if tau_days is None else signals.retention(rows, tau_days, now, use_gain),
        "granularity": signals.granularities(rows, raw["dense"], found.segments, found.scenes)
        if found.segments.scores or found.scenes.scores
        else np.zeros(len(rows)),
    }
    if found.links:
        columns["linked"] = best_linked(rows, dense, found.links)
    return columns, raw


def blended(columns: Mapping[str, Vector], weights: RecallPolicy) -> Vector:
    """The weighted sum."""
    total = np.sum([float(getattr(weights, name)) * column for name, column in columns.items()], axis=0)
    return np.asarray(total, dtype=np.float64)


def _neighbours(rows: Sequence[Row]) -> list[dict[int, int]]:
    """For each row the rows of the turns up to three places away in its session."""
    at = {
        (row.event.session_id, row.event.place): place
        for place, row in enumerate(rows)
        if row.event is not None and row.event.place is not None
    }
    around: list[dict[int, int]] = []
    for row in rows:
        found: dict[int, int] = {}
        if row.event is not None and row.event.place is not None:
            for distance in range(-REACH, REACH + 1):
                other = at.get((row.event.session_id, row.event.place + distance)) if distance else None
                if other is not None:
                    found[distance] = other
        around.append(found)
    return around


def _of_memories(dense: Vector, cited: Sequence[Sequence[int]]) -> Vector:
    """The cosine of the nearest memory of each turn; its own where it has none."""
    return np.array([max(dense[places]) if places else dense[number] for number, places in enumerate(cited)])


def _beside(dense: Vector, around: Sequence[Mapping[int, int]], is_turn: Mask) -> dict[int, Vector]:
    """The cosine of the turn before and after each; the lowest of all where it is no candidate."""
    lowest = float(dense[is_turn].min()) if is_turn.any() else 0.0
    return {
        step: np.array(
            [
                (dense[near[step]] if step in near else lowest) if turn else dense[number]
                for number, (near, turn) in enumerate(zip(around, is_turn, strict=True))
            ]
        )
        for step in (-1, 1)
    }


def _sessions(rows: Sequence[Row], coverage: Coverage, dense: Vector, is_turn: Mask) -> tuple[Vector, Vector]:
    """What all candidates of a turn's session cover together, and the mean cosine of its best three."""
    grouped: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        if row.event is not None:
            grouped[row.event.session_id].append(number)
    words, near = np.zeros(len(rows)), np.full(len(rows), float(dense[is_turn].mean()) if is_turn.any() else 0.0)
    for numbers in grouped.values():
        words[numbers] = float(coverage.held[numbers].max(axis=0) @ coverage.weights) if coverage.held.size else 0.0
        near[numbers] = np.sort(dense[numbers])[-BEST_OF_SESSION:].mean()
    return words, near


def _holding(rows: Sequence[Row], plan: QueryPlan, wanted: Wanted) -> Vector:
    """1 for a candidate that holds what the question wants, when that is of this kind."""
    if plan.wanted is not wanted and not (plan.wanted is Wanted.COUNT and wanted is Wanted.AMOUNT):
        return np.zeros(len(rows))
    return np.array([float(can_answer(row.text, wanted)) for row in rows])


def _late(rows: Sequence[Row]) -> Vector:
    """0 for the first that was said, nearly 1 for the last."""
    said = np.array([row.said.timestamp() for row in rows])
    return np.argsort(np.argsort(said)) / max(1, len(rows))
