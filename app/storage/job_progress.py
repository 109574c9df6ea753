"""How far a job is: written by the stage that does its work, in the same transaction as the work."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.domain.job import Slice
from app.domain.scope import ProjectScope, Scope
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


def reached(conn: Connection, scope: ProjectScope, job_id: UUID, done: int, total: int) -> None:
    """How far the running slice is."""
    conn.execute(
        "UPDATE jobs SET done = %s, total = %s WHERE project_id = %s AND id = %s",
        (done, total, scope.project_id, job_id),
    )


def finish(conn: Connection, scope: ProjectScope, job_id: UUID, done: int, counts: dict[str, Any]) -> None:
    """The job is done."""
    conn.execute(
        "UPDATE jobs SET state = 'done', done = %s, counts = %s, finished_at = now() WHERE project_id = %s AND id = %s",
        (done, Jsonb(counts), scope.project_id, job_id),
    )


def note(conn: Connection, scope: ProjectScope, job_id: UUID, outcome: Slice) -> None:
    """One slice of a job is over, perhaps the last."""
    conn.execute(
        "UPDATE jobs SET state = %(state)s, done = %(done)s, total = %(total)s, counts = %(counts)s,"
        " resume = %(resume)s, finished_at = CASE WHEN %(state)s = 'done' THEN now() END"
        " WHERE project_id = %(project)s AND id = %(id)s",
        {
            "state": "done" if outcome.finished else "running",
            "done": outcome.done,
            "total": outcome.total,
            "counts": Jsonb(outcome.counts),
            "resume": Jsonb(outcome.resume),
            "project": scope.project_id,
            "id": job_id,
        },
    )


def unname(conn: Connection, scope: Scope, job_id: UUID) -> None:
    """Leave of a job that has ended only that there was one, where its user was erased while it was open. An erasure
    locks the open jobs of its user first: one of the two sees the other.
    """
    conn.execute(
        "UPDATE jobs j SET scope = '{}', resume = '{}', state = 'done',"
        " error = CASE WHEN error IS NOT NULL THEN 'erased' END"
        " WHERE j.project_id = %s AND j.id = %s AND j.state IN ('done', 'failed') AND EXISTS ("
        " SELECT 1 FROM tombstones t WHERE t.project_id = j.project_id AND t.user_id = j.scope ->> 'user_id'"
        " AND t.target_kind = 'user' AND t.erased_at >= j.created_at)",
        (scope.project_id, job_id),
    )
