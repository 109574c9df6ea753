"""Versions of memories as they are read and brought back: the history of one, and one version made the newest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.scope import Scope, UserScope
from app.domain.versions import FIELDS, Cause, FieldChange, cause_of, differences
from app.storage.db import Connection, Row

COLUMNS = (
    "version, change, reason, actor, type, text, subject, attribute, value, status, frozen, event_time, valid_from,"
    " valid_to, live_from, live_until, importance, confidence, metadata, superseded_by, expires_at, review_at, flagged,"
    " recorded_at, recorded_until"
)
# The version before the first one asked for comes along, to be compared with.
HISTORY = f"""
SELECT {COLUMNS}, candidate_id, (SELECT c.event_ids FROM candidates c WHERE c.id = v.candidate_id) AS event_ids
FROM memory_versions v WHERE project_id = %(project)s AND memory_id = %(memory)s
  AND version >= coalesce((SELECT max(b.version) FROM memory_versions b WHERE b.project_id = %(project)s
      AND b.memory_id = %(memory)s AND b.version <= %(after)s), 0)
ORDER BY version LIMIT %(limit)s
"""
# Only what a version keeps; uses and strength are of the present. Another text has no note yet. What comes back to last
# does not do so with an expiry that has passed.
BRING_BACK = """
UPDATE memories m SET type = v.type, text = v.text, text_hash = x.hash,
    keywords = CASE WHEN m.text = v.text THEN m.keywords ELSE '{}' END,
    tags = CASE WHEN m.text = v.text THEN m.tags ELSE '{}' END,
    context = CASE WHEN m.text = v.text THEN m.context ELSE '' END,
    subject = v.subject, attribute = v.attribute, value = v.value, status = x.status, frozen = v.frozen,
    event_time = v.event_time, event_time_precision = v.event_time_precision, valid_from = v.valid_from,
    valid_from_precision = v.valid_from_precision, valid_to = v.valid_to, valid_to_precision = v.valid_to_precision,
    live_from = v.live_from, live_until = v.live_until, importance = v.importance, confidence = v.confidence,
    metadata = v.metadata, superseded_by = CASE WHEN x.status IN ('superseded', 'merged', 'invalidated')
        THEN coalesce(v.superseded_by, m.superseded_by) ELSE v.superseded_by END,
    expires_at = CASE WHEN x.lasting AND v.expires_at <= %(at)s THEN NULL ELSE v.expires_at END,
    review_at = v.review_at, flagged = v.flagged,
    version = m.version + 1, updated_at = %(at)s
FROM unnest(%(ids)s::uuid[], %(versions)s::int[], %(hashes)s::bytea[], %(statuses)s::text[],
    %(lasting)s::bool[]) AS x (id, version, hash, status, lasting)
JOIN memory_versions v ON v.memory_id = x.id AND v.version = x.version
WHERE m.id = x.id AND m.project_id = %(project)s AND m.user_id = %(user)s AND v.project_id = m.project_id
  AND m.status <> 'erased'
"""


@dataclass(frozen=True, slots=True)
class MemoryVersion:
    """A memory as it was from `recorded_at` until `recorded_until`, and what made it so."""

    version: int
    change: str
    reason: str | None
    actor: str
    type: str
    text: str
    subject: str | None
    attribute: str | None
    value: str | None
    status: str
    frozen: bool
    event_time: str | None
    valid_from: str | None
    valid_to: str | None
    live_from: datetime
    live_until: datetime | None
    importance: float
    confidence: float
    metadata: dict[str, Any]
    superseded_by: UUID | None
    expires_at: datetime | None
    review_at: datetime | None
    flagged: bool
    recorded_at: datetime
    recorded_until: datetime | None

    def values(self) -> dict[str, Any]:
        """What a version keeps, by field."""
        return {name: getattr(self, name) for name in FIELDS}


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A version with what changed against the one before it, and its cause."""

    version: MemoryVersion
    changes: tuple[FieldChange, ...]
    cause: Cause


@dataclass(frozen=True, slots=True)
class Brought:
    """A version that becomes the newest one again: with the hash of its text, and the status that it gets. `lasting`:
    without an expiry that has passed.
    """

    memory_id: UUID
    version: int
    text_hash: bytes
    status: str
    lasting: bool = False


def history(conn: Connection, scope: Scope, memory_id: UUID, *, after: int = 0, limit: int = 50) -> list[HistoryEntry]:
    """The versions of a memory after version `after`, the first one first."""
    rows = conn.execute(
        HISTORY, {"project": scope.project_id, "memory": memory_id, "after": after, "limit": limit + 1}
    ).fetchall()
    entries: list[HistoryEntry] = []
    before: MemoryVersion | None = None
    for row in rows:
        candidate, events = row.pop("candidate_id"), row.pop("event_ids")
        version = MemoryVersion(**row)
        successor = version.superseded_by if before is None or before.superseded_by != version.superseded_by else None
        if version.version > after:
            changed = differences(before.values() if before else None, version.values())
            entries.append(HistoryEntry(version, changed, cause_of(version.actor, candidate, events or (), successor)))
        before = version
    return entries[:limit]


def one(conn: Connection, scope: Scope, memory_id: UUID, version: int) -> MemoryVersion | None:
    """One version of a memory."""
    row: Row | None = conn.execute(
        f"SELECT {COLUMNS} FROM memory_versions WHERE project_id = %s AND memory_id = %s AND version = %s",
        (scope.project_id, memory_id, version),
    ).fetchone()
    return MemoryVersion(**row) if row else None


def bring_back(conn: Connection, scope: UserScope, brought: Sequence[Brought], at: datetime) -> int:
    """Give memories the content and the status of these versions; the caller records. Returns how many rows."""
    return conn.execute(
        BRING_BACK,
        {
            "ids": [one.memory_id for one in brought],
            "versions": [one.version for one in brought],
            "hashes": [one.text_hash for one in brought],
            "statuses": [one.status for one in brought],
            "lasting": [one.lasting for one in brought],
            "project": scope.project_id,
            "user": scope.user_id,
            "at": at,
        },
    ).rowcount
