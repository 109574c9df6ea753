"""Projects: made by an admin key of another project, which owns them."""

from datetime import datetime
from uuid import UUID

from app.domain.scope import ProjectScope
from app.errors import NotFoundError
from app.storage import projects
from app.storage.db import Connection
from app.storage.projects import Project


def create(conn: Connection, scope: ProjectScope, project_id: UUID, name: str, now: datetime) -> Project:
    """A new project, owned by the scope's."""
    project = Project(project_id, scope.project_id, name, now)
    projects.insert(conn, scope, project)
    return project


def get(conn: Connection, scope: ProjectScope, project_id: UUID) -> Project:
    """The scope's own project or one that it owns; raises NotFoundError."""
    found = projects.get(conn, scope, project_id)
    if found is None:
        raise NotFoundError("There is no such project.")
    return found


def page(conn: Connection, scope: ProjectScope, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Project]:
    """The scope's own project and those that it owns."""
    return projects.page(conn, scope, after=after, limit=limit)
