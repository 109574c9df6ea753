"""Events in PostgreSQL: insert with idempotency by client id, reads for lists, recall and waiting clients.

The pipeline's own reads and marks are in `event_stages`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

import orjson

from app.domain.event import Event, EventState, NewEvent, Role
from app.domain.scope import ProjectScope, Scope, UserScope
from app.storage import sessions
from app.storage.db import Connection, Row

COLUMNS = (
    "id, client_id, user_id, session_id, agent_id, role, name, content, occurred_at, utc_offset, metadata, seq,"
    " created_at, state, skip_reason, place"
)

INSERT = """
INSERT INTO events (id, project_id, user_id, session_id, client_id, agent_id, role, name, content, occurred_at,
                    utc_offset, metadata, content_hash, created_at, place)
SELECT e.id, %(project)s, e.user_id, e.session_id, e.client_id, e.agent_id, e.role, e.name, e.content, e.occurred_at,
       e.utc_offset, e.metadata, e.content_hash, clock_timestamp(),  -- an erasure that we waited for is older
       greatest(s.events, s.places) + row_number() OVER (PARTITION BY e.user_id, e.session_id ORDER BY e.place)
FROM unnest(%(ids)s::uuid[], %(users)s::text[], %(sessions)s::text[], %(clients)s::text[], %(agents)s::text[],
            %(roles)s::text[], %(names)s::text[], %(contents)s::text[], %(times)s::timestamptz[], %(offsets)s::int[],
            %(metadata)s::json[], %(hashes)s::bytea[]) WITH ORDINALITY
     AS e (id, user_id, session_id, client_id, agent_id, role, name, content, occurred_at, utc_offset, metadata,
           content_hash, place)
JOIN sessions s ON s.project_id = %(project)s AND s.user_id = e.user_id AND s.session_id = e.session_id
-- A duplicate takes no place; the session is locked, so what is not there now will not be there a moment later.
WHERE NOT EXISTS (SELECT 1 FROM events x WHERE x.project_id = %(project)s AND x.user_id = e.user_id
                  AND x.session_id = e.session_id AND x.client_id = e.client_id)
ORDER BY e.place
ON CONFLICT (project_id, user_id, session_id, client_id) DO NOTHING RETURNING id
"""

EXISTING = """
SELECT e.id, e.user_id, e.session_id, e.client_id, e.content_hash FROM events e
JOIN unnest(%(users)s::text[], %(sessions)s::text[], %(clients)s::text[]) AS k (user_id, session_id, client_id)
  ON e.user_id = k.user_id AND e.session_id = k.session_id AND e.client_id = k.client_id
WHERE e.project_id = %(project)s
"""

Key = tuple[str, str, str]  # user, session, client id


class InsertStatus(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"  # the same client id with other content: the caller must roll back


@dataclass(frozen=True, slots=True)
class EventInsert:
    """An event to store: `id` is the server's; `content_hash` is SHA-256 over everything that the app sent."""

    id: UUID
    event: NewEvent
    content_hash: bytes

    @property
    def key(self) -> Key:
        return (self.event.user_id, self.event.session_id, self.event.client_id or str(self.id))


@dataclass(frozen=True, slots=True)
class InsertResult:
    """What became of one event of a batch; `id` is that of the stored one, also for a duplicate."""

    id: UUID
    client_id: str
    status: InsertStatus


def insert_events(conn: Connection, scope: ProjectScope, rows: Sequence[EventInsert]) -> list[InsertResult]:
    """Store a batch with its sessions and speakers; one result for each row, in order.

    The transaction must run under the project's scope. Sessions are locked first and in one order.
    """
    first: dict[Key, EventInsert] = {}
    for row in rows:
        first.setdefault(row.key, row)
    sessions.touch(conn, scope, [row.event for row in rows])
    inserted = _insert(conn, scope, list(first.values()))
    fresh = [row for row in first.values() if row.id in inserted]
    stored = {row.key: (row.id, row.content_hash) for row in fresh}
    known = [key for key in first if key not in stored]
    if known:
        stored |= _existing(conn, scope, known)
    counts: dict[tuple[str, str], int] = {}
    for row in fresh:
        session = (row.event.user_id, row.event.session_id)
        counts[session] = counts.get(session, 0) + 1
    if fresh:
        sessions.add_counts(conn, scope, counts)
        sessions.add_speakers(conn, scope, [row.event for row in fresh])
    return [_result(row, *stored[row.key], inserted) for row in rows]


def _result(row: EventInsert, stored_id: UUID, stored_hash: bytes, inserted: set[UUID]) -> InsertResult:
    if stored_id == row.id and row.id in inserted:
        status = InsertStatus.ACCEPTED
    elif bytes(stored_hash) == row.content_hash:
        status = InsertStatus.DUPLICATE
    else:
        status = InsertStatus.CONFLICT
    return InsertResult(stored_id, row.key[2], status)


def _insert(conn: Connection, scope: ProjectScope, rows: Sequence[EventInsert]) -> set[UUID]:
    events = [row.event for row in rows]
    values = {
        "project": scope.project_id,
        "ids": [row.id for row in rows],
        "users": [e.user_id for e in events],
        "sessions": [e.session_id for e in events],
        "clients": [row.key[2] for row in rows],
        "agents": [e.agent_id for e in events],
        "roles": [e.role.value for e in events],
        "names": [e.name for e in events],
        "contents": [e.content for e in events],
        "times": [e.occurred_at for e in events],
        "offsets": [int((e.occurred_at.utcoffset() or timedelta(0)).total_seconds()) for e in events],
        "metadata": [orjson.dumps(e.metadata).decode() for e in events],
        "hashes": [row.content_hash for row in rows],
    }
    return {row["id"] for row in conn.execute(INSERT, values).fetchall()}


def _existing(conn: Connection, scope: ProjectScope, keys: Sequence[Key]) -> dict[Key, tuple[UUID, bytes]]:
    values = {
        "project": scope.project_id,
        "users": [key[0] for key in keys],
        "sessions": [key[1] for key in keys],
        "clients": [key[2] for key in keys],
    }
    found = conn.execute(EXISTING, values).fetchall()
    return {(r["user_id"], r["session_id"], r["client_id"]): (r["id"], r["content_hash"]) for r in found}


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A list of events in time order; None means no narrowing. The range of times is half-open."""

    user_id: str | None = None
    session_id: str | None = None
    state: EventState | None = None
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None
    after: tuple[datetime, int] | None = None  # (occurred_at, seq) of the last one seen
    limit: int = 50


def page(conn: Connection, scope: Scope, query: EventQuery) -> list[Event]:
    """Events of the scope, the earliest said first."""
    user = scope.user_id if isinstance(scope, UserScope) else query.user_id
    narrowing = {
        "user_id = %(user)s": user,
        "session_id = %(session)s": query.session_id,
        "state = %(state)s": query.state.value if query.state else None,
        "occurred_at >= %(from)s": query.occurred_from,
        "occurred_at < %(to)s": query.occurred_to,
        "(occurred_at, seq) > (%(after)s, %(seq)s)": query.after,
    }
    where = "".join(f" AND {condition}" for condition, value in narrowing.items() if value is not None)
    values = {
        "project": scope.project_id,
        "user": user,
        "session": query.session_id,
        "state": query.state.value if query.state else None,
        "from": query.occurred_from,
        "to": query.occurred_to,
        "after": query.after[0] if query.after else None,
        "seq": query.after[1] if query.after else None,
        "limit": query.limit,
    }
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM events WHERE project_id = %(project)s{where} ORDER BY occurred_at, seq LIMIT %(limit)s",
        values,
    ).fetchall()
    return [to_event(row) for row in rows]


def by_ids(conn: Connection, scope: Scope, ids: Sequence[UUID]) -> dict[UUID, Event]:
    """The events of the scope among these ids."""
    user = scope.user_id if isinstance(scope, UserScope) else None
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM events WHERE id = ANY (%s) AND project_id = %s AND (%s::text IS NULL OR user_id = %s)",
        (list(ids), scope.project_id, user, user),
    ).fetchall()
    return {row["id"]: to_event(row) for row in rows}


def states(conn: Connection, scope: Scope, ids: Sequence[UUID]) -> dict[UUID, EventState]:
    """How far each of these events is; cheap, for clients that wait."""
    rows = conn.execute(
        "SELECT id, state FROM events WHERE id = ANY (%s) AND project_id = %s", (list(ids), scope.project_id)
    ).fetchall()
    return {row["id"]: EventState(row["state"]) for row in rows}


def pending(conn: Connection, scope: UserScope, *, limit: int = 1000) -> tuple[list[Event], int]:
    """The events that the pipeline has not finished with (or gave up on), newest first, and how many there are."""
    values = (scope.project_id, scope.user_id)
    where = "FROM events WHERE project_id = %s AND user_id = %s AND state <> 'processed'"
    rows = conn.execute(f"SELECT {COLUMNS} {where} ORDER BY seq DESC LIMIT %s", (*values, limit)).fetchall()
    total = len(rows)
    if total == limit:
        counted = conn.execute(f"SELECT count(*) AS n {where}", values).fetchone()
        total = counted["n"] if counted else total
    return [to_event(row) for row in rows], total


def tail(
    conn: Connection, scope: UserScope, session_id: str, *, limit: int = 6, before: datetime | None = None
) -> list[Event]:
    """The last turns of a session (said at or before `before`), in the order in which they were said."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM events WHERE project_id = %s AND user_id = %s AND session_id = %s"
        " AND (%s::timestamptz IS NULL OR occurred_at <= %s) ORDER BY occurred_at DESC, seq DESC LIMIT %s",
        (scope.project_id, scope.user_id, session_id, before, before, limit),
    ).fetchall()
    return [to_event(row) for row in reversed(rows)]


_ROLES = {role.value: role for role in Role}
_STATES = {state.value: state for state in EventState}


@lru_cache(maxsize=512)
def zone(seconds: int) -> timezone:
    """A fixed offset from UTC; the same object for all rows of that offset."""
    return timezone(timedelta(seconds=seconds))


def to_event(row: Row) -> Event:
    """A row as the domain knows it: the time in the offset in which the app sent it."""
    return Event(
        id=row["id"],
        client_id=row["client_id"],
        user_id=row["user_id"],
        session_id=row["session_id"],
        agent_id=row["agent_id"],
        role=_ROLES[row["role"]],
        name=row["name"],
        content=row["content"],
        occurred_at=row["occurred_at"].astimezone(zone(row["utc_offset"])),
        metadata=row["metadata"] or {},
        seq=row["seq"],
        created_at=row["created_at"],
        state=_STATES[row["state"]],
        skip_reason=row["skip_reason"],
        place=row["place"],
    )
