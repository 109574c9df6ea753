"""Versions of memories as they are written after a change of many rows at once. The caller holds the user's lock."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from app.domain.scope import UserScope
from app.storage.db import Connection

ACTOR = "pipeline"

CLOSE_VERSIONS = """
UPDATE memory_versions SET recorded_until = %(at)s
WHERE memory_id = ANY (%(ids)s) AND project_id = %(project)s AND user_id = %(user)s AND recorded_until IS NULL
"""
RECORD = """
INSERT INTO memory_versions (memory_id, version, project_id, user_id, change, reason, actor, type, text, subject,
    attribute, value, status, frozen, event_time, event_time_precision, valid_from, valid_from_precision, valid_to,
    valid_to_precision, live_from, live_until, importance, confidence, metadata, superseded_by, expires_at, review_at,
    flagged, candidate_id, recorded_at)
SELECT m.id, m.version, m.project_id, m.user_id, x.change, x.reason, %(actor)s, m.type, m.text, m.subject, m.attribute,
    m.value, m.status, m.frozen, m.event_time, m.event_time_precision, m.valid_from, m.valid_from_precision, m.valid_to,
    m.valid_to_precision, m.live_from, m.live_until, m.importance, m.confidence, m.metadata, m.superseded_by,
    m.expires_at, m.review_at, m.flagged, x.candidate_id, %(at)s
FROM unnest(%(ids)s::uuid[], %(changes)s::text[], %(reasons)s::text[], %(candidates)s::uuid[])
    AS x (id, change, reason, candidate_id)
JOIN memories m ON m.id = x.id AND m.project_id = %(project)s AND m.user_id = %(user)s
"""


def record(  # noqa: PLR0913 - what, when, by whom, on which words
    conn: Connection,
    scope: UserScope,
    versions: Sequence[tuple[UUID, str, str]],
    at: datetime,
    *,
    actor: str = ACTOR,
    candidates: Mapping[UUID, UUID] | None = None,
) -> None:
    """Record (memory, change, reason) as the rows are now, and close the versions before them. `candidates` are the
    statements that made them, by memory.
    """
    if versions:
        whose = {"project": scope.project_id, "user": scope.user_id, "at": at, "actor": actor}
        ids, made, reasons = (list(column) for column in zip(*versions, strict=True))
        by = [(candidates or {}).get(memory_id) for memory_id in ids]
        conn.execute(CLOSE_VERSIONS, whose | {"ids": ids})
        conn.execute(RECORD, whose | {"ids": ids, "changes": made, "reasons": reasons, "candidates": by})
