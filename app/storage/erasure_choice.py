"""Which rows an erasure is about: by id, by source, by age. Read under the erasure's locks by the erasure service."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.domain.scope import Scope, UserScope
from app.storage.db import Connection
from app.storage.erasing_sources import Sources

OF_USER = "project_id = %(project)s AND user_id = %(user)s"


def session_exists(conn: Connection, scope: UserScope, session_id: str) -> bool:
    """Whether the user has such a session."""
    row = conn.execute(
        f"SELECT 1 FROM sessions WHERE {OF_USER} AND session_id = %(session)s", _of(scope) | {"session": session_id}
    ).fetchone()
    return row is not None


def drop_session(conn: Connection, scope: UserScope, session_id: str) -> None:
    """Remove what bears the session's name, its events being gone; also one that never had any."""
    for table in ("segments", "blocks", "sessions"):
        conn.execute(
            f"DELETE FROM {table} WHERE {OF_USER} AND session_id = %(session)s", _of(scope) | {"session": session_id}
        )


def owner_of_event(conn: Connection, scope: Scope, event_id: UUID) -> str | None:
    """Whose event it is, if the scope may see it."""
    row = conn.execute(
        "SELECT user_id FROM events WHERE project_id = %s AND id = %s", (scope.project_id, event_id)
    ).fetchone()
    return str(row["user_id"]) if row else None


def events_of_source(  # noqa: PLR0913 - what a source is known by
    conn: Connection,
    scope: UserScope,
    *,
    agent_id: str | None,
    name: str | None,
    role: str | None,
    metadata: Mapping[str, Any],
) -> list[UUID]:
    """Events that carry all of these."""
    rows = conn.execute(
        f"SELECT id FROM events WHERE {OF_USER} AND (%(agent)s::text IS NULL OR agent_id = %(agent)s)"
        " AND (%(name)s::text IS NULL OR name = %(name)s) AND (%(role)s::text IS NULL OR role = %(role)s)"
        " AND metadata::jsonb @> %(metadata)s ORDER BY id",
        _of(scope) | {"agent": agent_id, "name": name, "role": role, "metadata": Jsonb(dict(metadata))},
    ).fetchall()
    return [row["id"] for row in rows]


def existing(conn: Connection, scope: UserScope, sources: Sources, until: datetime | None) -> Sources:
    """Those of these that are there and were recorded by then."""
    found = {}
    for table, ids, alive in (
        ("events", sources.event_ids, ""),
        ("memories", sources.memory_ids, " AND status <> 'erased'"),
    ):
        rows = conn.execute(
            f"SELECT id FROM {table} WHERE {OF_USER} AND id = ANY (%(ids)s)"
            f" AND (%(until)s::timestamptz IS NULL OR created_at <= %(until)s){alive} ORDER BY id",
            _of(scope) | {"ids": list(ids), "until": until},
        ).fetchall()
        found[table] = tuple(row["id"] for row in rows)
    return Sources(found["events"], found["memories"], sources.derived_only)


def older_than(
    conn: Connection, scope: UserScope, *, events: datetime | None, memories: datetime | None, limit: int
) -> Sources:
    """Events and memories that were recorded before these times (None: none of them), `limit` of each at most."""
    found = {}
    for table, before, alive in (("events", events, ""), ("memories", memories, " AND status <> 'erased'")):
        rows = conn.execute(
            f"SELECT id FROM {table} WHERE {OF_USER} AND created_at < %(before)s{alive} ORDER BY id LIMIT %(limit)s",
            _of(scope) | {"before": before, "limit": limit},
        ).fetchall()
        found[table] = tuple(row["id"] for row in rows)
    return Sources(found["events"], found["memories"])


def everything_until(conn: Connection, scope: UserScope, at: datetime) -> tuple[Sources, bool]:
    """What was recorded of the user by then, and whether anything came later."""
    found = {}
    for table in ("events", "memories"):
        rows = conn.execute(
            f"SELECT id FROM {table} WHERE {OF_USER} AND created_at <= %(at)s", _of(scope) | {"at": at}
        ).fetchall()
        found[table] = tuple(row["id"] for row in rows)
    newer = conn.execute(
        f"SELECT 1 FROM events WHERE {OF_USER} AND created_at > %(at)s UNION ALL SELECT 1 FROM memories"
        f" WHERE {OF_USER} AND created_at > %(at)s LIMIT 1",
        _of(scope) | {"at": at},
    ).fetchone()
    return Sources(found["events"], found["memories"]), newer is not None


def _of(scope: UserScope) -> dict[str, object]:
    return {"project": scope.project_id, "user": scope.user_id}
