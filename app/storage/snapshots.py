"""Snapshots: named recorded times. Versions are only ever added, so what was known then is read from them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.scope import Scope, UserScope
from app.storage.db import Connection

COLUMNS = "id, user_id, name, at, created_by, created_at"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A recorded time with its name; `user_id` is empty for one of the whole project."""

    id: UUID
    user_id: str
    name: str
    at: datetime
    created_by: str
    created_at: datetime


def insert(
    conn: Connection, scope: Scope, snapshot_id: UUID, named: tuple[str, datetime], *, actor: str
) -> Snapshot | None:
    """Keep a name and its time; None when the user, or the project, has one of this name."""
    user = scope.user_id if isinstance(scope, UserScope) else ""
    row = conn.execute(
        "INSERT INTO snapshots (id, project_id, user_id, name, at, created_by) VALUES (%s, %s, %s, %s, %s, %s)"
        f" ON CONFLICT (project_id, user_id, name) DO NOTHING RETURNING {COLUMNS}",
        (snapshot_id, scope.project_id, user, *named, actor),
    ).fetchone()
    return Snapshot(**row) if row else None


def get(conn: Connection, scope: Scope, snapshot_id: UUID) -> Snapshot | None:
    """One snapshot of the scope."""
    row = conn.execute(
        f"SELECT {COLUMNS} FROM snapshots WHERE project_id = %s AND id = %s", (scope.project_id, snapshot_id)
    ).fetchone()
    return Snapshot(**row) if row else None


def page(
    conn: Connection, scope: Scope, *, user_id: str | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[Snapshot]:
    """Snapshots of the scope, the oldest first."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM snapshots WHERE project_id = %(project)s"
        " AND (%(user)s::text IS NULL OR user_id = %(user)s)"
        " AND (%(at)s::timestamptz IS NULL OR (created_at, id) > (%(at)s, %(id)s::uuid))"
        " ORDER BY created_at, id LIMIT %(limit)s",
        {
            "project": scope.project_id,
            "user": user_id,
            "at": after[0] if after else None,
            "id": after[1] if after else None,
            "limit": limit,
        },
    ).fetchall()
    return [Snapshot(**row) for row in rows]


def delete(conn: Connection, scope: Scope, snapshot_id: UUID) -> Snapshot | None:
    """Take the mark away; the versions stay. None when there is no such snapshot."""
    row = conn.execute(
        f"DELETE FROM snapshots WHERE project_id = %s AND id = %s RETURNING {COLUMNS}", (scope.project_id, snapshot_id)
    ).fetchone()
    return Snapshot(**row) if row else None


def now(conn: Connection) -> datetime:
    """The database's own time."""
    row = conn.execute("SELECT clock_timestamp() AS at").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    at: datetime = row["at"]
    return at
