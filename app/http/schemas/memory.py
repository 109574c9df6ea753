"""Memories as apps write them and as they are shown."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.domain.dates import Precision
from app.domain.lifecycle import StateAction
from app.domain.memory import MemoryStatus, MemoryType
from app.http.schemas.fields import AnswerModel, AppId, DateIn, Instant, Metadata, Moment, RequestModel, Share
from app.http.schemas.recall import SourceAnswer

TEXT_LIMIT = 2_000  # characters of one statement; longer things are events
KEY_LIMIT = 256
REASON_LIMIT = 500

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
    expires_at: Annotated[Instant | None, Field(description="from then on it is found no more")] = None
    review_at: Annotated[Instant | None, Field(description="when somebody should look at it again")] = None
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
    expires_at: Instant | None = None
    review_at: Instant | None = None
    metadata: Metadata | None = None
    subject: KeyPart | None = None
    attribute: KeyPart | None = None
    value: KeyPart | None = None


class StateChange(RequestModel):
    """What is to become of a memory, and why."""

    action: StateAction
    reason: Annotated[str, Field(min_length=1, max_length=REASON_LIMIT)] | None = None


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
    flagged: Annotated[bool, Field(description="it was called wrong, and nobody has put that right or approved it")]
    faded: Annotated[bool, Field(description="little is left of it: a sweep archives it unless it matters")]
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
    strength: Annotated[float, Field(description="0 to 1: what is left of it, with its importance and its confidence")]
    retention: Annotated[float, Field(description="what time has left of it; 1 for what does not fade")]
    stability: Annotated[float, Field(description="how slowly it fades; use makes it larger")]
    layer: Annotated[str, Field(description="short, mid or long, where the policy decays in layers")]
    use_count: Annotated[float, Field(description="half for each time it was returned, one for each confirmed use")]
    last_used_at: Moment | None
    expires_at: Moment | None
    review_at: Moment | None
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
