"""Versions and their differences as answers show them: secrets masked, also in what a field was before."""

from collections.abc import Iterable
from typing import Any

from app.domain.memory import MemoryStatus, MemoryType
from app.domain.versions import WORDS, Cause, FieldChange
from app.http.masking import Mask, mask_values
from app.http.schemas.versions import CauseAnswer, FieldChangeAnswer, MemoryVersionAnswer
from app.storage.versions import HistoryEntry


def change_answers(changes: Iterable[FieldChange], hide: Mask) -> list[FieldChangeAnswer]:
    """Fields with what they were and became."""
    return [
        FieldChangeAnswer(
            field=change.field,
            before=_shown(change.field, change.before, hide),
            after=_shown(change.field, change.after, hide),
        )
        for change in changes
    ]


def _shown(field: str, value: Any, hide: Mask) -> Any:
    return mask_values(value, hide) if field in WORDS or field == "metadata" else value


def cause_answer(cause: Cause) -> CauseAnswer:
    """What made a version."""
    return CauseAnswer(
        candidate_id=cause.candidate_id,
        event_ids=list(cause.event_ids),
        job_id=cause.job_id,
        memory_id=cause.memory_id,
    )


def version_answer(entry: HistoryEntry, hide: Mask) -> MemoryVersionAnswer:
    """A version as it is shown."""
    version = entry.version
    return MemoryVersionAnswer(
        version=version.version,
        change=version.change,
        reason=version.reason,
        actor=version.actor,
        type=MemoryType(version.type),
        text=hide(version.text),
        subject=version.subject,
        attribute=version.attribute,
        value=version.value if version.value is None else hide(version.value),
        status=MemoryStatus(version.status),
        frozen=version.frozen,
        event_time=version.event_time,
        valid_from=version.valid_from,
        valid_to=version.valid_to,
        live_from=version.live_from,
        live_until=version.live_until,
        importance=version.importance,
        confidence=version.confidence,
        metadata=mask_values(version.metadata, hide),
        superseded_by=version.superseded_by,
        expires_at=version.expires_at,
        review_at=version.review_at,
        flagged=version.flagged,
        recorded_at=version.recorded_at,
        recorded_until=version.recorded_until,
        changes=change_answers(entry.changes, hide),
        cause=cause_answer(entry.cause),
    )
