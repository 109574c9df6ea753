"""Snapshots of a user or a project, what differs between two, and the bringing back of a user to one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.job import JobItem
from app.domain.lexical import TEXT_LENGTH, document_vector
from app.domain.scope import Scope, UserScope
from app.domain.versions import Step, StepKind, steps
from app.domain.work import WorkKind
from app.errors import ConflictError, FieldError, NotFoundError
from app.storage import changes, job_items, past, snapshots, tombstones, vectors, version_rows, versions, work
from app.storage.db import Connection
from app.storage.past import Between
from app.storage.snapshots import Snapshot
from app.storage.vectors import StoredVector
from app.storage.versions import Brought

CHANGE = "rollback"
INSTANT = timedelta(microseconds=1)  # what PostgreSQL tells apart


class SnapshotExistsError(ConflictError):
    """There is one of this name."""

    code, title = "snapshot_exists", "Snapshot exists"


class RollbackStaleError(Exception):
    """Texts have to be embedded that were not: something was written since they were."""


def create(conn: Connection, scope: Scope, snapshot_id: UUID, name: str, *, actor: str) -> Snapshot:
    """Name the present. Of a user it is exact, because it waits for whoever writes to their memories; of a project,
    what is being written at this moment may fall on either side.
    """
    at = changes.lock_user(conn, scope) if isinstance(scope, UserScope) else snapshots.now(conn)
    made = snapshots.insert(conn, scope, snapshot_id, (name, at), actor=actor)
    if made is None:
        field = FieldError("/name", "is the name of another snapshot", "taken")
        raise SnapshotExistsError("There is a snapshot of this name.", errors=(field,))
    return made


def get(conn: Connection, scope: Scope, snapshot_id: UUID) -> Snapshot:
    """One snapshot; raises NotFoundError."""
    found = snapshots.get(conn, scope, snapshot_id)
    if found is None:
        raise NotFoundError("There is no such snapshot.")
    return found


def page(
    conn: Connection, scope: Scope, *, user_id: str | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[Snapshot]:
    """Snapshots of the scope, the oldest first."""
    return snapshots.page(conn, scope, user_id=user_id, after=after, limit=limit)


def delete(conn: Connection, scope: Scope, snapshot_id: UUID) -> Snapshot:
    """Take the mark away; raises NotFoundError."""
    found = snapshots.delete(conn, scope, snapshot_id)
    if found is None:
        raise NotFoundError("There is no such snapshot.")
    return found


def now(conn: Connection) -> datetime:
    """The recorded time that passes for the present."""
    return snapshots.now(conn)


def diff(  # noqa: PLR0913 - whose, two times, one page
    conn: Connection,
    scope: Scope,
    user_id: str | None,
    times: tuple[datetime, datetime],
    *,
    after: UUID | None,
    limit: int,
) -> list[Between]:
    """What differs between two recorded times."""
    return past.between(conn, scope, user_id, times, after=after, limit=limit)


def plan(conn: Connection, scope: UserScope, at: datetime) -> list[Step]:
    """What has to be done so that the user's memories are what they were known to be at `at`."""
    return steps(past.standings(conn, scope, at))


@dataclass(frozen=True, slots=True)
class Encoding:
    """Vectors of texts by `model`."""

    model: str
    dense: Mapping[str, npt.NDArray[np.float32]]


def roll_back(  # noqa: PLR0913, PLR0917 - whose, to when, with what was made ready since when
    conn: Connection, scope: UserScope, job_id: UUID, to: datetime, encoding: Encoding, since: datetime
) -> None:
    """Do it in one transaction under the user's lock, so that nobody sees half of it. `encoding` is of a plan that was
    read at `since`: raises ErasedMeanwhileError when something was erased after it, RollbackStaleError when a text that
    comes back has no vector in it.
    """
    at = changes.lock_user(conn, scope)
    tombstones.check(conn, scope, since)
    planned = plan(conn, scope, to)
    if any(text not in encoding.dense for text in texts(planned)):
        raise RollbackStaleError
    doing = [step for step in planned if step.kind is not StepKind.KEEP]
    past.set_aside(conn, scope, [step.standing.memory_id for step in doing])
    past.hide(conn, scope, [step.standing.memory_id for step in doing if step.kind is StepKind.HIDE], at)
    versions.bring_back(conn, scope, [_brought(step) for step in doing if step.kind is StepKind.RESTORE], at)
    reason = f"as known at {to.isoformat()}"
    recorded = [(step.standing.memory_id, CHANGE, reason) for step in doing]
    version_rows.record(conn, scope, recorded, at, actor=f"job:{job_id}")
    rows = [
        StoredVector(step.standing.memory_id, "memory", encoding.dense[text], document_vector(text, TEXT_LENGTH))
        for step in doing
        if step.rewords and (text := _then_text(step))
    ]
    vectors.upsert(conn, scope, encoding.model, rows)
    job_items.add(conn, scope, job_id, items(scope, planned))
    if doing:
        work.enqueue(conn, scope, WorkKind.INDEX)
        work.enqueue_tidy(conn, scope)


def undo_to(conn: Connection, scope: UserScope, job_id: UUID) -> datetime | None:
    """The last recorded time before a rollback, to which one rolls back to undo it; None where nothing was changed."""
    at = past.recorded_by(conn, scope, job_id)
    return at - INSTANT if at is not None else None


def items(scope: UserScope, planned: Sequence[Step]) -> list[JobItem]:
    """A rollback's steps as the items of its job."""
    return [
        JobItem(
            scope.user_id,
            "memory",
            str(step.standing.memory_id),
            step.kind.value,
            step.reason,
            {
                "version_before": step.standing.version,
                "version_then": step.standing.then_version,
                "status_before": step.standing.now["status"],
                "status": step.status,
                "fields": step.fields,
            },
        )
        for step in planned
    ]


def texts(planned: Sequence[Step]) -> list[str]:
    """The texts that come back and have to be embedded, each once."""
    return list(dict.fromkeys(_then_text(step) for step in planned if step.rewords))


def _then_text(step: Step) -> str:
    then = step.standing.then
    return str(then["text"]) if then is not None else ""


def _brought(step: Step) -> Brought:
    then = step.standing
    assert then.then_version is not None and then.then_hash is not None  # noqa: S101, PT018 - what is restored has both
    return Brought(then.memory_id, then.then_version, then.then_hash, step.status)
