"""Events as apps send them and as they are shown."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.domain.event import EventState, Role
from app.http.schemas.fields import CONTENT_LIMIT, AnswerModel, AppId, Instant, Metadata, Moment, RequestModel

BATCH_LIMIT = 1000  # SPEC 4


class EventIn(RequestModel):
    """One turn as it was said."""

    user_id: AppId
    session_id: AppId
    role: Role
    content: Annotated[str, Field(max_length=CONTENT_LIMIT, description="empty only for role `tool`")]
    id: Annotated[AppId | None, Field(description="the app's own id; unique within the session")] = None
    agent_id: AppId | None = None
    name: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    occurred_at: Annotated[Instant | None, Field(description="now unless told")] = None
    metadata: Metadata | None = None

    @field_validator("content")
    @classmethod
    def _content_is_there(cls, content: str, info: ValidationInfo) -> str:
        if not content and info.data.get("role", Role.TOOL) is not Role.TOOL:
            raise PydanticCustomError("content_empty", "content is empty; only a tool's turn may be")
        return content


class EventsRequest(RequestModel):
    """Events to remember, in the order in which they were said."""

    events: Annotated[list[EventIn], Field(min_length=1, max_length=BATCH_LIMIT)]


class EventStatus(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"


class StoredEvent(AnswerModel):
    """What became of one event. `client_id` is the app's id, or the server's where the app sent none."""

    id: UUID
    client_id: str
    status: EventStatus
    state: Annotated[EventState, Field(description="how far the pipeline is with it")]


class EventsAnswer(AnswerModel):
    """In the order of the request. All of it is durable."""

    items: list[StoredEvent]
    accepted: int
    duplicates: int


class Effect(StrEnum):
    CREATED = "created"
    STRENGTHENED = "strengthened"
    MERGED = "merged"
    SUPERSEDED = "superseded"
    INVALIDATED = "invalidated"
    REVIVED = "revived"
    LINKED = "linked"
    SKIPPED = "skipped"
    OPEN = "open"


class EventEffect(AnswerModel):
    """What one statement of the event did to memory, and why. `open` is not decided yet."""

    effect: Effect
    memory_id: UUID | None
    text: str
    reason: str | None


class EventAnswer(AnswerModel):
    """A stored event with what it did."""

    id: UUID
    client_id: str
    user_id: str
    session_id: str
    agent_id: str | None
    role: Role
    name: str | None
    content: str
    occurred_at: Moment
    metadata: dict[str, Any]
    state: EventState
    skip_reason: Annotated[str | None, Field(description="why nothing was extracted from it")]
    created_at: Moment
    effects: list[EventEffect]


class EventPage(AnswerModel):
    """Events in the order in which they were said."""

    items: list[EventAnswer]
    next_cursor: str | None
