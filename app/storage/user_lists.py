"""Lists about one user: the entities that memories name, and memories in order of the time that they speak of."""

from dataclasses import dataclass
from uuid import UUID

from app.domain.memory import Source
from app.domain.scope import UserScope
from app.storage import memories
from app.storage.blocks import DATE
from app.storage.db import Connection


@dataclass(frozen=True, slots=True)
class NamedEntity:
    """An entity that at least one active memory names."""

    id: UUID
    name: str
    normalised: str
    kind: str
    aliases: tuple[str, ...]
    memories: int


@dataclass(frozen=True, slots=True)
class Moment:
    """An active memory at the local date (`YYYY`, `YYYY-MM`, `YYYY-MM-DD` or an instant) that it speaks of."""

    date: str
    memory_id: UUID
    type: str
    text: str
    sources: tuple[Source, ...]


ENTITIES = """
SELECT n.id, n.name, n.normalised, n.kind, n.aliases, count(*) AS memories
FROM entities n JOIN memory_entities me ON me.entity_id = n.id
JOIN memories m ON m.id = me.memory_id AND m.status = 'active'
WHERE n.project_id = %(project)s AND n.user_id = %(user)s
  AND (%(id)s::uuid IS NULL OR (n.normalised, n.id) > (%(name)s, %(id)s))
GROUP BY n.id ORDER BY n.normalised, n.id LIMIT %(limit)s
"""
TIMELINE = f"""
SELECT * FROM (SELECT {DATE} AS date, m.id, m.type, m.text FROM memories m
    WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.status = 'active') t
WHERE %(id)s::uuid IS NULL OR (date COLLATE "C", id) > (%(date)s, %(id)s)
ORDER BY date COLLATE "C", id LIMIT %(limit)s
"""


def entities(
    conn: Connection, scope: UserScope, *, after: tuple[str, UUID] | None = None, limit: int = 50
) -> list[NamedEntity]:
    """Entities by name; `after` is (normalised, id) of the last one seen."""
    values = {"name": after[0] if after else None, "id": after[1] if after else None, "limit": limit}
    rows = conn.execute(ENTITIES, {"project": scope.project_id, "user": scope.user_id, **values}).fetchall()
    return [NamedEntity(**row | {"aliases": tuple(row["aliases"])}) for row in rows]


def timeline(
    conn: Connection, scope: UserScope, *, after: tuple[str, UUID] | None = None, limit: int = 50
) -> list[Moment]:
    """Active memories, the earliest first; `after` is (date, id) of the last one seen."""
    values = {"date": after[0] if after else None, "id": after[1] if after else None, "limit": limit}
    rows = conn.execute(TIMELINE, {"project": scope.project_id, "user": scope.user_id, **values}).fetchall()
    of = memories.sources(conn, scope, [row["id"] for row in rows])
    return [Moment(row["date"], row["id"], row["type"], row["text"], tuple(of[row["id"]])) for row in rows]
