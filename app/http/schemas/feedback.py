"""Feedback on a memory as apps give it and as it is shown."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.domain.feedback import FeedbackEffect, FeedbackSignal
from app.http.schemas.fields import AnswerModel, AppId, Moment, RequestModel
from app.http.schemas.memory import MemoryAnswer
from app.http.schemas.recall import QUERY_LIMIT

NOTE_LIMIT = 1_000  # characters: a remark, not a statement


class FeedbackCreate(RequestModel):
    """What a user says of a memory, and for which query it was shown."""

    signal: FeedbackSignal
    user_id: Annotated[AppId | None, Field(description="whose memory it must be")] = None
    note: Annotated[str, Field(min_length=1, max_length=NOTE_LIMIT)] | None = None
    query: Annotated[str, Field(min_length=1, max_length=QUERY_LIMIT)] | None = None


class FeedbackAnswer(AnswerModel):
    """What was said of a memory."""

    id: UUID
    memory_id: UUID
    user_id: str
    signal: FeedbackSignal
    note: str | None
    query: str | None
    created_at: Moment


class FeedbackGiven(AnswerModel):
    """The memory as it is now, the feedback as it was kept, and what it did."""

    memory: MemoryAnswer
    feedback: FeedbackAnswer
    effect: Annotated[
        FeedbackEffect, Field(description="`unchanged`: the memory is frozen or quarantined, or was no longer active")
    ]


class FeedbackPage(AnswerModel):
    """Feedback, the first one first."""

    items: list[FeedbackAnswer]
    next_cursor: str | None
