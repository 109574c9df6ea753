"""Memories as they are read: one, a page, the history of one; also as they were then, or as we knew them then."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.dates import CalendarDate, Precision
from app.domain.memory import Memory, MemoryStatus, MemoryType, Source
from app.domain.scope import Scope, UserScope
from app.storage.db import Connection, Row
from app.storage.events import zone

# What a version keeps; the rest of a memory is the same in all its versions.
VERSIONED = (
    "type, text, subject, attribute, value, status, frozen, event_time, event_time_precision, valid_from,"
    " valid_from_precision, valid_to, valid_to_precision, live_from, live_until, importance, confidence, metadata,"
    " version, expires_at, review_at, flagged"
)
OWN = (
    "id, user_id, session_id, agent_id, occurred_at, utc_offset, stability, use_count, last_used_at, superseded_by,"
    " created_at, layer, layered_at"
)
NOTE = "keywords, tags, context"  # kept for the newest version only: what was known then had no later neighbours
NOW = ", ".join(f"m.{c.strip()}" for c in f"{OWN}, {VERSIONED}, {NOTE}, updated_at".split(","))
THEN = (
    ", ".join(f"m.{c.strip()}" for c in OWN.split(","))
    + ", "
    + ", ".join(f"v.{c.strip()}" for c in VERSIONED.split(","))
    + ", '{}'::text[] AS keywords, '{}'::text[] AS tags, '' AS context, v.recorded_at AS updated_at"
)
# The newest version, or the one that we knew at %(known)s.
SELECT_NOW = f"SELECT {NOW} FROM memories m WHERE m.project_id = %(project)s"
SELECT_THEN = (
    f"SELECT {THEN} FROM memories m JOIN memory_versions v ON v.memory_id = m.id AND v.project_id = m.project_id"
    " AND v.recorded_at <= %(known)s AND (v.recorded_until IS NULL OR v.recorded_until > %(known)s)"
    " WHERE m.project_id = %(project)s AND m.status <> 'erased'"
)
# A sweep archived the row {m} and nobody has moved it since: the version that says so is the newest.
ARCHIVED_BY_DECAY = (
    "({m}.status = 'archived' AND EXISTS (SELECT 1 FROM memory_versions d WHERE d.memory_id = {m}.id"
    " AND d.version = {m}.version AND d.status = 'archived' AND d.change = 'decay'{condition}))"
)
ARCHIVED_LATER = " AND d.recorded_at > %(as_of)s"
# To the second, also before a sweep has written it down.
STATUS_NOW = "CASE WHEN status = 'active' AND expires_at <= %(now)s THEN 'expired' ELSE status END"
# What a memory's status was at an instant of conversation time: what was replaced later was still the belief.
STATUS_THEN = (
    "CASE WHEN expires_at <= %(as_of)s AND status IN ('active', 'expired') THEN 'expired'"
    " WHEN status IN ('superseded', 'merged', 'invalidated', 'archived', 'expired') AND live_until > %(as_of)s"
    f" THEN 'active' WHEN {ARCHIVED_BY_DECAY.format(m='known', condition=ARCHIVED_LATER)} THEN 'active'"
    " WHEN status = 'active' AND live_until <= %(as_of)s THEN 'expired' ELSE status END"
)
IN_SESSION = (
    "(session_id = %(session)s OR EXISTS (SELECT 1 FROM memory_sources s JOIN events e ON e.id = s.event_id"
    " WHERE s.memory_id = seen.id AND e.session_id = %(session)s))"
)
NAMES_ENTITY = (
    "EXISTS (SELECT 1 FROM memory_entities me JOIN entities n ON n.id = me.entity_id"
    " WHERE me.memory_id = seen.id AND (n.normalised = %(entity)s OR %(entity)s = ANY (n.aliases)))"
)


@dataclass(frozen=True, slots=True)
class MemoryQuery:
    """A list of memories; None means no narrowing. `words` all occur in the text; the range of times is half-open."""

    session_id: str | None = None
    type: MemoryType | None = None
    status: MemoryStatus | None = None
    words: tuple[str, ...] = ()
    entity: str | None = None  # normalised name
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None
    as_of: datetime | None = None
    known_at: datetime | None = None
    review_before: datetime | None = None
    flagged: bool | None = None
    now: datetime | None = None  # at which expiry is judged; None: as it was written down
    after: tuple[datetime, UUID] | None = None  # (created_at, id) of the last one seen
    limit: int = 50


def page(conn: Connection, scope: Scope, query: MemoryQuery) -> list[Memory]:
    """Memories of the scope, the oldest record first; what was deleted is never among them."""
    source = SELECT_THEN if query.known_at else SELECT_NOW
    status = STATUS_THEN if query.as_of else STATUS_NOW
    user = scope.user_id if isinstance(scope, UserScope) else None
    narrowing = {
        "user_id = %(user)s": user,
        IN_SESSION: query.session_id,
        "type = %(type)s": query.type,
        "status_then = %(status)s": query.status,
        "text ILIKE ALL (%(words)s)": query.words or None,
        NAMES_ENTITY: query.entity,
        "occurred_at >= %(from)s": query.occurred_from,
        "occurred_at < %(to)s": query.occurred_to,
        "live_from <= %(as_of)s": query.as_of,
        "review_at < %(review)s": query.review_before,
        "flagged = %(flagged)s": query.flagged,
        "(created_at, id) > (%(at)s, %(id)s::uuid)": query.after,
    }
    where = " AND ".join(condition for condition, value in narrowing.items() if value is not None)
    values = {
        "project": scope.project_id,
        "user": user,
        "session": query.session_id,
        "type": query.type.value if query.type else None,
        "status": query.status.value if query.status else None,
        "words": [f"%{_literal(word)}%" for word in query.words],
        "entity": query.entity,
        "from": query.occurred_from,
        "to": query.occurred_to,
        "as_of": query.as_of,
        "known": query.known_at,
        "now": query.now,
        "review": query.review_before,
        "flagged": query.flagged,
        "at": query.after[0] if query.after else None,
        "id": query.after[1] if query.after else None,
        "limit": query.limit,
    }
    rows = conn.execute(
        f"SELECT seen.* FROM (SELECT known.*, {status} AS status_then FROM ({source}"
        f"{' AND m.user_id = %(user)s' if user is not None else ''}) known WHERE status <> 'erased') seen"
        f"{' WHERE ' + where if where else ''} ORDER BY created_at, id LIMIT %(limit)s",
        values,
    ).fetchall()
    return _with_sources(conn, scope, [row | {"status": row["status_then"]} for row in rows])


def get(conn: Connection, scope: Scope, memory_id: UUID, *, lock: bool = False) -> Memory | None:
    """One memory in its newest version; None also for a deleted one."""
    rows = conn.execute(
        f"{SELECT_NOW} AND m.id = %(id)s AND m.status <> 'erased'{' FOR UPDATE' if lock else ''}",
        {"project": scope.project_id, "id": memory_id},
    ).fetchall()
    found = _with_sources(conn, scope, rows)
    return found[0] if found else None


def active_by_hash(conn: Connection, scope: UserScope, text_hash: bytes) -> UUID | None:
    """The active memory of this user that says the same."""
    row = conn.execute(
        "SELECT id FROM memories WHERE project_id = %s AND user_id = %s AND text_hash = %s AND status = 'active'",
        (scope.project_id, scope.user_id, text_hash),
    ).fetchone()
    return UUID(str(row["id"])) if row else None


def active_like(conn: Connection, scope: UserScope, memory_id: UUID) -> UUID | None:
    """The other active memory of this user that says the same as this one."""
    row = conn.execute(
        "SELECT o.id FROM memories m JOIN memories o ON o.project_id = m.project_id AND o.user_id = m.user_id"
        " AND o.text_hash = m.text_hash AND o.status = 'active' AND o.id <> m.id"
        " WHERE m.project_id = %s AND m.user_id = %s AND m.id = %s",
        (scope.project_id, scope.user_id, memory_id),
    ).fetchone()
    return UUID(str(row["id"])) if row else None


def sources(conn: Connection, scope: Scope, memory_ids: Sequence[UUID]) -> dict[UUID, list[Source]]:
    """The events that each memory rests on, in time order."""
    found: dict[UUID, list[Source]] = {memory_id: [] for memory_id in memory_ids}
    rows = conn.execute(
        "SELECT s.memory_id, e.id, e.client_id, e.session_id, e.occurred_at, e.utc_offset FROM memory_sources s"
        " JOIN events e ON e.id = s.event_id WHERE s.project_id = %s AND s.memory_id = ANY (%s)"
        " ORDER BY e.occurred_at, e.seq",
        (scope.project_id, list(memory_ids)),
    ).fetchall()
    for row in rows:
        source = Source(row["id"], row["client_id"], row["session_id"], _local(row["occurred_at"], row["utc_offset"]))
        found[row["memory_id"]].append(source)
    return found


def to_memory(row: Row, of: Sequence[Source] = ()) -> Memory:
    """A row as the domain knows it."""
    return Memory(
        id=row["id"],
        user_id=row["user_id"],
        session_id=row["session_id"],
        agent_id=row["agent_id"],
        type=MemoryType(row["type"]),
        text=row["text"],
        subject=row["subject"],
        attribute=row["attribute"],
        value=row["value"],
        status=MemoryStatus(row["status"]),
        frozen=row["frozen"],
        event_time=_date(row, "event_time"),
        valid_from=_date(row, "valid_from"),
        valid_to=_date(row, "valid_to"),
        occurred_at=_local(row["occurred_at"], row["utc_offset"]),
        live_from=row["live_from"],
        live_until=row["live_until"],
        importance=row["importance"],
        confidence=row["confidence"],
        stability=row["stability"],
        use_count=row["use_count"],
        last_used_at=row["last_used_at"],
        version=row["version"],
        superseded_by=row["superseded_by"],
        metadata=row["metadata"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        sources=tuple(of),
        keywords=tuple(row["keywords"]),
        tags=tuple(row["tags"]),
        context=row["context"],
        expires_at=row["expires_at"],
        review_at=row["review_at"],
        flagged=row["flagged"],
        layer=row["layer"],
        layered_at=row["layered_at"],
    )


def _with_sources(conn: Connection, scope: Scope, rows: Sequence[Row]) -> list[Memory]:
    if not rows:
        return []
    of = sources(conn, scope, [row["id"] for row in rows])
    return [to_memory(row, of[row["id"]]) for row in rows]


def _date(row: Row, name: str) -> CalendarDate | None:
    text, precision = row[name], row[f"{name}_precision"]
    return CalendarDate(text, Precision(precision)) if text is not None else None


def _local(moment: datetime, offset: int) -> datetime:
    return moment.astimezone(zone(offset))


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
