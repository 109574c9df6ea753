"""The reindex job: fills a fresh collection from PostgreSQL while the service answers, verifies, swaps, drops the old.

Works in slices of a few seconds and notes in the job where it is, so that other index work gets its turn in between
and a kill costs one slice. Points that change meanwhile are written to both collections by the index stage.
"""

import time
from typing import Any
from uuid import UUID

from app.context import ProcessContext
from app.domain.scope import ProjectScope, UserScope
from app.domain.work import WorkItem, WorkKind
from app.errors import MnemeError
from app.index.protocol import MemoryIndex
from app.ledger.fill import compare_user, fill_user, repair_collection
from app.ledger.lease import Lease
from app.services.collections import TTL_SECONDS, next_name, read_targets
from app.storage import collections, job_progress, jobs, points, scopes, work
from app.storage.collections import Collection, CollectionState

SLICE_SECONDS = 2.0
USERS = 200  # scopes read at a time
MOST_ROUNDS = 3  # of verification before a collection counts as not fillable


class RebuildError(MnemeError):
    """The filled collection does not agree with PostgreSQL."""

    code = "rebuild_failed"


def run(context: ProcessContext, item: WorkItem, lease: Lease) -> None:
    """One slice of the job; the last one swaps the collections."""
    if context.index is None:
        raise TypeError("this process has no index")
    scope, job_id = ProjectScope(item.project_id), UUID(item.key)
    with context.db.transaction(scope) as conn:
        job = jobs.get(conn, scope, job_id)
        if job is None or job.state == "done":
            work.complete(conn, item)
            return
    counts: dict[str, Any] = dict(job.counts)
    building = _building(context, counts.get("collection"))
    if building is None:
        building, counts = _begin(context, scope, job_id, dry_run=job.dry_run)
    done = job.done if counts.get("filled") or counts.get("user") else 0
    if job.dry_run:
        with context.db.transaction(scope) as conn:
            job_progress.finish(conn, scope, job_id, 0, {"total": counts["total"]})
            work.complete(conn, item)
        return
    context.index.ensure(building.name, building.dimension)
    until = time.monotonic() + SLICE_SECONDS
    while True:
        lease.check()
        done, finished = _step(context, context.index, building, counts, done)
        if finished or time.monotonic() >= until or counts.get("rounds", 0) >= MOST_ROUNDS:
            break
    if counts.get("rounds", 0) >= MOST_ROUNDS:
        with context.db.transaction(scope) as conn:  # the next try verifies anew, and does not only repeat the verdict
            job_progress.advance(conn, scope, job_id, done, {k: v for k, v in counts.items() if k != "rounds"})
        raise RebuildError(f"{building.name} still differs from PostgreSQL after {MOST_ROUNDS} repairs")
    with context.db.transaction(scope) as conn:
        if finished:
            old = read_live(context)
            collections.swap_live(conn, building.name)
            job_progress.finish(conn, scope, job_id, done, _public(counts))
        else:
            job_progress.advance(conn, scope, job_id, done, counts)
            work.enqueue(conn, scope, WorkKind.REINDEX, key=item.key)
        work.complete(conn, item)
    if finished:
        context.collections.forget()
        time.sleep(2 * TTL_SECONDS)  # until no process asks the old one any more
        context.index.drop(old.name)
        with context.db.transaction(None) as conn:
            collections.forget(conn, old.name)
        context.logger.info("reindexed", collection=building.name, points=done)


def read_live(context: ProcessContext) -> Collection:
    """The live collection as the rows say now."""
    return read_targets(context.db).live


def _building(context: ProcessContext, name: str | None) -> Collection | None:
    """The collection that an earlier slice began, if it is still there."""
    with context.db.transaction(None) as conn:
        known = collections.all_collections(conn)
    return next((c for c in known if c.name == name and c.state is CollectionState.BUILDING), None)


def _begin(
    context: ProcessContext, scope: ProjectScope, job_id: UUID, *, dry_run: bool
) -> tuple[Collection, dict[str, Any]]:
    """Name the new collection, and count what will go into it."""
    total = 0
    after: UserScope | None = None
    while page := _users(context, after):
        for user in page:
            with context.db.transaction(user) as conn:
                total += points.count(conn, user)
        after = page[-1]
    with context.db.transaction(scope) as conn:
        live = read_live(context)
        known = collections.all_collections(conn)
        left = [c.name for c in known if c.state is CollectionState.BUILDING and c.model == live.model]
        name = left[0] if left else next_name(known, live.model)  # one that a failed job left is finished, not doubled
        counts: dict[str, Any] = {"collection": name, "total": total}
        if not dry_run:
            collections.add_building(conn, name, live.model, live.dimension)
        job_progress.start(conn, scope, job_id, total)
        job_progress.advance(conn, scope, job_id, 0, counts)
    return Collection(name, live.model, live.dimension, CollectionState.BUILDING), counts


def _users(context: ProcessContext, after: UserScope | None) -> list[UserScope]:
    with context.db.transaction(None) as conn:
        return scopes.users(conn, after, USERS)


def _step(
    context: ProcessContext, index: MemoryIndex, building: Collection, counts: dict[str, Any], done: int
) -> tuple[int, bool]:
    """Fill or verify the next user; notes the place in `counts`. Returns what is done and whether all is."""
    after = UserScope(UUID(counts["project"]), counts["user"]) if "user" in counts else None
    with context.db.transaction(None) as conn:
        page = scopes.users(conn, after, 1)
    if page:
        user = page[0]
        counts["project"], counts["user"] = str(user.project_id), user.user_id
        if not counts.get("filled"):
            return done + fill_user(context.db, index, building, user), False
        found = compare_user(context.db, index, building, user)
        if found.size:
            counts["repaired"] = counts.get("repaired", 0) + found.size
            repair_collection(context.db, index, building, user, found)
            # Rows that change while all this goes on differ for a moment; what a repair cannot mend is looked at again.
            if compare_user(context.db, index, building, user).size:
                counts["again"] = True
        return done, False
    counts.pop("project", None)
    counts.pop("user", None)
    if not counts.get("filled"):
        counts["filled"] = True
        return done, False
    if counts.pop("again", False):
        counts["rounds"] = counts.get("rounds", 0) + 1
        return done, False
    return done, True


def _public(counts: dict[str, Any]) -> dict[str, Any]:
    """What a finished job shows."""
    return {"collection": counts["collection"], "total": counts["total"], "repaired": counts.get("repaired", 0)}
