"""Maintenance on schedules: decay and sleep, old idempotency keys and hashes, the audit's chain, health of memories,
left-over collections, drift of the index.

Run by workers, and by the embedded gateway for what needs the index. Every piece may be run at any time, and twice.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

from app.context import ProcessContext
from app.domain.scope import ProjectScope, UserScope
from app.domain.served import REMEMBERED
from app.domain.work import WorkKind
from app.index.protocol import MemoryIndex
from app.ledger import ageing
from app.ledger.health import count_project, measure_user
from app.ledger.runner import Runner
from app.services import audit, jobs
from app.services.collections import ensure_live, read_targets
from app.services.policy import effective
from app.storage import collections, idempotency, points, schedules, scopes, served, sleeping, unindex, work
from app.storage import jobs as job_store
from app.storage.collections import CollectionState

SCHEDULES = {  # seconds
    "expire_idempotency_keys": 3_600,
    "forget_served": 86_400,
    "seal_audit": 60,
    "decay": 86_400,
    "sleep_users": 86_400,
    "count_memories": 600,
    "measure_health": 86_400,
    "drop_collections": 600,
    "check_drift": 21_600,
    "erase_aged": 86_400,
    "optimize_index": 86_400,
}
NEEDS_INDEX = frozenset({"drop_collections", "check_drift", "optimize_index"})
SCHEDULED = "schedule"  # who asked for a job of the night
KEPT = timedelta(days=1)  # an idempotency key, at least
PAGE = 500


def run_due(context: ProcessContext, runner: Runner, *, overdue: float = 0.0) -> int:
    """Run every schedule that is due and that this process can run; returns how many."""
    names = [name for name in SCHEDULES if name not in NEEDS_INDEX or context.index is not None]
    if context.settings.qdrant_url is None and context.index is not None:
        names = [name for name in names if name in NEEDS_INDEX]  # the gateway leaves the rest to the worker
    done = 0
    while not runner.stopping.is_set():
        with context.db.transaction(None) as conn:
            name = schedules.take(conn, names, overdue=overdue)
        if name is None:
            break
        runner.attempt(name, lambda name=name: RUN[name](context))  # type: ignore[misc]
        done += 1
    return done


def expire_idempotency_keys(context: ProcessContext) -> None:
    """Forget stored answers that are older than a day, project by project."""
    for scope in _projects(context):
        with context.db.transaction(scope) as conn:
            idempotency.purge(conn, scope, context.clock() - KEPT)


def forget_served(context: ProcessContext) -> None:
    """Forget what was served too long ago to be recognised, project by project."""
    for scope in _projects(context):
        with context.db.transaction(scope) as conn:
            served.purge(conn, scope, context.clock() - REMEMBERED)


def erase_aged(context: ProcessContext) -> None:
    """Erase what the policy of each project keeps no longer."""
    for scope in _projects(context):
        ageing.erase_aged(context, scope)


def seal_audit(context: ProcessContext) -> None:
    """Append to the chain of each project what happened since the last run."""
    for scope in _projects(context):
        more = True
        while more:
            with context.db.transaction(scope) as conn:
                more = audit.seal(conn, scope) is not None


def decay(context: ProcessContext) -> None:
    """Ask for a decay sweep of every project that has none under way."""
    for scope in _projects(context):
        with context.db.transaction(scope) as conn:
            if not job_store.is_open(conn, scope, "decay"):
                jobs.create(conn, scope, context.new_id(), "decay", {}, dry_run=False, actor=SCHEDULED)
    context.hints.send(WorkKind.JOB)


def sleep_users(context: ProcessContext) -> None:
    """Ask for the sleep of each project that has users whose memories changed since their last one."""
    for scope in _projects(context):
        with context.db.transaction(scope) as conn:
            if (
                effective(conn, scope).sleep.enabled
                and not job_store.is_open(conn, scope, "sleep")
                and sleeping.count_users(conn, scope, changed_only=True)
            ):
                jobs.create(conn, scope, context.new_id(), "sleep", {}, dry_run=False, actor=SCHEDULED)
    context.hints.send(WorkKind.JOB)


def count_memories(context: ProcessContext) -> None:
    """Count memories and sum their health for the metrics, project by project."""
    for scope in _projects(context):
        count_project(context, scope)


def measure_health(context: ProcessContext) -> None:
    """Measure the health of every user's memories: what is stale moves with the days, also where nothing changes."""
    after: UserScope | None = None
    while True:
        with context.db.transaction(None) as conn:
            page = scopes.users(conn, after, PAGE)
        for scope in page:
            measure_user(context, scope, always=True)
            after = scope
        if len(page) < PAGE:
            return


def _projects(context: ProcessContext) -> Iterator[ProjectScope]:
    after = UUID(int=0)
    while True:
        with context.db.transaction(None) as conn:
            page = scopes.projects(conn, after, PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].project_id


def drop_collections(context: ProcessContext) -> None:
    """Drop retired collections and those that no row knows (a rebuild that was cut off before its row was written)."""
    index = _index(context)
    with context.db.transaction(None) as conn:
        known = collections.all_collections(conn)
    for collection in known:
        if collection.state is CollectionState.RETIRED:
            index.drop(collection.name)
            with context.db.transaction(None) as conn:
                collections.forget(conn, collection.name)
    for name in set(index.collections()) - {c.name for c in known}:
        if name.startswith("mneme_"):
            index.drop(name)


def check_drift(context: ProcessContext) -> None:
    """Compare ids and versions of every user's rows and points in both directions; enqueue what differs."""
    ensure_live(context.db, _index(context), context.encoder)
    found = 0
    after: UserScope | None = None
    while True:
        with context.db.transaction(None) as conn:
            page = scopes.users(conn, after, PAGE)
        for scope in page:
            found += repair_user(context, scope)
            after = scope
        if len(page) < PAGE:
            break
    context.metrics.drift.set(found)
    if found:
        context.logger.warning("index_drift", n=found)


def repair_user(context: ProcessContext, scope: UserScope) -> int:
    """Find this user's missing, old and phantom points and hand them to the index stage; returns how many.

    Rows on their way (version <> indexed_version) are not drift: the stage has them already.
    """
    index = _index(context)
    live = read_targets(context.db).live
    held = {key.id: key.version for key in index.scroll(live.name, scope)}
    with context.db.transaction(scope) as conn:
        wanted = dict(points.indexed_versions(conn, scope))
        missing = [row for row, version in wanted.items() if held.get(row) != version]
        phantoms = points.gone(conn, scope, [point for point in held if point not in wanted])
        if missing:
            points.mark_missing(conn, scope, missing)
        if phantoms:
            unindex.add(conn, scope, phantoms)
        if missing or phantoms:
            work.enqueue(conn, scope, WorkKind.INDEX)
    return len(missing) + len(phantoms)


def optimize_index(context: ProcessContext) -> None:
    """Let the live collection merge its segments and drop deleted points."""
    _index(context).maintain(read_targets(context.db).live.name)


RUN: dict[str, Callable[[ProcessContext], None]] = {
    "expire_idempotency_keys": expire_idempotency_keys,
    "forget_served": forget_served,
    "erase_aged": erase_aged,
    "seal_audit": seal_audit,
    "decay": decay,
    "sleep_users": sleep_users,
    "count_memories": count_memories,
    "measure_health": measure_health,
    "drop_collections": drop_collections,
    "check_drift": check_drift,
    "optimize_index": optimize_index,
}


def _index(context: ProcessContext) -> MemoryIndex:
    if context.index is None:
        raise TypeError("this process has no index")
    return context.index
