"""The erase job, and the rewrite stage that makes erasures complete: first the tables that nothing shows, then the
index, the caches and the space that PostgreSQL keeps. Both are safe to run twice.

Deleted points stay readable in the embedded index's log and payload files even after optimisation, so its directory is
written anew from PostgreSQL (by a reindex job) and the old one unlinked. A Qdrant server vacuums by itself.
"""

import time
from collections import Counter
from datetime import datetime

from app.context import ProcessContext
from app.domain.erasure import Erasure, TargetKind
from app.domain.job import Slice
from app.domain.scope import ProjectScope, UserScope
from app.domain.work import WorkItem, WorkKind
from app.ledger.lease import Lease
from app.services import erasures as service
from app.services.policy import effective
from app.storage import collections, erasing, erasures, jobs, work
from app.storage.db import Connection
from app.storage.erasure_tables import HELD
from app.storage.jobs import Job

SLICE_SECONDS = 2.0
LOOK_AGAIN = 0.5  # seconds, while the index stage or the reindex job is at work
AFTER_FAILURE = 600.0  # seconds until a reindex that failed is asked for again
REINDEX = "reindex"
ACTOR = "erasure"
VACUUMED = (*(held.table for held in HELD), "idempotency_keys", "jobs", "work", "unindex", "audit")


def run(context: ProcessContext, scope: ProjectScope, job: Job, lease: Lease) -> Slice:
    """One slice of what is left of an erasure after its first transaction; the last one asks for the rewrite."""
    with context.db.transaction(scope) as conn:
        erasure = erasures.get(conn, scope, job.id)
    if erasure is None or erasure.state != "erasing":
        return Slice(job.done, job.total, job.counts, finished=True)
    user = UserScope(scope.project_id, erasure.user_id)
    counts = Counter({name: int(n) for name, n in (job.resume.get("counts") or erasure.counts).items()})
    until = time.monotonic() + SLICE_SECONDS
    while erasure.target_kind == TargetKind.USER:
        lease.check()
        with context.db.transaction(user) as conn:
            gone = erasing.sweep(conn, user, erasure.erased_at)
        counts += gone
        if not gone:
            break
        if time.monotonic() > until:
            return Slice(counts.total(), None, dict(counts), {"counts": dict(counts)})
    with context.db.transaction(user) as conn:
        left = service.narrow_prints(conn, user, erasure)
    with context.db.transaction(scope) as conn:
        policy = effective(conn, scope).forgetting
        erasures.swept(conn, scope, erasure.id, counts, {"fingerprints": str(left)})
        work.enqueue(
            conn, scope, WorkKind.REWRITE, quiet=policy.rewrite_quiet, at_most=max(policy.rewrite_at_most, 0.0)
        )
    context.hints.send(WorkKind.REWRITE)
    return Slice(counts.total(), counts.total(), dict(counts), finished=True)


def rewrite(context: ProcessContext, item: WorkItem, lease: Lease) -> None:
    """Finish the project's erasures whose points are gone for good, and bring the others nearer to it."""
    scope = ProjectScope(item.project_id)
    with context.db.transaction(scope) as conn:
        waiting = erasures.rewriting(conn, scope)
        since = collections.live_since(conn)
        users = {erasure.user_id for erasure in waiting}
        busy = {user for user in users if erasing.points_left(conn, UserScope(scope.project_id, user))}
    embedded = context.settings.qdrant_url is None
    ready = [e for e in waiting if e.user_id not in busy and (not embedded or _newer(since, e))]
    lease.check()
    if ready:
        _finish(context, scope, ready, embedded=embedded)
    rest = len(waiting) - len(ready)
    again = LOOK_AGAIN
    with context.db.transaction(scope) as conn:
        if embedded and rest and not busy:
            again = _ask_reindex(context, conn, scope)
        if rest:
            work.enqueue(conn, scope, WorkKind.REWRITE, quiet=again, at_most=again)
        work.complete(conn, item)


def _newer(since: datetime | None, erasure: Erasure) -> bool:
    """Whether the live collection was begun after the erasure's rows were gone."""
    return since is not None and erasure.swept_at is not None and since > erasure.swept_at


def _ask_reindex(context: ProcessContext, conn: Connection, scope: ProjectScope) -> float:
    """A reindex job, unless one is at work; returns in how many seconds to look again."""
    found = jobs.page(conn, scope, kind=REINDEX, limit=1)
    latest = found[0] if found else None
    if latest is not None and latest.state in {"queued", "running"}:
        return LOOK_AGAIN
    if latest is not None and latest.state == "failed" and latest.created_by == ACTOR:
        since = (context.clock() - latest.created_at).total_seconds()
        if since < AFTER_FAILURE:
            return AFTER_FAILURE - since
    job_id = context.new_id()
    jobs.insert(conn, scope, job_id, REINDEX, {}, dry_run=False, created_by=ACTOR)
    work.enqueue(conn, scope, WorkKind.REINDEX, key=str(job_id))
    return LOOK_AGAIN


def _finish(context: ProcessContext, scope: ProjectScope, ready: list[Erasure], *, embedded: bool) -> None:
    """Caches and dead rows, then the receipts."""
    answers = context.answers.purge(rewrite=embedded)
    vacuumed = context.db.vacuum(VACUUMED)
    notes = {
        "postgresql": "vacuumed" if vacuumed else "dead rows are left to autovacuum",
        "write_ahead_log": "recycled by PostgreSQL with its next segments",
        "index": "rewritten" if embedded else "deleted; the Qdrant server vacuums its segments by itself",
        "cache": "unreachable" if answers is None else "emptied",
        "gateway_memory": "forgotten within 300 s",
    }
    for erasure in ready:
        context.memo.forget(UserScope(scope.project_id, erasure.user_id))
        with context.db.transaction(scope) as conn:
            erasures.finish(conn, scope, erasure.id, notes)
    context.logger.info("erasures_finished", n=len(ready))
