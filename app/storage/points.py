"""Events and memories as the index wants them, and what of them is indexed. Read and marked by the index stage."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.storage import event_stages
from app.storage.db import Connection, Row

NIL = UUID(int=0)

EVENT_ROWS = """
SELECT 'event' AS kind, t.id, t.version, t.session_id, t.agent_id, NULL AS type, t.role AS status, t.occurred_at,
       t.occurred_at AS live_from, NULL::timestamptz AS live_until, v.dense, v.sparse, v.sparse_window
FROM events t LEFT JOIN vectors v ON v.target_id = t.id AND v.model = %(model)s
WHERE t.project_id = %(project)s AND t.user_id = %(user)s AND t.version > 0
"""
MEMORY_ROWS = """
SELECT 'memory' AS kind, t.id, t.version, t.session_id, t.agent_id, t.type, t.status, t.occurred_at,
       t.live_from, t.live_until, v.dense, v.sparse, NULL::bytea AS sparse_window
FROM memories t LEFT JOIN vectors v ON v.target_id = t.id AND v.model = %(model)s
WHERE t.project_id = %(project)s AND t.user_id = %(user)s
"""


@dataclass(frozen=True, slots=True)
class PointRow:
    """One event or memory with its vectors of one model; `dense` is float16, None when it was never embedded by it."""

    kind: Literal["event", "memory"]
    id: UUID
    version: int
    session_id: str | None
    agent_id: str | None
    type: str | None
    status: str
    occurred_at: datetime
    live_from: datetime
    live_until: datetime | None
    dense: bytes | None
    text: SparseVector | None
    window: SparseVector | None


def outdated(conn: Connection, scope: UserScope, model: str, limit: int) -> list[PointRow]:
    """Rows of this user whose point is missing or old: events first, `limit` at most."""
    values = {"model": model, "project": scope.project_id, "user": scope.user_id, "limit": limit}
    found: list[PointRow] = []
    for select in (EVENT_ROWS, MEMORY_ROWS):
        left = values | {"limit": limit - len(found)}
        rows = conn.execute(f"{select} AND t.version <> t.indexed_version ORDER BY t.id LIMIT %(limit)s", left)
        found += [_row(row) for row in rows]
    return found


def page(  # noqa: PLR0913 - whose, of which model, which part
    conn: Connection, scope: UserScope, model: str, kind: Literal["event", "memory"], *, after: UUID = NIL, limit: int
) -> list[PointRow]:
    """Rows of this user that belong in the index, whether or not they are there, by id."""
    select = EVENT_ROWS if kind == "event" else MEMORY_ROWS
    values = {"model": model, "project": scope.project_id, "user": scope.user_id, "after": after, "limit": limit}
    rows = conn.execute(f"{select} AND t.id > %(after)s ORDER BY t.id LIMIT %(limit)s", values)
    return [_row(row) for row in rows]


def mark_indexed(conn: Connection, scope: UserScope, rows: Sequence[PointRow]) -> None:
    """Note the version that was written, where it is still the newest. Memories come first, as in consolidation."""
    for table in ("memory", "event"):
        written = [(row.id, row.version) for row in rows if row.kind == table]
        if table == "event":
            event_stages.lock(conn, scope, [i for i, _ in written])
        if written:
            conn.execute(
                f"UPDATE {'events' if table == 'event' else 'memories'} t SET indexed_version = x.version"
                " FROM unnest(%s::uuid[], %s::int[]) AS x (id, version)"
                " WHERE t.id = x.id AND t.version = x.version AND t.project_id = %s AND t.user_id = %s",
                ([i for i, _ in written], [v for _, v in written], scope.project_id, scope.user_id),
            )


def mark_missing(conn: Connection, scope: UserScope, ids: Sequence[UUID]) -> None:
    """Note that the index does not hold these as it should; the caller enqueues the index stage."""
    for table in ("events", "memories"):
        conn.execute(
            f"UPDATE {table} SET indexed_version = 0 WHERE id = ANY (%s) AND project_id = %s AND user_id = %s",
            (list(ids), scope.project_id, scope.user_id),
        )


def versions(conn: Connection, scope: UserScope) -> Iterator[tuple[UUID, int]]:
    """Id and version of every row of this user that belongs in an index."""
    values = (scope.project_id, scope.user_id)
    for table, alive in (("events", " AND version > 0"), ("memories", " AND status <> 'erased'")):
        rows = conn.execute(f"SELECT id, version FROM {table} WHERE project_id = %s AND user_id = %s{alive}", values)
        yield from ((row["id"], row["version"]) for row in rows)


def indexed_versions(conn: Connection, scope: UserScope) -> Iterator[tuple[UUID, int]]:
    """What the index should hold of this user: id and version of every row that is marked as indexed."""
    values = (scope.project_id, scope.user_id)
    for table, alive in (("events", ""), ("memories", " AND status <> 'erased'")):
        rows = conn.execute(
            f"SELECT id, version FROM {table} WHERE project_id = %s AND user_id = %s"
            f" AND indexed_version > 0 AND version = indexed_version{alive}",
            values,
        )
        yield from ((row["id"], row["version"]) for row in rows)


def gone(conn: Connection, scope: UserScope, ids: Sequence[UUID]) -> list[UUID]:
    """Those of these ids that are no row of this user (any more) or an erased one: their points are phantoms."""
    rows = conn.execute(
        "SELECT x.id FROM unnest(%(ids)s::uuid[]) AS x (id)"
        " WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.id = x.id AND e.user_id = %(user)s)"
        " AND NOT EXISTS (SELECT 1 FROM memories m WHERE m.id = x.id AND m.user_id = %(user)s"
        " AND m.status <> 'erased')",
        {"ids": list(ids), "user": scope.user_id},
    ).fetchall()
    return [row["id"] for row in rows]


def count(conn: Connection, scope: UserScope) -> int:
    """How many points this user should have once everything is indexed."""
    row = conn.execute(
        "SELECT (SELECT count(*) FROM events WHERE project_id = %(p)s AND user_id = %(u)s AND version > 0)"
        " + (SELECT count(*) FROM memories WHERE project_id = %(p)s AND user_id = %(u)s AND status <> 'erased') AS n",
        {"p": scope.project_id, "u": scope.user_id},
    ).fetchone()
    return int(row["n"]) if row else 0


def _row(row: Row) -> PointRow:
    return PointRow(
        kind=row["kind"],
        id=row["id"],
        version=row["version"],
        session_id=row["session_id"],
        agent_id=row["agent_id"],
        type=row["type"],
        status=row["status"],
        occurred_at=row["occurred_at"],
        live_from=row["live_from"],
        live_until=row["live_until"],
        dense=row["dense"],
        text=SparseVector.from_bytes(row["sparse"]) if row["sparse"] is not None else None,
        window=SparseVector.from_bytes(row["sparse_window"]) if row["sparse_window"] is not None else None,
    )
