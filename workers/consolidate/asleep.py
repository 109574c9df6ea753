"""The wake stage: once a user has been quiet, what was only added gets its decision.

As `stage`, it reads, decides without a transaction, and writes in one under the user's lock.
"""

from functools import partial

from app.context import ProcessContext
from app.domain.asleep import awakened
from app.domain.decide import decide
from app.domain.scope import UserScope
from app.domain.work import WorkItem, WorkKind
from app.services.policy import effective
from app.storage import candidates as candidate_store
from app.storage import changes, links, tombstones, vectors, work
from app.storage.changes import Matter, StaleDecisionError
from workers.consolidate.apply import decide_all
from workers.consolidate.linking import Linking
from workers.consolidate.stage import BATCH, SCANNED, embedded, known_vectors, matter_of, nominated, until_fresh


def run(context: ProcessContext, item: WorkItem) -> None:
    """Decide one batch of what the user's candidates put off; the unit comes back while there is more."""
    until_fresh(context, partial(_run_once, context, item, item.user))
    context.hints.send(WorkKind.INDEX)


def _run_once(context: ProcessContext, item: WorkItem, scope: UserScope) -> None:
    with context.db.transaction(scope) as conn:
        since = tombstones.now(conn)
        policy = effective(conn, scope)
        candidate_store.keep_edited(conn, scope)
        batch = candidate_store.put_off(conn, scope, BATCH + 1)
        more, batch = len(batch) > BATCH, batch[:BATCH]
        hidden = candidate_store.stand_ins(conn, scope)
        active = vectors.of_active_memories(conn, scope, context.encoder.fingerprint, SCANNED) if batch else []
    stored = [(memory_id, raw) for memory_id, raw in active if memory_id not in hidden]
    batch = embedded(context, batch)
    dense = nominated(batch, stored, policy.decide.max_neighbours)
    matter = matter_of(batch, dense)
    stand_ins = {row.id: row.memory_id for row in batch if row.memory_id is not None}
    theirs = Matter(memory_ids=tuple(sorted(stand_ins.values(), key=str)))
    with context.db.transaction(scope) as conn:
        known = [m for m in changes.neighbours(conn, scope, matter) if m.neighbour.id not in hidden]
        standing = {m.neighbour.id: m for m in changes.neighbours(conn, scope, theirs)}
    batch = [row for row in batch if row.memory_id is None or row.memory_id in standing]
    writes = decide_all(
        batch,
        known,
        partial(decide, policy=policy.decide),
        context.new_id,
        dense=known_vectors(known, dense, stored),
        linking=Linking(policy.decide.link_cosine, policy.decide.max_neighbours),
    )
    awake = awakened(writes, {row: i for row, i in stand_ins.items() if i in standing}, standing)
    with context.db.transaction(scope) as conn:
        at = changes.lock_user(conn, scope)
        tombstones.check(conn, scope, since)
        now = [m.neighbour for m in changes.neighbours(conn, scope, matter) if m.neighbour.id not in hidden]
        if {known.id: known.version for known in now} != writes.relied_on:
            raise StaleDecisionError("memories of the same matter changed")
        candidate_store.reopen(conn, scope, [row.id for row in batch])
        changes.write(conn, scope, awake.writes, at)
        links.insert(conn, scope, awake.kept)
        if more:
            work.enqueue(conn, scope, WorkKind.WAKE)
        work.complete(conn, item)
        work.enqueue(conn, scope, WorkKind.INDEX)
        work.enqueue_tidy(conn, scope)
