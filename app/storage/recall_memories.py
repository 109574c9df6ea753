"""Memories for a recall: the rows that may be shown from a point of view, with their sources; and stored vectors for
the search that needs no index.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from app.domain.memory import MemoryStatus, Source
from app.domain.query import Kind, Narrowing
from app.domain.scope import UserScope
from app.domain.units import Terms, Unit, memory_unit
from app.storage import recall
from app.storage.db import Connection, Row
from app.storage.memories import ARCHIVED_BY_DECAY, ARCHIVED_LATER, to_memory

# What the service knew at `known_at`: the version recorded then, under the row's own identity. What was archived
# because it is private is archived from every point of view.
KNOWN_THEN = """
(SELECT m.id, m.project_id, m.user_id, m.session_id, m.agent_id, v.type, v.text, v.subject, v.attribute, v.value,
        CASE WHEN m.status = 'archived' AND EXISTS (SELECT 1 FROM feedback f WHERE f.memory_id = m.id
                  AND f.signal = 'private') THEN 'archived' ELSE v.status END AS status,
        v.frozen, v.event_time, v.event_time_precision, v.valid_from, v.valid_from_precision,
        v.valid_to, v.valid_to_precision, m.occurred_at, m.utc_offset, v.live_from, v.live_until,
        v.importance, v.confidence, m.stability, m.use_count, m.last_used_at, v.expires_at, v.review_at, v.flagged,
        m.layer, m.layered_at, v.version, m.superseded_by,
        v.metadata, ARRAY[]::text[] AS keywords, ARRAY[]::text[] AS tags, '' AS context, m.created_at,
        v.recorded_at AS updated_at
 FROM memories m JOIN memory_versions v ON v.memory_id = m.id
 WHERE m.status <> 'erased' AND v.recorded_at <= %(known_at)s
   AND (v.recorded_until IS NULL OR v.recorded_until > %(known_at)s))
"""

SELECT = """
SELECT m.*, (SELECT v.sparse FROM vectors v WHERE v.target_id = m.id AND v.model = %(model)s) AS sparse,
       (SELECT coalesce(json_agg(json_build_array(e.id, e.client_id, e.session_id,
                                                  extract(epoch FROM e.occurred_at), e.utc_offset)
                                 ORDER BY e.occurred_at, e.seq), '[]')
        FROM memory_sources s JOIN events e ON e.id = s.event_id WHERE s.memory_id = m.id AND {visible}) AS sources,
       {entities} AS entities
FROM {relation} m WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND {condition}
"""

# One by one: as a join the planner walks all entities of the user for each memory, as long as these are few.
ENTITIES = (
    "ARRAY(SELECT (SELECT n.normalised FROM entities n WHERE n.id = o.entity_id)"
    " FROM memory_entities o WHERE o.memory_id = m.id)"
)

# Dates are text that sorts as the days do; that of a month names no day. The status is one that `holds` lets through;
# named again, the index of the plans that are active serves.
PLANNED = """
m.type = 'foresight' AND m.status = 'active' AND m.event_time_precision IN ('day', 'time')
AND m.event_time COLLATE "C" < %(after)s AND coalesce(m.valid_to, m.event_time) COLLATE "C" >= %(first)s
ORDER BY m.event_time COLLATE "C", m.id LIMIT %(limit)s
"""
# What a sweep put away after the point of view was there to be found then.
PUT_AWAY_LATER = ARCHIVED_BY_DECAY.format(m="m", condition=ARCHIVED_LATER)
MOST_PLANS = 50  # a limit on work: a context has room for a few

IN_SCENE = (
    "m.id IN (SELECT sm.memory_id FROM scene_members sm JOIN scenes sc ON sc.id = sm.scene_id"
    " WHERE sc.id = %(scene)s OR sc.parent_id = %(scene)s)"
)
NAMES_ONE = (
    "EXISTS (SELECT 1 FROM memory_entities mn JOIN entities n ON n.id = mn.entity_id"
    " WHERE mn.memory_id = m.id AND (n.normalised = ANY (%(entities)s) OR n.aliases && %(entities)s))"
)

VECTORS = """
SELECT t.id, t.version, v.dense, v.sparse, v.sparse_window
FROM {relation} t JOIN vectors v ON v.target_id = t.id AND v.model = %(model)s
WHERE v.project_id = %(project)s AND v.user_id = %(user)s ORDER BY t.occurred_at DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class VectorRow:
    """The stored vectors of one row: float16 dense, and sparse as `SparseVector.to_bytes`."""

    id: UUID
    version: int
    dense: bytes
    sparse: bytes | None
    sparse_window: bytes | None


def memories(  # noqa: PLR0913 - whose, from which view, how much of them
    conn: Connection,
    scope: UserScope,
    narrowing: Narrowing,
    now: datetime,
    ids: Sequence[UUID],
    *,
    model: str,
) -> dict[UUID, Unit]:
    """Those of the memories that hold from this point of view, with their words and the normalised names of their
    entities.
    """
    if not ids:
        return {}
    condition, values = holds(narrowing, now)
    visible, _ = recall.narrow(narrowing, point_of_view_only=True)
    if narrowing.session_id is not None:
        visible += " AND e.session_id = %(session)s"
    sql = SELECT.format(
        visible=visible,
        relation=_relation(narrowing),
        entities=ENTITIES,
        condition=f"m.id = ANY (%(ids)s) AND {condition}",
    )
    named = values | {"ids": list(ids), "model": model, "project": scope.project_id, "user": scope.user_id}
    rows = conn.execute(sql, named).fetchall()
    return {row["id"]: _found(row, narrowing) for row in rows}


def plans(conn: Connection, scope: UserScope, now: datetime, days: tuple[date, date], *, model: str) -> list[Unit]:
    """Plans of the present that take up any of these days (first and last), soonest first; those with a day only."""
    condition, values = holds(Narrowing(), now)
    visible, _ = recall.narrow(Narrowing())
    sql = SELECT.format(visible=visible, relation="memories", entities=ENTITIES, condition=f"{condition} AND {PLANNED}")
    first, last = days
    named = values | {"first": first.isoformat(), "after": (last + timedelta(days=1)).isoformat(), "limit": MOST_PLANS}
    named |= {"model": model, "project": scope.project_id, "user": scope.user_id}
    return [_found(row, Narrowing()) for row in conn.execute(sql, named).fetchall()]


def outdated_turns(conn: Connection, scope: UserScope, narrowing: Narrowing) -> dict[UUID, frozenset[UUID]]:
    """Turns that a statement rests on which was replaced or taken back by then; for each the memories that say so, and
    the turns that these rest on.
    """
    rows = conn.execute(
        "SELECT s.event_id, m.superseded_by, n.event_id AS by_event FROM memories m"
        " JOIN memory_sources s ON s.memory_id = m.id LEFT JOIN memory_sources n ON n.memory_id = m.superseded_by"
        " WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.status IN ('superseded', 'invalidated')"
        " AND (m.status <> 'invalidated' OR m.live_until <> m.live_from)"  # what a rollback hid is not untrue
        " AND (%(as_of)s::timestamptz IS NULL OR m.live_until <= %(as_of)s)",
        {"project": scope.project_id, "user": scope.user_id, "as_of": narrowing.as_of},
    ).fetchall()
    found: dict[UUID, set[UUID]] = defaultdict(set)
    for row in rows:
        found[row["event_id"]] |= {row["superseded_by"], row["by_event"]} - {None, row["event_id"]}
    return {turn: frozenset(by) for turn, by in found.items()}


def holds(narrowing: Narrowing, now: datetime) -> tuple[str, dict[str, Any]]:
    """Conditions over memories `m`: the current belief now, or the one that was current at `as_of`."""
    _, values = recall.narrow(narrowing)
    conditions = ["(m.expires_at IS NULL OR m.expires_at > %(at)s)"]
    if narrowing.as_of is None:
        conditions.append("m.status = ANY (%(statuses)s)")
    else:
        conditions += [
            "m.status NOT IN ('quarantined', 'erased')",
            f"(m.status = ANY (%(statuses)s) OR m.live_until IS NOT NULL OR {PUT_AWAY_LATER})",
            f"(m.status <> 'archived' OR %(archived)s OR {PUT_AWAY_LATER})",
            "m.live_from <= %(as_of)s AND (m.live_until IS NULL OR m.live_until > %(as_of)s)",
        ]
    optional = {
        "m.type = ANY (%(types)s)": narrowing.types or None,
        "m.agent_id = %(agent)s": narrowing.agent_id,
        "m.occurred_at >= %(from)s": narrowing.occurred_from,
        "m.occurred_at < %(to)s": narrowing.occurred_to,
        IN_SCENE: narrowing.scene_id,
        NAMES_ONE: narrowing.entities or None,
        "(m.session_id = %(session)s OR EXISTS (SELECT 1 FROM memory_sources s JOIN events e ON e.id = s.event_id"
        " WHERE s.memory_id = m.id AND e.session_id = %(session)s))": narrowing.session_id,
    }
    conditions += [sql for sql, value in optional.items() if value is not None]
    values |= {
        "at": narrowing.as_of or now,
        "archived": narrowing.include_archived,
        "statuses": ["active", "archived"] if narrowing.include_archived else ["active"],
        "types": [type_.value for type_ in narrowing.types],
        "scene": narrowing.scene_id,
        "entities": sorted(narrowing.entities),
    }
    return " AND ".join(conditions), values


def vectors(  # noqa: PLR0913 - whose, from which view, of which model
    conn: Connection, scope: UserScope, narrowing: Narrowing, now: datetime, kind: Kind, *, model: str, limit: int
) -> list[VectorRow]:
    """Vectors of the newest rows of one kind that satisfy the narrowing."""
    if kind is Kind.EVENT:
        where, values = recall.narrow(narrowing)
        table, alias = "events", "e"
    else:
        where, values = holds(narrowing, now)
        table, alias = _relation(narrowing), "m"
    scoped = f"{alias}.project_id = %(project)s AND {alias}.user_id = %(user)s"
    columns = f"{alias}.id, {alias}.version, {alias}.occurred_at"
    relation = f"(SELECT {columns} FROM {table} {alias} WHERE {scoped} AND {where})"
    values |= {"project": scope.project_id, "user": scope.user_id, "model": model, "limit": limit}
    return [VectorRow(**row) for row in conn.execute(VECTORS.format(relation=relation), values).fetchall()]


def _relation(narrowing: Narrowing) -> str:
    return "memories" if narrowing.known_at is None else KNOWN_THEN


def _found(row: Row, narrowing: Narrowing) -> Unit:
    memory = to_memory(row, [_source(entry) for entry in row["sources"]])
    if narrowing.as_of is not None and not (memory.status is MemoryStatus.ARCHIVED and narrowing.include_archived):
        memory = replace(memory, status=MemoryStatus.ACTIVE)  # what was replaced later was the belief then
    return memory_unit(memory, Terms(row["sparse"]), row["entities"])


def _source(entry: list[Any]) -> Source:
    event_id, client_id, session_id, epoch, offset = entry
    at = datetime.fromtimestamp(float(epoch), timezone(timedelta(seconds=offset)))
    return Source(UUID(event_id), client_id, session_id, at)
