"""What sleep-time work reads of a user, in one view: active memories, their links, the reflections that there are; and
the marks that say up to when a user has been slept on.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from uuid import UUID

from app.domain.dates import CalendarDate
from app.domain.memory import MemoryType
from app.domain.scope import ProjectScope, UserScope
from app.domain.sleep import RECURRING, Known, OldReflection, SleepLink, SleepMemory
from app.storage.db import Connection, Row
from app.storage.reflections import ENDED
from app.storage.vectors import from_half

# What was merged once and is active again was brought back by somebody: it is left alone, as what is frozen is.
ACTIVE = """
SELECT m.id, m.version, m.type, m.text, m.subject, m.attribute, m.value, m.single_valued, m.negated,
       m.frozen OR EXISTS (SELECT 1 FROM memory_versions x WHERE x.memory_id = m.id AND x.status = 'merged') AS frozen,
       m.occurred_at, m.utc_offset, m.live_from, m.event_time, m.valid_from, m.valid_to, m.expires_at, m.agent_id,
       m.use_count, v.dense, said.event_ids, said.segment_ids,
       ARRAY(SELECT DISTINCT x.id FROM unnest(said.sessions || m.session_id) AS x (id) WHERE x.id IS NOT NULL
             ORDER BY 1) AS sessions,
       ARRAY(SELECT n.name FROM memory_entities me JOIN entities n ON n.id = me.entity_id
             WHERE me.memory_id = m.id ORDER BY n.name) AS entities
FROM (SELECT * FROM memories WHERE project_id = %(project)s AND user_id = %(user)s AND status = 'active'
      AND NOT (type = 'reflection' AND attribute IS NOT DISTINCT FROM %(recurring)s)
      ORDER BY occurred_at DESC, id DESC LIMIT %(limit)s) m
LEFT JOIN vectors v ON v.target_id = m.id AND v.model = %(model)s
LEFT JOIN LATERAL (SELECT array_agg(e.id) AS event_ids, array_agg(e.segment_id) AS segment_ids,
        array_agg(e.session_id) AS sessions
    FROM memory_sources s JOIN events e ON e.id = s.event_id WHERE s.memory_id = m.id) said ON true
ORDER BY m.occurred_at, m.id
"""
LINKS = """
SELECT l.id, l.from_id, l.to_id, l.type, l.weight,
       a.status NOT IN ('merged', 'erased') AND b.status NOT IN ('merged', 'erased') AS lasting
FROM links l JOIN memories a ON a.id = l.from_id JOIN memories b ON b.id = l.to_id
WHERE l.project_id = %(project)s AND l.user_id = %(user)s AND (l.from_id = ANY (%(ids)s) OR l.to_id = ANY (%(ids)s))
ORDER BY l.created_at, l.id
"""
# One that was deleted has lost its attribute and keeps its id, by which it is not made again.
REFLECTIONS = """
SELECT m.id, m.version, m.status = 'active' AS active, m.frozen,
       ARRAY(SELECT l.to_id FROM links l WHERE l.from_id = m.id AND l.type = 'derived_from'
             AND l.reason IS DISTINCT FROM %(ended)s) AS members,
       m.status = 'invalidated' AND EXISTS (SELECT 1 FROM memory_versions v WHERE v.memory_id = m.id
             AND v.version = m.version AND v.reason = %(ended)s) AS withdrawn
FROM memories m WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.type = 'reflection'
"""


def known(conn: Connection, scope: UserScope, model: str, *, limit: int) -> Known:
    """The user's newest active memories with the vectors that `model` made, and what is linked to them."""
    whose = {"project": scope.project_id, "user": scope.user_id}
    rows = conn.execute(ACTIVE, whose | {"model": model, "limit": limit, "recurring": RECURRING}).fetchall()
    memories = tuple(_memory(row) for row in rows)
    links = conn.execute(LINKS, whose | {"ids": [memory.id for memory in memories]}).fetchall()
    reflections = conn.execute(REFLECTIONS, whose | {"ended": ENDED}).fetchall()
    return Known(
        memories,
        tuple(SleepLink(**row) for row in links),
        {row["id"]: OldReflection(**row | {"members": frozenset(row["members"])}) for row in reflections},
    )


def versions(conn: Connection, scope: UserScope, ids: Sequence[UUID]) -> dict[UUID, int]:
    """The versions of those of these memories that are active now."""
    rows = conn.execute(
        "SELECT id, version FROM memories WHERE id = ANY (%s) AND project_id = %s AND user_id = %s"
        " AND status = 'active'",
        (list(ids), scope.project_id, scope.user_id),
    ).fetchall()
    return {row["id"]: row["version"] for row in rows}


def version(conn: Connection, scope: UserScope, memory_id: UUID) -> int:
    """The version of a memory whatever its status; 0 where there is none."""
    row = conn.execute(
        "SELECT version FROM memories WHERE id = %s AND project_id = %s AND user_id = %s",
        (memory_id, scope.project_id, scope.user_id),
    ).fetchone()
    return int(row["version"]) if row else 0


def mark(conn: Connection, scope: UserScope, at: datetime) -> None:
    """Note that at `at` nothing was left to do; nothing of a user who was erased meanwhile."""
    conn.execute(
        "INSERT INTO sleeps (project_id, user_id, slept_at) SELECT %(project)s, %(user)s, %(at)s"
        " WHERE EXISTS (SELECT 1 FROM memories WHERE project_id = %(project)s AND user_id = %(user)s)"
        " ON CONFLICT (project_id, user_id) DO UPDATE SET slept_at = greatest(sleeps.slept_at, excluded.slept_at)",
        {"project": scope.project_id, "user": scope.user_id, "at": at},
    )


CHANGED = """
FROM memories m LEFT JOIN sleeps s ON s.project_id = m.project_id AND s.user_id = m.user_id
WHERE m.project_id = %(project)s AND (NOT %(changed)s OR s.slept_at IS NULL OR m.updated_at > s.slept_at)
"""


def users(conn: Connection, scope: ProjectScope, after: str, limit: int, *, changed_only: bool) -> list[UserScope]:
    """Users with memories, by id, those after `after`; with `changed_only` those whose memories changed since then."""
    rows = conn.execute(
        f"SELECT m.user_id {CHANGED} AND m.user_id > %(after)s GROUP BY m.user_id ORDER BY m.user_id LIMIT %(limit)s",
        {"project": scope.project_id, "after": after, "changed": changed_only, "limit": limit},
    ).fetchall()
    return [UserScope(scope.project_id, row["user_id"]) for row in rows]


def count_users(conn: Connection, scope: ProjectScope, *, changed_only: bool) -> int:
    """How many users `users` would name in all."""
    row = conn.execute(
        f"SELECT count(DISTINCT m.user_id) AS n {CHANGED}", {"project": scope.project_id, "changed": changed_only}
    ).fetchone()
    return int(row["n"]) if row else 0


def count_active(conn: Connection, scope: UserScope) -> int:
    """How many memories of the user are active."""
    row = conn.execute(
        "SELECT count(*) AS n FROM memories WHERE project_id = %s AND user_id = %s AND status = 'active'",
        (scope.project_id, scope.user_id),
    ).fetchone()
    return int(row["n"]) if row else 0


def _memory(row: Row) -> SleepMemory:
    return SleepMemory(
        id=row["id"],
        version=row["version"],
        type=MemoryType(row["type"]),
        text=row["text"],
        subject=row["subject"],
        attribute=row["attribute"],
        value=row["value"],
        single_valued=row["single_valued"],
        negated=row["negated"],
        frozen=row["frozen"],
        occurred_at=row["occurred_at"].astimezone(timezone(timedelta(seconds=row["utc_offset"]))),
        live_from=row["live_from"],
        event_time=_date(row["event_time"]),
        valid_from=_date(row["valid_from"]),
        valid_to=_date(row["valid_to"]),
        expires_at=row["expires_at"],
        agent_id=row["agent_id"],
        event_ids=frozenset(row["event_ids"] or ()),
        segment_ids=frozenset(row["segment_ids"] or ()) - {None},
        sessions=tuple(row["sessions"]),
        entities=tuple(row["entities"]),
        use_count=row["use_count"],
        dense=from_half(row["dense"]) if row["dense"] is not None else None,
    )


def _date(text: str | None) -> CalendarDate | None:
    return CalendarDate.parse(text) if text else None
