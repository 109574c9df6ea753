"""The consolidate stage: one user's open candidates become memories.

It reads, decides, then writes in one short transaction under the user's lock; when something that it relied on changed
in between, it decides again.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.context import ProcessContext
from app.domain.asleep import put_off
from app.domain.decide import decide
from app.domain.memory_writes import KnownMemory
from app.domain.normalise import text_hash
from app.domain.scope import UserScope
from app.domain.work import WorkItem, WorkKind
from app.services import lifecycle
from app.services.policy import effective
from app.storage import candidates as candidate_store
from app.storage import changes, event_stages, tombstones, vectors, work
from app.storage.candidates import StoredCandidate
from app.storage.changes import Matter, StaleDecisionError
from app.storage.tombstones import ErasedMeanwhileError
from app.storage.vectors import from_half
from workers.consolidate.apply import decide_all
from workers.consolidate.linking import Linking

BATCH = 200  # candidates of one transaction: keeps the user's lock for some tens of milliseconds
SCANNED = 20_000  # vectors of the newest memories that a run looks through: 15 MB at 384 dimensions
LONGEST_AWAKE = 3_600.0  # seconds after which decisions that were put off are taken though the user is still talking
ATTEMPTS = 5  # decisions that turned stale in a row before the unit goes back to the ledger


def run(context: ProcessContext, item: WorkItem) -> None:
    """Decide one batch of the user's open candidates; the unit comes back while more are open."""
    with context.db.transaction(item.user) as conn:
        lifecycle.expire(conn, item.user, context.clock())  # what is said again after its time is new
    until_fresh(context, partial(_run_once, context, item, item.user))
    context.hints.send(WorkKind.INDEX)


def until_fresh(context: ProcessContext, once: Callable[[], None]) -> None:
    """Decide anew while what was decided turns out to be stale."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            once()
        except (StaleDecisionError, ErasedMeanwhileError):
            if attempt == ATTEMPTS:
                raise
            context.logger.info("decision_stale", attempt=attempt)
        else:
            break


def _run_once(context: ProcessContext, item: WorkItem, scope: UserScope) -> None:
    with context.db.transaction(scope) as conn:
        since = tombstones.now(conn)
        policy = effective(conn, scope)
        batch = candidate_store.open_of(conn, scope, BATCH + 1)
        more, batch = len(batch) > BATCH, batch[:BATCH]
        ids = [row.id for row in batch]
        deleted = changes.deleted_before(conn, scope, ids)
        taken_back = changes.taken_back(conn, scope, ids)
        lifecycle.said_again(conn, scope, hashes_of(batch, deleted | taken_back.keys()), context.clock())
        stored = vectors.of_active_memories(conn, scope, context.encoder.fingerprint, SCANNED) if batch else []
    batch = embedded(context, batch)
    dense = nominated(batch, stored, policy.decide.max_neighbours)
    matter = matter_of(batch, dense)
    with context.db.transaction(scope) as conn:
        known = changes.neighbours(conn, scope, matter)
    linking = Linking(policy.decide.link_cosine, policy.decide.max_neighbours)
    writes = decide_all(
        batch,
        known,
        put_off if policy.decide.asleep else partial(decide, policy=policy.decide),
        context.new_id,
        deleted,
        dense=known_vectors(known, dense, stored),
        taken_back=taken_back,
        linking=linking,
    )
    with context.db.transaction(scope) as conn:
        at = changes.lock_user(conn, scope)
        tombstones.check(conn, scope, since)
        now = {memory.neighbour.id: memory.neighbour.version for memory in changes.neighbours(conn, scope, matter)}
        if now != writes.relied_on:
            raise StaleDecisionError("memories of the same matter changed")
        changes.write(conn, scope, writes, at)
        touched = {e for row in batch for e in (*row.candidate.event_ids, *row.candidate.retracts)}
        event_stages.mark_consolidated(conn, scope, sorted(touched, key=str))
        if more:
            work.enqueue(conn, scope, WorkKind.CONSOLIDATE)
        work.complete(conn, item)
        work.enqueue(conn, scope, WorkKind.INDEX)
        work.enqueue_tidy(conn, scope)
        if policy.decide.asleep:
            work.enqueue(conn, scope, WorkKind.WAKE, quiet=policy.decide.sleep_seconds, at_most=LONGEST_AWAKE)


def hashes_of(batch: list[StoredCandidate], passed_over: Collection[UUID]) -> list[bytes]:
    """The texts that the batch says, without what it takes back and without candidates that become no memory."""
    said = [row.candidate for row in batch if row.id not in passed_over]
    return sorted({text_hash(candidate.text) for candidate in said if not candidate.retracts})


def nominated(
    batch: list[StoredCandidate], stored: list[tuple[UUID, bytes]], most: int
) -> dict[UUID, npt.NDArray[np.float32]]:
    """The `most` nearest memories of each candidate with their vectors, by an exact scan."""
    if not batch or not stored or not most:
        return {}
    matrix = np.frombuffer(b"".join(raw for _, raw in stored), dtype="<f2").astype(np.float32)
    matrix = matrix.reshape(len(stored), -1)
    cosines = np.stack([row.dense for row in batch]) @ matrix.T
    most = min(most, len(stored))
    nearest = np.argpartition(-cosines, most - 1, axis=1)[:, :most]
    return {stored[place][0]: matrix[place] for place in np.unique(nearest)}


def known_vectors(
    known: list[KnownMemory], dense: dict[UUID, npt.NDArray[np.float32]], stored: list[tuple[UUID, bytes]]
) -> dict[UUID, npt.NDArray[np.float32]]:
    """The vectors of what is known; also of those that share a text or a key and are not among the nearest."""
    raw = dict(stored)
    ids = [memory.neighbour.id for memory in known if memory.neighbour.id in raw]
    return {memory_id: dense[memory_id] if memory_id in dense else from_half(raw[memory_id]) for memory_id in ids}


def matter_of(batch: list[StoredCandidate], nearest: dict[UUID, npt.NDArray[np.float32]]) -> Matter:
    """What the batch may be about."""
    found = [row.candidate for row in batch]
    keys = {(c.subject, c.attribute) for c in found}
    return Matter(
        hashes=tuple(sorted({text_hash(c.text) for c in found})),
        keys=tuple(sorted((subject, attribute) for subject, attribute in keys if subject and attribute)),
        event_ids=tuple(sorted({e for c in found for e in (*c.retracts, *c.corrects)}, key=str)),
        memory_ids=tuple(sorted(nearest.keys() | {t for c in found for t in c.targets}, key=str)),
        retracted=tuple(sorted({e for c in found for e in c.retracts}, key=str)),
        named=tuple(sorted({t for c in found if c.retracts for t in c.targets}, key=str)),
    )


def embedded(context: ProcessContext, batch: list[StoredCandidate]) -> list[StoredCandidate]:
    """The batch with vectors of the encoder that is in use; another one may have made those of an old backlog."""
    model = context.encoder.fingerprint
    old = [row for row in batch if row.model != model]
    if not old:
        return batch
    vectors = context.encoder.encode([row.candidate.text for row in old])
    renewed = {row.id: replace(row, model=model, dense=vector) for row, vector in zip(old, vectors, strict=True)}
    return [renewed.get(row.id, row) for row in batch]
