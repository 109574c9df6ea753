"""The audit as it is shown: entries, and what a check of its chain found."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.http.schemas.fields import AnswerModel, Moment
from app.http.schemas.versions import FieldChangeAnswer


class AuditKind(StrEnum):
    """An act is what somebody asked for; a change is what happened to a memory, whoever did it."""

    ACT = "act"
    CHANGE = "change"


class AuditFormat(StrEnum):
    """Entries as they are listed, or rows to learn from: before, operation, after, outcome."""

    ENTRIES = "entries"
    TRAINING = "training"


class AuditSeal(AnswerModel):
    """The place of an entry in the chain."""

    seq: int
    hash: Annotated[str, Field(description="SHA-256 over everything until here, hexadecimal")]


class AuditEntryAnswer(AnswerModel):
    """Who did what to what, when and why. Of a change: what the memory's fields were and became."""

    id: str
    kind: AuditKind
    at: Moment
    user_id: str | None
    actor: str
    action: str
    target_kind: str
    target_id: str
    reason: str | None
    request_id: str | None
    job_id: UUID | None
    candidate_id: UUID | None
    detail: dict[str, Any]
    version_before: int | None
    version: int | None
    changes: list[FieldChangeAnswer]
    redacted: Annotated[bool, Field(description="an erasure has taken its words")]
    seal: Annotated[AuditSeal | None, Field(description="null for what is too new to be sealed")]


class AuditPage(AnswerModel):
    """Entries, the oldest first."""

    items: list[AuditEntryAnswer]
    next_cursor: str | None


class AuditBreak(AnswerModel):
    """A place where the chain does not hold."""

    seq: int
    entry: str
    problem: str


class AuditVerification(AnswerModel):
    """What a check of the chain found, as far as it came: go on after `next_after` where that is given."""

    intact: bool
    checked: int
    redacted: int
    gone: Annotated[int, Field(description="entries that were taken away whole, with what they were about")]
    breaks: list[AuditBreak]
    next_after: int | None
    head: Annotated[AuditSeal | None, Field(description="the newest seal; keep it elsewhere to prove more later")]
