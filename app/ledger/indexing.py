"""The index stage: brings one user's points up to the rows of PostgreSQL, in the live collection and in building ones.

Small batches with a pause between them, because in the embedded stack this shares the gateway's interpreter.
"""

import time
from collections.abc import Sequence

from app.context import ProcessContext
from app.domain.memory import MemoryStatus
from app.domain.scope import UserScope
from app.domain.work import WorkItem
from app.index.protocol import IndexPoint, MemoryIndex, PointKind
from app.ledger.lease import Lease
from app.services.collections import Targets, read_targets
from app.storage import event_stages, points, unindex, work
from app.storage.points import PointRow
from app.storage.vectors import usable

BATCH = 64  # points; about 5 ms of conversion with the interpreter held
PAUSE = 0.002  # seconds between batches: lets waiting requests run
DELETE_BATCH = 1000


def run(context: ProcessContext, item: WorkItem, lease: Lease) -> None:
    """Index what changed for the item's user, then close the events that were waiting for it."""
    if context.index is None:
        raise TypeError("this process has no index")
    targets = read_targets(context.db)
    if item.attempts > 1:  # the last try failed; a server that lost its collections gets them again, empty
        for collection in targets.writable:
            context.index.ensure(collection.name, collection.dimension)
    _remove_gone(context, context.index, item, targets, lease)
    while True:
        with context.db.transaction(item.user) as conn:
            rows = points.outdated(conn, item.user, targets.live.model, BATCH)
        if not rows:
            break
        _write(context, context.index, item.user, rows, targets)
        lease.check()
        with context.db.transaction(item.user) as conn:
            points.mark_indexed(conn, item.user, rows)
            work.heartbeat(conn, item, lease.seconds)
        time.sleep(PAUSE)
    with context.db.transaction(item.user) as conn:
        event_stages.mark_processed(conn, item.user)
        work.complete(conn, item)
    context.metrics.degraded.labels("index").set(0)


def _remove_gone(context: ProcessContext, index: MemoryIndex, item: WorkItem, targets: Targets, lease: Lease) -> None:
    while True:
        with context.db.transaction(item.user) as conn:
            gone = unindex.page(conn, item.user, DELETE_BATCH)
        if not gone:
            return
        for collection in targets.writable:
            index.delete(collection.name, item.user, gone)
        lease.check()
        with context.db.transaction(item.user) as conn:
            unindex.remove(conn, item.user, gone)


def _write(
    context: ProcessContext, index: MemoryIndex, scope: UserScope, rows: Sequence[PointRow], targets: Targets
) -> None:
    """Upsert into every collection of the live model; what was erased is deleted instead.

    A building collection of another model has vectors of its own: the rebuild that fills it brings them.
    """
    kept = [to_point(row) for row in rows if row.status != MemoryStatus.ERASED]
    erased = [row.id for row in rows if row.status == MemoryStatus.ERASED]
    bare = sum(point.dense is None for point in kept)
    if bare:
        context.logger.warning("points_without_vector", n=bare)
    for collection in targets.writable:
        if collection.model != targets.live.model:
            continue
        if kept:
            index.upsert(collection.name, scope, kept)
        if erased:
            index.delete(collection.name, scope, erased)


def to_point(row: PointRow) -> IndexPoint:
    """A row as the index port takes it."""
    return IndexPoint(
        id=row.id,
        kind=PointKind(row.kind),
        version=row.version,
        session_id=row.session_id,
        agent_id=row.agent_id,
        type=row.type,
        status=row.status,
        occurred_at=row.occurred_at,
        live_from=row.live_from,
        live_until=row.live_until,
        dense=usable(row.dense) if row.dense is not None else None,
        text=row.text,
        window=row.window,
    )
