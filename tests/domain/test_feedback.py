"""What feedback does to a memory, decided without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from app.domain.dates import CalendarDate
from app.domain.feedback import FeedbackEffect, FeedbackSignal, judge
from app.domain.memory import Memory, MemoryStatus, MemoryType

SAID = datetime(2025, 5, 4, 10, tzinfo=timezone(timedelta(hours=9)))
NOW = datetime(2025, 6, 1, 20, tzinfo=UTC)  # 2 June at +09:00
MEMORY = Memory(
    id=UUID(int=1), user_id="anna", session_id=None, agent_id=None, type=MemoryType.FACT, text="Anna owns a car.",
    subject="anna", attribute="owns", value="car", status=MemoryStatus.ACTIVE, frozen=False, event_time=None,
    valid_from=None, valid_to=None, occurred_at=SAID, live_from=SAID, live_until=None, importance=0.5, confidence=0.8,
    stability=1.0, use_count=0.0, last_used_at=None, version=1, superseded_by=None, metadata={}, created_at=SAID,
    updated_at=SAID,
)  # fmt: skip


def test_the_first_wrong_halves_the_confidence_and_the_second_ends_it():
    first = judge(MEMORY, FeedbackSignal.WRONG, 0, NOW)
    assert (first.effect, first.status, first.confidence, first.live_until) == (
        FeedbackEffect.WEAKENED, MemoryStatus.ACTIVE, 0.4, None,
    )  # fmt: skip
    second = judge(replace(MEMORY, confidence=0.4), FeedbackSignal.WRONG, 1, NOW)
    assert (second.effect, second.status, second.confidence, second.live_until) == (
        FeedbackEffect.INVALIDATED, MemoryStatus.INVALIDATED, 0.2, NOW,
    )  # fmt: skip


def test_outdated_ends_today_where_it_was_said():
    judgement = judge(MEMORY, FeedbackSignal.OUTDATED, 0, NOW)
    assert (judgement.effect, judgement.status) == (FeedbackEffect.INVALIDATED, MemoryStatus.INVALIDATED)
    assert (judgement.valid_to, judgement.live_until) == (CalendarDate.parse("2025-06-02"), NOW)
    assert judgement.confidence == MEMORY.confidence


@pytest.mark.parametrize(
    ("said", "kept"), [("2025-05", "2025-05"), ("2025-06-02", "2025-06-02"), ("2026", "2025-06-02")]
)
def test_an_end_that_was_said_and_has_passed_stays(said, kept):
    memory = replace(MEMORY, valid_to=CalendarDate.parse(said))
    assert judge(memory, FeedbackSignal.OUTDATED, 0, NOW).valid_to == CalendarDate.parse(kept)


def test_a_memory_of_the_future_ends_no_sooner_than_it_begins():
    later = NOW + timedelta(days=9)
    assert judge(replace(MEMORY, live_from=later), FeedbackSignal.OUTDATED, 0, NOW).live_until == later


@pytest.mark.parametrize("status", [s for s in MemoryStatus if s is not MemoryStatus.ACTIVE])
def test_what_is_not_active_cannot_end_again(status):
    memory = replace(MEMORY, status=status, live_until=SAID)
    assert judge(memory, FeedbackSignal.OUTDATED, 0, NOW).effect is FeedbackEffect.UNCHANGED
    wrong = judge(memory, FeedbackSignal.WRONG, 5, NOW)
    assert (wrong.effect, wrong.status, wrong.live_until) == (FeedbackEffect.WEAKENED, status, SAID)


@pytest.mark.parametrize("status", [MemoryStatus.ACTIVE, MemoryStatus.SUPERSEDED, MemoryStatus.ARCHIVED])
def test_private_archives_whatever_else_it_was(status):
    judgement = judge(replace(MEMORY, status=status, frozen=True), FeedbackSignal.PRIVATE, 0, NOW)
    assert (judgement.effect, judgement.status) == (FeedbackEffect.ARCHIVED, MemoryStatus.ARCHIVED)


def test_what_is_quarantined_stays_hidden():
    judgement = judge(replace(MEMORY, status=MemoryStatus.QUARANTINED), FeedbackSignal.PRIVATE, 0, NOW)
    assert (judgement.effect, judgement.status) == (FeedbackEffect.UNCHANGED, MemoryStatus.QUARANTINED)


@pytest.mark.parametrize("signal", [FeedbackSignal.WRONG, FeedbackSignal.OUTDATED])
def test_a_frozen_memory_stays_as_it_is(signal):
    judgement = judge(replace(MEMORY, frozen=True), signal, 3, NOW)
    assert (judgement.effect, judgement.status, judgement.confidence) == (
        FeedbackEffect.UNCHANGED,
        MemoryStatus.ACTIVE,
        0.8,
    )


def test_helpful_changes_nothing_that_a_version_keeps():
    judgement = judge(MEMORY, FeedbackSignal.HELPFUL, 0, NOW)
    assert (judgement.effect, judgement.status, judgement.confidence) == (
        FeedbackEffect.STRENGTHENED,
        MemoryStatus.ACTIVE,
        0.8,
    )
