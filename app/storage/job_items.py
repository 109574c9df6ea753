"""What a job did, or would do, item by item: written by its handler beside the change, read by `/v1/jobs`."""

from collections.abc import Sequence
from uuid import UUID

from psycopg.types.json import Jsonb

from app.domain.job import JobItem
from app.domain.scope import Scope
from app.storage.db import Connection


def add(conn: Connection, scope: Scope, job_id: UUID, items: Sequence[JobItem]) -> None:
    """Note these in order."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO job_items (job_id, project_id, user_id, target_kind, target_id, action, reason, detail)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    job_id,
                    scope.project_id,
                    item.user_id,
                    item.target_kind,
                    item.target_id,
                    item.action,
                    item.reason,
                    Jsonb(item.detail),
                )
                for item in items
            ],
        )


def counts(conn: Connection, scope: Scope, job_id: UUID, user_id: str | None = None) -> dict[str, int]:
    """How many items of each action the job has, in all or about one user: right also when a slice was killed after
    its work.
    """
    rows = conn.execute(
        "SELECT action, count(*) AS n FROM job_items WHERE project_id = %(project)s AND job_id = %(job)s"
        " AND (%(user)s::text IS NULL OR user_id = %(user)s) GROUP BY action",
        {"project": scope.project_id, "job": job_id, "user": user_id},
    ).fetchall()
    return {row["action"]: row["n"] for row in rows}


def clear(conn: Connection, scope: Scope, job_id: UUID, user_id: str) -> None:
    """Drop what a killed slice of a dry run noted about this user: it is listed anew."""
    conn.execute(
        "DELETE FROM job_items WHERE project_id = %s AND job_id = %s AND user_id = %s",
        (scope.project_id, job_id, user_id),
    )


def page(  # noqa: PLR0913 - filters
    conn: Connection, scope: Scope, job_id: UUID, *, action: str | None, after: int, limit: int
) -> list[tuple[int, JobItem]]:
    """Items in the order in which they were noted, each with its number; those after number `after`."""
    rows = conn.execute(
        "SELECT seq, user_id, target_kind, target_id, action, reason, detail FROM job_items"
        " WHERE project_id = %(project)s AND job_id = %(job)s AND seq > %(after)s"
        " AND (%(action)s::text IS NULL OR action = %(action)s) ORDER BY seq LIMIT %(limit)s",
        {"project": scope.project_id, "job": job_id, "after": after, "action": action, "limit": limit},
    ).fetchall()
    return [(row.pop("seq"), JobItem(**row)) for row in rows]
