"""Jobs: background runs that people see. The work itself is a row of the ledger."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.domain.scope import Scope
from app.storage.db import Connection

COLUMNS = (
    "id, kind, scope, dry_run, state, done, total, counts, resume, error, created_by, created_at, started_at,"
    " finished_at"
)


@dataclass(frozen=True, slots=True)
class Job:
    """One background run. `resume` is where its next slice goes on; nobody is shown it."""

    id: UUID
    kind: str
    scope: dict[str, Any]
    dry_run: bool
    state: str
    done: int
    total: int | None
    counts: dict[str, Any]
    resume: dict[str, Any]
    error: str | None
    created_by: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def insert(  # noqa: PLR0913 - a job's fields
    conn: Connection, scope: Scope, job_id: UUID, kind: str, about: dict[str, Any], *, dry_run: bool, created_by: str
) -> Job:
    """Store a queued job."""
    row = conn.execute(
        "INSERT INTO jobs (id, project_id, kind, scope, dry_run, created_by)"
        f" VALUES (%s, %s, %s, %s, %s, %s) RETURNING {COLUMNS}",
        (job_id, scope.project_id, kind, Jsonb(about), dry_run, created_by),
    ).fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insert
    return Job(**row)


def get(conn: Connection, scope: Scope, job_id: UUID, *, lock: bool = False) -> Job | None:
    """One job of the project."""
    row = conn.execute(
        f"SELECT {COLUMNS} FROM jobs WHERE project_id = %s AND id = %s{' FOR UPDATE' if lock else ''}",
        (scope.project_id, job_id),
    ).fetchone()
    return Job(**row) if row else None


def page(  # noqa: PLR0913 - filters
    conn: Connection,
    scope: Scope,
    *,
    kind: str | None = None,
    state: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Job]:
    """Jobs of the project, the newest first."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM jobs WHERE project_id = %(project)s"
        " AND (%(kind)s::text IS NULL OR kind = %(kind)s) AND (%(state)s::text IS NULL OR state = %(state)s)"
        " AND (%(at)s::timestamptz IS NULL OR (created_at, id) < (%(at)s, %(id)s::uuid))"
        " ORDER BY created_at DESC, id DESC LIMIT %(limit)s",
        {
            "project": scope.project_id,
            "kind": kind,
            "state": state,
            "at": after[0] if after else None,
            "id": after[1] if after else None,
            "limit": limit,
        },
    ).fetchall()
    return [Job(**row) for row in rows]


def is_open(conn: Connection, scope: Scope, kind: str) -> bool:
    """Whether a run of this kind over the whole project waits or runs."""
    row = conn.execute(
        "SELECT 1 FROM jobs WHERE project_id = %s AND kind = %s AND state IN ('queued', 'running') AND NOT dry_run"
        " AND scope = '{}' LIMIT 1",
        (scope.project_id, kind),
    ).fetchone()
    return row is not None


def requeue(conn: Connection, scope: Scope, job_id: UUID) -> Job | None:
    """Set a failed job back to queued; None when it is not failed."""
    row = conn.execute(
        "UPDATE jobs SET state = 'queued', error = NULL, started_at = NULL, finished_at = NULL"
        f" WHERE project_id = %s AND id = %s AND state = 'failed' RETURNING {COLUMNS}",
        (scope.project_id, job_id),
    ).fetchone()
    return Job(**row) if row else None


def finish(conn: Connection, scope: Scope, job_id: UUID) -> Job | None:
    """Close a job whose work now runs under the pipeline's own row."""
    row = conn.execute(
        "UPDATE jobs SET state = 'done', error = NULL, finished_at = now()"
        f" WHERE project_id = %s AND id = %s RETURNING {COLUMNS}",
        (scope.project_id, job_id),
    ).fetchone()
    return Job(**row) if row else None
