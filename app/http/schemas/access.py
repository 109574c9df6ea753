"""Projects and API keys."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.domain.access import KeyScope
from app.http.schemas.fields import AnswerModel, AppId, Instant, Moment, RequestModel

Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"\S")]


class ProjectCreate(RequestModel):
    """A new project; the caller's project owns it."""

    name: Name


class ProjectAnswer(AnswerModel):
    """A project (tenant)."""

    id: UUID
    owner_project_id: UUID | None
    name: str
    created_at: Moment


class ProjectPage(AnswerModel):
    """The caller's project and those that it owns, the oldest first."""

    items: list[ProjectAnswer]
    next_cursor: str | None


class KeyCreate(RequestModel):
    """A new key, of the caller's project or of one that it owns."""

    name: Name
    scopes: Annotated[list[KeyScope], Field(min_length=1, max_length=len(KeyScope))]
    project_id: UUID | None = None
    user_id: AppId | None = None
    session_id: AppId | None = None
    expires_at: Instant | None = None


class KeyAnswer(AnswerModel):
    """A key without its secret."""

    id: str
    project_id: UUID
    name: str
    scopes: list[KeyScope]
    user_id: str | None
    session_id: str | None
    expires_at: Moment | None
    revoked_at: Moment | None
    last_used_at: Moment | None
    created_at: Moment


class KeyWithSecret(KeyAnswer):
    """A key with its token, which is shown this once."""

    token: str


class KeyPage(AnswerModel):
    """Keys, the oldest first, revoked ones too."""

    items: list[KeyAnswer]
    next_cursor: str | None
