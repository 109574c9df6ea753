"""Aggregation: which memories of a user to count, and what is answered of them."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.domain.aggregate import AggregateFunction, GroupBy
from app.domain.memory import MemoryType
from app.http.schemas.fields import AnswerModel, AppId, Instant, Moment, RequestModel
from app.http.schemas.memory import KeyPart
from app.http.schemas.recall import TimeRange

DecimalText = Annotated[str, Field(description="an exact decimal number", examples=["1200.50"])]


class AggregateStatus(StrEnum):
    ACTIVE = "active"
    ANY = "any"


class AggregateRequest(RequestModel):
    """Which memories count, by what they are grouped, and what is asked of each group."""

    user_id: AppId
    subject: KeyPart | None = None
    attribute: KeyPart | None = None
    value: KeyPart | None = None
    types: Annotated[list[MemoryType], Field(min_length=1, max_length=8)] | None = None
    status: Annotated[AggregateStatus | None, Field(description="`active` unless told")] = None
    as_of: Annotated[Instant | None, Field(description="as things stood then, in the time of the conversation")] = None
    known_at: Annotated[Instant | None, Field(description="as we had it recorded then")] = None
    time_range: Annotated[TimeRange | None, Field(description="when it was said")] = None
    group_by: Annotated[
        list[GroupBy] | None,
        Field(max_length=3, description="`year` and `month` (`2025-05`) are of the date that a memory speaks of"),
    ] = None
    functions: Annotated[
        list[AggregateFunction] | None,
        Field(min_length=1, max_length=5, description="`count` unless told; sums and extremes are kept apart by unit"),
    ] = None


class LatestValue(AnswerModel):
    """The memory of a group that speaks of the latest date; of two of one date, the one said later."""

    value: str | None
    memory_id: UUID
    text: str
    occurred_at: Moment
    event_time: str | None


class AggregateGroup(AnswerModel):
    """One group. What was not asked for is null, as are sum, min and max where no value is a number."""

    key: Annotated[dict[str, str | None], Field(description="a member for each `group_by`")]
    unit: Annotated[str | None, Field(description="of its numbers, when sum, min or max were asked for")]
    count: Annotated[int | None, Field(description="memories")]
    distinct_values: int
    not_numeric: Annotated[int, Field(description="memories of the group whose value is no number")]
    sum: DecimalText | None
    min: DecimalText | None
    max: DecimalText | None
    latest: LatestValue | None
    memory_ids: Annotated[list[UUID], Field(description="at most 100, the latest first")]


class AggregateAnswer(AnswerModel):
    """Groups, the largest first and at most 1,000; the counts beside them are of all memories that match."""

    groups: list[AggregateGroup]
    matched: int
    not_numeric: int
    truncated: bool
