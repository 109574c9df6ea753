"""Jobs: asked for by people or left by work that died; the work itself is a row of the ledger."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.job import JobItem
from app.domain.scope import ProjectScope, UserScope
from app.domain.work import WorkKind
from app.errors import ConflictError, NotFoundError
from app.storage import event_stages, job_items, jobs, work
from app.storage.db import Connection
from app.storage.jobs import Job

STAGES = frozenset(WorkKind) - {WorkKind.REINDEX, WorkKind.JOB}  # the work of one user


class NotFailedError(ConflictError):
    """Only a failed job can be retried."""

    code, title = "job_not_failed", "Job has not failed"


def unit_of(kind: str) -> WorkKind:
    """Whose work a job of this kind is: that of whoever writes the index, or of the workers."""
    return WorkKind.REINDEX if kind == WorkKind.REINDEX else WorkKind.JOB


def create(  # noqa: PLR0913 - what a job is
    conn: Connection, scope: ProjectScope, job_id: UUID, kind: str, about: dict[str, Any], *, dry_run: bool, actor: str
) -> Job:
    """A queued job over `about` (ids of whom and what it is limited to) with its work."""
    job = jobs.insert(conn, scope, job_id, kind, about, dry_run=dry_run, created_by=actor)
    work.enqueue(conn, scope, unit_of(kind), key=str(job_id))
    return job


def items(  # noqa: PLR0913 - filters
    conn: Connection, scope: ProjectScope, job_id: UUID, *, action: str | None, after: int, limit: int
) -> list[tuple[int, JobItem]]:
    """What the job did, or would do, in order; raises NotFoundError."""
    get(conn, scope, job_id)
    return job_items.page(conn, scope, job_id, action=action, after=after, limit=limit)


def get(conn: Connection, scope: ProjectScope, job_id: UUID) -> Job:
    """One job; raises NotFoundError."""
    found = jobs.get(conn, scope, job_id)
    if found is None:
        raise NotFoundError("There is no such job.")
    return found


def page(  # noqa: PLR0913 - filters
    conn: Connection,
    scope: ProjectScope,
    *,
    kind: str | None,
    state: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Job]:
    """Jobs, the newest first."""
    return jobs.page(conn, scope, kind=kind, state=state, after=after, limit=limit)


def retry(conn: Connection, scope: ProjectScope, job_id: UUID) -> Job:
    """Do a failed job's work again. For a unit of the pipeline that died, its events are pending again and the job
    is done: the unit lives on under its own row.
    """
    job = jobs.get(conn, scope, job_id, lock=True)
    if job is None:
        raise NotFoundError("There is no such job.")
    if job.state != "failed":
        raise NotFailedError(f"The job is {job.state}.")
    if job.kind not in STAGES:
        work.enqueue(conn, scope, unit_of(job.kind), key=str(job_id))
        again = jobs.requeue(conn, scope, job_id)
    else:
        user = UserScope(scope.project_id, str(job.scope.get("user_id", "")))
        session_id = str(job.scope.get("session_id", ""))
        event_stages.reopen_failed(conn, user, WorkKind(job.kind), session_id=session_id)
        work.enqueue(conn, user, job.kind, session_id=session_id)
        again = jobs.finish(conn, scope, job_id)
    assert again is not None  # noqa: S101 - the row is locked
    return again
