"""The reads of an aggregation: how many memories have each value, from a point of view, and single ones of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.aggregate import MOST_IDS, AggregateQuery, GroupBy, Mention, ValueCount
from app.domain.memory import Memory
from app.domain.scope import UserScope
from app.storage.blocks import DATE
from app.storage.db import Connection
from app.storage.memories import to_memory
from app.storage.recall_memories import KNOWN_THEN, holds

# Names of attributes are joined by `_` and `:` in the pipeline; as keys they are compared as words.
ATTRIBUTE = "translate(attribute, '_:', '  ')"
KEYS = {
    GroupBy.SUBJECT: "subject",
    GroupBy.ATTRIBUTE: ATTRIBUTE,
    GroupBy.VALUE: "value",
    GroupBy.TYPE: "type",
    GroupBy.YEAR: "left(date, 4)",
    GroupBy.MONTH: "CASE WHEN length(date) > 4 THEN left(date, 7) END",
}
ANY_STATUS = """
m.status <> 'erased' AND (%(as_of)s::timestamptz IS NULL OR m.live_from <= %(as_of)s)
AND (%(types)s::text[] = '{}' OR m.type = ANY (%(types)s))
AND (%(from)s::timestamptz IS NULL OR m.occurred_at >= %(from)s)
AND (%(to)s::timestamptz IS NULL OR m.occurred_at < %(to)s)
AND (%(session)s::text IS NULL OR m.session_id = %(session)s OR EXISTS (SELECT 1 FROM memory_sources s
     JOIN events e ON e.id = s.event_id WHERE s.memory_id = m.id AND e.session_id = %(session)s))
"""
COUNTS = """
SELECT {keys} value, count(*) AS count, (array_agg(id ORDER BY {newest}))[1:%(most)s] AS ids,
       (array_agg(date ORDER BY {newest}))[1:%(most)s] AS dates,
       (array_agg(occurred_at ORDER BY {newest}))[1:%(most)s] AS times
FROM (SELECT m.id, m.type, m.subject, m.attribute, m.value, m.occurred_at, {date} COLLATE "C" AS date
      FROM {relation} m WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND {condition}) seen
WHERE (%(subject)s::text IS NULL OR subject = %(subject)s)
  AND (%(attribute)s::text IS NULL OR {attribute} = %(attribute)s)
  AND (%(value)s::text IS NULL OR value = %(value)s)
GROUP BY {group}
"""
NEWEST = "date DESC, occurred_at DESC, id DESC"


def counts(conn: Connection, scope: UserScope, query: AggregateQuery, now: datetime) -> list[ValueCount]:
    """For each key and value the number of memories and the latest of them."""
    condition, values = holds(query.narrowing, now)
    keys = [KEYS[name] for name in query.group_by]
    sql = COUNTS.format(
        keys="".join(f"{key} AS key_{place}, " for place, key in enumerate(keys)),
        newest=NEWEST,
        date=DATE,
        relation=_relation(query),
        condition=ANY_STATUS if query.any_status else condition,
        attribute=ATTRIBUTE,
        group=", ".join([*keys, "value"]),
    )
    values |= {"subject": query.subject, "attribute": query.attribute, "value": query.value, "most": MOST_IDS}
    rows = conn.execute(sql, values | {"project": scope.project_id, "user": scope.user_id}).fetchall()
    return [
        ValueCount(
            key=tuple(row[f"key_{place}"] for place in range(len(keys))),
            value=row["value"],
            count=row["count"],
            newest=tuple(Mention(*m) for m in zip(row["dates"], row["times"], row["ids"], strict=True)),
        )
        for row in rows
    ]


def by_ids(conn: Connection, scope: UserScope, query: AggregateQuery, ids: Sequence[UUID]) -> dict[UUID, Memory]:
    """These memories as they are from the query's point of view, without their sources."""
    values: dict[str, Any] = {"known_at": query.narrowing.known_at, "ids": list(ids)}
    rows = conn.execute(
        f"SELECT m.* FROM {_relation(query)} m"
        " WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.id = ANY (%(ids)s)",
        values | {"project": scope.project_id, "user": scope.user_id},
    ).fetchall()
    return {row["id"]: to_memory(row) for row in rows}


def _relation(query: AggregateQuery) -> str:
    return "memories" if query.narrowing.known_at is None else KNOWN_THEN
