"""The trace of a recall: how the question was read, what each step took, what every candidate scored, and what was left
out and why. Pure; used by `recall_answer`.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.domain.packing import Packed
from app.domain.query import Kind, RecallQuery
from app.domain.ranking import Item
from app.domain.secrets import mask
from app.domain.units import Candidates
from app.services.recall import Gathered
from app.services.recall_items import matching


class Dropped(StrEnum):
    """Why a candidate is not in the answer."""

    LIMIT = "limit"  # behind the last item
    SHARE = "share"  # of a type or session that has its share
    NO_MATCH = "no_match"  # `all_matches` shows what matches
    REPEATS = "repeats"  # says what a better one says
    HIDDEN = "hidden"  # in the index, but ended, archived, erased or outside this point of view by PostgreSQL
    BUDGET = "budget"  # an item, but not in the context


def trace(query: RecallQuery, gathered: Gathered, packed: Packed, seconds: dict[str, float]) -> dict[str, Any]:
    """How the question was read, what each step took, every ranked candidate with its scores, and what was left out
    and why.
    """
    plan = gathered.prepared.plan
    reasons = _reasons(query, gathered, packed)
    return {
        "plan": {
            "language": plan.language,
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
        "rewrite": gathered.rewritten
        and {"state": gathered.rewritten.state, "questions": list(gathered.rewritten.questions)},
        "rounds": [
            {
                "questions": [mask(question) for question in one.questions],
                "links": one.links,
                "new": one.new,
                "milliseconds": round(1e3 * one.seconds, 3),
                "ended": one.ended,
            }
            for one in gathered.rounds
        ],
        "counts": {
            "turns": sum(row.unit.event is not None for row in gathered.candidates.rows),
            "memories": sum(row.unit.memory is not None for row in gathered.candidates.rows),
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
                "dropped": reasons.get(item.id),
            }
            for item in gathered.ranked
        ],
        "dropped": [
            {"kind": kind.value, "id": str(id_), "reason": reason.value} for kind, id_, reason in _unranked(gathered)
        ],
    }


def _reasons(query: RecallQuery, gathered: Gathered, packed: Packed) -> dict[UUID, Dropped]:
    """Why a ranked candidate is no item, or an item is not in the context."""
    policy = gathered.prepared.policy.recall
    shared = min(policy.type_share, policy.session_share) < 1.0
    items = {item.id for item in gathered.items}
    matching_ids = {item.id for item in matching(query, gathered.ranked)}
    last = max((place for place, item in enumerate(gathered.ranked) if item.id in items), default=-1)
    told = {id_ for section in packed.sections for id_ in section.ids}
    reasons: dict[UUID, Dropped] = {}
    for place, item in enumerate(gathered.ranked):
        if item.id in items:
            if told.isdisjoint(_told_by(item, gathered.candidates)):
                reasons[item.id] = Dropped.BUDGET
        elif item.id not in matching_ids:
            reasons[item.id] = Dropped.NO_MATCH
        else:
            reasons[item.id] = Dropped.SHARE if shared and place < last else Dropped.LIMIT
    return reasons


def _told_by(item: Item, found: Candidates) -> Iterator[str]:
    """The ids that stand for an item in a context: its own, its turns, and of a turn the memories made of it."""
    yield str(item.id)
    for turn in item.turn_ids:
        yield str(turn)
        place = found.place.get(turn.int)
        yield from (str(found.rows[row].unit.id) for row in (found.cited[place] if place is not None else ()))


def _unranked(gathered: Gathered) -> Iterator[tuple[Kind, UUID, Dropped]]:
    """What was found and has no place: it says what a better one says, or PostgreSQL does not show it."""
    table = gathered.ranked[0].table if gathered.ranked else None
    for row in table.repeated if table else ():
        unit = gathered.candidates.rows[row].unit
        yield (Kind.MEMORY if unit.memory else Kind.EVENT), unit.id, Dropped.REPEATS
    for kind, number in gathered.hidden:
        yield kind, UUID(int=number), Dropped.HIDDEN
