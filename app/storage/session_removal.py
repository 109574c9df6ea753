"""Taking one session out of every table; called by the session service inside one transaction."""

from uuid import UUID

from app.domain.scope import UserScope
from app.storage import unindex
from app.storage.db import Connection

OF_SESSION = "project_id = %(project)s AND user_id = %(user)s AND session_id = %(session)s"

# Memories with a source in the session and none outside it, and those that an app wrote into it directly.
ONLY_HERE = """
SELECT m.id FROM memories m
WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.status <> 'erased'
  AND (m.session_id = %(session)s OR EXISTS (
        SELECT 1 FROM memory_sources s JOIN events e ON e.id = s.event_id
        WHERE s.memory_id = m.id AND e.session_id = %(session)s))
  AND NOT EXISTS (
        SELECT 1 FROM memory_sources s JOIN events e ON e.id = s.event_id
        WHERE s.memory_id = m.id AND e.session_id <> %(session)s)
ORDER BY m.id
"""

EVENTS = f"SELECT id FROM events WHERE {OF_SESSION}"
REMOVE = (
    f"DELETE FROM vectors WHERE project_id = %(project)s AND user_id = %(user)s AND target_id IN ({EVENTS})",
    f"DELETE FROM candidates WHERE {OF_SESSION}",
    f"DELETE FROM segments WHERE {OF_SESSION}",
    f"DELETE FROM blocks WHERE {OF_SESSION}",
)


def lock(conn: Connection, scope: UserScope, session_id: str) -> bool:
    """Hold the session's row, so that no event joins it meanwhile; False when there is none."""
    row = conn.execute(f"SELECT 1 FROM sessions WHERE {OF_SESSION} FOR UPDATE", _of(scope, session_id)).fetchone()
    return row is not None


def fence(conn: Connection, scope: UserScope, session_id: str) -> None:
    """Take the lease from whoever works on this session or on this user's memories: their transactions roll back."""
    values = _of(scope, session_id)
    conn.execute(
        "UPDATE work SET state = 'ready', token = token + 1, lease_until = NULL, run_after = clock_timestamp(),"
        " updated_at = clock_timestamp() WHERE project_id = %(project)s AND user_id = %(user)s"
        " AND kind IN ('consolidate', 'wake') AND state = 'leased'",
        values,
    )
    conn.execute(f"DELETE FROM work WHERE kind = 'extract' AND {OF_SESSION}", values)


def memories_of_only(conn: Connection, scope: UserScope, session_id: str) -> list[UUID]:
    """The memories that rest on this session alone."""
    return [row["id"] for row in conn.execute(ONLY_HERE, _of(scope, session_id)).fetchall()]


def remove(conn: Connection, scope: UserScope, session_id: str) -> int:
    """Delete the session's rows; returns how many events went."""
    values = _of(scope, session_id)
    ids = [row["id"] for row in conn.execute(EVENTS, values).fetchall()]
    unindex.add(conn, scope, ids)
    for statement in REMOVE:
        conn.execute(statement, values)
    conn.execute(f"DELETE FROM events WHERE {OF_SESSION}", values)
    conn.execute(f"DELETE FROM sessions WHERE {OF_SESSION}", values)
    return len(ids)


def _of(scope: UserScope, session_id: str) -> dict[str, object]:
    return {"project": scope.project_id, "user": scope.user_id, "session": session_id}
