"""Who may do what: scopes of API keys, a stored key, and the caller that it makes. Made by http, kept by storage."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.domain.scope import ProjectScope, Scope, UserScope
from app.errors import ForbiddenError, NotFoundError


class KeyScope(StrEnum):
    """What a key may do; `admin` may do everything."""

    EVENTS_WRITE = "events:write"
    RECALL = "recall"
    MEMORIES_READ = "memories:read"
    MEMORIES_WRITE = "memories:write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as the database has it."""

    id: str
    project_id: UUID
    name: str
    secret_hash: bytes
    scopes: frozenset[str]
    user_id: str | None
    session_id: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated key."""

    key_id: str
    project_id: UUID
    scopes: frozenset[str]
    user_id: str | None
    session_id: str | None

    @property
    def actor(self) -> str:
        """The name under which changes are recorded."""
        return f"key:{self.key_id}"

    @property
    def is_admin(self) -> bool:
        return KeyScope.ADMIN in self.scopes

    @property
    def project(self) -> ProjectScope:
        return ProjectScope(self.project_id)

    def need(self, scope: KeyScope) -> None:
        """Raises ForbiddenError unless the key has the scope."""
        if scope not in self.scopes and not self.is_admin:
            raise ForbiddenError(f"This key lacks the scope {scope.value}.")

    def user(self, user_id: str, session_id: str | None = None) -> UserScope:
        """The scope of one user; raises ForbiddenError when the key is bound to another user or session."""
        if self.user_id is not None and user_id != self.user_id:
            raise ForbiddenError("This key is bound to another user.")
        if self.session_id is not None and session_id is not None and session_id != self.session_id:
            raise ForbiddenError("This key is bound to another session.")
        return UserScope(self.project_id, user_id)

    def reach(self, user_id: str | None = None) -> Scope:
        """The widest scope that the key may read: the named user, the bound one, or the whole project."""
        if user_id is not None:
            return self.user(user_id)
        return UserScope(self.project_id, self.user_id) if self.user_id is not None else self.project

    def session(self, session_id: str | None) -> str | None:
        """The session to narrow a list to; raises ForbiddenError when the key is bound to another one."""
        if self.session_id is None:
            return session_id
        if session_id not in {None, self.session_id}:
            raise ForbiddenError("This key is bound to another session.")
        return self.session_id

    def hides(self, session_id: str | None) -> bool:
        """Whether a row of that session is out of the key's sight."""
        return self.session_id is not None and session_id != self.session_id

    def see(self, session_id: str | None, what: str) -> None:
        """Raises NotFoundError for a row that the key may not see, as if it were not there."""
        if self.hides(session_id):
            raise NotFoundError(f"There is no such {what}.")

    def whole_user(self) -> None:
        """Raises ForbiddenError for a key that is bound to one session."""
        if self.session_id is not None:
            raise ForbiddenError("This key is bound to one session.")

    def whole_project(self) -> None:
        """Raises ForbiddenError for a key that is bound to one user."""
        if self.user_id is not None:
            raise ForbiddenError("This key is bound to one user.")
