"""Memories as they change their status: one new version each, written in bulk. For lifecycle, sleep, rollback.

The caller holds the user's lock (`changes.lock_user`), has asked `domain/lifecycle` whether the move is allowed, and
enqueues index and tidy work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.memory import MemoryStatus
from app.domain.scope import UserScope
from app.storage.db import Connection

MOVE = """
WITH moved AS (
    UPDATE memories SET status = %(status)s, version = version + 1, updated_at = clock_timestamp(),
        superseded_by = coalesce(%(successor)s::uuid, superseded_by),
        live_until = CASE WHEN %(clears)s THEN NULL ELSE coalesce(live_until, %(until)s::timestamptz) END
    WHERE id = ANY (%(ids)s) AND project_id = %(project)s AND user_id = %(user)s
      AND status NOT IN (%(status)s, 'erased') AND (%(frozen)s OR NOT frozen)
    RETURNING *),
closed AS (
    UPDATE memory_versions v SET recorded_until = m.updated_at FROM moved m
    WHERE v.memory_id = m.id AND v.project_id = m.project_id AND v.user_id = m.user_id AND v.recorded_until IS NULL)
INSERT INTO memory_versions (memory_id, version, project_id, user_id, change, reason, actor, type, text, subject,
    attribute, value, status, frozen, event_time, event_time_precision, valid_from, valid_from_precision, valid_to,
    valid_to_precision, live_from, live_until, importance, confidence, metadata, superseded_by, expires_at, review_at,
    flagged, recorded_at)
SELECT id, version, project_id, user_id, %(change)s, %(reason)s, %(actor)s, type, text, subject, attribute, value,
    status, frozen, event_time, event_time_precision, valid_from, valid_from_precision, valid_to, valid_to_precision,
    live_from, live_until, importance, confidence, metadata, superseded_by, expires_at, review_at, flagged, updated_at
FROM moved RETURNING memory_id
"""


@dataclass(frozen=True, slots=True)
class Move:
    """What happens to a memory, on whose account and why. `until` ends its time as the current belief where that is
    open; `clears` opens it again. `frozen`: also memories that are frozen.
    """

    status: MemoryStatus
    change: str
    reason: str
    actor: str
    successor: UUID | None = None
    until: datetime | None = None
    clears: bool = False
    frozen: bool = False


def move(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID], what: Move) -> list[UUID]:
    """Give these memories the status; those that have it, are erased or may not be moved stay. Returns the moved."""
    rows = conn.execute(
        MOVE,
        {
            "ids": list(memory_ids),
            "project": scope.project_id,
            "user": scope.user_id,
            "status": what.status.value,
            "successor": what.successor,
            "until": what.until,
            "clears": what.clears,
            "frozen": what.frozen,
            "change": what.change,
            "reason": what.reason,
            "actor": what.actor,
        },
    ).fetchall()
    return [row["memory_id"] for row in rows]
