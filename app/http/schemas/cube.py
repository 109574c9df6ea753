"""Cubes: what is exported, cloned, fused and shared."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.domain.memory import MemoryStatus, MemoryType
from app.http.schemas.fields import AnswerModel, AppId, Flag, Instant, Moment, RequestModel, whole

DryRun = Annotated[Flag | None, Field(description="report what would be done, change nothing")]
Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"\S")]


class CubePart(StrEnum):
    """What goes into a file beside memories with their entities and feedback."""

    VECTORS = "vectors"
    EVENTS = "events"
    VERSIONS = "versions"
    LINKS = "links"
    BLOCKS = "blocks"
    POLICY = "policy"
    ARTEFACTS = "artefacts"


class ImportConflict(StrEnum):
    """What becomes of a memory that is here already, or says what another one here says."""

    SKIP = "skip"
    NEWER = "newer"
    REPLACE = "replace"
    DUPLICATE = "duplicate"


class CubeFilters(RequestModel):
    """Which memories; the turns are those that they rest on. Times are half-open, over `occurred_at`."""

    types: Annotated[list[MemoryType], Field(min_length=1, max_length=8)] | None = None
    status: Annotated[list[MemoryStatus], Field(min_length=1, max_length=8)] | None = None
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None
    entities: Annotated[list[Name], Field(min_length=1, max_length=50)] | None = None


class CubeExport(RequestModel):
    """Whose cube, and which part of it."""

    user_id: AppId
    agent_id: AppId | None = None
    session_id: AppId | None = None
    scene_id: UUID | None = None
    filters: CubeFilters | None = None
    include: Annotated[
        list[CubePart] | None,
        Field(
            max_length=7, description="vectors, events, versions, links and blocks unless told; policy asks for admin"
        ),
    ] = None
    secrets: Annotated[Flag | None, Field(description="show secrets; asks for admin")] = None


class CubeClone(RequestModel):
    """Everything of one user once more, in another user."""

    user_id: AppId
    to_user_id: AppId
    dry_run: DryRun = None


class CubeFuse(RequestModel):
    """Two users become one: the first as it is, the second by consolidation."""

    user_ids: Annotated[list[AppId], Field(min_length=2, max_length=2)]
    into: AppId
    dry_run: DryRun = None


class ShareFilters(RequestModel):
    """Which active memories are shared; without any, all but secrets."""

    types: Annotated[list[MemoryType], Field(min_length=1, max_length=8)] | None = None
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None
    entities: Annotated[list[Name], Field(min_length=1, max_length=50)] | None = None
    session_id: AppId | None = None
    agent_id: AppId | None = None
    scene_id: UUID | None = None


class ShareCreate(RequestModel):
    """Let others read: `with_user_ids` users, `with_agent_ids` agents (for which a key of the whole project asks)."""

    user_id: AppId
    filters: ShareFilters | None = None
    with_user_ids: Annotated[list[AppId], Field(max_length=100)] | None = None
    with_agent_ids: Annotated[list[AppId], Field(max_length=100)] | None = None
    expires_at: Instant | None = None


class ShareAnswer(AnswerModel):
    """A share as its owner sees it."""

    id: UUID
    user_id: str
    filters: dict[str, Any]
    with_user_ids: list[str]
    with_agent_ids: list[str]
    expires_at: Moment | None
    revoked_at: Moment | None
    created_at: Moment


class SharePage(AnswerModel):
    """Shares, the oldest first."""

    items: list[ShareAnswer]
    next_cursor: str | None


class SharedMemory(AnswerModel):
    """A memory as a reader sees it: the statement and its times, nothing of where it was said."""

    id: UUID
    type: str
    text: str
    event_time: str | None
    valid_from: str | None
    valid_to: str | None
    occurred_at: Moment
    created_at: Moment


class SharedMemoryPage(AnswerModel):
    """Shared memories, the oldest record first."""

    items: list[SharedMemory]
    next_cursor: str | None


class ShareRecall(RequestModel):
    """A reader's question."""

    user_id: Annotated[AppId | None, Field(description="the reader; this or agent_id")] = None
    agent_id: Annotated[AppId | None, Field(description="the agent that reads")] = None
    query: Annotated[str, Field(min_length=1, max_length=8_192)]
    limit: Annotated[int, whole(1, 100)] | None = None
    max_tokens: Annotated[int, whole(16, 200_000)] | None = None


class SharedItem(AnswerModel):
    """A shared memory with why it is here."""

    id: UUID
    type: str
    text: str
    score: float
    scores: dict[str, float]
    occurred_at: Moment
    event_time: str | None
    valid_from: str | None
    valid_to: str | None


class ShareContext(AnswerModel):
    """The items as dated lines, within `max_tokens`."""

    text: str
    tokens: int
    max_tokens: int


class ShareRecallAnswer(AnswerModel):
    """Items best first."""

    items: list[SharedItem]
    context: ShareContext
    sufficient: bool


class ArtefactAnswer(AnswerModel):
    """An artefact without its content."""

    id: UUID
    user_id: str
    name: str
    kind: str
    version: int
    fingerprint: Annotated[str, Field(description="SHA-256 of the content")]
    size: int
    provenance: dict[str, Any]
    created_by: str
    created_at: Moment


class ArtefactPage(AnswerModel):
    """Artefacts, the oldest first."""

    items: list[ArtefactAnswer]
    next_cursor: str | None
