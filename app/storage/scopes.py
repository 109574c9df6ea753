"""Whose data there is: ids of projects and users, for rebuilds, checks and maintenance over everybody."""

from uuid import UUID

from app.domain.scope import ProjectScope, UserScope
from app.storage.db import Connection


def projects(conn: Connection, after: UUID, limit: int) -> list[ProjectScope]:
    """Projects by id, those after `after`."""
    rows = conn.execute("SELECT project_id FROM mneme_projects(%s, %s)", (after, limit)).fetchall()
    return [ProjectScope(row["project_id"]) for row in rows]


def users(conn: Connection, after: UserScope | None, limit: int) -> list[UserScope]:
    """Users who have vectors, by project and id, those after `after`."""
    rows = conn.execute(
        "SELECT project_id, user_id FROM mneme_scopes(%s, %s, %s)",
        (after.project_id if after else UUID(int=0), after.user_id if after else "", limit),
    ).fetchall()
    return [UserScope(row["project_id"], row["user_id"]) for row in rows]


def users_of(conn: Connection, scope: ProjectScope, after: str, limit: int) -> list[UserScope]:
    """Users of one project who have events or memories, by id, those after `after`."""
    rows = conn.execute(
        "SELECT user_id FROM events WHERE project_id = %(project)s AND user_id > %(after)s"
        " UNION SELECT user_id FROM memories WHERE project_id = %(project)s AND user_id > %(after)s"
        " ORDER BY 1 LIMIT %(limit)s",
        {"project": scope.project_id, "after": after, "limit": limit},
    ).fetchall()
    return [UserScope(scope.project_id, row["user_id"]) for row in rows]


def count_users_of(conn: Connection, scope: ProjectScope) -> int:
    """How many these are."""
    row = conn.execute(
        "SELECT count(*) AS n FROM (SELECT user_id FROM events WHERE project_id = %(project)s"
        " UNION SELECT user_id FROM memories WHERE project_id = %(project)s) u",
        {"project": scope.project_id},
    ).fetchone()
    return int(row["n"]) if row else 0
