"""The handler of jobs of kind `decay`: sweeps user by user, each in a transaction of its own that also notes what was
done. After a kill a user is swept again, which finds nothing more to do. Nothing is ever deleted.
"""

from collections.abc import Sequence
from datetime import datetime

from app.context import ProcessContext
from app.domain.decay import Step
from app.domain.job import JobItem, Slice
from app.domain.scope import ProjectScope, UserScope
from app.domain.work import WorkKind
from app.ledger.jobs import SLICE_SECONDS
from app.ledger.lease import Lease
from app.services import lifecycle
from app.storage import changes, job_items
from app.storage import lifecycle as store
from app.storage.jobs import Job

PAGE = 100  # users


def run(context: ProcessContext, scope: ProjectScope, job: Job, _lease: Lease) -> Slice:
    """Sweep for about SLICE_SECONDS. All slices judge by the moment at which the first one began."""
    until = context.monotonic() + SLICE_SECONDS
    now = datetime.fromisoformat(job.resume["now"]) if "now" in job.resume else context.clock()
    after, done, total = job.resume.get("after", ""), job.done, job.total
    if total is None:
        total = 1 if "user_id" in job.scope else _count(context, scope)
    over = False
    while not over and context.monotonic() < until:
        users = _users(context, scope, job, after)
        over = "user_id" in job.scope or len(users) < PAGE
        for user_id in users:
            _sweep(context, UserScope(scope.project_id, user_id), job, now)
            after, done = user_id, done + 1
            if context.monotonic() >= until and user_id != users[-1]:
                over = False
                break
    if not job.dry_run:
        context.hints.send(WorkKind.INDEX)
    with context.db.transaction(scope) as conn:
        counts = job_items.counts(conn, scope, job.id)
    resume = {"after": after, "now": now.isoformat()}
    return Slice(done, max(total, done), counts | {"users": done}, resume, finished=over)


def _count(context: ProcessContext, scope: ProjectScope) -> int:
    with context.db.transaction(scope) as conn:
        return store.count_users(conn, scope)


def _users(context: ProcessContext, scope: ProjectScope, job: Job, after: str) -> list[str]:
    if "user_id" in job.scope:
        return [job.scope["user_id"]]
    with context.db.transaction(scope) as conn:
        return store.users(conn, scope, after, PAGE)


def _sweep(context: ProcessContext, user: UserScope, job: Job, now: datetime) -> None:
    with context.db.transaction(user) as conn:
        changes.lock_user(conn, user)  # a dry run also: an erasure takes out what is noted here, or nothing is
        steps = lifecycle.sweep(conn, user, now, actor=f"job:{job.id}", dry_run=job.dry_run)
        if job.dry_run:
            job_items.clear(conn, user, job.id, user.user_id)
        job_items.add(conn, user, job.id, _items(user, steps))


def _items(user: UserScope, steps: Sequence[Step]) -> list[JobItem]:
    return [
        JobItem(user.user_id, "memory", str(step.memory_id), step.kind.value, step.reason.value, step.detail)
        for step in steps
    ]
