"""Recall: what an app asks and what it gets (SPEC 4). What is None takes the default of the service."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.domain.memory import MemoryType
from app.http.schemas.fields import AnswerModel, AppId, Flag, Instant, Moment, RequestModel, whole

QUERY_LIMIT = 8_192  # characters; longer than any question, far below what an encoder cuts into chunks


class RecallMode(StrEnum):
    AUTO = "auto"
    FAST = "fast"
    DEEP = "deep"


class RecallReturn(StrEnum):
    RANKED = "ranked"
    ALL_MATCHES = "all_matches"


class RecallOrder(StrEnum):
    SCORE = "score"
    CHRONOLOGICAL = "chronological"


class RecallFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    MESSAGES = "messages"


class RecallCache(StrEnum):
    AUTO = "auto"
    OFF = "off"


class RecallInclude(StrEnum):
    TRACE = "trace"


class ItemKind(StrEnum):
    MEMORY = "memory"
    EVENT = "event"


class TimeRange(RequestModel):
    """Half-open: `from` <= occurred_at < `to`."""

    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None


class RecallFilters(RequestModel):
    """What must hold for every item; empty means no narrowing."""

    session_id: AppId | None = None
    agent_id: AppId | None = None
    kinds: Annotated[list[ItemKind], Field(min_length=1, max_length=2)] | None = None


class RecallRequest(RequestModel):
    """A question and how much to answer."""

    user_id: AppId
    query: Annotated[str, Field(min_length=1, max_length=QUERY_LIMIT)]
    session_id: Annotated[AppId | None, Field(description="adds its last turns and summary, and never filters")] = None
    agent_id: Annotated[
        AppId | None,
        Field(description="without `session_id`: adds those of the session in which it spoke last; never filters"),
    ] = None
    max_tokens: Annotated[int, whole(16, 200_000)] | None = None
    limit: Annotated[int, whole(1, 100)] | None = None
    types: Annotated[list[MemoryType], Field(min_length=1, max_length=8)] | None = None
    time_range: TimeRange | None = None
    as_of: Instant | None = None
    known_at: Instant | None = None
    filters: RecallFilters | None = None
    mode: RecallMode | None = None
    return_: Annotated[RecallReturn | None, Field(alias="return")] = None
    order: RecallOrder | None = None
    latest_only: Flag | None = None
    include_archived: Flag | None = None
    format: RecallFormat | None = None
    tokenizer: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=128,
            description="the model whose tokens `max_tokens` counts; o200k when not named or not known",
        ),
    ] = None
    include: Annotated[list[RecallInclude], Field(max_length=8)] | None = None
    record_usage: Flag | None = None
    cache: RecallCache | None = None


class SourceAnswer(AnswerModel):
    """An event that an item rests on."""

    event_id: UUID
    client_id: str
    session_id: str
    occurred_at: Moment


class RecallItem(AnswerModel):
    """A memory or a raw turn, with why it is here."""

    kind: ItemKind
    id: UUID
    type: Annotated[str | None, Field(description="the memory's type; null for an event")]
    text: str
    score: float
    scores: Annotated[dict[str, float], Field(description="by signal: dense, sparse, entity, time, retention, ...")]
    occurred_at: Moment
    event_time: str | None
    valid_from: str | None
    valid_to: str | None
    status: str
    pending: bool
    sources: list[SourceAnswer]


class ContextSection(AnswerModel):
    """A part of the context: its name, its size and the items in it."""

    name: str
    tokens: int
    ids: list[str]


class ContextMessage(AnswerModel):
    """The context as chat messages (format `messages`)."""

    role: str
    content: str


class RecallContext(AnswerModel):
    """Ready to paste into a prompt; neither `tokens` (of `text`) nor `message_tokens` passes `max_tokens`."""

    text: str
    tokens: int
    max_tokens: int
    sections: list[ContextSection]
    messages: Annotated[list[ContextMessage] | None, Field(description="only with format `messages`")]
    message_tokens: Annotated[
        int | None,
        Field(description="what `messages` take as a chat: their content, 4 for each and its role, 3 for the answer"),
    ]


class RecallAnswer(AnswerModel):
    """Items best first, and the packed context."""

    items: list[RecallItem]
    context: RecallContext
    sufficient: bool
    degraded: bool
    pending_not_ranked: int
    trace: dict[str, Any] | None
