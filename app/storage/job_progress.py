"""How far a job is: written by the stage that does its work, in the same transaction as the work."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.domain.job import Slice
from app.domain.scope import ProjectScope, Scope, UserScope
from app.storage.db import Connection

# A job whose scope names a user, as `named`; and what is left of one when the user is erased: that there was a job.
NAMES_USER = """({j}.scope ->> 'user_id' = {named} OR {j}.scope ->> 'to_user_id' = {named}
    OR {j}.scope ->> 'into' = {named} OR {j}.scope -> 'user_ids' ? {named})"""
PLACE_NAMES_USER = "({j}.resume ->> 'after' = {named} OR {j}.resume ->> 'user' = {named})"
NAMELESS = "scope = '{}', resume = '{}', state = 'done', error = CASE WHEN error IS NOT NULL THEN 'erased' END"
UNNAME = f"""
UPDATE jobs j SET {NAMELESS} FROM tombstones t
WHERE j.id = %(id)s AND j.project_id = %(project)s AND t.project_id = j.project_id
    AND t.target_kind = 'user' AND {NAMES_USER.format(j="j", named="t.user_id")}
    AND t.erased_at >= coalesce((SELECT w.created_at FROM work w WHERE w.id = %(unit)s), j.created_at)
"""
UNNAME_PLACE = f"""
UPDATE jobs j SET resume = '{{}}' FROM tombstones t
WHERE j.id = %(id)s AND j.project_id = %(project)s AND t.project_id = j.project_id
    AND t.target_kind = 'user' AND {PLACE_NAMES_USER.format(j="j", named="t.user_id")}
"""


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
            "resume": Jsonb({} if outcome.finished else outcome.resume),  # it names users, and nobody goes on from it
            "project": scope.project_id,
            "id": job_id,
        },
    )


def unname(conn: Connection, scope: Scope, job_id: UUID, *, unit: UUID | None = None) -> None:
    """A job has ended: where its user was erased since it was asked for (or, of a dead `unit` of work, since there was
    that), it names them no more. What an erasure does itself to jobs that ended before it; that waits for us, or we for
    it, because both change the row first.
    """
    for statement in (UNNAME, UNNAME_PLACE):
        conn.execute(statement, {"project": scope.project_id, "id": job_id, "unit": unit})


def unname_user(conn: Connection, scope: UserScope, at: datetime) -> int:
    """Take the user's name out of every job that has ended, under the erasure's locks, after those that are about to
    end; returns how many. A dead unit of the pipeline has nothing to retry.
    """
    values = {"project": scope.project_id, "user": scope.user_id, "at": at}
    names, place = (text.format(j="jobs", named="%(user)s") for text in (NAMES_USER, PLACE_NAMES_USER))
    conn.execute(
        f"SELECT 1 FROM jobs WHERE project_id = %(project)s AND state IN ('queued', 'running') AND ({names} OR {place})"
        " ORDER BY id FOR NO KEY UPDATE",
        values,
    )
    ended = "project_id = %(project)s AND created_at <= %(at)s AND state IN ('done', 'failed')"
    conn.execute(f"UPDATE jobs SET resume = '{{}}' WHERE {ended} AND {place}", values)
    return conn.execute(f"UPDATE jobs SET {NAMELESS} WHERE {ended} AND {names}", values).rowcount
