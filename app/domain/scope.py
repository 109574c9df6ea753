"""Whose data a piece of code may touch. Storage and index functions take one of these; there is no unscoped query."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ProjectScope:
    """All users of one project (the tenant)."""

    project_id: UUID


@dataclass(frozen=True, slots=True)
class UserScope:
    """One user of one project."""

    project_id: UUID
    user_id: str

    @property
    def project(self) -> ProjectScope:
        return ProjectScope(self.project_id)


Scope = ProjectScope | UserScope
