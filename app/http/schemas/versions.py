"""Versions, snapshots and rollbacks as they are asked for and shown."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.domain.memory import MemoryStatus, MemoryType
from app.http.schemas.fields import AnswerModel, AppId, Flag, Instant, Moment, RequestModel, whole

NAME = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]


class FieldChangeAnswer(AnswerModel):
    """A field that changed. `before` is null also where there was nothing before."""

    field: str
    before: Any
    after: Any


class CauseAnswer(AnswerModel):
    """What made a version, as far as it is known."""

    candidate_id: Annotated[UUID | None, Field(description="the statement that the pipeline read")]
    event_ids: Annotated[list[UUID], Field(description="the turns that the statement came from")]
    job_id: UUID | None
    memory_id: Annotated[UUID | None, Field(description="the memory that took this one's place")]


class MemoryVersionAnswer(AnswerModel):
    """A memory as we knew it from `recorded_at` until `recorded_until`, what changed with it, and what made it so."""

    version: int
    change: str
    reason: str | None
    actor: str
    type: MemoryType
    text: str
    subject: str | None
    attribute: str | None
    value: str | None
    status: MemoryStatus
    frozen: bool
    event_time: str | None
    valid_from: str | None
    valid_to: str | None
    live_from: Moment
    live_until: Moment | None
    importance: float
    confidence: float
    metadata: dict[str, Any]
    superseded_by: UUID | None
    expires_at: Moment | None
    review_at: Moment | None
    flagged: bool
    recorded_at: Moment
    recorded_until: Moment | None
    changes: Annotated[list[FieldChangeAnswer], Field(description="against the version before")]
    cause: CauseAnswer


class MemoryHistory(AnswerModel):
    """Versions, the first one first."""

    items: list[MemoryVersionAnswer]
    next_cursor: str | None


class MemoryRestore(RequestModel):
    """Make an old version the newest one."""

    version: Annotated[int, whole(1, 2_000_000_000)]


class SnapshotCreate(RequestModel):
    """Name the present, of one user or, without `user_id`, of the project."""

    user_id: AppId | None = None
    name: NAME


class SnapshotAnswer(AnswerModel):
    """A named recorded time."""

    id: UUID
    user_id: str | None
    name: str
    at: Annotated[Moment, Field(description="what was recorded until then belongs to it")]
    created_by: str
    created_at: Moment


class SnapshotPage(AnswerModel):
    """Snapshots, the oldest first."""

    items: list[SnapshotAnswer]
    next_cursor: str | None


class DiffKind(StrEnum):
    """What became of a memory between two times: believed only then, only before, or otherwise another one."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class DiffItem(AnswerModel):
    """A memory that differs. What was erased since shows neither text nor other words."""

    kind: DiffKind
    memory_id: UUID
    user_id: str
    version_before: int | None
    version_after: int | None
    changes: list[FieldChangeAnswer]


class SnapshotDiff(AnswerModel):
    """What differs between two times, by memory."""

    from_at: Moment
    to_at: Moment
    items: list[DiffItem]
    next_cursor: str | None


class RollbackCreate(RequestModel):
    """Bring memories back to a snapshot or to a recorded time; exactly one of the two is given, and exactly one of
    `user_id` and `all_users`.
    """

    user_id: Annotated[AppId | None, Field(description="whose memories")] = None
    all_users: Annotated[Flag | None, Field(description="those of everybody in the project")] = None
    snapshot_id: UUID | None = None
    known_at: Instant | None = None
    dry_run: Annotated[Flag | None, Field(description="list what would be done, change nothing")] = None
