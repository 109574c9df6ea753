"""The links among the memories that a recall found, for policies that weigh them. Called inside its transaction."""

from collections.abc import Sequence

from app.domain.policy import Policy
from app.domain.query import RecallQuery
from app.domain.units import Link, Unit
from app.services.recall_reads import Reader
from app.storage import links


def weighed(policy: Policy) -> bool:
    """Whether anything reads links: nothing is asked otherwise."""
    return policy.recall.linked != 0.0 or policy.recall.pagerank > 0.0


def among(reader: Reader, query: RecallQuery, policy: Policy, memories: Sequence[Unit]) -> list[Link]:
    """Links with both ends among the memories, as they were known from the point of view of the query."""
    if not weighed(policy) or len(memories) < 2:
        return []
    return links.among(reader(), query.scope, [unit.id for unit in memories], known_at=query.narrowing.known_at)
