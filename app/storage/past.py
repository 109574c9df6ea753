"""What was known at a recorded time, beside what is known at another one or now: for diffs of snapshots and rollbacks.

Fields that differ are found here, so only memories that differ leave the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.normalise import text_hash
from app.domain.scope import Scope, UserScope
from app.domain.versions import FIELDS, Standing
from app.storage.db import Connection, Row

COMPARED = (*(name for name in FIELDS if name not in {"metadata", "superseded_by"}), "metadata::text")
VALID = "{v}.recorded_at <= %({at})s AND ({v}.recorded_until IS NULL OR {v}.recorded_until > %({at})s)"


def _list(of: str, names: Sequence[str] = COMPARED) -> str:
    return ", ".join(f"{of}.{name}" for name in names)


def _named(of: str, prefix: str) -> str:
    return ", ".join(f"{of}.{name} AS {prefix}{name}" for name in FIELDS)


# What was called private is archived from every point of view, so a rollback leaves it so.
STANDINGS = f"""
SELECT m.id, m.version, {_named("m", "now_")}, {_named("v", "then_")}, v.version AS then_version,
       v.recorded_at AS then_recorded_at, m.status = 'archived' AND EXISTS (SELECT 1 FROM feedback f
           WHERE f.memory_id = m.id AND f.signal = 'private') AS private
FROM memories m LEFT JOIN memory_versions v ON v.memory_id = m.id AND v.project_id = m.project_id
    AND {VALID.format(v="v", at="at")}
WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.status <> 'erased' AND (
    (v.memory_id IS NULL AND NOT (m.status = 'invalidated' AND m.live_until IS NOT DISTINCT FROM m.live_from))
    OR (v.memory_id IS NOT NULL AND ROW({_list("m")}) IS DISTINCT FROM ROW({_list("v")})))
ORDER BY m.id
"""

# It was not known then, and it is believed for no time at all: so it shows from no point of view (`as_of`).
HIDE = """
UPDATE memories SET status = 'invalidated', live_until = live_from, superseded_by = NULL, version = version + 1,
    updated_at = %(at)s
WHERE id = ANY (%(ids)s) AND project_id = %(project)s AND user_id = %(user)s AND status <> 'erased'
"""
# No two active memories of a user say the same, also not for the moment in which two change places.
SET_ASIDE = """
UPDATE memories SET status = 'invalidated'
WHERE id = ANY (%(ids)s) AND project_id = %(project)s AND user_id = %(user)s AND status = 'active'
"""

DIFF = f"""
SELECT m.id, m.user_id, {_named("a", "a_")}, {_named("b", "b_")}, a.version AS a_version, b.version AS b_version
FROM memories m
LEFT JOIN memory_versions a ON a.memory_id = m.id AND a.project_id = m.project_id AND {VALID.format(v="a", at="from")}
LEFT JOIN memory_versions b ON b.memory_id = m.id AND b.project_id = m.project_id AND {VALID.format(v="b", at="to")}
WHERE m.project_id = %(project)s AND (%(user)s::text IS NULL OR m.user_id = %(user)s)
  AND (%(after)s::uuid IS NULL OR m.id > %(after)s) AND a.version IS DISTINCT FROM b.version
  AND ROW({_list("a")}) IS DISTINCT FROM ROW({_list("b")})
ORDER BY m.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Between:
    """A memory that differs between two times; None where it was not known."""

    memory_id: UUID
    user_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    version_before: int | None
    version_after: int | None


def standings(conn: Connection, scope: UserScope, at: datetime) -> list[Standing]:
    """The user's memories that are not what they were known to be at `at`."""
    values = {"project": scope.project_id, "user": scope.user_id, "at": at}
    return [_standing(row) for row in conn.execute(STANDINGS, values).fetchall()]


def hide(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID], at: datetime) -> None:
    """Take memories out of every view; the caller records."""
    values = {"project": scope.project_id, "user": scope.user_id, "ids": list(memory_ids), "at": at}
    conn.execute(HIDE, values)


def set_aside(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID]) -> None:
    """Make room for what becomes active in the same transaction. No version: their own changes follow."""
    conn.execute(SET_ASIDE, {"project": scope.project_id, "user": scope.user_id, "ids": list(memory_ids)})


def recorded_by(conn: Connection, scope: UserScope, job_id: UUID) -> datetime | None:
    """When this job recorded its versions of the user's memories, which it does at one time."""
    row = conn.execute(
        "SELECT v.recorded_at FROM job_items i JOIN memory_versions v ON v.memory_id = i.target_id::uuid"
        " AND v.project_id = i.project_id AND v.actor = 'job:' || i.job_id WHERE i.project_id = %s AND i.user_id = %s"
        " AND i.job_id = %s LIMIT 1",
        (scope.project_id, scope.user_id, job_id),
    ).fetchone()
    return row["recorded_at"] if row else None


def between(  # noqa: PLR0913 - whose, two times, one page
    conn: Connection,
    scope: Scope,
    user_id: str | None,
    times: tuple[datetime, datetime],
    *,
    after: UUID | None,
    limit: int,
) -> list[Between]:
    """The memories that differ between two recorded times, by id."""
    rows = conn.execute(
        DIFF,
        {
            "project": scope.project_id,
            "user": user_id,
            "from": times[0],
            "to": times[1],
            "after": after,
            "limit": limit,
        },
    ).fetchall()
    return [
        Between(
            row["id"],
            row["user_id"],
            _fields(row, "a_") if row["a_version"] is not None else None,
            _fields(row, "b_") if row["b_version"] is not None else None,
            row["a_version"],
            row["b_version"],
        )
        for row in rows
    ]


def _standing(row: Row) -> Standing:
    known = row["then_version"] is not None
    return Standing(
        memory_id=row["id"],
        version=row["version"],
        now=_fields(row, "now_"),
        private=row["private"],
        then=_fields(row, "then_") if known else None,
        then_version=row["then_version"],
        then_recorded_at=row["then_recorded_at"],
        then_hash=text_hash(row["then_text"]) if known else None,
    )


def _fields(row: Row, prefix: str) -> dict[str, Any]:
    return {name: row[prefix + name] for name in FIELDS}
