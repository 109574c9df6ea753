"""Memories as apps change them: written directly, patched into a new version, deleted with every trace of their text.

The pipeline's own writes are in `changes`. The caller holds the user's lock (`changes.lock_user`) and enqueues the
index work.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from app.domain.dates import CalendarDate
from app.domain.memory import MemoryType
from app.domain.scope import UserScope
from app.storage import entities, unindex
from app.storage.db import Connection

_RECORDING = """
INSERT INTO memory_versions (memory_id, version, project_id, user_id, change, reason, actor, type, text, subject,
    attribute, value, status, frozen, event_time, event_time_precision, valid_from, valid_from_precision, valid_to,
    valid_to_precision, live_from, live_until, importance, confidence, metadata, superseded_by, expires_at, review_at,
    flagged, recorded_at)
SELECT id, version, project_id, user_id, %(change)s, %(reason)s, %(actor)s, type, text, subject, attribute, value,
    status, frozen, event_time, event_time_precision, valid_from, valid_from_precision, valid_to, valid_to_precision,
    live_from, live_until, importance, confidence, metadata, superseded_by, expires_at, review_at, flagged, updated_at
FROM memories WHERE {which} AND project_id = %(project)s AND user_id = %(user)s
"""
RECORD, RECORD_ALL = (_RECORDING.format(which=which) for which in ("id = %(id)s", "id = ANY (%(ids)s)"))
CLOSE_ALL = """
UPDATE memory_versions v SET recorded_until = m.updated_at FROM memories m
WHERE m.id = v.memory_id AND v.memory_id = ANY (%(ids)s) AND v.project_id = %(project)s AND v.user_id = %(user)s
  AND v.recorded_until IS NULL
"""

INSERT = """
INSERT INTO memories (id, project_id, user_id, session_id, agent_id, type, text, text_hash, subject, attribute, value,
    event_time, event_time_precision, valid_from, valid_from_precision, valid_to, valid_to_precision, occurred_at,
    utc_offset, live_from, importance, confidence, metadata, expires_at, review_at, created_at, updated_at)
VALUES (%(id)s, %(project)s, %(user)s, %(session)s, %(agent)s, %(type)s, %(text)s, %(hash)s, %(subject)s, %(attribute)s,
    %(value)s, %(event_time)s, %(event_time_precision)s, %(valid_from)s, %(valid_from_precision)s, %(valid_to)s,
    %(valid_to_precision)s, %(occurred_at)s, %(offset)s, %(occurred_at)s, %(importance)s, %(confidence)s,
    %(metadata)s::json, %(expires_at)s, %(review_at)s, statement_timestamp(), statement_timestamp())
"""

PATCH = """
UPDATE memories SET type = %(type)s, text = %(text)s, text_hash = %(hash)s,
    keywords = CASE WHEN text = %(text)s THEN keywords ELSE '{}' END,
    tags = CASE WHEN text = %(text)s THEN tags ELSE '{}' END,
    context = CASE WHEN text = %(text)s THEN context ELSE '' END, subject = %(subject)s,
    attribute = %(attribute)s, value = %(value)s, event_time = %(event_time)s,
    event_time_precision = %(event_time_precision)s, valid_from = %(valid_from)s,
    valid_from_precision = %(valid_from_precision)s, valid_to = %(valid_to)s,
    valid_to_precision = %(valid_to_precision)s, importance = %(importance)s, confidence = %(confidence)s,
    metadata = %(metadata)s::json, expires_at = %(expires_at)s, review_at = %(review_at)s, flagged = false,
    version = version + 1, updated_at = clock_timestamp()
WHERE id = %(id)s AND project_id = %(project)s AND user_id = %(user)s
"""

# A deleted memory keeps its row (its id, its dates of record, that it was deleted) and nothing that was said.
ERASE = """
UPDATE memories SET text = '', text_hash = sha256(id::text::bytea), subject = NULL, attribute = NULL, value = NULL,
    status = 'erased', event_time = NULL, event_time_precision = NULL, valid_from = NULL, valid_from_precision = NULL,
    valid_to = NULL, valid_to_precision = NULL, metadata = '{}', keywords = '{}', tags = '{}', context = '',
    version = version + 1, indexed_version = version + 1,
    live_until = coalesce(live_until, clock_timestamp()), updated_at = clock_timestamp()
WHERE id = ANY (%(ids)s) AND project_id = %(project)s AND user_id = %(user)s
"""
ERASE_VERSIONS = """
UPDATE memory_versions SET text = '', subject = NULL, attribute = NULL, value = NULL, event_time = NULL,
    event_time_precision = NULL, valid_from = NULL, valid_from_precision = NULL, valid_to = NULL,
    valid_to_precision = NULL, metadata = '{}', reason = NULL, candidate_id = NULL, salt = NULL
WHERE memory_id = ANY (%(ids)s) AND project_id = %(project)s AND user_id = %(user)s
"""
ERASE_CANDIDATES = """
UPDATE candidates SET body = body || '{"text": "", "subject": null, "attribute": null, "value": null, "entities": []}',
    reason = 'deleted', dense = NULL
WHERE memory_id = ANY (%(ids)s) AND project_id = %(project)s AND user_id = %(user)s
"""
OF_USER = "project_id = %(project)s AND user_id = %(user)s"
ERASED_WITH = (
    f"DELETE FROM vectors WHERE target_id = ANY (%(ids)s) AND {OF_USER}",
    f"DELETE FROM memory_entities WHERE memory_id = ANY (%(ids)s) AND {OF_USER}",
    # What a linked memory was told by these goes at once; its words and vector are made anew by the next evolution.
    (
        f"UPDATE memories SET tags = '{{}}', context = '' WHERE {OF_USER} AND id IN (SELECT unnest(ARRAY[from_id,"
        f" to_id]) FROM links WHERE {OF_USER} AND (from_id = ANY (%(ids)s) OR to_id = ANY (%(ids)s)))"
    ),
    (
        f"UPDATE segments SET summary = '' WHERE {OF_USER} AND id IN (SELECT segment_id FROM candidates"
        f" WHERE {OF_USER} AND memory_id = ANY (%(ids)s))"
    ),
    f"DELETE FROM scenes WHERE {OF_USER}",  # their labels and summaries quote; the next tidying makes them anew
    f"DELETE FROM feedback WHERE memory_id = ANY (%(ids)s) AND {OF_USER}",
    f"DELETE FROM memory_sources WHERE memory_id = ANY (%(ids)s) AND {OF_USER}",
    f"DELETE FROM links WHERE (from_id = ANY (%(ids)s) OR to_id = ANY (%(ids)s)) AND {OF_USER}",
    f"DELETE FROM entities WHERE {OF_USER} AND id NOT IN (SELECT entity_id FROM memory_entities WHERE {OF_USER})",
)


@dataclass(frozen=True, slots=True)
class MemoryDraft:
    """What an app may say of a memory; `text_hash` is that of the normalised text."""

    text: str
    text_hash: bytes
    type: MemoryType
    importance: float
    confidence: float
    event_time: CalendarDate | None = None
    valid_from: CalendarDate | None = None
    valid_to: CalendarDate | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    subject: str | None = None
    attribute: str | None = None
    value: str | None = None
    expires_at: datetime | None = None
    review_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a memory belongs: the session, the agent and the time in which it was said."""

    occurred_at: datetime
    session_id: str | None = None
    agent_id: str | None = None


def add(  # noqa: PLR0913, PLR0917 - a memory with its origin
    conn: Connection,
    scope: UserScope,
    memory_id: UUID,
    draft: MemoryDraft,
    place: Place,
    source_ids: Sequence[UUID],
    *,
    actor: str,
) -> None:
    """Write a new memory with its first version and its sources (events of this user that exist)."""
    values = _values(scope, memory_id, draft) | {
        "session": place.session_id,
        "agent": place.agent_id,
        "occurred_at": place.occurred_at,
        "offset": int((place.occurred_at.utcoffset() or timedelta(0)).total_seconds()),
    }
    conn.execute(INSERT, values)
    conn.execute(RECORD, values | {"change": "add", "actor": actor})
    conn.execute(
        "INSERT INTO memory_sources (memory_id, event_id, project_id, user_id)"
        " SELECT %s, id, project_id, user_id FROM events WHERE id = ANY (%s) AND project_id = %s AND user_id = %s",
        (memory_id, list(source_ids), scope.project_id, scope.user_id),
    )


def patch(conn: Connection, scope: UserScope, memory_id: UUID, draft: MemoryDraft, *, actor: str) -> None:
    """Make a new version; the one before ends now."""
    values = _values(scope, memory_id, draft)
    conn.execute(PATCH, values)
    close_version(conn, scope, memory_id)
    conn.execute(RECORD, values | {"change": "patch", "actor": actor})


def erase(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID], *, actor: str) -> None:
    """Take the text of these memories out of every table and mark their points for removal. What was derived from them
    is the caller's (`derivations`).
    """
    values = {"ids": list(memory_ids), "project": scope.project_id, "user": scope.user_id}
    entities.forget(conn, scope, memory_ids)
    conn.execute(ERASE, values)
    record(conn, scope, memory_ids, ("delete", None), actor=actor)
    conn.execute(ERASE_VERSIONS, values)
    conn.execute(ERASE_CANDIDATES, values)
    for statement in ERASED_WITH:
        conn.execute(statement, values)
    unindex.add(conn, scope, memory_ids)


def close_version(conn: Connection, scope: UserScope, memory_id: UUID) -> None:
    """End the version that is open, at the time of the row's newest change."""
    conn.execute(CLOSE_ALL, {"ids": [memory_id], "project": scope.project_id, "user": scope.user_id})


def record(
    conn: Connection, scope: UserScope, memory_ids: Sequence[UUID], why: tuple[str, str | None], *, actor: str
) -> None:
    """End the versions of these memories that are open and record the rows as they are now; `why`: change, reason."""
    change, reason = why
    values = {"ids": list(memory_ids), "change": change, "reason": reason, "actor": actor}
    whose = {"project": scope.project_id, "user": scope.user_id}
    conn.execute(CLOSE_ALL, values | whose)
    conn.execute(RECORD_ALL, values | whose)


def _values(scope: UserScope, memory_id: UUID, draft: MemoryDraft) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": memory_id,
        "project": scope.project_id,
        "user": scope.user_id,
        "type": draft.type.value,
        "text": draft.text,
        "hash": draft.text_hash,
        "subject": draft.subject,
        "attribute": draft.attribute,
        "value": draft.value,
        "importance": draft.importance,
        "confidence": draft.confidence,
        "metadata": orjson.dumps(draft.metadata).decode(),
        "expires_at": draft.expires_at,
        "review_at": draft.review_at,
        "reason": None,
    }
    for name in ("event_time", "valid_from", "valid_to"):
        date: CalendarDate | None = getattr(draft, name)
        values[name] = date.text if date else None
        values[f"{name}_precision"] = date.precision.value if date else None
    return values
