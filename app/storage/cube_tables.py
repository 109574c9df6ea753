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
# The planner knows a cursor's first rows are not all, and these tables may be fresh: rows in bulk want hashes.
PLANNED = "SET LOCAL cursor_tuple_fraction = 1; SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'"
IN_SESSION = (
    "(m.session_id = %(session)s OR m.id IN (SELECT ms.memory_id FROM memory_sources ms"
    " JOIN events me ON me.id = ms.event_id WHERE me.project_id = %(project)s AND me.user_id = %(user)s"
    " AND me.session_id = %(session)s))"
)
IN_SCENE = (
    "m.id IN (SELECT sm.memory_id FROM scene_members sm JOIN scenes sc ON sc.id = sm.scene_id"
    " WHERE sc.id = %(scene)s OR sc.parent_id = %(scene)s)"
)
NAMES_ONE = (
    "m.id IN (SELECT mn.memory_id FROM memory_entities mn JOIN entities n ON n.id = mn.entity_id"
    " WHERE n.project_id = %(project)s AND n.user_id = %(user)s"
    " AND (n.normalised = ANY (%(entities)s) OR n.aliases && %(entities)s))"
)
ORDER = {
    "session": "t.session_id",
    "speaker": "t.name, t.role",
    "event": "t.seq",
    "segment": "t.started_at, t.id",
    "candidate": "t.occurred_at, t.segment_id, t.ordinal",
    "entity": "t.created_at, t.id",
    "memory": "t.created_at, t.id",
    "memory_entity": "t.memory_id, t.entity_id",
    "source": "t.memory_id, t.event_id",
    "version": "t.memory_id, t.version",
    "link": "t.created_at, t.id",
    "scene": "t.depth, t.created_at, t.id",
    "scene_member": "t.scene_id, t.memory_id",
    "block": "t.session_id, t.kind",
    "feedback": "t.created_at, t.id",
    "vector": "t.target_id",
    "artefact": "t.created_at, t.id",
    "artefact_part": "t.artefact_id, t.seq",
}


def _memories(values: dict[str, Any]) -> str:
    """The ids of the memories that are selected; only what is set narrows."""
    narrowing = {
        IN_SESSION: values["session"],
        "m.agent_id = %(agent)s": values["agent"],
        IN_SCENE: values["scene"],
        "m.type = ANY (%(types)s)": values["types"],
        "m.status = ANY (%(status)s)": values["status"],
        "m.occurred_at >= %(from)s": values["from"],
        "m.occurred_at < %(to)s": values["to"],
        NAMES_ONE: values["entities"],
    }
    kept = [condition for condition, value in narrowing.items() if value is not None]
    kept += [] if values["secrets"] else ["m.type <> 'secret'"]
    return (
        "SELECT m.id FROM memories m WHERE m.project_id = %(project)s AND m.user_id = %(user)s"
        f" AND m.status <> 'erased'{''.join(' AND ' + condition for condition in kept)}"
    )


def _events(values: dict[str, Any]) -> str:
    """The ids of the turns that are selected: of the session or agent, and those that a selected memory rests on."""
    scoped = "project_id = %(project)s AND user_id = %(user)s"
    if values["whole"]:
        return f"SELECT id FROM events WHERE {scoped}"
    sources = f"SELECT event_id FROM memory_sources WHERE {scoped} AND memory_id IN ({_memories(values)})"
    if values["filtered"]:
        return sources
    own = "".join(f" AND {name}_id = %({name})s" for name in ("session", "agent") if values[name] is not None)
    return f"SELECT id FROM events WHERE {scoped}{own} UNION {sources}"


def _which(name: str, values: dict[str, Any]) -> str:
    """The condition over rows of this kind, `t`."""
    memories, events = _memories(values), _events(values)
    whole, by_session = values["whole"], values["by_session"]
    of_session = "true" if values["session"] is None else "t.session_id = %(session)s"
    scenes = "true" if whole else "(t.id = %(scene)s OR t.parent_id = %(scene)s)" if values["scene"] else "false"
    if name in {"memory_entity", "source", "version", "feedback"}:
        return f"t.memory_id IN ({memories})"
    if name in {"segment", "block", "candidate"}:
        hidden = "" if name != "candidate" or values["secrets"] else " AND t.body ->> 'type' <> 'secret'"
        return (of_session if by_session else "false") + hidden
    if name == "scene_member":
        return f"t.memory_id IN ({memories}) AND t.scene_id IN (SELECT t.id FROM scenes t WHERE {OF_USER} AND {scenes})"
    conditions = {
        "session": (
            f"t.session_id IN (SELECT session_id FROM events WHERE id IN ({events}) UNION"
            f" SELECT session_id FROM memories WHERE id IN ({memories}))"
        ),
        "speaker": f"t.name IN (SELECT name FROM events WHERE id IN ({events}))",
        "event": f"t.id IN ({events})",
        "entity": f"t.id IN (SELECT me.entity_id FROM memory_entities me WHERE me.memory_id IN ({memories}))",
        "memory": f"t.id IN ({memories})",
        "link": f"t.from_id IN ({memories}) AND t.to_id IN ({memories})",
        "scene": scenes,
        "vector": (
            f"t.model = %(model)s AND t.target_id IN ({memories}"
            f"{' UNION ALL (' + events + ')' if values['with_events'] else ''})"
        ),
    }
    narrowed = conditions.get(name, "false")
    return "true" if whole and name not in {"entity", "memory", "link", "vector"} else narrowed


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


def plan_for_bulk(conn: Connection) -> None:
    """For the rest of the transaction, plan for all rows."""
    conn.execute(PLANNED)


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
    row = conn.execute(
        f"SELECT count(*) AS n FROM {_source(kind)} t WHERE {OF_USER} AND ({_which(kind.name, values)})", values
    )
    found = row.fetchone()
    return int(found["n"]) if found else 0


def rows(
    conn: Connection, scope: UserScope, kind: LineKind, fields: dict[str, Column], values: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """The rows of this kind in order, as lines without their kind; read through a cursor, a page at a time."""
    assert values["user"] == scope.user_id  # noqa: S101 - the statements are bound to the values
    listed = ", ".join(_shown(kind, name, column) for name, column in fields.items())
    statement = (
        f"SELECT row_to_json(line)::text AS line FROM (SELECT {listed} FROM {_source(kind)} t"
        f" WHERE {OF_USER} AND ({_which(kind.name, values)}) ORDER BY {ORDER[kind.name]}) line"
    )
    with conn.cursor(name=f"cube_{kind.name}") as cursor:
        cursor.itersize = PAGE
        for row in cursor.execute(statement, values):
            yield orjson.loads(row["line"])


def signing_key(conn: Connection) -> bytes | None:
    """The installation's own key for signatures; None where it was taken away."""
    row = conn.execute("SELECT secret FROM installation_keys WHERE name = 'cubes'").fetchone()
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
