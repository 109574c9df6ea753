"""Reflections around an erasure: those that were derived from what goes, and how one is unmade. Part of
`erasing_sources`.
"""

from collections.abc import Sequence
from uuid import UUID

from app.domain.scope import UserScope
from app.domain.sleep import RECURRING
from app.storage import entities, unindex
from app.storage.db import Connection

OF_USER = "project_id = %(project)s AND user_id = %(user)s"

DERIVED = """
WITH RECURSIVE derived (id) AS (
    SELECT unnest(%(ids)s::uuid[])
    UNION SELECT l.from_id FROM derived d JOIN links l ON l.to_id = d.id AND l.type = 'derived_from'
        JOIN memories m ON m.id = l.from_id AND m.type = 'reflection' AND m.status <> 'erased'
    WHERE l.project_id = %(project)s AND l.user_id = %(user)s)
SELECT id FROM derived WHERE id <> ALL (%(ids)s) ORDER BY id
"""
BY_SLEEP = f"""
SELECT id FROM memories WHERE {OF_USER} AND id = ANY (%(ids)s) AND type = 'reflection' AND attribute = %(recurring)s
"""
UNMAKE = (
    f"DELETE FROM vectors WHERE {OF_USER} AND target_id = ANY (%(ids)s)",
    f"DELETE FROM memories WHERE {OF_USER} AND id = ANY (%(ids)s)",  # the rest goes with the row
    f"DELETE FROM entities WHERE {OF_USER} AND id NOT IN (SELECT entity_id FROM memory_entities WHERE {OF_USER})",
)


def of(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID]) -> list[UUID]:
    """The reflections that were derived from one of these memories, or from such a reflection: they name what it
    said.
    """
    if not memory_ids:
        return []
    rows = conn.execute(DERIVED, _of(scope) | {"ids": list(memory_ids)}).fetchall()
    return [row["id"] for row in rows]


def by_sleep(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these that sleep derived and would derive again."""
    rows = conn.execute(BY_SLEEP, _of(scope) | {"ids": list(memory_ids), "recurring": RECURRING}).fetchall()
    return {row["id"] for row in rows}


def unmake(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID]) -> None:
    """Take these reflections out with all their versions, as if they had never been: one that was erased keeps its row,
    by which sleep leaves it away; one of these is derived anew from what remains, where that is enough.
    """
    if not memory_ids:
        return
    entities.forget(conn, scope, memory_ids)
    for statement in UNMAKE:
        conn.execute(statement, _of(scope) | {"ids": list(memory_ids)})
    unindex.add(conn, scope, memory_ids)


def _of(scope: UserScope) -> dict[str, object]:
    return {"project": scope.project_id, "user": scope.user_id}
