"""The measured health of memories: what it is counted from, and its rows by user and by project."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from app.domain.dates import CalendarDate
from app.domain.health import WINDOWS, Growth, Health, MeasuredMemory
from app.domain.memory import MemoryType
from app.domain.scope import ProjectScope, UserScope
from app.storage import vectors
from app.storage.db import Connection

NEWEST = """
SELECT m.id, m.type, m.text, m.frozen, m.occurred_at, m.utc_offset, m.valid_to, m.expires_at, m.importance,
       m.confidence, m.stability, m.layer, m.use_count,
       greatest(m.created_at, m.last_used_at, (SELECT max(s.created_at) FROM memory_sources s WHERE s.memory_id = m.id))
           AS confirmed_at,
       m.text_hash IN (SELECT o.text_hash FROM memories o WHERE o.project_id = %(project)s AND o.user_id = %(user)s
                       AND o.status NOT IN ('active', 'erased')) AS repeats
FROM memories m WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.status = 'active'
ORDER BY m.created_at DESC, m.id LIMIT %(limit)s
"""

# Whether a memory was active at a time: by its versions, which are only read where it has changed since.
GROWTH = """
SELECT count(*) FILTER (WHERE status = 'active') AS active,
       count(*) FILTER (WHERE status = 'active' AND NOT active_then) AS added,
       count(*) FILTER (WHERE status <> 'active' AND active_then) AS gone
FROM (SELECT m.status, m.created_at <= %(then)s AND CASE
          WHEN m.updated_at <= %(then)s THEN m.status = 'active'
          ELSE EXISTS (SELECT 1 FROM memory_versions v WHERE v.memory_id = m.id AND v.status = 'active'
               AND v.recorded_at <= %(then)s AND (v.recorded_until IS NULL OR v.recorded_until > %(then)s))
          END AS active_then
      FROM memories m WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.status <> 'erased') w
"""

WRITE = """
INSERT INTO user_health (project_id, user_id, measured_at, active, measured, duplicates, repeated, junk, stale,
                         added_7, gone_7, added_30, gone_30)
SELECT %(project)s, %(user)s, %(measured_at)s, %(active)s, %(measured)s, %(duplicates)s, %(repeated)s, %(junk)s,
       %(stale)s, %(added_7)s, %(gone_7)s, %(added_30)s, %(gone_30)s
WHERE EXISTS (SELECT 1 FROM memories WHERE project_id = %(project)s AND user_id = %(user)s AND status <> 'erased')
ON CONFLICT (project_id, user_id) DO UPDATE SET measured_at = excluded.measured_at, active = excluded.active,
    measured = excluded.measured, duplicates = excluded.duplicates, repeated = excluded.repeated, junk = excluded.junk,
    stale = excluded.stale, added_7 = excluded.added_7, gone_7 = excluded.gone_7, added_30 = excluded.added_30,
    gone_30 = excluded.gone_30
"""

COUNT_PROJECT = """
INSERT INTO project_health (project_id, what, kind, state, n, counted_at)
SELECT %(project)s, 'memories', type, status, count(*), %(now)s FROM memories
WHERE project_id = %(project)s AND status <> 'erased' GROUP BY type, status
UNION ALL
SELECT %(project)s, 'health', c.kind, '', c.n, %(now)s
FROM (SELECT coalesce(sum(active), 0) AS active, coalesce(sum(measured), 0) AS measured,
             coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(repeated), 0) AS repeated,
             coalesce(sum(junk), 0) AS junk, coalesce(sum(stale), 0) AS stale,
             coalesce(sum(added_7), 0) AS added_7, coalesce(sum(gone_7), 0) AS gone_7,
             coalesce(sum(added_30), 0) AS added_30, coalesce(sum(gone_30), 0) AS gone_30
      FROM user_health WHERE project_id = %(project)s) h,
     LATERAL (VALUES ('active', h.active), ('measured', h.measured), ('duplicates', h.duplicates),
                     ('repeated', h.repeated), ('junk', h.junk), ('stale', h.stale), ('added_7', h.added_7),
                     ('gone_7', h.gone_7), ('added_30', h.added_30), ('gone_30', h.gone_30)) c (kind, n)
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a measurement is made from: the newest active memories, how many are active in all, and growth."""

    memories: list[MeasuredMemory]
    active: int
    growth: list[Growth]


def read(conn: Connection, scope: UserScope, model: str, *, now: datetime, limit: int) -> Measured:
    """The user's newest `limit` active memories with the vectors that `model` made, and growth up to `now`."""
    values = {"project": scope.project_id, "user": scope.user_id, "limit": limit}
    dense = dict(vectors.of_active_memories(conn, scope, model, limit))
    memories = [
        MeasuredMemory(
            type=MemoryType(row["type"]),
            text=row["text"],
            frozen=row["frozen"],
            occurred_at=row["occurred_at"].astimezone(timezone(timedelta(seconds=row["utc_offset"]))),
            valid_to=CalendarDate.parse(row["valid_to"]) if row["valid_to"] else None,
            expires_at=row["expires_at"],
            confirmed_at=row["confirmed_at"],
            importance=row["importance"],
            confidence=row["confidence"],
            stability=row["stability"],
            layer=row["layer"],
            use_count=row["use_count"],
            repeats=row["repeats"],
            dense=vectors.from_half(dense[row["id"]]) if row["id"] in dense else None,
        )
        for row in conn.execute(NEWEST, values).fetchall()
    ]
    active, growth = 0, []
    for days in WINDOWS:
        row = conn.execute(GROWTH, values | {"then": now - timedelta(days=days)}).fetchone()
        assert row is not None  # noqa: S101 - aggregates always give a row
        active = row["active"]
        growth.append(Growth(days, row["added"], row["gone"]))
    return Measured(memories, active, growth)


def last(conn: Connection, scope: UserScope) -> Health | None:
    """The user's health as last measured; None when it never was."""
    row = conn.execute(
        "SELECT * FROM user_health WHERE project_id = %s AND user_id = %s", (scope.project_id, scope.user_id)
    ).fetchone()
    if row is None:
        return None
    fields = ("measured_at", "active", "measured", "duplicates", "repeated", "junk", "stale")
    growth = tuple(Growth(days, row[f"added_{days}"], row[f"gone_{days}"]) for days in WINDOWS)
    return Health(**{name: row[name] for name in fields}, growth=growth)


def write(conn: Connection, scope: UserScope, health: Health) -> None:
    """Keep the measurement in place of the one before; nothing for a user without any memory."""
    values = {"project": scope.project_id, "user": scope.user_id}
    values |= {name: getattr(health, name) for name in ("measured_at", "active", "measured", "duplicates", "repeated")}
    values |= {"junk": health.junk, "stale": health.stale}
    for growth in health.growth:
        values |= {f"added_{growth.days}": growth.added, f"gone_{growth.days}": growth.gone}
    conn.execute(WRITE, values)


def count_project(conn: Connection, scope: ProjectScope, now: datetime) -> None:
    """Count the project's memories by type and status, and sum the health of its users, for `mneme_counts()`."""
    conn.execute("DELETE FROM project_health WHERE project_id = %s", (scope.project_id,))
    conn.execute(COUNT_PROJECT, {"project": scope.project_id, "now": now})
