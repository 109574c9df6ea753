"""`/v1/cubes/snapshots` and `/v1/cubes/rollback`: named times of what was known, their differences, the way back."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.memory import MemoryStatus
from app.domain.scope import Scope
from app.domain.versions import differences
from app.errors import FieldError, InvalidInputError
from app.http.deps import Edge, ReadEdge, WriteEdge, answer, operation, router
from app.http.idempotency import Reply
from app.http.jobs import job_answer
from app.http.masking import Mask, masker
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.fields import AppId
from app.http.schemas.job import JobAnswer
from app.http.schemas.versions import (
    DiffItem,
    DiffKind,
    RollbackCreate,
    SnapshotAnswer,
    SnapshotCreate,
    SnapshotDiff,
    SnapshotPage,
)
from app.http.version_answers import change_answers
from app.services import jobs, snapshots, users
from app.storage.db import Connection
from app.storage.past import Between
from app.storage.snapshots import Snapshot

NOW = "now"
KIND = "rollback"

api = router("cubes")


@api.api_route(
    "/v1/cubes/snapshots",
    response_model=SnapshotAnswer,
    status_code=201,
    **operation("cubes_snapshot_create", KeyScope.MEMORIES_WRITE, "POST", body=True),
)
def create(edge: WriteEdge, body: SnapshotCreate) -> Response:
    """Name the present: of a user, or of the project. Nothing is copied, so it costs one row."""
    scope = _whole(edge, body.user_id)
    snapshot_id = edge.context.new_id()

    def store(conn: Connection) -> Reply:
        made = snapshots.create(conn, scope, snapshot_id, body.name, actor=edge.caller.actor)
        edge.audit(conn, scope, "snapshot.create", ("snapshot", str(made.id)), at=made.at.isoformat())
        return Reply(snapshot_answer(made), 201, {"Location": f"/v1/cubes/snapshots/{made.id}"})

    return edge.write(scope, store)


@api.api_route(
    "/v1/cubes/snapshots",
    response_model=SnapshotPage,
    **operation("cubes_snapshot_list", KeyScope.MEMORIES_READ, "GET"),
)
def list_page(edge: ReadEdge, user_id: AppId | None = None, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Snapshots, the oldest first; those of one user with `user_id`."""
    edge.caller.whole_user()
    scope = edge.caller.reach(user_id)
    page = Page(edge.caller, "snapshots", {"user": user_id}, limit, cursor)
    after = page.after(datetime, UUID)
    with edge.read(scope) as conn:
        position = (after[0], after[1]) if after else None
        found = snapshots.page(conn, scope, user_id=user_id, after=position, limit=page.limit + 1)
    kept, next_cursor = page.cut(found, lambda snapshot: (snapshot.created_at, snapshot.id))
    return answer(SnapshotPage(items=[snapshot_answer(one) for one in kept], next_cursor=next_cursor))


@api.api_route(
    "/v1/cubes/snapshots/{snapshot_id}",
    response_model=SnapshotAnswer,
    **operation("cubes_snapshot_get", KeyScope.MEMORIES_READ, "GET", 404),
)
def get(edge: ReadEdge, snapshot_id: UUID) -> Response:
    """One snapshot."""
    edge.caller.whole_user()
    scope = edge.caller.reach()
    with edge.read(scope) as conn:
        return answer(snapshot_answer(snapshots.get(conn, scope, snapshot_id)))


@api.api_route(
    "/v1/cubes/snapshots/{snapshot_id}",
    status_code=204,
    **operation("cubes_snapshot_delete", KeyScope.MEMORIES_WRITE, "DELETE", 404),
)
def delete(edge: WriteEdge, snapshot_id: UUID) -> Response:
    """Take the name away. What was known then stays known."""
    edge.caller.whole_user()
    scope = edge.caller.reach()

    def store(conn: Connection) -> Reply:
        gone = snapshots.delete(conn, scope, snapshot_id)
        edge.audit(conn, scope, "snapshot.delete", ("snapshot", str(snapshot_id)), at=gone.at.isoformat())
        return Reply(None, 204)

    return edge.write(scope, store)


@api.api_route(
    "/v1/cubes/snapshots/{snapshot_id}/diff",
    response_model=SnapshotDiff,
    **operation("cubes_snapshot_diff", KeyScope.MEMORIES_READ, "GET", 404),
)
def diff(
    edge: ReadEdge,
    snapshot_id: UUID,
    to: Annotated[UUID | None, Query(description="another snapshot; the present without it")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """The memories that differ between a snapshot and another one or the present, with what their fields were and
    became. Secrets are masked.
    """
    edge.caller.whole_user()
    scope = edge.caller.reach()
    page = Page(edge.caller, "snapshot_diff", {"snapshot": snapshot_id, "to": to}, limit, cursor)
    after = page.after(datetime, UUID)
    with edge.read(scope) as conn:
        start = snapshots.get(conn, scope, snapshot_id)
        end = snapshots.get(conn, scope, to) if to is not None else None
        user_id = _user_of(start, end)
        times = (start.at, end.at if end else after[0] if after else snapshots.now(conn))
        after_id = after[1] if after else None
        found = snapshots.diff(conn, scope, user_id, times, after=after_id, limit=page.limit + 1)
        hide = masker(conn, scope)
    kept, next_cursor = page.cut(found, lambda between: (times[1], between.memory_id))
    items = [diff_item(between, hide) for between in kept]
    return answer(SnapshotDiff(from_at=times[0], to_at=times[1], items=items, next_cursor=next_cursor))


@api.api_route(
    "/v1/cubes/rollback",
    response_model=JobAnswer,
    status_code=202,
    **operation("cubes_rollback", KeyScope.ADMIN, "POST", 404, body=True),
)
def rollback(edge: WriteEdge, body: RollbackCreate) -> Response:
    """Bring a user's memories, or everybody's, back to what was known at a snapshot or a time. It is a job, with its
    progress at `Location`, and what it changes and why in its items. What was erased stays erased, events stay as they
    are, and the rollback can itself be rolled back, to the `undo_known_at` of its counts.
    """
    edge.caller.whole_project()
    project = edge.caller.project
    if (body.user_id is None) == (not body.all_users):
        field = FieldError("/user_id", "give either this or all_users", "invalid")
        raise InvalidInputError("A rollback is of one user or of all.", errors=(field,))
    user_id = body.user_id
    scope = edge.caller.user(user_id) if user_id is not None else None
    if (body.snapshot_id is None) == (body.known_at is None):
        field = FieldError("/known_at", "give either this or snapshot_id", "invalid")
        raise InvalidInputError("A rollback goes to one snapshot or to one time.", errors=(field,))
    if body.known_at is not None and body.known_at > edge.context.clock():
        field = FieldError("/known_at", "lies in the future", "invalid")
        raise InvalidInputError("A rollback goes to the past.", errors=(field,))
    job_id = edge.context.new_id()

    def store(conn: Connection) -> Reply:
        known_at = body.known_at
        if body.snapshot_id is not None:
            snapshot = snapshots.get(conn, project, body.snapshot_id)
            if snapshot.user_id not in {"", user_id}:
                field = FieldError("/snapshot_id", "is of another user", "invalid")
                raise InvalidInputError("The snapshot is of another user.", errors=(field,))
            known_at = snapshot.at
        assert known_at is not None  # noqa: S101 - one of the two is given
        if scope is not None:
            users.check(conn, scope)
        about = {"user_id": user_id} if user_id is not None else {}
        about |= {"known_at": known_at.isoformat()}
        about |= {"snapshot_id": str(body.snapshot_id)} if body.snapshot_id is not None else {}
        dry_run = bool(body.dry_run)
        job = jobs.create(conn, project, job_id, KIND, about, dry_run=dry_run, actor=edge.caller.actor)
        said = {"known_at": about["known_at"], "dry_run": dry_run, "job_id": job.id}
        if scope is not None:
            edge.audit(conn, scope, "user.rollback", ("user", scope.user_id), **said)
        else:
            edge.audit(conn, project, "project.rollback", ("project", str(project.project_id)), **said)
        return Reply(job_answer(job), 202, {"Location": f"/v1/jobs/{job.id}"})

    response = edge.write(project, store)
    edge.context.hints.send(jobs.unit_of(KIND))
    return response


def snapshot_answer(snapshot: Snapshot) -> SnapshotAnswer:
    """A snapshot as it is shown."""
    return SnapshotAnswer(
        id=snapshot.id,
        user_id=snapshot.user_id or None,
        name=snapshot.name,
        at=snapshot.at,
        created_by=snapshot.created_by,
        created_at=snapshot.created_at,
    )


def diff_item(between: Between, hide: Mask) -> DiffItem:
    """A memory that differs as it is shown."""
    before, after = (
        side is not None and side["status"] == MemoryStatus.ACTIVE for side in (between.before, between.after)
    )
    kind = DiffKind.CHANGED if before == after else DiffKind.ADDED if after else DiffKind.REMOVED
    return DiffItem(
        kind=kind,
        memory_id=between.memory_id,
        user_id=between.user_id,
        version_before=between.version_before,
        version_after=between.version_after,
        changes=change_answers(differences(between.before, between.after), hide),
    )


def _whole(edge: Edge, user_id: str | None) -> Scope:
    """One user, or the project for keys of the project."""
    edge.caller.whole_user()
    if user_id is None:
        edge.caller.whole_project()
        return edge.caller.project
    return edge.caller.user(user_id)


def _user_of(start: Snapshot, end: Snapshot | None) -> str | None:
    """Whose memories a diff is over: None for the project. Raises InvalidInputError for those of two users."""
    users = {one.user_id for one in (start, end) if one is not None} - {""}
    if len(users) > 1:
        field = FieldError("query:to", "is of another user", "invalid")
        raise InvalidInputError("The snapshots are of two users.", errors=(field,))
    return users.pop() if users else None
