"""The job stage: runs one slice of a job by the handler of its kind, and notes how far it is.

A handler works in transactions of its own, is safe to run twice from the same `resume`, and returns after about
SLICE_SECONDS, so that other work gets its turn and a kill costs one slice. Handlers are given by `workers/stages`.
"""

from collections.abc import Callable, Mapping
from uuid import UUID

from app.context import ProcessContext
from app.domain.job import Slice
from app.domain.scope import ProjectScope
from app.domain.work import WorkItem, WorkKind
from app.errors import MnemeError
from app.ledger.lease import Lease
from app.storage import job_progress, jobs, work
from app.storage.jobs import Job
from app.telemetry.operations import JOBS

SLICE_SECONDS = 2.0

JobHandler = Callable[[ProcessContext, ProjectScope, Job, Lease], Slice]


class UnknownJobError(MnemeError):
    """No handler of this process knows the kind."""

    code = "unknown_job"


def runner(handlers: Mapping[str, JobHandler]) -> Callable[[ProcessContext, WorkItem, Lease], None]:
    """The stage for these kinds of jobs."""

    def run(context: ProcessContext, item: WorkItem, lease: Lease) -> None:
        scope, job_id = ProjectScope(item.project_id), UUID(item.key)
        with context.db.transaction(scope) as conn:
            job = jobs.get(conn, scope, job_id)
            if job is None or job.state == "done":
                work.complete(conn, item)
                return
            if job.state == "queued":
                job_progress.start(conn, scope, job_id, job.total)
        if job.kind not in handlers:
            raise UnknownJobError(f"no handler for jobs of kind {job.kind}")
        started = context.monotonic()
        outcome = handlers[job.kind](context, scope, job, lease)
        with context.db.transaction(scope) as conn:
            job_progress.note(conn, scope, job_id, outcome)
            if outcome.finished:
                job_progress.unname(conn, scope, job_id)
            else:
                work.enqueue(conn, scope, WorkKind.JOB, key=item.key)
            work.complete(conn, item)
        context.metrics.operated(JOBS.get(job.kind), context.monotonic() - started)
        if not outcome.finished:
            context.hints.send(WorkKind.JOB)

    return run
