"""Projects (tenants). Row security shows a project itself and those that its admin keys have made."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.scope import ProjectScope
from app.storage.db import Connection

COLUMNS = "id, owner_project_id, name, created_at"


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant."""

    id: UUID
    owner_project_id: UUID | None
    name: str
    created_at: datetime


def insert(conn: Connection, scope: ProjectScope, project: Project) -> None:
    """Store a new project; the transaction's scope must be itself (the first one) or its owner."""
    owner = None if scope.project_id == project.id else scope.project_id
    conn.execute(
        "INSERT INTO projects (id, owner_project_id, name, created_at) VALUES (%s, %s, %s, %s)",
        (project.id, owner, project.name, project.created_at),
    )


def get(conn: Connection, scope: ProjectScope, project_id: UUID) -> Project | None:
    """The scope's own project, or one that it owns."""
    row = conn.execute(
        f"SELECT {COLUMNS} FROM projects WHERE id = %s AND (id = %s OR owner_project_id = %s)",
        (project_id, scope.project_id, scope.project_id),
    ).fetchone()
    return Project(**row) if row else None


def page(
    conn: Connection, scope: ProjectScope, *, after: tuple[datetime, UUID] | None = None, limit: int = 50
) -> list[Project]:
    """The scope's own project and those that it owns, the oldest first."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM projects WHERE (id = %(project)s OR owner_project_id = %(project)s)"
        " AND (%(at)s::timestamptz IS NULL OR (created_at, id) > (%(at)s, %(id)s::uuid))"
        " ORDER BY created_at, id LIMIT %(limit)s",
        {
            "project": scope.project_id,
            "at": after[0] if after else None,
            "id": after[1] if after else None,
            "limit": limit,
        },
    ).fetchall()
    return [Project(**row) for row in rows]
