"""A unit of work of the ledger: what kind, for whom, and the token that proves who holds it. For storage, workers."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.domain.scope import ProjectScope, Scope, UserScope


class WorkKind(StrEnum):
    """The kinds, with the unit that one row stands for. One transaction enqueues them in this order."""

    CONSOLIDATE = "consolidate"  # a user
    EVOLVE = "evolve"  # a user
    EXTRACT = "extract"  # a session
    INDEX = "index"  # a user
    JOB = "job"  # a job that workers run
    REINDEX = "reindex"  # a job that whoever writes the index runs
    REWRITE = "rewrite"  # a project: the index rid of what was erased, by whoever writes it
    TIDY = "tidy"  # a user
    WAKE = "wake"  # a user: decisions that were put off


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A claimed unit. `token` is the fence: it rises with every claim, and only its holder may write or complete."""

    id: UUID
    project_id: UUID
    kind: str
    user_id: str
    session_id: str
    key: str
    attempts: int  # claims since the last success, this one included
    token: int

    @property
    def scope(self) -> Scope:
        """The user whose work it is, or the whole project for work without a user."""
        return UserScope(self.project_id, self.user_id) if self.user_id else ProjectScope(self.project_id)

    @property
    def user(self) -> UserScope:
        """The scope of work that belongs to a user; raises ValueError for a project's work."""
        if not self.user_id:
            raise ValueError(f"work of kind {self.kind} has no user")
        return UserScope(self.project_id, self.user_id)
