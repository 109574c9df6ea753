"""Segments and scenes as units of a recall: their members and their direction."""

from app.domain.granularity import Unit
from app.domain.scope import UserScope
from app.storage.db import Connection

SEGMENTS = """
SELECT event_ids AS members, dense FROM segments
WHERE project_id = %(project)s AND user_id = %(user)s AND model = %(model)s AND dense IS NOT NULL
ORDER BY started_at DESC, id LIMIT %(limit)s
"""
SCENES = """
SELECT array_agg(o.memory_id ORDER BY o.memory_id) AS members, s.centroid AS dense
FROM scenes s JOIN scene_members o ON o.scene_id = s.id
WHERE s.project_id = %(project)s AND s.user_id = %(user)s AND s.model = %(model)s
GROUP BY s.id ORDER BY s.last_at DESC, s.id LIMIT %(limit)s
"""


def segments(conn: Connection, scope: UserScope, model: str, *, limit: int) -> list[Unit]:
    """The user's latest segments that have a direction by `model`."""
    return _units(conn, SEGMENTS, scope, model, limit)


def scenes(conn: Connection, scope: UserScope, model: str, *, limit: int) -> list[Unit]:
    """The user's latest scenes by `model`, those that have members of their own."""
    return _units(conn, SCENES, scope, model, limit)


def _units(conn: Connection, statement: str, scope: UserScope, model: str, limit: int) -> list[Unit]:
    values = {"project": scope.project_id, "user": scope.user_id, "model": model, "limit": limit}
    return [Unit(tuple(row["members"]), row["dense"]) for row in conn.execute(statement, values).fetchall()]
