"""What the pipeline reads of events and marks on them. A mark belongs in the transaction of the stage that earns it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.event import Event
from app.domain.scope import UserScope
from app.domain.work import WorkItem, WorkKind
from app.storage.db import Connection
from app.storage.events import COLUMNS, to_event


def lock(conn: Connection, scope: UserScope, ids: Sequence[UUID]) -> None:
    """Lock these rows in one order before a stage changes several: stages of one user then queue, not deadlock.

    A transaction locks memories before events, and events before work.
    """
    conn.execute(
        "SELECT 1 FROM events WHERE id = ANY (%s) AND project_id = %s AND user_id = %s ORDER BY id FOR NO KEY UPDATE",
        (list(ids), scope.project_id, scope.user_id),
    )


def to_extract(conn: Connection, scope: UserScope, session_id: str, limit: int) -> list[Event]:
    """The oldest unread events of a session, in the order in which they were said."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM events WHERE project_id = %s AND user_id = %s AND session_id = %s"
        " AND state = 'pending' AND extracted_at IS NULL ORDER BY occurred_at, seq LIMIT %s",
        (scope.project_id, scope.user_id, session_id, limit),
    ).fetchall()
    return [to_event(row) for row in rows]


def earlier(conn: Connection, scope: UserScope, event: Event, limit: int) -> list[Event]:
    """Up to `limit` turns that precede an event in its session, in spoken order."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM events WHERE project_id = %s AND user_id = %s AND session_id = %s"
        " AND (occurred_at, seq) < (%s, %s) ORDER BY occurred_at DESC, seq DESC LIMIT %s",
        (scope.project_id, scope.user_id, event.session_id, event.occurred_at, event.seq, limit),
    ).fetchall()
    return [to_event(row) for row in reversed(rows)]


NEIGHBOURS = """
SELECT n.id, p.id AS previous, f.id AS next FROM events n
LEFT JOIN LATERAL (SELECT e.id FROM events e WHERE e.project_id = n.project_id AND e.user_id = n.user_id
    AND e.session_id = n.session_id AND (e.occurred_at, e.seq) < (n.occurred_at, n.seq)
    ORDER BY e.occurred_at DESC, e.seq DESC LIMIT 1) p ON true
LEFT JOIN LATERAL (SELECT e.id FROM events e WHERE e.project_id = n.project_id AND e.user_id = n.user_id
    AND e.session_id = n.session_id AND (e.occurred_at, e.seq) > (n.occurred_at, n.seq)
    ORDER BY e.occurred_at, e.seq LIMIT 1) f ON true
WHERE n.id = ANY (%s) AND n.project_id = %s AND n.user_id = %s
"""


def neighbours(conn: Connection, scope: UserScope, ids: Sequence[UUID]) -> dict[UUID, tuple[UUID | None, UUID | None]]:
    """The turn before and the turn after each of these, within its session."""
    rows = conn.execute(NEIGHBOURS, (list(ids), scope.project_id, scope.user_id)).fetchall()
    return {row["id"]: (row["previous"], row["next"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Extracted:
    """What extraction says about one event. `skip_reason` stands when no candidate came from it."""

    event_id: UUID
    segment_id: UUID
    has_candidates: bool
    skip_reason: str | None


def mark_extracted(conn: Connection, scope: UserScope, rows: Sequence[Extracted]) -> None:
    """Note that these events were read; those without candidates have nothing left to consolidate."""
    conn.execute(
        "UPDATE events e SET extracted_at = now(), version = e.version + 1, segment_id = x.segment_id,"
        " skip_reason = x.reason, consolidated_at = CASE WHEN x.candidates THEN NULL ELSE now() END"
        " FROM unnest(%s::uuid[], %s::uuid[], %s::boolean[], %s::text[]) AS x (id, segment_id, candidates, reason)"
        " WHERE e.id = x.id AND e.project_id = %s AND e.user_id = %s",
        (
            [row.event_id for row in rows],
            [row.segment_id for row in rows],
            [row.has_candidates for row in rows],
            [row.skip_reason for row in rows],
            scope.project_id,
            scope.user_id,
        ),
    )


def bump(conn: Connection, scope: UserScope, ids: Sequence[UUID]) -> None:
    """Note that the points of these events must change; those without a point yet are left alone."""
    conn.execute(
        "UPDATE events SET version = version + 1 WHERE id = ANY (%s) AND project_id = %s AND user_id = %s"
        " AND version > 0",
        (list(ids), scope.project_id, scope.user_id),
    )


def mark_consolidated(conn: Connection, scope: UserScope, ids: Sequence[UUID]) -> None:
    """Close these events for consolidation, unless one is still to be read or has a candidate that is open."""
    lock(conn, scope, ids)
    conn.execute(
        "UPDATE events e SET consolidated_at = now() WHERE e.id = ANY (%s) AND e.project_id = %s AND e.user_id = %s"
        " AND e.consolidated_at IS NULL AND e.extracted_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM candidates c"
        " WHERE c.event_ids @> ARRAY[e.id] AND c.state = 'open')",
        (list(ids), scope.project_id, scope.user_id),
    )


def mark_processed(conn: Connection, scope: UserScope) -> int:
    """Close the events of this user that the whole pipeline has finished with; returns how many."""
    return conn.execute(
        "UPDATE events SET state = 'processed', processed_at = now() WHERE id IN (SELECT e.id FROM events e"
        " WHERE e.project_id = %s AND e.user_id = %s AND e.state = 'pending' AND e.extracted_at IS NOT NULL"
        " AND e.consolidated_at IS NOT NULL AND e.version = e.indexed_version"
        " AND NOT EXISTS (SELECT 1 FROM memory_sources s JOIN memories m ON m.id = s.memory_id"
        " WHERE s.event_id = e.id AND m.version <> m.indexed_version) ORDER BY e.id FOR NO KEY UPDATE OF e)",
        (scope.project_id, scope.user_id),
    ).rowcount


OPEN_IN_STAGE: dict[str, str] = {
    WorkKind.EXTRACT: "AND session_id = %(session)s AND extracted_at IS NULL",
    WorkKind.CONSOLIDATE: "AND extracted_at IS NOT NULL AND consolidated_at IS NULL",
    WorkKind.INDEX: "AND consolidated_at IS NOT NULL",
}


def mark_failed(conn: Connection, item: WorkItem) -> int:
    """Show the events of a dead unit as failed: they stay, can be recalled, and wait for a retry."""
    condition = OPEN_IN_STAGE.get(item.kind)
    if condition is None:
        return 0
    return conn.execute(
        "UPDATE events SET state = 'failed' WHERE project_id = %(project)s AND user_id = %(user)s"
        f" AND state = 'pending' {condition}",
        {"project": item.project_id, "user": item.user_id, "session": item.session_id},
    ).rowcount


def reopen_failed(conn: Connection, scope: UserScope, kind: WorkKind, *, session_id: str = "") -> int:
    """The inverse of `mark_failed`, for a retry; the caller enqueues the work."""
    condition = OPEN_IN_STAGE.get(kind)
    if condition is None:
        return 0
    return conn.execute(
        "UPDATE events SET state = 'pending' WHERE project_id = %(project)s AND user_id = %(user)s"
        f" AND state = 'failed' {condition}",
        {"project": scope.project_id, "user": scope.user_id, "session": session_id},
    ).rowcount
