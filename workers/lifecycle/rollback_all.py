"""Jobs of kind `rollback` without a user: everybody of the project, one after the other, each as `rollback` does it.

Each user is one transaction, the project is not: who writes meanwhile is rolled back with the user's turn.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from app.context import ProcessContext
from app.domain.job import Slice
from app.domain.scope import ProjectScope, UserScope
from app.domain.versions import StepKind
from app.ledger.jobs import SLICE_SECONDS
from app.ledger.lease import Lease
from app.storage import job_items, scopes
from app.storage.jobs import Job
from workers.lifecycle import rollback

PAGE = 100  # users


def run(context: ProcessContext, scope: ProjectScope, job: Job, lease: Lease) -> Slice:
    """The user of the job, or for about SLICE_SECONDS those of the project."""
    if "user_id" in job.scope:
        return rollback.run(context, scope, job, lease)
    until = context.monotonic() + SLICE_SECONDS
    after, done, total = str(job.resume.get("after", "")), job.done, job.total
    undo: str | None = job.resume.get("undo")
    if total is None:
        with context.db.transaction(scope) as conn:
            total = scopes.count_users_of(conn, scope)
    users = _page(context, scope, after)
    while users and (done == job.done or context.monotonic() < until):  # at least one
        user = users.pop(0)
        told = rollback.run(context, scope, replace(job, scope=job.scope | {"user_id": user.user_id}), lease)
        undo = _earlier(undo, told.counts.get("undo_known_at"))
        after, done = user.user_id, done + 1
        users = users or _page(context, scope, after)
    with context.db.transaction(scope) as conn:
        counted = job_items.counts(conn, scope, job.id)
    counts: dict[str, Any] = {kind.value: counted.get(kind.value, 0) for kind in StepKind} | {"users": done}
    counts |= {"undo_known_at": undo} if undo is not None else {}
    return Slice(done, max(total, done), counts, {"after": after, "undo": undo}, finished=not users)


def _earlier(one: str | None, other: str | None) -> str | None:
    """The earlier of two times, each as text, or the one that there is."""
    if one is None or other is None:
        return one or other
    return min(one, other, key=datetime.fromisoformat)


def _page(context: ProcessContext, scope: ProjectScope, after: str) -> list[UserScope]:
    with context.db.transaction(scope) as conn:
        return scopes.users_of(conn, scope, after, PAGE)
