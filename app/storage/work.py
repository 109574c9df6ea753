"""The ledger of work: one dirty-flag row per unit, written beside the data, claimed with a lease and a fencing token.

`enqueue` belongs in the transaction that makes the work necessary; `complete` in the one that does it. Clocks are the
database's own, so no machine's clock decides about a lease.
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg.types.json import Jsonb

from app.domain.scope import Scope, UserScope
from app.domain.work import WorkItem, WorkKind
from app.errors import LeaseLostError
from app.storage import job_progress
from app.storage.db import Connection, Row

MAX_ATTEMPTS = 8  # failures of its own making before a unit is dead: about two minutes of backoff
MAX_CLAIMS = 24  # claims that never came back (the worker died each time) before a unit is taken for deadly
TIDY_QUIET, TIDY_AT_MOST = 2.0, 30.0  # seconds; stale lines are left out at once, so only new ones wait
OPERATIONAL_CEILING = 5  # what an outage may count towards MAX_ATTEMPTS, and the height of its backoff (2**5 s)

ENQUEUE = """
INSERT INTO work AS w (project_id, kind, user_id, session_id, key, first_at, run_after, urgent)
VALUES (%(project)s, %(kind)s, %(user)s, %(session)s, %(key)s, clock_timestamp(),
        clock_timestamp() + make_interval(secs => %(quiet)s), %(urgent)s)
ON CONFLICT (project_id, kind, user_id, session_id, key) DO UPDATE SET
    generation = w.generation + 1,
    urgent = w.urgent OR excluded.urgent,
    state = CASE w.state WHEN 'dead' THEN 'ready' ELSE w.state END,
    attempts = CASE w.state WHEN 'dead' THEN 0 ELSE w.attempts END,
    error = CASE w.state WHEN 'dead' THEN NULL ELSE w.error END,
    first_at = coalesce(w.first_at, clock_timestamp()),
    run_after = CASE
        WHEN w.state = 'ready' AND w.attempts > 0 THEN w.run_after  -- it is backing off
        WHEN w.first_at IS NOT NULL AND w.run_after <= clock_timestamp() THEN w.run_after  -- due, only not taken yet
        ELSE least(clock_timestamp() + make_interval(secs => %(quiet)s),
                   coalesce(w.first_at, clock_timestamp()) + make_interval(secs => greatest(%(at_most)s, %(quiet)s)))
        END,
    updated_at = clock_timestamp()
"""

FAIL = """
UPDATE work SET
    state = CASE WHEN %(dead)s THEN 'dead' ELSE 'ready' END,
    attempts = CASE WHEN %(operational)s THEN least(attempts, %(ceiling)s) ELSE attempts END,
    run_after = clock_timestamp() + make_interval(secs => least(60, 2 ^ least(attempts, 6)) * (0.5 + random() / 2)),
    lease_until = NULL, error = %(error)s, updated_at = clock_timestamp()
WHERE id = %(id)s AND token = %(token)s AND state = 'leased' RETURNING id
"""


def enqueue(  # noqa: PLR0913 - the unit's name has this many parts
    conn: Connection,
    scope: Scope,
    kind: str,
    *,
    session_id: str = "",
    key: str = "",
    quiet: float = 0.0,
    at_most: float = 0.0,
    urgent: bool = False,
) -> None:
    """Note that there is work. It waits for `quiet` seconds without a further enqueue, but `at_most` since the first.

    A unit that is being worked on runs again afterwards; a dead one is revived. `urgent` says that a client waits.
    """
    user = scope.user_id if isinstance(scope, UserScope) else ""
    values = {"project": scope.project_id, "kind": kind, "user": user, "session": session_id, "key": key}
    conn.execute(ENQUEUE, values | {"quiet": quiet, "at_most": at_most, "urgent": urgent})


def enqueue_tidy(conn: Connection, scope: UserScope) -> None:
    """Note that the memories of a user have changed: what is derived from them waits until they rest for a moment."""
    enqueue(conn, scope, WorkKind.TIDY, quiet=TIDY_QUIET, at_most=TIDY_AT_MOST)


def claim(conn: Connection, kinds: Sequence[str], limit: int, lease_seconds: float) -> list[WorkItem]:
    """Take up to `limit` due units (also those whose lease ran out), the longest due first. Needs no scope."""
    rows = conn.execute(
        "SELECT * FROM mneme_claim_work(%s, %s, make_interval(secs => %s))", (list(kinds), limit, lease_seconds)
    ).fetchall()
    return [WorkItem(**row) for row in rows]


def due_in(conn: Connection, kinds: Sequence[str]) -> dict[str, float]:
    """Seconds until the next unit of each kind is due (<= 0: now); kinds without work are absent. Needs no scope."""
    rows = conn.execute("SELECT kind, due_in FROM mneme_due_work(%s)", (list(kinds),)).fetchall()
    return {row["kind"]: row["due_in"] for row in rows}


def heartbeat(conn: Connection, item: WorkItem, lease_seconds: float) -> None:
    """Extend the lease; raises LeaseLostError when somebody else holds the unit."""
    cursor = conn.execute(
        "UPDATE work SET lease_until = clock_timestamp() + make_interval(secs => %s)"
        " WHERE id = %s AND token = %s AND state = 'leased'",
        (lease_seconds, item.id, item.token),
    )
    if cursor.rowcount == 0:
        raise LeaseLostError(_lost(item))


def complete(conn: Connection, item: WorkItem) -> bool:
    """Finish the unit inside the transaction that did the work; raising rolls that transaction back (the fence).

    Returns True when the unit is gone, False when it was enqueued again meanwhile and is ready once more.
    """
    newest = _hold(conn, item)["newest"]
    if newest:
        conn.execute("DELETE FROM work WHERE id = %s", (item.id,))
        return True
    conn.execute(
        "UPDATE work SET state = 'ready', attempts = 0, error = NULL, lease_until = NULL,"
        " updated_at = clock_timestamp() WHERE id = %s",
        (item.id,),
    )
    return False


def fail(conn: Connection, item: WorkItem, error: str, *, operational: bool, job_id: UUID) -> bool:
    """Give the unit back with a backoff, or declare it dead and leave a failed job `job_id` for people to see.

    `operational` errors (a store is down, a deadlock) never kill a unit. Returns True when it is dead now.
    """
    dead = not operational and item.attempts >= MAX_ATTEMPTS
    values = {"dead": dead, "operational": operational, "ceiling": OPERATIONAL_CEILING, "error": error[:2000]}
    if conn.execute(FAIL, values | {"id": item.id, "token": item.token}).fetchone() is None:
        raise LeaseLostError(_lost(item))
    if dead:
        record_dead(conn, item, error, job_id)
    return dead


def kill(conn: Connection, item: WorkItem, error: str, *, job_id: UUID) -> None:
    """Declare the unit dead at once, whatever its attempts."""
    _hold(conn, item)
    conn.execute(
        "UPDATE work SET state = 'dead', lease_until = NULL, error = %s, updated_at = clock_timestamp() WHERE id = %s",
        (error[:2000], item.id),
    )
    record_dead(conn, item, error, job_id)


def record_dead(conn: Connection, item: WorkItem, error: str, job_id: UUID) -> None:
    """The job under which a dead unit is seen and retried; one that is itself a job's work fails that job instead."""
    if item.key:
        conn.execute(
            "UPDATE jobs SET state = 'failed', error = %s, finished_at = now() WHERE id = %s",
            (error[:2000], UUID(item.key)),
        )
        job_progress.unname(conn, item.scope, UUID(item.key))
        return
    scope = {"user_id": item.user_id} | ({"session_id": item.session_id} if item.session_id else {})
    conn.execute(
        "INSERT INTO jobs (id, project_id, kind, scope, state, error, created_by, started_at, finished_at)"
        " VALUES (%s, %s, %s, %s, 'failed', %s, 'pipeline', now(), now())",
        (job_id, item.project_id, item.kind, Jsonb(scope), error[:2000]),
    )
    job_progress.unname(conn, item.scope, job_id, unit=item.id)


def is_urgent(conn: Connection, item: WorkItem) -> bool:
    """Whether a client waits for what this unit does."""
    row = conn.execute("SELECT urgent FROM work WHERE id = %s", (item.id,)).fetchone()
    return bool(row and row["urgent"])


def is_open(conn: Connection, scope: Scope, kind: str, *, session_id: str = "", key: str = "") -> bool:
    """Whether this unit still has work (ready, leased or dead)."""
    user = scope.user_id if isinstance(scope, UserScope) else ""
    row = conn.execute(
        "SELECT 1 FROM work WHERE project_id = %s AND kind = %s AND user_id = %s AND session_id = %s AND key = %s",
        (scope.project_id, kind, user, session_id, key),
    ).fetchone()
    return row is not None


def counts(conn: Connection) -> list[Row]:
    """`what` (work or events), kind, state, n and the age of the oldest, over all projects; for metrics. No scope."""
    return conn.execute("SELECT what, kind, state, n, oldest_seconds FROM mneme_counts()").fetchall()


def _hold(conn: Connection, item: WorkItem) -> Row:
    row = conn.execute(
        "SELECT claimed_generation = generation AS newest FROM work"
        " WHERE id = %s AND token = %s AND state = 'leased' FOR UPDATE",
        (item.id, item.token),
    ).fetchone()
    if row is None:
        raise LeaseLostError(_lost(item))
    return row


def _lost(item: WorkItem) -> str:
    return f"the lease of {item.kind} work {item.id} was lost (token {item.token})"
