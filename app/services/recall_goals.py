"""What a recall asks beside its question: goals of it, each read, encoded and searched by itself, and what lies one
link away from the best items. Used by `http/recall_rounds`, between the transactions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import reduce
from uuid import UUID

import numpy as np

from app.domain.lexical import query_vector
from app.domain.policy import RecallPolicy
from app.domain.query import QueryPlan, RecallQuery, understand
from app.domain.ranking import Item
from app.domain.subgoals import GoalKind, Subgoal
from app.domain.units import NOTHING, Link
from app.inference.protocol import Encoder
from app.services.recall_pending import PendingTurns
from app.services.recall_search import FEEDBACK_CHARACTERS, NO_WORDS, Hits, Question

GOAL_SHARE = 0.3  # of the candidates of a question: a goal asks for less of them
LEAST_CANDIDATES = 10
PENDING_FOUND = 10  # pending turns that a goal brings by their cosine
NO_HITS = Hits({}, {}, 0)


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal as each signal reads it, and what was found for it."""

    text: str
    kind: GoalKind
    plan: QueryPlan
    question: Question
    hits: Hits = NO_HITS

    @property
    def dense(self) -> dict[int, float]:
        """Cosines to this goal, by the number of a candidate's id."""
        found = (*self.hits.turns.items(), *self.hits.memories.items())
        return {id_: evidence.dense for id_, evidence in found if evidence.dense is not None}


@dataclass(frozen=True, slots=True)
class Beside:
    """All that was found beside the question itself."""

    goals: Sequence[Goal] = ()
    links: Sequence[Link] = ()  # from one of the best memories, to what lies there

    def added_to(self, hits: Hits) -> Hits:
        """The hits of the question with those of its goals, the better score of each signal, and what is linked."""
        merged = reduce(Hits.merged, (goal.hits for goal in self.goals), hits)
        linked = {far.int: NOTHING for _, far, _ in self.links}
        return merged.merged(Hits({}, linked, 0)) if linked else merged


ALONE = Beside()


class Ended(StrEnum):
    """Why no further round followed."""

    SUFFICIENT = "sufficient"
    NOTHING_NEW = "nothing_new"
    TIME = "time"
    LIMIT = "limit"
    UNAVAILABLE = "unavailable"  # the encoder or the index


@dataclass(frozen=True, slots=True)
class Round:
    """What a further round asked, how many links it followed, how many candidates it brought, how long it took; and
    why it was the last, of the last.
    """

    questions: tuple[str, ...] = ()
    links: int = 0
    new: int = 0
    seconds: float = 0.0
    ended: Ended | None = None


def feedback(plan: QueryPlan, best: Item) -> Subgoal:
    """The question with what was found best: the name that it brings leads on."""
    return Subgoal(f"{plan.dense} {best.unit.text[:FEEDBACK_CHARACTERS]}", GoalKind.FEEDBACK)


def best_of(goals: Sequence[Goal], ranked: Sequence[Item]) -> list[Item]:
    """For each clause of the question the nearest item: it shall not be lost for all that is near to another clause."""
    clauses = [goal.dense for goal in goals if goal.kind is GoalKind.CLAUSE]
    best = (max(ranked, key=lambda item: near.get(item.id.int, 0.0), default=None) for near in clauses if near)
    return [item for item in best if item is not None]


def leads_on(query: RecallQuery, speakers: Sequence[str], best: Item) -> bool:
    """Whether an item names somebody or something that the question does not: the second step may be about that."""
    found = understand(best.unit.text[:FEEDBACK_CHARACTERS], speakers, query.now)
    known = query.text.casefold()
    return any(name.casefold() not in known for name in found.names)


def read(encoder: Encoder, asked: Sequence[Subgoal], speakers: Sequence[str], now: datetime) -> list[Goal]:
    """The goals, encoded in one batch; raises EncoderUnavailableError. A name alone is looked for by its word: it drags
    a small model to short generic turns (see `QueryPlan`). Feedback is looked for by meaning: its words are known.
    """
    plans = [understand(one.text, speakers, now) for one in asked]
    pairs = list(zip(asked, plans, strict=True))
    meant = [one.text if one.kind is GoalKind.FEEDBACK else plan.dense for one, plan in pairs if _is_meant(one)]
    vectors: Iterator[np.ndarray] = iter(encoder.encode_queries(meant)) if meant else iter(())
    return [
        Goal(
            one.text,
            one.kind,
            plan,
            Question(
                next(vectors) if _is_meant(one) else None,
                NO_WORDS if one.kind is GoalKind.FEEDBACK else query_vector(plan.lexical),
            ),
        )
        for one, plan in pairs
    ]


def _is_meant(goal: Subgoal) -> bool:
    return goal.kind is not GoalKind.NAME


def narrowed(policy: RecallPolicy) -> RecallPolicy:
    """The settings with fewer candidates, for the search of a goal."""
    fewer = max(LEAST_CANDIDATES, int(policy.candidates * GOAL_SHARE))
    return policy.model_copy(update={"candidates": min(fewer, policy.candidates)})


def pending_hits(pending: PendingTurns, goal: Goal) -> Hits:
    """The pending turns that are nearest to a goal: the index does not know them yet."""
    near = pending.evidence(goal.question)
    best = sorted(near, key=lambda id_: -(near[id_].dense or 0.0))[:PENDING_FOUND]
    return Hits({id_.int: near[id_] for id_ in best}, {}, 0)


def memories_of(items: Sequence[Item]) -> dict[UUID, float]:
    """The memories of items with the score of their item: a memory itself, and those that rest on a turn."""
    scores: dict[UUID, float] = {}
    for item in items:
        found = item.table.found
        rows = (item.row, *found.cited[item.row], item.stands_for, *found.cited[item.stands_for])
        for unit in (found.rows[row].unit for row in rows):
            if unit.memory is not None:
                scores[unit.id] = max(item.score, scores.get(unit.id, 0.0))
    return scores
