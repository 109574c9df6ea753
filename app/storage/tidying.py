"""The active memories of a user as tidying needs them, in one read."""

from datetime import timedelta, timezone

from app.domain.dates import CalendarDate
from app.domain.memory import MemoryType
from app.domain.scope import UserScope
from app.domain.sleep import RECURRING
from app.domain.tidying import KeptMemory
from app.storage.db import Connection
from app.storage.vectors import from_half

KEPT = """
SELECT m.id, m.type, m.text, m.attribute, m.occurred_at, m.utc_offset, m.valid_to, m.importance, m.confidence,
       m.stability, m.use_count, v.dense,
       ARRAY(SELECT DISTINCT x.session_id FROM (
           SELECT m.session_id UNION ALL SELECT e.session_id FROM memory_sources s JOIN events e ON e.id = s.event_id
           WHERE s.memory_id = m.id) x
           WHERE x.session_id IN (SELECT session_id FROM sessions o
                                  WHERE o.project_id = m.project_id AND o.user_id = m.user_id) ORDER BY 1) AS sessions,
       ARRAY(SELECT n.name FROM memory_entities me JOIN entities n ON n.id = me.entity_id
           WHERE me.memory_id = m.id ORDER BY n.name) AS entities
FROM (SELECT * FROM memories WHERE project_id = %(project)s AND user_id = %(user)s AND status = 'active'
      AND NOT (type = 'reflection' AND attribute IS NOT DISTINCT FROM %(recurring)s)
      ORDER BY occurred_at DESC, id DESC LIMIT %(limit)s) m
LEFT JOIN vectors v ON v.target_id = m.id AND v.model = %(model)s
ORDER BY m.occurred_at, m.id
"""


def active(conn: Connection, scope: UserScope, model: str, *, limit: int) -> list[KeptMemory]:
    """The user's newest active memories with the vectors that `model` made, in order of time and id."""
    values = {"project": scope.project_id, "user": scope.user_id, "model": model, "limit": limit}
    values |= {"recurring": RECURRING}
    return [
        KeptMemory(
            id=row["id"],
            type=MemoryType(row["type"]),
            text=row["text"],
            attribute=row["attribute"],
            occurred_at=row["occurred_at"].astimezone(timezone(timedelta(seconds=row["utc_offset"]))),
            valid_to=CalendarDate.parse(row["valid_to"]) if row["valid_to"] else None,
            importance=row["importance"],
            confidence=row["confidence"],
            stability=row["stability"],
            use_count=row["use_count"],
            sessions=tuple(row["sessions"]),
            entities=tuple(row["entities"]),
            dense=from_half(row["dense"]) if row["dense"] is not None else None,
        )
        for row in conn.execute(KEPT, values).fetchall()
    ]
