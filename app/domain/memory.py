"""A memory and its candidate: one self-contained statement with type, validity, strength and provenance."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.domain.dates import CalendarDate


class MemoryType(StrEnum):
    FACT = "fact"
    PREFERENCE = "preference"
    EPISODE = "episode"
    PROCEDURE = "procedure"
    FORESIGHT = "foresight"
    REFLECTION = "reflection"
    RESOURCE = "resource"
    SECRET = "secret"  # noqa: S105 - a type of memory


class MemoryStatus(StrEnum):
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    MERGED = "merged"
    INVALIDATED = "invalidated"
    ARCHIVED = "archived"
    EXPIRED = "expired"
    QUARANTINED = "quarantined"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an extractor proposes to remember. `subject`, `attribute`, `value` are normalised lower case or None.

    `correction`: it corrects an earlier statement of the same subject and attribute, or of the events in `corrects`.
    `ends`: the state (subject, attribute, value, or any value) is over. `retracts`: events whose statements are taken
    back; such a candidate adds nothing itself. `targets`: memories that a model named as what this statement replaces,
    corrects or ends; they say the same matter even where their key is another one. `compared`: a model has held it
    against what was remembered, so that nothing else is taken to be changed by it.
    """

    text: str
    type: MemoryType
    event_ids: tuple[UUID, ...]
    occurred_at: datetime
    subject: str | None = None
    attribute: str | None = None
    value: str | None = None
    single_valued: bool = False
    negated: bool = False
    event_time: CalendarDate | None = None
    valid_from: CalendarDate | None = None
    valid_to: CalendarDate | None = None
    importance: float = 0.5
    confidence: float = 0.7
    entities: tuple[str, ...] = ()
    session_id: str | None = None
    agent_id: str | None = None
    correction: bool = False
    corrects: tuple[UUID, ...] = ()
    ends: bool = False
    retracts: tuple[UUID, ...] = ()
    targets: tuple[UUID, ...] = ()
    compared: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """The event that a memory rests on, as answers show it."""

    event_id: UUID
    client_id: str
    session_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """A stored memory in its newest version.

    `live_from` and `live_until` are instants in conversation time: from when to when this statement was the current
    belief (`live_until` is set when a later statement supersedes or invalidates it). `valid_from`/`valid_to` are what
    the statement itself says about its time. `created_at`/`updated_at` are the server's own (recorded) time.
    `use_count` counts half for each time it was returned. `flagged`: it was called wrong and nobody has looked since.
    `layer` is that of layered decay (`strength.LAYERS`), `layered_at` when it came there, None when it was recorded.
    `keywords`, `tags` and `context` are its note where the policy has notes; as known at an earlier time it has none.
    """

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
    event_time: CalendarDate | None
    valid_from: CalendarDate | None
    valid_to: CalendarDate | None
    occurred_at: datetime
    live_from: datetime
    live_until: datetime | None
    importance: float
    confidence: float
    stability: float
    use_count: float
    last_used_at: datetime | None
    version: int
    superseded_by: UUID | None
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    sources: tuple[Source, ...] = field(default=())
    keywords: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    context: str = ""
    expires_at: datetime | None = None
    review_at: datetime | None = None
    flagged: bool = False
    layer: int = 0
    layered_at: datetime | None = None
