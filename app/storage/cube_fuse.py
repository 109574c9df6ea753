"""What of a user goes into another one by way of decisions: memories with their sources, as statements to decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.dates import CalendarDate, Precision
from app.domain.memory import Candidate, MemoryType
from app.domain.scope import UserScope
from app.storage.db import Connection, Row
from app.storage.events import zone

PAGE = """
SELECT m.id, m.text, m.type, m.subject, m.attribute, m.value, m.single_valued, m.negated, m.event_time,
    m.event_time_precision, m.valid_from, m.valid_from_precision, m.occurred_at,
    -- The end of a state that something replaced was no part of what was said.
    CASE m.status WHEN 'superseded' THEN (SELECT o.valid_to FROM memory_versions o
        WHERE o.memory_id = m.id ORDER BY o.version LIMIT 1) ELSE m.valid_to END AS valid_to, m.utc_offset,
    m.importance, m.confidence, m.session_id, m.agent_id, v.dense,
    ARRAY(SELECT s.event_id FROM memory_sources s WHERE s.memory_id = m.id ORDER BY s.event_id) AS event_ids,
    ARRAY(SELECT n.name FROM memory_entities me JOIN entities n ON n.id = me.entity_id WHERE me.memory_id = m.id
          ORDER BY n.name) AS entities
FROM memories m LEFT JOIN vectors v ON v.target_id = m.id AND v.model = %(model)s
WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.status IN ('active', 'superseded')
  AND (%(at)s::timestamptz IS NULL OR (m.occurred_at, m.id) > (%(at)s, %(id)s::uuid))
ORDER BY m.occurred_at, m.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """A memory as what was once said: `dense` is its float16 vector, None where it has none of the model."""

    memory_id: UUID
    at: datetime
    candidate: Candidate
    dense: bytes | None


def statements(
    conn: Connection, scope: UserScope, model: str, after: Statement | None, limit: int
) -> Sequence[Statement]:
    """What is believed, and what was until something later replaced it, in the order in which it was said."""
    values = {"at": after.at if after else None, "id": after.memory_id if after else None, "limit": limit}
    rows = conn.execute(PAGE, {"project": scope.project_id, "user": scope.user_id, "model": model, **values}).fetchall()
    return [Statement(row["id"], row["occurred_at"], _candidate(row), row["dense"]) for row in rows]


def _candidate(row: Row) -> Candidate:
    return Candidate(
        text=row["text"],
        type=MemoryType(row["type"]),
        event_ids=tuple(row["event_ids"]),
        occurred_at=row["occurred_at"].astimezone(zone(row["utc_offset"])),
        subject=row["subject"],
        attribute=row["attribute"],
        value=row["value"],
        single_valued=row["single_valued"],
        negated=row["negated"],
        event_time=_date(row, "event_time"),
        valid_from=_date(row, "valid_from"),
        valid_to=CalendarDate.parse(row["valid_to"]) if row["valid_to"] else None,
        importance=row["importance"],
        confidence=row["confidence"],
        entities=tuple(row["entities"]),
        session_id=row["session_id"],
        agent_id=row["agent_id"],
    )


def _date(row: Row, name: str) -> CalendarDate | None:
    return CalendarDate(row[name], Precision(row[f"{name}_precision"])) if row[name] is not None else None
