"""Typed edges between memories: written with the memory that they start from, read for answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.memory_writes import NewMemory
from app.domain.scope import Scope, UserScope
from app.storage.db import Connection


def insert(conn: Connection, scope: UserScope, new: Sequence[NewMemory]) -> None:
    """Store the links of these memories."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO links (id, project_id, user_id, from_id, to_id, type, weight, reason)"
            " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (scope.project_id, scope.user_id, memory.id, link.to_id, link.type, link.weight, link.reason)
                for memory in new
                for link in memory.links
            ],
        )


FROM = """
SELECT from_id, to_id, max(weight) AS weight FROM links
WHERE project_id = %(project)s AND user_id = %(user)s AND from_id = ANY (%(ids)s)
  AND type <> 'contradicts' AND (%(known_at)s::timestamptz IS NULL OR created_at <= %(known_at)s)
GROUP BY from_id, to_id
"""


def starting_at(
    conn: Connection, scope: UserScope, ids: Sequence[UUID], *, known_at: datetime | None = None
) -> list[tuple[UUID, UUID, float]]:
    """The links that start at these memories and how strong they are, but for what contradicts; as it was known then.
    What lies at the other end need not be shown.
    """
    values = {"project": scope.project_id, "user": scope.user_id, "ids": list(ids), "known_at": known_at}
    return [(row["from_id"], row["to_id"], row["weight"]) for row in conn.execute(FROM, values).fetchall()]


HOPS = """
SELECT near_id, far_id, max(weight) AS weight FROM (
    SELECT from_id AS near_id, to_id AS far_id, weight, type, created_at FROM links
    WHERE project_id = %(project)s AND user_id = %(user)s AND from_id = ANY (%(ids)s)
    UNION ALL
    SELECT to_id, from_id, weight, type, created_at FROM links
    WHERE project_id = %(project)s AND user_id = %(user)s AND to_id = ANY (%(ids)s)
) AS edges
WHERE type <> 'contradicts' AND far_id <> ALL (%(ids)s)
  AND (%(known_at)s::timestamptz IS NULL OR created_at <= %(known_at)s)
GROUP BY near_id, far_id ORDER BY weight DESC, far_id LIMIT %(limit)s
"""


def hops(
    conn: Connection, scope: UserScope, ids: Sequence[UUID], *, limit: int, known_at: datetime | None = None
) -> list[tuple[UUID, UUID, float]]:
    """Where one step along a link leads from these memories, in either direction: from which, to which, how strong;
    the strongest first, but for what contradicts, as it was known then. What lies there need not be shown.
    """
    values = {"project": scope.project_id, "user": scope.user_id, "ids": list(ids), "known_at": known_at}
    found = conn.execute(HOPS, values | {"limit": limit}).fetchall()
    return [(row["near_id"], row["far_id"], row["weight"]) for row in found]


@dataclass(frozen=True, slots=True)
class Link:
    """An edge of a memory: out of it, or into it; `other_*` is the memory at its other end."""

    id: UUID
    type: str
    outgoing: bool
    weight: float
    reason: str | None
    created_at: datetime
    other_id: UUID
    other_text: str
    other_status: str
    other_session_id: str | None


OF_MEMORY = """
SELECT l.id, l.type, l.from_id = %(id)s AS outgoing, l.weight, l.reason, l.created_at, m.id AS other_id,
       m.text AS other_text, m.status AS other_status, m.session_id AS other_session_id
FROM links l JOIN memories m ON m.id = CASE WHEN l.from_id = %(id)s THEN l.to_id ELSE l.from_id END
    AND m.project_id = l.project_id AND m.user_id = l.user_id
WHERE l.project_id = %(project)s AND (l.from_id = %(id)s OR l.to_id = %(id)s) AND m.status <> 'erased'
  AND (%(session)s::text IS NULL OR m.session_id = %(session)s)
  AND (l.created_at, l.id) > (coalesce(%(at)s, '-infinity'::timestamptz),
                              coalesce(%(after)s, '00000000-0000-0000-0000-000000000000'::uuid))
ORDER BY l.created_at, l.id LIMIT %(limit)s
"""


def of_memory(  # noqa: PLR0913 - whose, as far as the caller sees, one page
    conn: Connection,
    scope: Scope,
    memory_id: UUID,
    *,
    session_id: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Link]:
    """The links from and to a memory, the oldest first; with `session_id` only those to memories of that session."""
    rows = conn.execute(
        OF_MEMORY,
        {
            "id": memory_id,
            "project": scope.project_id,
            "session": session_id,
            "at": after[0] if after else None,
            "after": after[1] if after else None,
            "limit": limit,
        },
    ).fetchall()
    return [Link(**row) for row in rows]
