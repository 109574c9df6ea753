"""Feedback on memories: its rows, and the new version that it makes of a memory. The caller holds the user's lock."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.domain.feedback import Feedback, FeedbackSignal, Judgement
from app.domain.memory import MemoryStatus
from app.domain.scope import Scope, UserScope
from app.storage import memory_edits, reflections
from app.storage.db import Connection, Row

COLUMNS = "id, user_id, memory_id, signal, note, query, created_at"

INSERT = f"""
INSERT INTO feedback (id, project_id, user_id, memory_id, signal, note, query, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, clock_timestamp()) RETURNING {COLUMNS}
"""
# Another wording, or somebody who put the memory right again, leaves earlier complaints behind.
WRONGS = """
SELECT count(*) AS n FROM feedback f
WHERE f.project_id = %(project)s AND f.user_id = %(user)s AND f.memory_id = %(id)s AND f.signal = 'wrong'
  AND f.created_at > coalesce((SELECT max(v.recorded_at) FROM memory_versions v WHERE v.memory_id = f.memory_id
      AND v.project_id = f.project_id AND v.change IN ('patch', 'state')), '-infinity')
"""
JUDGE = """
UPDATE memories SET status = %(status)s, confidence = %(confidence)s, valid_to = %(valid_to)s,
    valid_to_precision = %(precision)s, live_until = %(live_until)s, flagged = flagged OR %(flags)s,
    version = version + 1,
    updated_at = clock_timestamp()
WHERE id = %(id)s AND project_id = %(project)s AND user_id = %(user)s
"""


def add(conn: Connection, scope: UserScope, feedback_id: UUID, memory_id: UUID, said: Sequence[str | None]) -> Feedback:
    """Keep what was said: signal, note and query."""
    row = conn.execute(INSERT, (feedback_id, scope.project_id, scope.user_id, memory_id, *said)).fetchone()
    assert row is not None  # noqa: S101 - RETURNING gives the row
    return _feedback(row)


def page(
    conn: Connection, scope: Scope, memory_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Feedback]:
    """What was said of one memory, the first one first."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM feedback WHERE project_id = %(project)s AND memory_id = %(memory)s"
        " AND (%(id)s::uuid IS NULL OR (created_at, id) > (%(at)s, %(id)s)) ORDER BY created_at, id LIMIT %(limit)s",
        {
            "project": scope.project_id,
            "memory": memory_id,
            "at": after[0] if after else None,
            "id": after[1] if after else None,
            "limit": limit,
        },
    ).fetchall()
    return [_feedback(row) for row in rows]


def wrongs(conn: Connection, scope: UserScope, memory_id: UUID) -> int:
    """How often the memory was called wrong as it stands."""
    values = {"project": scope.project_id, "user": scope.user_id, "id": memory_id}
    row = conn.execute(WRONGS, values).fetchone()
    return int(row["n"]) if row else 0


def apply(  # noqa: PLR0913 - what, on which word, by whom
    conn: Connection, scope: UserScope, memory_id: UUID, judgement: Judgement, signal: FeedbackSignal, *, actor: str
) -> None:
    """Make the new version; the one before ends now and keeps what was there."""
    values = {
        "id": memory_id,
        "project": scope.project_id,
        "user": scope.user_id,
        "status": judgement.status.value,
        "confidence": judgement.confidence,
        "valid_to": judgement.valid_to.text if judgement.valid_to else None,
        "precision": judgement.valid_to.precision.value if judgement.valid_to else None,
        "live_until": judgement.live_until,
        "flags": signal is FeedbackSignal.WRONG,
    }
    conn.execute(JUDGE, values)
    memory_edits.close_version(conn, scope, memory_id)
    conn.execute(memory_edits.RECORD, values | {"change": "feedback", "reason": signal.value, "actor": actor})
    if judgement.status is MemoryStatus.INVALIDATED or signal is FeedbackSignal.PRIVATE:
        reflections.withdraw(conn, scope)


def _feedback(row: Row) -> Feedback:
    return Feedback(**row | {"signal": FeedbackSignal(row["signal"])})
