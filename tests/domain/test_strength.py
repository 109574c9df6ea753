"""Strength: monotone in the directions that theory says, the same numbers for ranking and sweeps, and the bugs that
were published with these formulas.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import signals
from app.domain.memory import MemoryType
from app.domain.policy import DEFAULT, Policy, load_policy
from app.domain.strength import (
    DAY,
    LAYERS,
    RETURNED,
    code,
    combined,
    exponential,
    growth,
    important_by_now,
    next_layer,
    power,
    retentions,
    strengths,
)
from app.domain.units import memory_unit
from tests.domain.test_feedback import MEMORY

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CURVES = {"exponential": exponential, "power": power}
DAYS = st.floats(0.0, 5_000.0)
SCALE = st.floats(0.05, 10_000.0)
SHARE = st.floats(0.0, 1.0)
FADING = st.sampled_from([type_ for type_ in MemoryType if DEFAULT.retention.tau_days.of(type_)])
LASTING = [type_ for type_ in MemoryType if not DEFAULT.retention.tau_days.of(type_)]


def policy(**retention) -> Policy:
    body = DEFAULT.model_dump(mode="json")
    return load_policy(body | {"retention": body["retention"] | retention})


POWER = policy(curve=dict.fromkeys((type_.value for type_ in MemoryType), "power")).retention
LAYERED = policy(layers=DEFAULT.retention.layers.model_dump() | {"enabled": True}).retention
POLICIES = st.sampled_from([DEFAULT.retention, POWER, LAYERED])


def left(days: float, scale: float, curve: str) -> float:
    return float(CURVES[curve](np.array([days]), np.array([scale]))[0])


def aged(days: float, **fields):
    return replace(MEMORY, created_at=NOW - timedelta(days=days), last_used_at=None, frozen=False, **fields)


def retention(settings, **fields) -> float:
    (found,) = strengths([aged(fields.pop("days"), **fields)], settings, NOW)
    return found.retention


@pytest.mark.parametrize("curve", CURVES)
@given(DAYS, DAYS, SCALE, SCALE)
def test_less_is_left_after_longer_and_more_of_what_fades_more_slowly(curve, days, more, scale, larger):
    assert left(0.0, scale, curve) == 1.0
    assert left(days + more, scale, curve) <= left(days, scale, curve) <= 1.0
    assert left(days, scale + larger, curve) >= left(days, scale, curve)


@pytest.mark.parametrize("curve", CURVES)
def test_both_curves_cross_after_tau_times_s(curve):
    assert left(30.0, 30.0, curve) == pytest.approx(np.exp(-1.0))


def test_the_power_curve_falls_first_and_lasts_longer():
    assert left(10.0, 30.0, "power") < left(10.0, 30.0, "exponential")
    assert left(90.0, 30.0, "power") > left(90.0, 30.0, "exponential")


@given(POLICIES, FADING, st.tuples(st.floats(0.0, 400.0), st.floats(0.01, 20.0), st.floats(0.0, 20.0)), SCALE)
def test_use_and_stability_keep_a_memory(settings, type_, stands, more):
    days, stability, uses = stands
    plain = retention(settings, days=days, type=type_, stability=stability, use_count=uses)
    assert retention(settings, days=days, type=type_, stability=stability + more, use_count=uses) >= plain
    assert retention(settings, days=days, type=type_, stability=stability, use_count=uses + more) >= plain
    assert retention(settings, days=days + more, type=type_, stability=stability, use_count=uses) <= plain


@given(SHARE, SHARE, SHARE, SHARE)
def test_strength_grows_with_each_of_its_parts(retention, importance, confidence, more):
    plain = combined(retention, importance, confidence)
    assert 0.0 <= plain <= 1.0
    assert combined(min(1.0, retention + more), importance, confidence) >= plain
    assert combined(retention, min(1.0, importance + more), confidence) >= plain
    assert combined(retention, importance, min(1.0, confidence + more)) >= plain
    assert combined(0.0, importance, confidence) == 0.0


@given(SHARE, SHARE, st.floats(1.0, 5.0))
def test_a_use_adds_more_the_further_the_memory_had_faded(one, other, uses):
    less, more = min(one, other), max(one, other)
    assert growth(less, uses, DEFAULT.retention) >= growth(more, uses, DEFAULT.retention) >= 0.0
    assert growth(1.0, uses, DEFAULT.retention) == 0.0
    assert growth(less, RETURNED, DEFAULT.retention) == 0.0


@pytest.mark.parametrize("type_", LASTING)
def test_preferences_procedures_and_secrets_do_not_fade(type_):
    assert type_ in {MemoryType.PREFERENCE, MemoryType.PROCEDURE, MemoryType.SECRET}
    for settings in (DEFAULT.retention, POWER, LAYERED):
        assert retention(settings, days=10_000.0, type=type_) == 1.0


def test_what_is_frozen_does_not_fade():
    (stands,) = strengths([replace(aged(10_000.0), frozen=True)], LAYERED, NOW)
    assert (stands.retention, stands.importance) == (1.0, MEMORY.importance)


def test_it_counts_from_when_it_was_recorded_or_used_not_from_the_time_it_speaks_of():
    imported = replace(aged(0.0), occurred_at=NOW - timedelta(days=3_000), type=MemoryType.EPISODE)
    used = replace(aged(300.0), last_used_at=NOW, type=MemoryType.EPISODE)
    assert [stands.retention for stands in strengths([imported, used], DEFAULT.retention, NOW)] == [1.0, 1.0]


def test_an_age_below_zero_is_none():
    assert retention(DEFAULT.retention, days=-5.0, type=MemoryType.EPISODE) == 1.0


@given(
    POLICIES, st.lists(st.tuples(FADING, st.floats(0.0, 400.0), st.floats(0.1, 9.0), st.floats(0.0, 9.0)), min_size=1)
)
def test_ranking_and_sweeps_compute_the_same(settings, rows):
    memories = [aged(days, type=type_, stability=s, use_count=uses) for type_, days, s, uses in rows]
    facts = np.array([np.frombuffer(memory_unit(memory).facts) for memory in memories]).T[-4:]
    ranked = signals.retention(facts, settings, NOW)
    assert ranked.tolist() == pytest.approx(
        [stands.retention for stands in strengths(memories, settings, NOW)], abs=1e-9
    )


@given(FADING, st.floats(0.0, 400.0), st.floats(0.01, 9.0), st.floats(0.0, 9.0))
def test_the_default_is_the_curve_that_the_weights_were_fitted_with(type_, days, stability, uses):
    tau = DEFAULT.retention.tau_days.of(type_)
    expected = np.exp(-days / (tau * (max(stability, 0.01) + uses)))
    found = retentions(
        np.array([days * DAY]), np.array([stability]), np.array([uses]), np.array([code(type_, 0)]), DEFAULT.retention
    )
    assert found[0] == pytest.approx(expected, rel=1e-12)


@given(st.integers(0, 2), SHARE, SHARE, st.floats(0.0, 400.0))
def test_layers_rise_with_importance_and_importance_falls_with_days(layer, importance, more, days):
    layers = LAYERED.layers
    assert next_layer(layer, min(1.0, importance + more), layers) >= next_layer(layer, importance, layers)
    assert abs(next_layer(layer, importance, layers) - layer) <= 1
    memory = aged(days, importance=importance, layer=layer)
    later = important_by_now(memory, layers, NOW + timedelta(days=1))
    assert later <= important_by_now(memory, layers, NOW) <= 1.0
    assert important_by_now(memory, DEFAULT.retention.layers, NOW) == importance


def test_a_longer_layer_keeps_longer():
    kept = [retention(LAYERED, days=60.0, type=MemoryType.FACT, layer=layer) for layer in range(len(LAYERS))]
    assert kept == sorted(kept)
    assert kept[0] < 0.05
    assert kept[1] > 0.5


# What others published and got wrong.


def test_memorybank_an_exponent_turned_upside_down():
    """Its code computes exp(-t / 5 * S): what was recalled more often is forgotten sooner."""
    assert retention(DEFAULT.retention, days=20.0, type=MemoryType.FACT, stability=5.0) > retention(
        DEFAULT.retention, days=20.0, type=MemoryType.FACT, stability=1.0
    )


def test_memorybank_forgets_at_random():
    """It drops a memory where random() > R. Here the same memory at the same time always stands the same."""
    memories = [aged(days, type=MemoryType.EPISODE) for days in range(40)]
    first = strengths(memories, DEFAULT.retention, NOW)
    assert all(strengths(memories, DEFAULT.retention, NOW) == first for _ in range(20))


def test_hema_a_bonus_for_what_was_not_used():
    """Its weight adds beta * (1 - delta), delta being 1 for what was just retrieved: use makes a memory weaker."""
    used = replace(aged(50.0), last_used_at=NOW - timedelta(days=1), use_count=1.0, type=MemoryType.FACT)
    unused = replace(aged(50.0), type=MemoryType.FACT)
    stands, other = strengths([used, unused], DEFAULT.retention, NOW)
    assert stands.strength > other.strength
