"""The consolidate stage: one user's open candidates become memories.

It reads, decides, then writes in one short transaction under the user's lock; when something that it relied on changed
in between, it decides again.
"""

from dataclasses import replace
from functools import partial

from app.context import ProcessContext
from app.domain.decide import decide
from app.domain.memory_writes import KnownMemory
from app.domain.normalise import text_hash
from app.domain.scope import UserScope
from app.domain.work import WorkItem, WorkKind
from app.services.policy import effective
from app.storage import candidates as candidate_store
from app.storage import changes, event_stages, work
from app.storage.candidates import StoredCandidate
from app.storage.changes import StaleDecisionError
from app.storage.db import Connection
from workers.consolidate.apply import decide_all

BATCH = 200  # candidates of one transaction: keeps the user's lock for some tens of milliseconds
ATTEMPTS = 5  # decisions that turned stale in a row before the unit goes back to the ledger


def run(context: ProcessContext, item: WorkItem) -> None:
    """Decide one batch of the user's open candidates; the unit comes back while more are open."""
    scope = item.user
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _run_once(context, item, scope)
        except StaleDecisionError:
            if attempt == ATTEMPTS:
                raise
            context.logger.info("decision_stale", attempt=attempt)
        else:
            break
    context.hints.send(WorkKind.INDEX)


def _run_once(context: ProcessContext, item: WorkItem, scope: UserScope) -> None:
    with context.db.transaction(scope) as conn:
        policy = effective(conn, scope)
        batch = candidate_store.open_of(conn, scope, BATCH + 1)
        more, batch = len(batch) > BATCH, batch[:BATCH]
        known = _neighbours(conn, scope, batch)
        deleted = changes.deleted_before(conn, scope, [row.id for row in batch])
    batch = _embedded(context, batch)
    writes = decide_all(batch, known, partial(decide, policy=policy.decide), context.new_id, deleted)
    with context.db.transaction(scope) as conn:
        at = changes.lock_user(conn, scope)
        now = {memory.neighbour.id: memory.neighbour.version for memory in _neighbours(conn, scope, batch)}
        if now != writes.relied_on:
            raise StaleDecisionError("memories of the same matter changed")
        changes.write(conn, scope, writes, at)
        event_ids = sorted({event_id for row in batch for event_id in row.candidate.event_ids}, key=str)
        event_stages.mark_consolidated(conn, scope, event_ids)
        if more:
            work.enqueue(conn, scope, WorkKind.CONSOLIDATE)
        work.complete(conn, item)
        work.enqueue(conn, scope, WorkKind.INDEX)


def _neighbours(conn: Connection, scope: UserScope, batch: list[StoredCandidate]) -> list[KnownMemory]:
    hashes = {text_hash(row.candidate.text) for row in batch}
    keys = {(row.candidate.subject, row.candidate.attribute) for row in batch}
    whole = sorted((subject, attribute) for subject, attribute in keys if subject and attribute)
    return changes.neighbours(conn, scope, sorted(hashes), whole)


def _embedded(context: ProcessContext, batch: list[StoredCandidate]) -> list[StoredCandidate]:
    """The batch with vectors of the encoder that is in use; another one may have made those of an old backlog."""
    model = context.encoder.fingerprint
    old = [row for row in batch if row.model != model]
    if not old:
        return batch
    vectors = context.encoder.encode([row.candidate.text for row in old])
    renewed = {row.id: replace(row, model=model, dense=vector) for row, vector in zip(old, vectors, strict=True)}
    return [renewed.get(row.id, row) for row in batch]
