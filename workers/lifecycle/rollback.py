"""Jobs of kind `rollback`: a user's memories as they were known at a recorded time.

Texts that come back are embedded first, outside of any transaction; the rest is one transaction under the user's lock,
so nobody sees half of it, and a kill before its end leaves everything as it was. An erasure that came first wins: of
the user, and nothing is done any more; of a part, and the plan is made anew.
"""

from datetime import datetime
from typing import Any

from app.context import ProcessContext
from app.domain.job import Slice
from app.domain.scope import ProjectScope, UserScope
from app.domain.versions import StepKind
from app.domain.work import WorkKind
from app.ledger.lease import Lease
from app.services import snapshots
from app.services.snapshots import Encoding, RollbackStaleError
from app.storage import changes, job_items, tombstones
from app.storage.db import Connection
from app.storage.jobs import Job

BATCH = 128  # texts: about half a second of encoding; between two the lease is checked


def run(context: ProcessContext, scope: ProjectScope, job: Job, lease: Lease) -> Slice:
    """Roll one user back, or with `dry_run` list what that would change."""
    user = UserScope(scope.project_id, str(job.scope["user_id"]))
    to = datetime.fromisoformat(str(job.scope["known_at"]))
    with context.db.transaction(user) as conn:
        since = tombstones.now(conn)
        planned = snapshots.plan(conn, user, to)
    known = Encoding(context.encoder.fingerprint, {})
    while True:
        known = _encode(context, snapshots.texts(planned), known, lease)
        with context.db.transaction(user) as conn:
            changes.lock_user(conn, user)
            if _erased_since(conn, user, job):
                return Slice(0, 0, {}, finished=True)
            if job_items.counts(conn, user, job.id, user.user_id):  # a slice of this job was killed after its work
                break
            if job.dry_run:
                tombstones.check(conn, user, since)
                job_items.add(conn, user, job.id, snapshots.items(user, planned))
                break
        try:
            with context.db.transaction(user) as conn:
                snapshots.roll_back(conn, user, job.id, to, known, since)
        except RollbackStaleError:
            with context.db.transaction(user) as conn:
                since = tombstones.now(conn)
                planned = snapshots.plan(conn, user, to)
        else:
            context.hints.send(WorkKind.INDEX)
            break
    with context.db.transaction(user) as conn:
        counted = job_items.counts(conn, user, job.id, user.user_id)
        undo = snapshots.undo_to(conn, user, job.id)
    counts: dict[str, Any] = {kind.value: counted.get(kind.value, 0) for kind in StepKind}
    total = sum(counts.values())
    counts |= {"undo_known_at": undo.isoformat()} if undo is not None else {}
    return Slice(total, total, counts, finished=True)


def _erased_since(conn: Connection, user: UserScope, job: Job) -> bool:
    """Whether the user was erased after the job was asked for: who has the name now is not to be rolled back."""
    erased_at = tombstones.user_erased_at(conn, user)
    return erased_at is not None and erased_at >= job.created_at


def _encode(context: ProcessContext, texts: list[str], known: Encoding, lease: Lease) -> Encoding:
    missing = [text for text in texts if text not in known.dense]
    dense = dict(known.dense)
    for start in range(0, len(missing), BATCH):
        lease.check()
        batch = missing[start : start + BATCH]
        dense |= zip(batch, context.encoder.encode(batch), strict=True)
    return Encoding(known.model, dense)
