"""Jobs: background runs that people see."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.http.schemas.fields import AnswerModel, AppId, Flag, Moment, RequestModel


class JobKind(StrEnum):
    """What can be asked for."""

    BACKUP = "backup"
    DECAY = "decay"
    REINDEX = "reindex"
    SLEEP = "sleep"


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class JobScope(RequestModel):
    """What a run is limited to; without it the run is over the whole project."""

    user_id: AppId | None = None
    session_id: Annotated[AppId | None, Field(description="of that user")] = None


class JobCreate(RequestModel):
    """Ask for a run."""

    kind: JobKind
    scope: JobScope | None = None
    dry_run: Annotated[Flag | None, Field(description="count what would be done, change nothing")] = None


class JobAnswer(AnswerModel):
    """A run. A failed one of the pipeline (`extract`, `consolidate`, `index`) names its user and session in `scope`."""

    id: UUID
    kind: str
    scope: dict[str, Any]
    dry_run: bool
    state: JobState
    done: int
    total: int | None
    counts: dict[str, Any]
    error: str | None
    created_by: str | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None


class JobPage(AnswerModel):
    """Jobs, the newest first."""

    items: list[JobAnswer]
    next_cursor: str | None


class JobItemAnswer(AnswerModel):
    """One thing that a run did, or with `dry_run` would do, and why."""

    user_id: str
    target_kind: str
    target_id: str
    action: str
    reason: str
    detail: dict[str, Any]


class JobItemPage(AnswerModel):
    """What a run did, in order."""

    items: list[JobItemAnswer]
    next_cursor: str | None
