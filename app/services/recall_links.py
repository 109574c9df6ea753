"""The links among the memories that a recall found, for policies that weigh them. Called inside its transaction."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.domain.policy import Policy, RecallPolicy
from app.domain.query import RecallQuery
from app.domain.units import Link, Unit
from app.services.recall_reads import Reader, ReadThrough
from app.storage import links

MOST_HOPS = 60  # links that are looked at: a memory has some ten of them
MOST_FOLLOWED = 8  # memories that one round brings; chosen, few enough to leave the best in place


def weighed(policy: Policy) -> bool:
    """Whether anything reads links: nothing is asked otherwise."""
    return policy.recall.linked != 0.0 or policy.recall.pagerank > 0.0


def following(policy: RecallPolicy) -> RecallPolicy:
    """The weights of a round that followed links: what lies one hop away counts like the cosine of where it starts."""
    return policy.model_copy(update={"linked": max(policy.linked, policy.dense)})


def followed(reader: Reader, query: RecallQuery, scores: Mapping[UUID, float]) -> list[Link]:
    """One hop from these memories, best first: by the score of where a link starts times its weight."""
    if not scores:
        return []
    found = links.hops(reader(), query.scope, list(scores), limit=MOST_HOPS, known_at=query.narrowing.known_at)
    found.sort(key=lambda link: (-scores[link[0]] * link[2], link[1]))
    best = list(dict.fromkeys(far for _, far, _ in found))[:MOST_FOLLOWED]
    return [link for link in found if link[1] in best]


def among(reads: ReadThrough, policy: Policy, memories: Sequence[Unit]) -> list[Link]:
    """Links with both ends among the memories, as they were known from the point of view of the query."""
    if not weighed(policy) or len(memories) < 2:
        return []
    return reads.links([unit.id for unit in memories])
