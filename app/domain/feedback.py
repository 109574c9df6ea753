"""Feedback on memories and what it does to them. Pure; nothing here deletes, so that everything can be taken back."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.domain.dates import CalendarDate, Precision
from app.domain.memory import Memory, MemoryStatus

WRONGS_TO_END = 2  # one may be a slip; two end the memory


class FeedbackSignal(StrEnum):
    HELPFUL = "helpful"
    USED = "used"
    WRONG = "wrong"
    OUTDATED = "outdated"
    PRIVATE = "private"


USES = frozenset({FeedbackSignal.HELPFUL, FeedbackSignal.USED})  # each is a whole use


class FeedbackEffect(StrEnum):
    STRENGTHENED = "strengthened"
    RESTORED = "restored"
    WEAKENED = "weakened"
    INVALIDATED = "invalidated"
    ARCHIVED = "archived"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was said of a memory."""

    id: UUID
    user_id: str
    memory_id: UUID
    signal: FeedbackSignal
    note: str | None
    query: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a memory becomes: the fields that feedback may change, as they are to be."""

    effect: FeedbackEffect
    status: MemoryStatus
    confidence: float
    valid_to: CalendarDate | None
    live_until: datetime | None


def judge(memory: Memory, signal: FeedbackSignal, wrongs: int, now: datetime) -> Judgement:
    """What this signal does at `now`, after `wrongs` earlier ones that called the memory wrong as it stands.

    Only what is active can end. A frozen memory stays as it is, unless it is private.
    """
    as_it_is = Judgement(FeedbackEffect.UNCHANGED, memory.status, memory.confidence, memory.valid_to, memory.live_until)
    if signal in USES:
        return replace(as_it_is, effect=FeedbackEffect.STRENGTHENED)
    if signal is FeedbackSignal.PRIVATE:
        hidden = memory.status is MemoryStatus.QUARANTINED  # which hides more than an archive
        status = MemoryStatus.QUARANTINED if hidden else MemoryStatus.ARCHIVED
        return replace(as_it_is, effect=FeedbackEffect.UNCHANGED if hidden else FeedbackEffect.ARCHIVED, status=status)
    if memory.frozen:
        return as_it_is
    active = memory.status is MemoryStatus.ACTIVE
    if signal is FeedbackSignal.OUTDATED:
        return replace(_ended(as_it_is, memory, now), valid_to=_until(memory, now)) if active else as_it_is
    weakened = replace(as_it_is, effect=FeedbackEffect.WEAKENED, confidence=memory.confidence / 2)
    return _ended(weakened, memory, now) if active and wrongs + 1 >= WRONGS_TO_END else weakened


def _ended(judgement: Judgement, memory: Memory, now: datetime) -> Judgement:
    """Believed until now: a view as of an earlier time still shows it."""
    until = max(now, memory.live_from)
    if memory.live_until is not None:
        until = min(until, memory.live_until)
    return replace(judgement, effect=FeedbackEffect.INVALIDATED, status=MemoryStatus.INVALIDATED, live_until=until)


def _until(memory: Memory, now: datetime) -> CalendarDate:
    """Today where the memory was said, unless it ended before by its own words."""
    offset = memory.occurred_at.utcoffset()
    if memory.valid_to is not None and offset is not None and memory.valid_to.end(offset) <= now:
        return memory.valid_to
    return CalendarDate(now.astimezone(memory.occurred_at.tzinfo).date().isoformat(), Precision.DAY)
