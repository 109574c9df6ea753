"""Tombstones: what was erased and when, as ids and times. They keep late workers, restores, replays and imports of
older work from bringing it back; what came after the erasure passes.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.domain.scope import ProjectScope, Scope, UserScope
from app.errors import MnemeError
from app.storage.db import Connection


class ErasedMeanwhileError(MnemeError):
    """Something of the user was erased after the work was read: it must not be written. The unit is read anew."""

    code = "erased_meanwhile"


def now(conn: Connection) -> datetime:
    """The database's clock, to be read with the work and given to `check` when it is written."""
    row = conn.execute("SELECT clock_timestamp() AS at").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    at: datetime = row["at"]
    return at


def check(conn: Connection, scope: UserScope, since: datetime) -> None:
    """To be called by every writer of a user's data inside its transaction, under the user's lock
    (`changes.lock_user`). Raises ErasedMeanwhileError when something of the user was erased since then.
    """
    row = conn.execute(
        "SELECT 1 FROM tombstones WHERE project_id = %s AND user_id = %s AND erased_at > %s LIMIT 1",
        (scope.project_id, scope.user_id, since),
    ).fetchone()
    if row is not None:
        raise ErasedMeanwhileError("something of this user was erased meanwhile")


def user_erased_at(conn: Connection, scope: UserScope) -> datetime | None:
    """When the whole user was erased last: what was recorded by then comes back only where a restore says so."""
    row = conn.execute(
        "SELECT erased_at FROM tombstones WHERE project_id = %s AND user_id = %s AND target_kind = 'user'",
        (scope.project_id, scope.user_id),
    ).fetchone()
    return row["erased_at"] if row else None


def erased(conn: Connection, scope: UserScope, kind: str, ids: Sequence[str]) -> dict[str, datetime]:
    """Those of these (`session`, `event` or `memory`) that were erased one by one, each with the time."""
    rows = conn.execute(
        "SELECT target_id, erased_at FROM tombstones WHERE project_id = %s AND user_id = %s AND target_kind = %s"
        " AND target_id = ANY (%s)",
        (scope.project_id, scope.user_id, kind, list(ids)),
    ).fetchall()
    return {row["target_id"]: row["erased_at"] for row in rows}


def lift(conn: Connection, scope: UserScope, kind: str, ids: Sequence[str]) -> None:
    """Take tombstones away, for an import with `restore_erased`: what comes back is the app's own wish. `ids` of kind
    `user` is [""]. The receipts stay.
    """
    conn.execute(
        "DELETE FROM tombstones WHERE project_id = %s AND user_id = %s AND target_kind = %s AND target_id = ANY (%s)",
        (scope.project_id, scope.user_id, kind, list(ids)),
    )


def add(  # noqa: PLR0913 - a tombstone's parts
    conn: Connection, scope: UserScope, kind: str, ids: Sequence[str], *, at: datetime, erasure_id: UUID
) -> None:
    """Note that these were erased at `at`."""
    conn.execute(
        "INSERT INTO tombstones (project_id, user_id, target_kind, target_id, erased_at, erasure_id)"
        " SELECT %s, %s, %s, i, %s, %s FROM unnest(%s::text[]) AS i ON CONFLICT (project_id, user_id, target_kind,"
        " target_id) DO UPDATE SET erased_at = excluded.erased_at, erasure_id = excluded.erasure_id",
        (scope.project_id, scope.user_id, kind, at, erasure_id, sorted(set(ids))),
    )


def of_erasure(conn: Connection, scope: UserScope, erasure_id: UUID) -> dict[str, list[str]]:
    """The ids that an erasure took, by kind."""
    rows = conn.execute(
        "SELECT target_kind, array_agg(target_id ORDER BY target_id) AS ids FROM tombstones WHERE project_id = %s"
        " AND user_id = %s AND erasure_id = %s GROUP BY target_kind",
        (scope.project_id, scope.user_id, erasure_id),
    ).fetchall()
    return {row["target_kind"]: row["ids"] for row in rows}


def hold_writers(conn: Connection, scope: UserScope) -> None:
    """Wait for those who add events of this user now, and let no other begin until the transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (_name(scope, scope.user_id),))


def enter(conn: Connection, scope: ProjectScope, users: Sequence[str]) -> None:
    """Add events of these users: not while one of them is being erased. Rows written after it are newer than that
    erasure.
    """
    conn.execute(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended(n, 1)) FROM unnest(%s::text[]) AS n",
        ([_name(scope, user) for user in sorted(set(users))],),
    )


def _name(scope: Scope, user_id: str) -> str:
    return f"erase:{scope.project_id}:{user_id}"
