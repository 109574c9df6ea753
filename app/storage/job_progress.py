"""How far a job is: written by the stage that does its work, in the same transaction as the work."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.domain.scope import ProjectScope
from app.storage.db import Connection


def start(conn: Connection, scope: ProjectScope, job_id: UUID, total: int | None) -> None:
    """The job runs (again)."""
    conn.execute(
        "UPDATE jobs SET state = 'running', started_at = coalesce(started_at, now()), total = %s, error = NULL,"
        " finished_at = NULL WHERE project_id = %s AND id = %s",
        (total, scope.project_id, job_id),
    )


def advance(conn: Connection, scope: ProjectScope, job_id: UUID, done: int, counts: dict[str, Any]) -> None:
    """Set what is done, and the counts, which also hold where to go on after a kill."""
    conn.execute(
        "UPDATE jobs SET state = 'running', done = %s, counts = %s WHERE project_id = %s AND id = %s",
        (done, Jsonb(counts), scope.project_id, job_id),
    )


def finish(conn: Connection, scope: ProjectScope, job_id: UUID, done: int, counts: dict[str, Any]) -> None:
    """The job is done."""
    conn.execute(
        "UPDATE jobs SET state = 'done', done = %s, counts = %s, finished_at = now() WHERE project_id = %s AND id = %s",
        (done, Jsonb(counts), scope.project_id, job_id),
    )
