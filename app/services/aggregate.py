"""Exact answers over what is remembered of a user, without a search."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.aggregate import NUMERIC, Aggregate, AggregateFunction, AggregateQuery, aggregate
from app.domain.memory import Memory
from app.domain.scope import UserScope
from app.storage import aggregate as store
from app.storage.db import Connection


@dataclass(frozen=True, slots=True)
class Aggregated:
    """The groups, and the memory that speaks of the latest time in each, where those were asked for."""

    aggregate: Aggregate
    latest: Mapping[UUID, Memory]


def answer(conn: Connection, scope: UserScope, query: AggregateQuery, now: datetime) -> Aggregated:
    """Count, add and compare the values of the memories that hold."""
    counted = store.counts(conn, scope, query, now)
    found = aggregate(counted, query.group_by, numeric=bool(query.functions & NUMERIC))
    if AggregateFunction.LATEST not in query.functions:
        return Aggregated(found, {})
    return Aggregated(found, store.by_ids(conn, scope, query, [g.newest[0] for g in found.groups if g.newest]))
