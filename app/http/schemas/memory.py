"""Memories as apps write them and as they are shown."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.domain.dates import Precision
from app.domain.memory import MemoryStatus, MemoryType
from app.http.schemas.fields import AnswerModel, AppId, DateIn, Instant, Metadata, Moment, RequestModel, Share
from app.http.schemas.recall import SourceAnswer

TEXT_LIMIT = 2_000  # characters of one statement; longer things are events
KEY_LIMIT = 256

Text = Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT, pattern=r"\S")]
KeyPart = Annotated[str, Field(min_length=1, max_length=KEY_LIMIT)]


class StatusFilter(StrEnum):
    """A status, or `any`."""

    ACTIVE = "active"
    SUPERSEDED = "superseded"
    MERGED = "merged"
    INVALIDATED = "invalidated"
    ARCHIVED = "archived"
    EXPIRED = "expired"
    QUARANTINED = "quarantined"
    ANY = "any"


class MemoryCreate(RequestModel):
    """A statement written directly. An active memory that says the same is answered instead."""

    user_id: AppId
    text: Text
    type: MemoryType | None = None
    session_id: AppId | None = None
    agent_id: AppId | None = None
    subject: KeyPart | None = None
    attribute: KeyPart | None = None
    value: KeyPart | None = None
    event_time: DateIn | None = None
    valid_from: DateIn | None = None
    valid_to: DateIn | None = None
    occurred_at: Instant | None = None
    importance: Share | None = None
    confidence: Share | None = None
    metadata: Metadata | None = None
    source_event_ids: Annotated[list[UUID], Field(max_length=100)] | None = None


class MemoryPatch(RequestModel):
    """What changes; a field that is absent stays. `null` takes a date or a part of the key away and is
    refused elsewhere. Another text without its `value` takes the old value away.
    """

    text: Text | None = None
    type: MemoryType | None = None
    event_time: DateIn | None = None
    valid_from: DateIn | None = None
    valid_to: DateIn | None = None
    importance: Share | None = None
    confidence: Share | None = None
    metadata: Metadata | None = None
    subject: KeyPart | None = None
    attribute: KeyPart | None = None
    value: KeyPart | None = None


class MemoryAnswer(AnswerModel):
    """A memory with its sources. Dates (`event_time, valid_from, valid_to`) are local calendar values."""

    id: UUID
    user_id: str
    session_id: str | None
    agent_id: str | None
    type: MemoryType
    text: str
    subject: str | None
    attribute: str | None
    value: str | None
    status: MemoryStatus
    frozen: bool
    event_time: str | None
    event_time_precision: Precision | None
    valid_from: str | None
    valid_from_precision: Precision | None
    valid_to: str | None
    valid_to_precision: Precision | None
    occurred_at: Moment
    live_from: Annotated[Moment, Field(description="from when, in conversation time, this was the current belief")]
    live_until: Moment | None
    importance: float
    confidence: float
    strength: float
    use_count: int
    last_used_at: Moment | None
    superseded_by: UUID | None
    version: int
    metadata: dict[str, Any]
    keywords: Annotated[list[str], Field(description="of the statement, where the policy has notes")]
    tags: Annotated[list[str], Field(description="what it is about, also by the memories that it is linked to")]
    context: Annotated[str, Field(description="what those memories add, in one line")]
    created_at: Moment
    updated_at: Moment
    sources: list[SourceAnswer]


class MemoryPage(AnswerModel):
    """Memories, the oldest record first."""

    items: list[MemoryAnswer]
    next_cursor: str | None


class LinkType(StrEnum):
    SIMILAR = "similar"
    CAUSAL = "causal"
    TEMPORAL = "temporal"
    PART_OF = "part_of"
    MENTIONS = "mentions"
    CONTRADICTS = "contradicts"
    DERIVED_FROM = "derived_from"


class LinkDirection(StrEnum):
    OUT = "out"
    IN = "in"


class MemoryLink(AnswerModel):
    """An edge between the memory and another one. A `causal` link leads from what happened to its reason."""

    id: UUID
    type: LinkType
    direction: LinkDirection
    weight: float
    reason: str | None
    memory_id: Annotated[UUID, Field(description="the memory at the other end")]
    text: str
    status: MemoryStatus
    created_at: Moment


class MemoryLinks(AnswerModel):
    """Links, the oldest first."""

    items: list[MemoryLink]
    next_cursor: str | None
