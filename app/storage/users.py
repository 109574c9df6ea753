"""What a project knows of one user: whether it was ever heard of, and counts."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.scope import UserScope
from app.storage.db import Connection
from app.storage.memories import STATUS_NOW

KNOWN = """
SELECT EXISTS (SELECT 1 FROM sessions WHERE project_id = %(project)s AND user_id = %(user)s)
    OR EXISTS (SELECT 1 FROM memories WHERE project_id = %(project)s AND user_id = %(user)s AND status <> 'erased')
        AS it
"""

OVERVIEW = f"""
SELECT s.n AS sessions, s.events, s.first_at, s.last_at, o.pending, o.failed, m.counts AS memories
FROM (SELECT count(*) AS n, coalesce(sum(events), 0)::bigint AS events, min(first_at) AS first_at,
             max(last_at) AS last_at FROM sessions WHERE project_id = %(project)s AND user_id = %(user)s) s,
     (SELECT count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'failed') AS failed
      FROM events WHERE project_id = %(project)s AND user_id = %(user)s AND state <> 'processed') o,
     (SELECT coalesce(json_agg(json_build_array(status, type, n) ORDER BY status, type), '[]') AS counts FROM (
          SELECT {STATUS_NOW} AS status, type, count(*) AS n FROM memories
          WHERE project_id = %(project)s AND user_id = %(user)s AND status <> 'erased' GROUP BY 1, 2) c) m
"""


@dataclass(frozen=True, slots=True)
class UserOverview:
    """Counts of one user; `memories` by status and type."""

    sessions: int
    events: int
    pending: int
    failed: int
    memories: dict[str, dict[str, int]]
    first_at: datetime | None
    last_at: datetime | None


def known(conn: Connection, scope: UserScope) -> bool:
    """Whether anything of the user is kept."""
    row = conn.execute(KNOWN, {"project": scope.project_id, "user": scope.user_id}).fetchone()
    return bool(row and row["it"])


def overview(conn: Connection, scope: UserScope, now: datetime) -> UserOverview | None:
    """The counts as of `now`, or None for a user that was never heard of."""
    row = conn.execute(OVERVIEW, {"project": scope.project_id, "user": scope.user_id, "now": now}).fetchone()
    assert row is not None  # noqa: S101 - aggregates always give a row
    if row["sessions"] == 0 and not row["memories"]:
        return None
    memories: dict[str, dict[str, int]] = {}
    for status, type_, n in row["memories"]:
        memories.setdefault(status, {})[type_] = n
    return UserOverview(**row | {"memories": memories})
