"""The links among the memories that a recall found, for policies that weigh them. Called inside its transaction."""

from collections.abc import Collection
from uuid import UUID

from app.domain.linked import Link
from app.domain.policy import Policy
from app.domain.query import RecallQuery
from app.storage import links
from app.storage.db import Connection


def weighed(policy: Policy) -> bool:
    """Whether anything reads links: nothing is asked otherwise."""
    return policy.recall.linked != 0.0 or policy.recall.pagerank > 0.0


def among(conn: Connection, query: RecallQuery, policy: Policy, memories: Collection[UUID]) -> list[Link]:
    """Links with both ends among the memories, as they were known from the point of view of the query."""
    if not weighed(policy) or len(memories) < 2:
        return []
    return links.among(conn, query.scope, list(memories), known_at=query.narrowing.known_at)
