"""What every erasure does first, and a whole user out of every table. Called by the erasure service and the erase job.

The order of locks is that of all writers: who adds events, the sessions, the user's lock, memories, events, work.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.domain.scope import UserScope
from app.storage import changes, cube_shares, idempotency, job_progress, tombstones, unindex
from app.storage.db import Connection
from app.storage.erasure_tables import HELD, Held

SLICE_ROWS = 5_000  # of one transaction of the job: some tens of milliseconds

OF_USER = "project_id = %(project)s AND user_id = %(user)s"
POINTS = f"SELECT id FROM events WHERE {OF_USER} UNION ALL SELECT id FROM memories WHERE {OF_USER}"


def begin(conn: Connection, scope: UserScope, *, session_id: str | None = None) -> datetime:
    """Keep everybody else from the user's data until the transaction ends (of the sessions: all, or the one). Returns
    the time of the erasure: what was recorded until then is erased, what comes later is newer. A large user takes
    longer than other statements may.
    """
    conn.execute("SELECT set_config('statement_timeout', '0', true)")
    tombstones.hold_writers(conn, scope)
    conn.execute(
        f"SELECT 1 FROM sessions WHERE {OF_USER} AND (%(session)s::text IS NULL OR session_id = %(session)s)"
        " ORDER BY session_id FOR UPDATE",
        _of(scope) | {"session": session_id},
    )
    return changes.lock_user(conn, scope)


def lock_rows(
    conn: Connection,
    scope: UserScope,
    memory_ids: Sequence[UUID] | None = None,
    event_ids: Sequence[UUID] | None = None,
) -> None:
    """Lock these memories, then these events (None: all), as the index stage does when it marks them."""
    for table, ids in (("memories", memory_ids), ("events", event_ids)):
        conn.execute(
            f"SELECT 1 FROM {table} WHERE {OF_USER} AND (%(ids)s::uuid[] IS NULL OR id = ANY (%(ids)s)) ORDER BY id"
            " FOR UPDATE",
            _of(scope) | {"ids": None if ids is None else list(ids)},
        )


def fence(conn: Connection, scope: UserScope) -> None:
    """Take the lease from whoever works on this user's data: their transactions roll back, and the work is done anew.
    The index stage keeps its own: it deletes what is erased after whatever it writes now.
    """
    lock_work = f"SELECT 1 FROM work WHERE {OF_USER} ORDER BY kind, session_id, key FOR UPDATE"  # as stages take them
    conn.execute(lock_work, _of(scope))
    conn.execute(
        "UPDATE work SET token = token + CASE state WHEN 'leased' THEN 1 ELSE 0 END, error = NULL, lease_until = NULL,"
        " run_after = CASE state WHEN 'leased' THEN clock_timestamp() ELSE run_after END,"
        " state = CASE state WHEN 'leased' THEN 'ready' ELSE state END, updated_at = clock_timestamp()"
        f" WHERE {OF_USER} AND kind <> 'index' AND (state = 'leased' OR error IS NOT NULL)",
        _of(scope),
    )
    conn.execute(f"UPDATE work SET error = NULL WHERE {OF_USER} AND kind = 'index' AND error IS NOT NULL", _of(scope))


def user(conn: Connection, scope: UserScope, at: datetime) -> Counter[str]:
    """Take out what any route could show of the user, their work, and the answers that are kept for repeats; under
    `begin`. Returns rows by table. The rest is left to `sweep`.
    """
    lock_rows(conn, scope)
    counts: Counter[str] = Counter()
    fence(conn, scope)
    counts["work"] = conn.execute(f"DELETE FROM work WHERE {OF_USER} AND kind <> 'index'", _of(scope)).rowcount
    counts["idempotency_keys"] = idempotency.redact_of_user(conn, scope, at)
    conn.execute(
        f"INSERT INTO unindex (target_id, project_id, user_id) SELECT id, %(project)s, %(user)s FROM ({POINTS}) p"
        " ON CONFLICT DO NOTHING",
        _of(scope),
    )
    counts["jobs"] = job_progress.unname_user(conn, scope, at)
    for held in HELD:
        if held.shown or held.at is None:
            counts[held.table] = conn.execute(f"DELETE FROM {held.table} WHERE {OF_USER}", _of(scope)).rowcount
    counts["shares_of_others"] = cube_shares.forget_reader(conn, scope)
    counts["audit"] = _redact_audit(conn, scope, at)
    return +counts


def sweep(conn: Connection, scope: UserScope, at: datetime) -> Counter[str]:
    """Delete some of the rows that are left of the user from before the erasure; nothing when all are gone."""
    for held in HELD:
        if held.at is None:
            continue
        gone = _delete_some(conn, scope, held, at)
        if gone:
            return Counter({held.table: gone})
    conn.execute(
        f"DELETE FROM user_versions WHERE {OF_USER} AND NOT EXISTS (SELECT 1 FROM events WHERE {OF_USER})"
        f" AND NOT EXISTS (SELECT 1 FROM memories WHERE {OF_USER})",
        _of(scope),
    )
    return Counter()


def _delete_some(conn: Connection, scope: UserScope, held: Held, at: datetime) -> int:
    return conn.execute(
        f"DELETE FROM {held.table} WHERE {OF_USER} AND ctid = ANY (ARRAY(SELECT ctid FROM {held.table}"
        f" WHERE {OF_USER} AND {held.at} <= %(at)s LIMIT %(limit)s))",
        _of(scope) | {"at": at, "limit": SLICE_ROWS},
    ).rowcount


def _redact_audit(conn: Connection, scope: UserScope, at: datetime) -> int:
    return conn.execute(
        "UPDATE audit SET user_id = NULL, detail = '{\"erased\": true}', target_id = 'erased', reason = NULL,"
        f" salt = NULL WHERE {OF_USER} AND at <= %(at)s",
        _of(scope) | {"at": at},
    ).rowcount


def points_left(conn: Connection, scope: UserScope) -> bool:
    """Whether the index stage has still points of this user to delete."""
    row = conn.execute(f"SELECT 1 FROM unindex WHERE {OF_USER} LIMIT 1", _of(scope)).fetchone()
    return row is not None


def exists(conn: Connection, scope: UserScope) -> bool:
    """Whether anything is known of the user; what an erasure leaves to its job does not count."""
    tables = " UNION ALL ".join(
        f"(SELECT 1 FROM {name} WHERE {OF_USER} LIMIT 1)" for name in ("sessions", "events", "memories")
    )
    return conn.execute(f"{tables} LIMIT 1", _of(scope)).fetchone() is not None


def list_points(conn: Connection, scope: UserScope, ids: Sequence[UUID]) -> None:
    """Mark these points for removal from the index."""
    unindex.add(conn, scope, ids)


def _of(scope: UserScope) -> dict[str, object]:
    return {"project": scope.project_id, "user": scope.user_id}
