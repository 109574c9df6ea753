"""Erasures: what is asked for, the receipt, and what a verification finds."""

from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.domain.event import Role
from app.http.schemas.fields import AnswerModel, AppId, Flag, Metadata, Moment, RequestModel


class ErasureState(StrEnum):
    """`erasing`: nothing of it is shown, tables are still being cleaned; `rewriting`: only the index holds it still."""

    ERASING = "erasing"
    REWRITING = "rewriting"
    DONE = "done"


class ErasureTarget(StrEnum):
    USER = "user"
    SESSION = "session"
    EVENT = "event"
    MEMORY = "memory"
    SOURCE = "source"
    AGE = "age"


class ErasureSource(RequestModel):
    """Which events: those that carry all of these."""

    agent_id: AppId | None = None
    name: Annotated[str | None, Field(min_length=1, max_length=256, description="of the speaker or the tool")] = None
    role: Role | None = None
    metadata: Annotated[Metadata | None, Field(description="that the event's metadata contains")] = None

    @model_validator(mode="after")
    def _not_everything(self) -> Self:
        if self.agent_id is None and self.name is None and self.role is None and not self.metadata:
            raise ValueError("name at least one of agent_id, name, role, metadata")
        return self


class ErasureCreate(RequestModel):
    """What to erase of a user: exactly one of `event_id`, `session_id`, `source`."""

    user_id: AppId
    event_id: UUID | None = None
    session_id: AppId | None = None
    source: ErasureSource | None = None
    derived_only: Annotated[Flag | None, Field(description="keep the events, erase what was made of them")] = None


class ErasureAnswer(AnswerModel):
    """A receipt: what was erased, how many rows of which table, what was done about each store, and what is still open.
    `signature` is HMAC-SHA256 under the installation's key, once nothing is.
    """

    id: UUID
    user_id: str
    target: ErasureTarget
    target_id: str
    derived_only: bool
    reason: str
    state: ErasureState
    pending: list[str]
    counts: dict[str, int]
    stores: dict[str, str]
    created_by: str
    erased_at: Moment
    finished_at: Moment | None
    verified_at: Moment | None
    findings: dict[str, Any] | None
    signature: str | None


class ErasurePage(AnswerModel):
    """Receipts, the newest first."""

    items: list[ErasureAnswer]
    next_cursor: str | None


class VerificationAnswer(AnswerModel):
    """What a new scan finds by place. `found` should not be there; `again` are words of what was erased that somebody
    said again afterwards; `words` says whether words could be looked for, which their fingerprints allow for 35 days;
    `signature_valid` is about the `signature` that was sent along.
    """

    erasure_id: UUID
    clean: bool
    found: dict[str, int]
    again: dict[str, int]
    words: bool
    signature_valid: bool | None
