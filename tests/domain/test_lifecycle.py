"""The state machine of memories, and what a decay sweep decides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dates import CalendarDate
from app.domain.decay import Kept, StepKind, StepReason, is_exempt, steps
from app.domain.feedback import FeedbackSignal, judge
from app.domain.lifecycle import (
    MOVES,
    ForbiddenMoveError,
    FrozenMemoryError,
    StateAction,
    after,
    check,
    faded,
    state_of,
    status_at,
)
from app.domain.memory import MemoryStatus, MemoryType
from app.domain.policy import DEFAULT, load_policy
from app.domain.strength import strengths
from tests.domain.test_feedback import MEMORY
from tests.domain.test_strength import aged

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
STATUSES = [status for status in MemoryStatus if status is not MemoryStatus.ERASED]


def policy(**lifecycle):
    body = DEFAULT.model_dump(mode="json")
    return load_policy(body | {"lifecycle": body["lifecycle"] | lifecycle})


def numbered(number: int, **fields):
    days = fields.pop("days", 0.0)
    sources = fields.pop("sources", 1)
    settings = {"type": MemoryType.EPISODE, "importance": 0.5, "attribute": None} | fields
    return Kept(replace(aged(days), id=UUID(int=number), **settings), sources)


def plan(*kept: Kept, settings=DEFAULT, now=NOW):
    return [(step.memory_id.int, step.kind, step.reason) for step in steps(kept, settings, now)]


def test_the_table_names_every_status_and_nothing_leaves_an_erasure():
    assert set(MOVES) == set(MemoryStatus)
    assert MOVES[MemoryStatus.ERASED] == frozenset()
    assert all(MemoryStatus.ERASED in MOVES[status] for status in STATUSES)
    assert all(status not in MOVES[status] for status in MemoryStatus)


@given(st.sampled_from(STATUSES), st.sampled_from(StateAction), st.booleans(), st.booleans())
def test_an_action_follows_the_table_or_is_refused(status, action, frozen, flagged):
    memory = replace(MEMORY, status=status, frozen=frozen, flagged=flagged)
    try:
        state = after(memory, action, NOW)
    except (ForbiddenMoveError, FrozenMemoryError):
        return
    assert state.status is status or state.status in MOVES[status]
    if frozen:
        assert state.status is status
    again = replace(
        memory, status=state.status, frozen=state.frozen, flagged=state.flagged, live_until=state.live_until
    )
    assert after(again, action, NOW) == state_of(again)


@given(st.sampled_from(STATUSES), st.sampled_from(FeedbackSignal), st.integers(0, 2))
def test_feedback_follows_the_table(status, signal, wrongs):
    judged = judge(replace(MEMORY, status=status), signal, wrongs, NOW).status
    assert judged is status or judged in MOVES[status]


def test_a_refusal_is_a_conflict():
    assert (ForbiddenMoveError.status, ForbiddenMoveError.code) == (409, "forbidden_move")
    assert (FrozenMemoryError.status, FrozenMemoryError.code) == (409, "memory_frozen")


def test_what_is_frozen_makes_no_move_but_an_erasure():
    frozen = replace(MEMORY, frozen=True)
    with pytest.raises(FrozenMemoryError):
        check(frozen, MemoryStatus.ARCHIVED)
    check(frozen, MemoryStatus.ERASED)
    assert after(frozen, StateAction.UNFREEZE, NOW).frozen is False


def test_what_a_newer_value_replaced_does_not_come_back_beside_it():
    with pytest.raises(ForbiddenMoveError):
        after(replace(MEMORY, status=MemoryStatus.SUPERSEDED), StateAction.RESTORE, NOW)


def test_a_restored_memory_is_believed_again_and_not_over_at_once():
    over = replace(MEMORY, status=MemoryStatus.EXPIRED, live_until=NOW, expires_at=NOW - timedelta(days=1))
    state = after(over, StateAction.RESTORE, NOW)
    assert (state.status, state.live_until, state.expires_at) == (MemoryStatus.ACTIVE, None, None)


def test_expiry_is_to_the_second():
    memory = replace(MEMORY, expires_at=NOW)
    assert status_at(memory, NOW - timedelta(seconds=1)) is MemoryStatus.ACTIVE
    assert status_at(memory, NOW) is MemoryStatus.EXPIRED


def test_faded_is_a_label_of_what_is_active():
    memory = aged(100.0, type=MemoryType.EPISODE)
    (stands,) = strengths([memory], DEFAULT.retention, NOW)
    assert faded(memory, stands, DEFAULT.lifecycle)
    assert not faded(replace(memory, status=MemoryStatus.ARCHIVED), stands, DEFAULT.lifecycle)


def test_what_faded_and_matters_little_is_archived():
    old, fresh = numbered(1, days=30.0), numbered(2, days=5.0)
    important, used = numbered(3, days=30.0, importance=0.8), numbered(4, days=30.0, use_count=3.0)
    assert plan(old, fresh, important, used) == [(1, StepKind.ARCHIVE, StepReason.FADED)]


@pytest.mark.parametrize(
    "fields",
    [
        {"frozen": True},
        {"type": MemoryType.SECRET},
        {"type": MemoryType.PREFERENCE},
        {"type": MemoryType.PROCEDURE},
        {"type": MemoryType.FACT, "attribute": "name"},
    ],
    ids=lambda fields: " ".join(str(value) for value in fields.values()),
)
def test_who_somebody_is_and_what_they_prefer_stays(fields):
    assert plan(numbered(1, days=3_000.0, **fields)) == []


def test_an_identity_fact_said_twice_may_go():
    twice = numbered(1, days=3_000.0, attribute="name", sources=2)
    assert not is_exempt(twice)
    assert plan(twice) == [(1, StepKind.ARCHIVE, StepReason.FADED)]


def test_what_is_over_expires_also_when_it_is_frozen():
    over = numbered(1, expires_at=NOW, frozen=True)
    ahead = numbered(2, expires_at=NOW + timedelta(seconds=1))
    assert plan(over, ahead) == [(1, StepKind.EXPIRE, StepReason.EXPIRED)]


def test_a_plan_comes_due_and_expires_a_week_after():
    def on(day: str, days: float = 8.0):
        return numbered(1, type=MemoryType.FORESIGHT, event_time=CalendarDate.parse(day), days=days)

    assert plan(on("2026-06-03")) == []
    assert plan(on("2026-05-25")) == []
    assert plan(on("2026-05-24")) == [(1, StepKind.EXPIRE, StepReason.PLAN_OVER)]
    assert plan(on("2020-05-24", days=1.0)) == []  # of a history that was imported yesterday
    birthday = numbered(
        1, type=MemoryType.FORESIGHT, attribute="birthday", event_time=CalendarDate.parse("2026-03-02"), days=90.0
    )
    assert plan(birthday) == []
    assert plan(numbered(1, type=MemoryType.EPISODE, event_time=CalendarDate.parse("2026-05-01"))) == []


def test_above_the_cap_the_weakest_go_down_to_the_fill():
    caps = DEFAULT.lifecycle.caps.model_dump() | {"episode": 10}
    kept = [numbered(n, days=n / 2, importance=0.9) for n in range(1, 12)]
    found = plan(*kept, settings=policy(caps=caps))
    assert found == [(n, StepKind.ARCHIVE, StepReason.CAP) for n in (11, 10, 9)]
    assert plan(*kept[:8], settings=policy(caps=caps)) == []


def test_exempt_memories_do_not_go_for_a_cap():
    caps = DEFAULT.lifecycle.caps.model_dump() | {"episode": 1}
    kept = [numbered(n, frozen=True) for n in range(1, 5)]
    assert plan(*kept, settings=policy(caps=caps)) == []


def test_layers_are_moved_between_where_the_policy_has_them():
    body = DEFAULT.model_dump(mode="json")
    body["retention"]["layers"]["enabled"] = True
    layered = load_policy(body)
    rising = numbered(1, type=MemoryType.FACT, importance=0.7)
    falling = numbered(2, type=MemoryType.FACT, importance=0.7, layer=1, layered_at=NOW - timedelta(days=60), days=60.0)
    assert plan(rising, falling, settings=layered) == [
        (1, StepKind.PROMOTE, StepReason.IMPORTANCE),
        (2, StepKind.DEMOTE, StepReason.IMPORTANCE),
    ]
    assert plan(rising, falling) == []


@given(st.lists(st.tuples(st.sampled_from(MemoryType), st.floats(0.0, 400.0), st.floats(0.0, 1.0)), max_size=30))
def test_the_same_memories_at_the_same_time_give_the_same_steps_once_each(rows):
    caps = DEFAULT.lifecycle.caps.model_dump() | {"episode": 3, "fact": 3}
    kept = [numbered(n, type=t, days=d, importance=i) for n, (t, d, i) in enumerate(rows)]
    first = plan(*kept, settings=policy(caps=caps))
    assert plan(*reversed(kept), settings=policy(caps=caps)) is not None
    assert sorted(plan(*reversed(kept), settings=policy(caps=caps))) == sorted(first)
    assert len({number for number, _, _ in first}) == len(first)
