"""Hashes of what was served to a user. Written after a recall, read by extraction, emptied by upkeep."""

from collections.abc import Collection
from datetime import datetime, timedelta

from app.domain.scope import Scope, UserScope
from app.storage.db import Connection

FRESH = timedelta(days=1)  # a row younger than this is not written again: most recalls serve much the same

ADD = """
INSERT INTO served (project_id, user_id, hash, first_at, served_at)
SELECT %(project)s, %(user)s, h, %(at)s, %(at)s FROM unnest(%(hashes)s::bigint[]) AS h
WHERE NOT EXISTS (
    SELECT 1 FROM tombstones WHERE project_id = %(project)s AND user_id = %(user)s AND erased_at >= %(at)s)
ORDER BY h
ON CONFLICT (project_id, user_id, hash) DO UPDATE SET served_at = excluded.served_at
WHERE served.served_at < excluded.served_at - %(fresh)s
"""


def add(conn: Connection, scope: UserScope, hashes: Collection[int], at: datetime) -> None:
    """Note that these were served at `at`."""
    if hashes:
        values = {"project": scope.project_id, "user": scope.user_id, "hashes": list(hashes), "at": at, "fresh": FRESH}
        conn.execute(ADD, values)


def known(conn: Connection, scope: UserScope, hashes: Collection[int], *, since: datetime) -> dict[int, datetime]:
    """Those that were served since then, each with the time at which it was served first."""
    if not hashes:
        return {}
    rows = conn.execute(
        "SELECT hash, first_at FROM served WHERE project_id = %s AND user_id = %s AND hash = ANY (%s::bigint[])"
        " AND served_at >= %s",
        (scope.project_id, scope.user_id, list(hashes), since),
    ).fetchall()
    return {row["hash"]: row["first_at"] for row in rows}


def purge(conn: Connection, scope: Scope, older_than: datetime) -> int:
    """Forget what was served last before then; returns how many sentences."""
    return conn.execute(
        "DELETE FROM served WHERE project_id = %s AND served_at < %s", (scope.project_id, older_than)
    ).rowcount
