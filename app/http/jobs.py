"""`/v1/jobs`: background runs, asked for or left by work that died. Admin only."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.scope import UserScope
from app.errors import FieldError, InvalidInputError
from app.http.deps import ReadEdge, WriteEdge, answer, operation, router
from app.http.idempotency import Reply
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.job import JobAnswer, JobCreate, JobItemAnswer, JobItemPage, JobKind, JobPage, JobScope, JobState
from app.services import jobs, users
from app.storage.db import Connection
from app.storage.jobs import Job

api = router("jobs")


@api.api_route(
    "/v1/jobs",
    response_model=JobAnswer,
    status_code=202,
    **operation("jobs_create", KeyScope.ADMIN, "POST", 404, body=True),
)
def create(edge: WriteEdge, body: JobCreate) -> Response:
    """Ask for a run; its progress is at the `Location`."""
    edge.caller.whole_project()
    scope = edge.caller.project
    about = about_of(body.kind, body.scope)
    job_id = edge.context.new_id()

    def store(conn: Connection) -> Reply:
        if "user_id" in about:
            users.check(conn, UserScope(scope.project_id, about["user_id"]))
        job = jobs.create(
            conn, scope, job_id, body.kind.value, about, dry_run=bool(body.dry_run), actor=edge.caller.actor
        )
        edge.audit(conn, scope, "job.create", ("job", str(job.id)), kind=job.kind)
        return Reply(job_answer(job), 202, {"Location": f"/v1/jobs/{job.id}"})

    response = edge.write(scope, store)
    edge.context.hints.send(jobs.unit_of(body.kind.value))
    return response


@api.api_route("/v1/jobs", response_model=JobPage, **operation("jobs_list", KeyScope.ADMIN, "GET"))
def list_page(
    edge: ReadEdge,
    kind: Annotated[str | None, Query(pattern=r"^[a-z_]{1,64}$")] = None,
    state: JobState | None = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Jobs, the newest first."""
    edge.caller.whole_project()
    page = Page(edge.caller, "jobs", {"kind": kind, "state": state}, limit, cursor)
    after = page.after(datetime, UUID)
    with edge.read(edge.caller.project) as conn:
        found = jobs.page(
            conn,
            edge.caller.project,
            kind=kind,
            state=state.value if state else None,
            after=(after[0], after[1]) if after else None,
            limit=page.limit + 1,
        )
    kept, next_cursor = page.cut(found, lambda job: (job.created_at, job.id))
    return answer(JobPage(items=[job_answer(job) for job in kept], next_cursor=next_cursor))


@api.api_route("/v1/jobs/{job_id}", response_model=JobAnswer, **operation("jobs_get", KeyScope.ADMIN, "GET", 404))
def get(edge: ReadEdge, job_id: UUID) -> Response:
    """One job."""
    edge.caller.whole_project()
    with edge.read(edge.caller.project) as conn:
        return answer(job_answer(jobs.get(conn, edge.caller.project, job_id)))


@api.api_route(
    "/v1/jobs/{job_id}/retry",
    response_model=JobAnswer,
    status_code=202,
    **operation("jobs_retry", KeyScope.ADMIN, "POST", 404),
)
def retry(edge: WriteEdge, job_id: UUID) -> Response:
    """Do the work of a failed job again."""
    edge.caller.whole_project()
    scope = edge.caller.project
    kinds = []

    def store(conn: Connection) -> Reply:
        job = jobs.retry(conn, scope, job_id)
        kinds.append(job.kind)
        edge.audit(conn, scope, "job.retry", ("job", str(job_id)))
        return Reply(job_answer(job), 202, {"Location": f"/v1/jobs/{job_id}"})

    response = edge.write(scope, store)
    for kind in kinds:
        edge.context.hints.send(kind if kind in jobs.STAGES else jobs.unit_of(kind))
    return response


@api.api_route(
    "/v1/jobs/{job_id}/items",
    response_model=JobItemPage,
    **operation("jobs_items", KeyScope.ADMIN, "GET", 404),
)
def list_items(
    edge: ReadEdge,
    job_id: UUID,
    action: Annotated[str | None, Query(pattern=r"^[a-z_]{1,64}$")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """What a run did, or with `dry_run` would do, item by item."""
    edge.caller.whole_project()
    page = Page(edge.caller, "job_items", {"job": job_id, "action": action}, limit, cursor)
    after = page.after(int)
    scope = edge.caller.project
    with edge.read(scope) as conn:
        found = jobs.items(conn, scope, job_id, action=action, after=after[0] if after else 0, limit=page.limit + 1)
    kept, next_cursor = page.cut(found, lambda numbered: (numbered[0],))
    items = [
        JobItemAnswer(
            user_id=item.user_id,
            target_kind=item.target_kind,
            target_id=item.target_id,
            action=item.action,
            reason=item.reason,
            detail=item.detail,
        )
        for _, item in kept
    ]
    return answer(JobItemPage(items=items, next_cursor=next_cursor))


def about_of(kind: JobKind, scope: JobScope | None) -> dict[str, str]:
    """What a job is limited to; raises InvalidInputError for a session without its user, and for a limit that the kind
    does not have.
    """
    about = scope.model_dump(exclude_none=True) if scope else {}
    if "session_id" in about and "user_id" not in about:
        raise InvalidInputError(
            "A session needs its user.", errors=(FieldError("/scope/user_id", "is missing", "missing"),)
        )
    if "session_id" in about and kind is JobKind.DECAY:
        raise InvalidInputError(
            "This kind is over whole users.", errors=(FieldError("/scope/session_id", "must be left out", "invalid"),)
        )
    if about and kind is JobKind.REINDEX:
        raise InvalidInputError(
            "This kind is always over everything.", errors=(FieldError("/scope", "must be left out", "invalid"),)
        )
    if "session_id" in about and kind is JobKind.SLEEP:
        raise InvalidInputError(
            "This kind is over users.", errors=(FieldError("/scope/session_id", "must be left out", "invalid"),)
        )
    return about


def job_answer(job: Job) -> JobAnswer:
    """A job as it is shown."""
    return JobAnswer(
        id=job.id,
        kind=job.kind,
        scope=job.scope,
        dry_run=job.dry_run,
        state=JobState(job.state),
        done=job.done,
        total=job.total,
        counts=job.counts,
        error=job.error,
        created_by=job.created_by,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )
