"""Scenes and their members. Derived: replaced as a whole, only what differs is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.scenes import Scene
from app.domain.scope import UserScope
from app.storage.db import Connection
from app.storage.vectors import to_half

UPSERT = """
INSERT INTO scenes AS s (id, project_id, user_id, parent_id, label, summary, keywords, model, centroid, visits,
    first_at, last_at)
VALUES (%(id)s, %(project)s, %(user)s, %(parent)s, %(label)s, %(summary)s, %(keywords)s, %(model)s, %(centroid)s,
    %(visits)s, %(first_at)s, %(last_at)s)
ON CONFLICT (id) DO UPDATE SET parent_id = excluded.parent_id, label = excluded.label, summary = excluded.summary,
    keywords = excluded.keywords, model = excluded.model, centroid = excluded.centroid, visits = excluded.visits,
    first_at = excluded.first_at, last_at = excluded.last_at, version = s.version + 1, updated_at = now()
WHERE (s.parent_id, s.label, s.summary, s.keywords, s.model, s.centroid, s.visits, s.first_at, s.last_at)
    IS DISTINCT FROM (excluded.parent_id, excluded.label, excluded.summary, excluded.keywords, excluded.model,
    excluded.centroid, excluded.visits, excluded.first_at, excluded.last_at)
"""
# A summary is the text of a member; when no active memory says it any more, there is none until the next tidying.
PAGE = """
SELECT s.id, s.parent_id, s.label, s.keywords, s.visits, s.first_at, s.last_at, s.version, s.updated_at,
    CASE WHEN EXISTS (SELECT 1 FROM memories m WHERE m.project_id = s.project_id AND m.user_id = s.user_id
        AND m.status = 'active' AND m.text = s.summary) THEN s.summary ELSE '' END AS summary,
    ARRAY(SELECT m.id FROM scenes own JOIN scene_members o ON o.scene_id = own.id
        JOIN memories m ON m.id = o.memory_id AND m.status = 'active'
        WHERE own.id = s.id OR own.parent_id = s.id ORDER BY m.occurred_at, m.id) AS memory_ids,
    (SELECT max(last_at) FROM scenes WHERE project_id = %(project)s AND user_id = %(user)s) AS latest
FROM scenes s
WHERE s.project_id = %(project)s AND s.user_id = %(user)s
  AND (%(at)s::timestamptz IS NULL OR (s.last_at, s.id) < (%(at)s, %(id)s::uuid))
ORDER BY s.last_at DESC, s.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class StoredScene:
    """A scene as it is read; `latest` is the newest time of all scenes of the user."""

    id: UUID
    parent_id: UUID | None
    label: str
    keywords: tuple[str, ...]
    summary: str
    visits: float
    first_at: datetime
    last_at: datetime
    version: int
    updated_at: datetime
    memory_ids: tuple[UUID, ...]
    latest: datetime


def replace(conn: Connection, scope: UserScope, model: str, scenes: Sequence[Scene]) -> None:
    """Make these the user's scenes; parents come before their children."""
    whose = {"project": scope.project_id, "user": scope.user_id}
    members = [(scene.id, memory) for scene in scenes for memory in scene.memories]
    pairs = {"scenes": [s for s, _ in members], "memories": [m for _, m in members]}
    conn.execute(
        "DELETE FROM scenes WHERE project_id = %(project)s AND user_id = %(user)s AND NOT id = ANY (%(ids)s)",
        whose | {"ids": [scene.id for scene in scenes]},
    )
    with conn.cursor() as cursor:
        cursor.executemany(UPSERT, [whose | _values(scene, model) for scene in scenes])
    conn.execute(
        "DELETE FROM scene_members WHERE project_id = %(project)s AND user_id = %(user)s"
        " AND (scene_id, memory_id) NOT IN (SELECT * FROM unnest(%(scenes)s::uuid[], %(memories)s::uuid[]))",
        whose | pairs,
    )
    conn.execute(
        "INSERT INTO scene_members (scene_id, memory_id, project_id, user_id)"
        " SELECT x.scene_id, x.memory_id, %(project)s, %(user)s"
        " FROM unnest(%(scenes)s::uuid[], %(memories)s::uuid[]) AS x (scene_id, memory_id) ON CONFLICT DO NOTHING",
        whose | pairs,
    )


def members(conn: Connection, scope: UserScope) -> dict[UUID, frozenset[UUID]]:
    """The memories of each of the user's scenes; a wider scene has none of its own."""
    rows = conn.execute(
        "SELECT s.id, ARRAY(SELECT o.memory_id FROM scene_members o WHERE o.scene_id = s.id) AS memories FROM scenes s"
        " WHERE s.project_id = %s AND s.user_id = %s",
        (scope.project_id, scope.user_id),
    ).fetchall()
    return {row["id"]: frozenset(row["memories"]) for row in rows}


def page(
    conn: Connection, scope: UserScope, *, after: tuple[datetime, UUID] | None = None, limit: int = 50
) -> list[StoredScene]:
    """Scenes, the latest first; `after` is (last_at, id) of the last one seen."""
    values = {"at": after[0] if after else None, "id": after[1] if after else None, "limit": limit}
    rows = conn.execute(PAGE, {"project": scope.project_id, "user": scope.user_id, **values}).fetchall()
    return [
        StoredScene(**row | {"keywords": tuple(row["keywords"]), "memory_ids": tuple(row["memory_ids"])})
        for row in rows
    ]


def _values(scene: Scene, model: str) -> dict[str, object]:
    return {
        "id": scene.id,
        "parent": scene.parent_id,
        "label": scene.label,
        "summary": scene.summary,
        "keywords": list(scene.keywords),
        "model": model,
        "centroid": to_half(scene.centroid),
        "visits": scene.visits,
        "first_at": scene.first_at,
        "last_at": scene.last_at,
    }
