"""Health of memories: what is a duplicate, what is junk, what is stale, and shares that stay shares."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import health
from app.domain.dates import CalendarDate
from app.domain.health import Growth, MeasuredMemory, assess, is_junk, is_stale, near_duplicates, self_contained
from app.domain.memory import MemoryType
from app.domain.policy import DEFAULT

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
POLICY = DEFAULT.retention
DAY = timedelta(days=1)


def memory(text="Anna lives in Ghent.", *, dense=(1.0, 0.0), **changes) -> MeasuredMemory:
    plain = MeasuredMemory(
        type=MemoryType.FACT,
        text=text,
        frozen=False,
        occurred_at=NOW - DAY,
        valid_to=None,
        expires_at=None,
        confirmed_at=NOW - DAY,
        importance=0.5,
        confidence=0.7,
        stability=1.0,
        layer=0,
        use_count=0.0,
        repeats=False,
        dense=None if dense is None else np.array(dense, dtype=np.float32),
    )
    return replace(plain, **changes)


def test_near_needs_cosine_and_equal_terms():
    near = (0.999, 0.04)
    said = "Anna lives in Ghent."
    assert near_duplicates([memory(said), memory("Anna is living in Ghent.", dense=near)]) == [True, True]
    assert near_duplicates([memory(said), memory("Anna lived in Ghent.", dense=(0.5, 0.5))]) == [False, False]
    for other in ("Anna lives in Porto.", "Maria lives in Ghent.", "Anna does not live in Ghent."):
        assert near_duplicates([memory(said), memory(other, dense=near)]) == [False, False]
    assert near_duplicates([memory("Anna has 3 cats."), memory("Anna has 4 cats.", dense=near)]) == [False, False]
    assert near_duplicates([memory(said, dense=None), memory(said, dense=None)]) == [False, False]


def test_the_scan_finds_pairs_across_its_chunks(monkeypatch):
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(40, 64))
    vectors[33] = vectors[2] * 3.0  # length plays no part
    memories = [
        memory(f"Cat {n} sleeps." if n not in {2, 33} else "The cat sleeps.", dense=v) for n, v in enumerate(vectors)
    ]
    whole = near_duplicates(memories)
    assert [place for place, found in enumerate(whole) if found] == [2, 33]
    monkeypatch.setattr(health, "CHUNK", 7)
    assert near_duplicates(memories) == whole


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("Anna lives in Ghent.", True),
        ("The user's sister Maria plays the cello.", True),
        ("Italian food is what Anna likes best.", True),
        ("She lives in Ghent.", False),
        ("It's in the second drawer.", False),
        ("And then Anna moved.", False),
        ("Anna goes to Ghent tomorrow.", False),
        ("Anna starts work next week.", False),
        ("Nice!", False),
    ],
)
def test_what_can_be_read_alone(text, alone):
    assert self_contained(text) is alone
    assert is_junk(memory(text), POLICY, NOW) is not alone


def test_junk_is_low_unused_and_faded():
    low = memory(importance=0.1, confidence=0.3, confirmed_at=NOW - 200 * DAY)
    assert is_junk(low, POLICY, NOW)
    for spared in (
        {"importance": 0.6},
        {"confidence": 0.8},
        {"use_count": 1.0},
        {"confirmed_at": NOW},
        {"type": MemoryType.PREFERENCE},  # does not fade
        {"frozen": True},
    ):
        assert not is_junk(replace(low, **spared), POLICY, NOW), spared
    assert not is_junk(memory("She is.", frozen=True), POLICY, NOW)


def test_stale_is_over_or_long_unused():
    assert not is_stale(memory(), NOW)
    assert is_stale(memory(valid_to=CalendarDate.parse("2026-05")), NOW)
    assert not is_stale(memory(valid_to=CalendarDate.parse("2026-06")), NOW)
    assert is_stale(memory(expires_at=NOW), NOW)
    assert is_stale(memory(confirmed_at=NOW - 181 * DAY), NOW)
    assert not is_stale(memory(confirmed_at=NOW - 181 * DAY, frozen=True), NOW)


def test_a_day_ends_where_its_speaker_lives():
    tokyo = datetime.fromisoformat("2026-05-31T10:00:00+09:00")
    over = memory(valid_to=CalendarDate.parse("2026-05-31"), occurred_at=tokyo)
    assert is_stale(over, datetime(2026, 5, 31, 15, 0, tzinfo=UTC))
    assert not is_stale(over, datetime(2026, 5, 31, 14, 59, tzinfo=UTC))


@given(
    st.lists(
        st.builds(
            memory,
            st.sampled_from(["Anna lives in Ghent.", "She left.", "Bob has 3 cats."]),
            dense=st.sampled_from([(1.0, 0.0), (0.0, 1.0), None]),
            importance=st.floats(0, 1),
            confidence=st.floats(0, 1),
            confirmed_at=st.integers(0, 1000).map(lambda days: NOW - days * DAY),
            repeats=st.booleans(),
        ),
        max_size=12,
    )
)
def test_shares_are_shares_and_order_plays_no_part(memories):
    growth = (Growth(7, 3, 10), Growth(30, 0, 0))
    found = assess(memories, active=50, growth=growth, policy=POLICY, now=NOW)
    backwards = assess(memories[::-1], active=50, growth=growth, policy=POLICY, now=NOW)
    assert found == backwards
    for count in (found.duplicates, found.repeated, found.junk, found.stale):
        assert 0 <= found.share(count) <= 1
    assert found.repeated <= found.duplicates
    assert (found.growth[0].per_day, found.active, found.measured) == (-1.0, 50, len(memories))
