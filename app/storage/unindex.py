"""Points to take out of the index, because their rows are gone. The index stage empties the list."""

from collections.abc import Sequence
from uuid import UUID

from app.domain.scope import ProjectScope, UserScope
from app.storage.db import Connection


def add(conn: Connection, scope: UserScope, ids: Sequence[UUID]) -> None:
    """List these ids; the caller enqueues the index stage in the same transaction."""
    conn.execute(
        "INSERT INTO unindex (target_id, project_id, user_id) SELECT t, %s, %s FROM unnest(%s::uuid[]) AS t"
        " ON CONFLICT DO NOTHING",
        (scope.project_id, scope.user_id, list(ids)),
    )


def page(conn: Connection, scope: UserScope, limit: int) -> list[UUID]:
    """Some ids of this user that are to go."""
    rows = conn.execute(
        "SELECT target_id FROM unindex WHERE project_id = %s AND user_id = %s LIMIT %s",
        (scope.project_id, scope.user_id, limit),
    ).fetchall()
    return [row["target_id"] for row in rows]


def remove(conn: Connection, scope: UserScope, ids: Sequence[UUID]) -> None:
    """They are gone from every collection."""
    conn.execute(
        "DELETE FROM unindex WHERE target_id = ANY (%s) AND project_id = %s AND user_id = %s",
        (list(ids), scope.project_id, scope.user_id),
    )


def clear(conn: Connection, scope: ProjectScope) -> None:
    """Nothing is to go: the index is empty and will be filled from what is there."""
    conn.execute("DELETE FROM unindex WHERE project_id = %s", (scope.project_id,))
