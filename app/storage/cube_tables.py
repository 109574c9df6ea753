"""The rows of a user as lines of a cube: columns by the database's own catalogue, so that a column which is added
travels by itself, and one statement for each kind of line.
"""

import base64
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson

from app.domain.cube_check import Column
from app.domain.cubes import KINDS, LineKind, Selection
from app.domain.scope import UserScope
from app.storage.db import Connection

PAGE = 500  # rows that a cursor brings at once

CATALOGUE = """
SELECT c.relname AS name, a.attname AS field, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS needed,
       a.atthasdef OR a.attidentity <> '' AS filled
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""
EXTRA = Column("text", required=False, nullable=True)

OF_USER = "t.project_id = %(project)s AND t.user_id = %(user)s"
MEMORIES = """
SELECT m.id FROM memories m WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.status <> 'erased'
  AND (%(secrets)s OR m.type <> 'secret')
  AND (%(session)s::text IS NULL OR m.session_id = %(session)s OR EXISTS (SELECT 1 FROM memory_sources ms
       JOIN events me ON me.id = ms.event_id WHERE ms.memory_id = m.id AND me.session_id = %(session)s))
  AND (%(agent)s::text IS NULL OR m.agent_id = %(agent)s)
  AND (%(scene)s::uuid IS NULL OR m.id IN (SELECT sm.memory_id FROM scene_members sm JOIN scenes sc
       ON sc.id = sm.scene_id WHERE sc.id = %(scene)s OR sc.parent_id = %(scene)s))
  AND (%(types)s::text[] IS NULL OR m.type = ANY (%(types)s))
  AND (%(status)s::text[] IS NULL OR m.status = ANY (%(status)s))
  AND (%(from)s::timestamptz IS NULL OR m.occurred_at >= %(from)s)
  AND (%(to)s::timestamptz IS NULL OR m.occurred_at < %(to)s)
  AND (%(entities)s::text[] IS NULL OR EXISTS (SELECT 1 FROM memory_entities mn JOIN entities n ON n.id = mn.entity_id
       WHERE mn.memory_id = m.id AND (n.normalised = ANY (%(entities)s) OR n.aliases && %(entities)s)))
"""
EVENTS = f"""
SELECT e.id FROM events e WHERE e.project_id = %(project)s AND e.user_id = %(user)s AND ((NOT %(filtered)s
  AND (%(session)s::text IS NULL OR e.session_id = %(session)s) AND (%(agent)s::text IS NULL OR e.agent_id = %(agent)s))
  OR e.id IN (SELECT es.event_id FROM memory_sources es WHERE es.memory_id IN ({MEMORIES})))
"""
BY_SESSION = "%(by_session)s AND (%(session)s::text IS NULL OR t.session_id = %(session)s)"
SCENES = "%(whole)s OR (%(scene)s::uuid IS NOT NULL AND (t.id = %(scene)s OR t.parent_id = %(scene)s))"
SCENES_OF = SCENES.replace("t.", "s.")

# Which rows of each kind a selection holds, and in what order they stand.
WHICH: dict[str, tuple[str, str]] = {
    "session": (
        (
            f"t.session_id IN (SELECT e.session_id FROM events e WHERE e.id IN ({EVENTS}))"
            f" OR t.session_id IN (SELECT m.session_id FROM memories m WHERE m.id IN ({MEMORIES})) OR %(whole)s"
        ),
        "t.session_id",
    ),
    "speaker": (f"%(whole)s OR t.name IN (SELECT e.name FROM events e WHERE e.id IN ({EVENTS}))", "t.name, t.role"),
    "event": (f"t.id IN ({EVENTS})", "t.seq"),
    "segment": (BY_SESSION, "t.started_at, t.id"),
    "candidate": (
        f"{BY_SESSION} AND (%(secrets)s OR t.body ->> 'type' <> 'secret')",
        "t.occurred_at, t.segment_id, t.ordinal",
    ),
    "entity": (
        f"t.id IN (SELECT me.entity_id FROM memory_entities me WHERE me.memory_id IN ({MEMORIES}))",
        "t.created_at, t.id",
    ),
    "memory": (f"t.id IN ({MEMORIES})", "t.created_at, t.id"),
    "memory_entity": (f"t.memory_id IN ({MEMORIES})", "t.memory_id, t.entity_id"),
    "source": (f"t.memory_id IN ({MEMORIES})", "t.memory_id, t.event_id"),
    "version": (f"t.memory_id IN ({MEMORIES})", "t.memory_id, t.version"),
    "link": (f"t.from_id IN ({MEMORIES}) AND t.to_id IN ({MEMORIES})", "t.created_at, t.id"),
    "scene": (SCENES, "t.depth, t.created_at, t.id"),
    "scene_member": (
        (
            f"t.memory_id IN ({MEMORIES}) AND t.scene_id IN (SELECT s.id FROM scenes s"
            f" WHERE {OF_USER.replace('t.', 's.')} AND ({SCENES_OF}))"
        ),
        "t.scene_id, t.memory_id",
    ),
    "block": (BY_SESSION, "t.session_id, t.kind"),
    "feedback": (f"t.memory_id IN ({MEMORIES})", "t.created_at, t.id"),
    "vector": (
        (
            f"t.model = %(model)s AND ((t.kind = 'memory' AND t.target_id IN ({MEMORIES}))"
            f" OR (t.kind = 'event' AND %(with_events)s AND t.target_id IN ({EVENTS})))"
        ),
        "t.target_id",
    ),
    "artefact": ("%(whole)s", "t.created_at, t.id"),
    "artefact_part": ("%(whole)s", "t.artefact_id, t.seq"),
}
# Where a kind is read from when it is more than its table.
FROM: dict[str, str] = {
    "memory_entity": (
        "(SELECT me.*, n.normalised, n.kind FROM memory_entities me JOIN entities n ON n.id = me.entity_id)"
    ),
    "source": ("(SELECT ms.*, e.session_id, e.client_id FROM memory_sources ms JOIN events e ON e.id = ms.event_id)"),
    "scene": (
        "(WITH RECURSIVE tree AS (SELECT s.id, 0 AS depth FROM scenes s WHERE s.parent_id IS NULL UNION ALL"
        " SELECT s.id, tree.depth + 1 FROM scenes s JOIN tree ON s.parent_id = tree.id)"
        " SELECT s.*, tree.depth FROM scenes s JOIN tree ON tree.id = s.id)"
    ),
}
# Vectors inside other rows go where vectors go. A statement that waits for its decision needs its own in any case.
WITH_VECTORS = {"segment": ("model", "dense"), "scene": ("model", "centroid"), "candidate": ("model", "dense")}
WAITS = "(%(vectors)s OR t.state = 'open' OR t.reason = 'put_off')"


def columns(conn: Connection) -> dict[str, dict[str, Column]]:
    """The fields of each kind of line as this installation has them."""
    rows = conn.execute(CATALOGUE, ([kind.table for kind in KINDS],)).fetchall()
    found: dict[str, dict[str, Column]] = {}
    for kind in KINDS:
        fields = {
            row["field"]: Column(row["type"], required=row["needed"] and not row["filled"], nullable=not row["needed"])
            for row in rows
            if row["name"] == kind.table and row["field"] not in kind.own
        }
        if kind.name == "event":  # computed anew where the line hides what it was made of
            fields["content_hash"] = Column("bytea", required=False, nullable=True)
        found[kind.name] = fields | dict.fromkeys(kind.extra, EXTRA)
    return found


def values_of(scope: UserScope, selection: Selection, model: str, *, secrets: bool) -> dict[str, Any]:
    """The parameters of the statements; without `secrets`, memories of that type are left out."""
    parts = selection.parts
    return {
        "project": scope.project_id,
        "user": scope.user_id,
        "session": selection.session_id,
        "agent": selection.agent_id,
        "scene": selection.scene_id,
        "types": list(selection.types) or None,
        "status": list(selection.status) or None,
        "from": selection.occurred_from,
        "to": selection.occurred_to,
        "entities": list(selection.entities) or None,
        "filtered": selection.filtered,
        "whole": selection.whole,
        "by_session": not selection.filtered and selection.agent_id is None,
        "vectors": "vectors" in parts,
        "with_events": "events" in parts,
        "model": model,
        "secrets": secrets,
    }


def count(conn: Connection, scope: UserScope, kind: LineKind, values: dict[str, Any]) -> int:
    """How many lines of this kind a selection has."""
    assert values["user"] == scope.user_id  # noqa: S101 - the statements are bound to the values
    condition, _ = WHICH[kind.name]
    row = conn.execute(f"SELECT count(*) AS n FROM {_source(kind)} t WHERE {OF_USER} AND ({condition})", values)
    found = row.fetchone()
    return int(found["n"]) if found else 0


def rows(
    conn: Connection, scope: UserScope, kind: LineKind, fields: dict[str, Column], values: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """The rows of this kind in order, as lines without their kind; read through a cursor, a page at a time."""
    assert values["user"] == scope.user_id  # noqa: S101 - the statements are bound to the values
    condition, order = WHICH[kind.name]
    listed = ", ".join(_shown(kind, name, column) for name, column in fields.items())
    statement = (
        f"SELECT row_to_json(line)::text AS line FROM (SELECT {listed} FROM {_source(kind)} t"
        f" WHERE {OF_USER} AND ({condition}) ORDER BY {order}) line"
    )
    with conn.cursor(name=f"cube_{kind.name}") as cursor:
        cursor.itersize = PAGE
        for row in cursor.execute(statement, values):
            yield orjson.loads(row["line"])


def signing_key(conn: Connection) -> bytes | None:
    """The installation's own key for signatures; None where it was taken away."""
    row = conn.execute("SELECT secret FROM signing_keys WHERE name = 'cubes'").fetchone()
    return bytes(row["secret"]) if row else None


def has_scene(conn: Connection, scope: UserScope, scene_id: UUID) -> bool:
    """Whether the scene is one of this user."""
    found = conn.execute(
        "SELECT 1 FROM scenes WHERE id = %s AND project_id = %s AND user_id = %s",
        (scene_id, scope.project_id, scope.user_id),
    ).fetchone()
    return found is not None


def _source(kind: LineKind) -> str:
    return FROM.get(kind.name, kind.table)


def _shown(kind: LineKind, name: str, column: Column) -> str:
    shown = f't."{name}"'
    if column.type == "bytea":
        shown = f"translate(encode({shown}, 'base64'), E'\\n', '')"
    if name in WITH_VECTORS.get(kind.name, ()):
        needed = WAITS if kind.name == "candidate" else "%(vectors)s"
        shown = f"CASE WHEN {needed} THEN {shown} END"
    return f'{shown} AS "{name}"'


def encoded(raw: bytes) -> str:
    """Bytes as a line carries them."""
    return base64.b64encode(raw).decode()
