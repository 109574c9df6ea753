"""Every signal of a recall as a column over the candidates, under the name that its weight has in the policy. Pure.

Columns of unbounded scores are z-scores over the turns (or scaled as `fusion` says), the others lie between 0 and 1.
Used by `ranking` and, through the trace of an answer, by bench/tune.py, which fits the weights.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial

import numpy as np

from app.domain import signals
from app.domain.asking import Wanted
from app.domain.coverage import REACH, Coverage, covered
from app.domain.fusion import Mask, Vector, standard
from app.domain.linked import best_linked
from app.domain.policy import RecallPolicy
from app.domain.policy_lifecycle import RetentionPolicy
from app.domain.query import QueryPlan
from app.domain.scaling import SCALES
from app.domain.signals import Places
from app.domain.sparse import SparseVector
from app.domain.units import FACTS, Candidates

HOLDS = {
    "holds_time": Wanted.TIME,
    "holds_amount": Wanted.AMOUNT,
    "holds_place": Wanted.PLACE,
    "holds_person": Wanted.PERSON,
}
SINCE = FACTS.index("since")  # what retention is made of follows it
BEST_OF_SESSION = 3
SESSION_WIDTH = 1 << 24  # more than any session has turns

# Of the weighted columns, those that an answer shows beside the raw scores; a trace shows all.
SHOWN = ("memory", "coverage", "nearby", "speaker", "time", "recency", "retention")

Columns = dict[str, Vector]


class _Everything:
    def __contains__(self, name: object) -> bool:
        return True


EVERYTHING: Container[str] = _Everything()


@dataclass(frozen=True, slots=True)
class Weights:
    """The settings that ranking reads. `everything`: also signals without weight are
    worked out, for a trace.
    """

    recall: RecallPolicy
    retention: RetentionPolicy
    everything: bool = False

    @property
    def wanted(self) -> Container[str]:
        """The signals that count, and those that are shown."""
        if self.everything:
            return EVERYTHING
        return {*SHOWN, *(name for name, _ in weights_of(self.recall))}


def columns_of(
    found: Candidates, plan: QueryPlan, words: SparseVector, weights: Weights, now: datetime
) -> tuple[Columns, Columns]:
    """The weighted columns, and the raw scores that answers show. Of the columns that take time by themselves only the
    `wanted` ones.
    """
    scale = SCALES[weights.recall.fusion]
    rows, wanted = found.rows, weights.wanted
    facts = np.frombuffer(b"".join([row.unit.facts for row in rows])).reshape(len(rows), len(FACTS)).T
    turns, said, questions, echoes, lengths = facts[:5]
    is_turn, sessions = turns > 0, facts[5].astype(np.int64)
    raw = signals.retrieved(rows, is_turn, found.limit)
    known = signals.has_vector(rows)
    around = _neighbours(sessions, facts[6].astype(np.int64))
    coverage = covered(words, [row.unit.text_ids for row in rows], [row.unit.window_ids for row in rows], around)
    dense = scale(raw["dense"], known, is_turn)
    lowest = float(raw["dense"][is_turn].min()) if is_turn.any() else 0.0
    alone = np.where(is_turn, lowest, raw["dense"])  # of a turn whose neighbour is no candidate
    after = _at(questions, around[-1], np.zeros(len(rows)))

    def following() -> Vector:
        return scale(_at(raw["dense"], around[1], alone), known, is_turn)

    best = coverage.best
    session_words, session_dense = _of_sessions(sessions, coverage, raw["dense"], is_turn)
    inside, near = signals.times(rows, said, plan)
    recency = signals.recency(said, now)
    is_told = ~is_turn | np.array([bool(memories) for memories in found.cited], dtype=bool)
    is_outdated = np.zeros(len(rows))
    if not plan.past:
        is_outdated[[found.place[turn.int] for turn in found.outdated if turn.int in found.place]] = 1.0
    columns = {
        "dense": dense,
        "window": scale(raw["window"], sample=is_turn),
        "memory": scale(_of_memories(raw["dense"], found.cited), known, is_turn),
        "told": is_told.astype(np.float64),
        "outdated": is_outdated * (1.0 - is_told),
        "coverage": coverage.own,
        "around": coverage.around,
        "nearby": coverage.nearby,
        "session": best * scale(session_words, sample=is_turn),
        "session_dense": best * scale(session_dense, sample=is_turn),
        "dense_with_words": best * dense,
        "time": inside,
        "near_time": near,
        "question": questions,
        "after_question": after,
        "answers": after * scale(_at(raw["dense"], around[-1], alone), known, is_turn),
        "echo": (0.0 if plan.of_assistant else 1.0) * echoes,
        "recency": recency,
        "latest": float(plan.latest) * recency,
    }
    apart: dict[str, Callable[[], Vector]] = {
        "text": lambda: scale(raw["sparse"], sample=is_turn),
        "following": following,
        "following_with_words": lambda: best * following(),
        "speaker": lambda: signals.speakers(rows, plan),
        "entity": lambda: signals.names(rows, plan),
        **{name: partial(signals.holding, rows, plan, kind) for name, kind in HOLDS.items()},
        "length": lambda: standard(lengths, is_turn),
        "late": lambda: signals.late(said),
        "retention": lambda: (
            signals.retention(facts[SINCE:], weights.retention, now)
            if weights.retention.enabled
            else np.ones(len(rows))
        ),
        "granularity": lambda: signals.granularities(found, is_turn, raw["dense"]),
    }
    if found.links:
        apart["linked"] = lambda: best_linked(found, dense)
    return columns | {name: column() for name, column in apart.items() if name in wanted}, raw


@lru_cache(maxsize=256)
def weights_of(policy: RecallPolicy) -> tuple[tuple[str, float], ...]:
    """The settings of the policy that may be weights of columns and are not 0; one policy asks again and again."""
    return tuple((name, value) for name, value in policy if isinstance(value, float) and value)


def blended(columns: Mapping[str, Vector], weights: RecallPolicy) -> Vector:
    """The weighted sum."""
    weighed = [(weight, columns[name]) for name, weight in weights_of(weights) if name in columns]
    if not weighed:
        return np.zeros(len(columns["dense"]))
    total: Vector = np.array([weight for weight, _ in weighed]) @ np.array([column for _, column in weighed])
    return total


def _neighbours(sessions: Places, places: Places) -> dict[int, Places]:
    """By distance, up to three places away in the session: for each row that of the turn there, -1 where it is none. A
    row without a place has none.
    """
    placed = places >= 0
    keys = sessions * SESSION_WIDTH + places
    order = np.flatnonzero(placed)[np.argsort(keys[placed])]
    at = keys[order]
    around: dict[int, Places] = {}
    for distance in (step for step in range(-REACH, REACH + 1) if step):
        nearest = np.searchsorted(at, keys + distance)
        nearest[nearest == len(at)] = 0
        is_there = placed & (at[nearest] == keys + distance) if len(at) else placed
        around[distance] = np.where(is_there, order[nearest] if len(at) else -1, -1)
    return around


def _at(column: Vector, places: Places, otherwise: Vector) -> Vector:
    """What a column holds for the turn beside each."""
    return np.where(places >= 0, column[places], otherwise)


def _of_memories(dense: Vector, cited: Sequence[Sequence[int]]) -> Vector:
    """The cosine of the nearest memory of each turn; its own where it has none."""
    nearest = dense.copy()
    for number, memories in enumerate(cited):
        if memories:
            nearest[number] = max(dense[memory] for memory in memories)
    return nearest


def _of_sessions(sessions: Places, coverage: Coverage, dense: Vector, is_turn: Mask) -> tuple[Vector, Vector]:
    """What all candidates of a turn's session cover together, and the mean cosine of its best three."""
    words, near = np.zeros(len(dense)), np.full(len(dense), float(dense[is_turn].mean()) if is_turn.any() else 0.0)
    order = np.lexsort((dense, sessions))[int((~is_turn).sum()) :]  # memories come first
    if len(order):
        starts = np.flatnonzero(np.diff(sessions[order], prepend=-1))
        sizes = np.diff(starts, append=len(order))
        if coverage.held.size:
            held = np.maximum.reduceat(coverage.held[order], starts, axis=0) @ coverage.weights
            words[order] = np.repeat(held, sizes)
        taken = np.minimum(sizes, BEST_OF_SESSION)
        until = np.concatenate(([0.0], np.cumsum(dense[order])))
        ends = starts + sizes
        near[order] = np.repeat((until[ends] - until[ends - taken]) / taken, sizes)
    return words, near
