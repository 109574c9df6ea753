"""Measures against values computed by hand, and what must hold for any ranking."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evaluation.measures import (
    hit_at,
    longmemeval_ndcg_at,
    mean,
    ndcg_at,
    percentile,
    recall_all_at,
    recall_any_at,
    recall_at,
    reciprocal_rank,
)

RANKED = ["a", "b", "c", "d", "e"]
IDS = st.sampled_from("abcdefghij")
RANKINGS = st.lists(IDS, unique=True, max_size=10)
GOLD = st.frozensets(IDS, min_size=1, max_size=5)
PLACES = st.integers(1, 12)
AT_K = [recall_at, recall_any_at, recall_all_at, hit_at, ndcg_at, longmemeval_ndcg_at]


def test_recall_is_the_share_found():
    gold = {"b", "d", "x"}
    assert recall_at(RANKED, gold, 1) == 0.0
    assert recall_at(RANKED, gold, 2) == pytest.approx(1 / 3)
    assert recall_at(RANKED, gold, 5) == pytest.approx(2 / 3)


def test_any_and_all():
    assert recall_any_at(RANKED, {"b", "d"}, 2) == 1.0
    assert recall_all_at(RANKED, {"b", "d"}, 3) == 0.0
    assert recall_all_at(RANKED, {"b", "d"}, 4) == hit_at(RANKED, {"b", "d"}, 4) == 1.0
    assert recall_any_at(RANKED, {"x"}, 5) == 0.0


def test_reciprocal_rank_is_of_the_first_found():
    assert reciprocal_rank(RANKED, {"d", "c"}) == pytest.approx(1 / 3)
    assert reciprocal_rank(RANKED, {"x"}) == 0.0


def test_ndcg_by_hand():
    # Gains at ranks 1 and 3 (from 0): 1/log2(3) + 1/log2(5); the best are at 0 and 1: 1 + 1/log2(3).
    wanted = (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3))
    assert ndcg_at(RANKED, {"b", "d"}, 10) == pytest.approx(wanted)
    assert ndcg_at(RANKED, {"b", "d"}, 3) == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))
    assert ndcg_at(RANKED, {"a"}, 10) == 1.0


def test_longmemeval_leaves_the_first_two_places_undiscounted():
    # dcg = rel[0] + sum of rel[i] / log2(i + 1) for i >= 1.
    assert longmemeval_ndcg_at(RANKED, {"a"}, 5) == longmemeval_ndcg_at(RANKED, {"b"}, 5) == 1.0
    assert longmemeval_ndcg_at(RANKED, {"c"}, 5) == pytest.approx(1 / math.log2(3))
    assert longmemeval_ndcg_at(RANKED, {"a", "d"}, 5) == pytest.approx((1 + 1 / math.log2(4)) / 2)
    assert longmemeval_ndcg_at(RANKED, {"a", "b", "e"}, 5) == pytest.approx(
        (2 + 1 / math.log2(5)) / (2 + 1 / math.log2(3))
    )


def test_percentiles_and_means():
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile(list(map(float, range(1, 101))), 0.95) == 95.0
    assert percentile([7.0], 0.95) == 7.0
    assert mean([1.0, 2.0]) == 1.5
    assert math.isnan(percentile([], 0.5))
    assert math.isnan(mean([]))


@given(RANKINGS, GOLD, PLACES)
def test_all_measures_are_shares(ranked, gold, k):
    values = [measure(ranked, gold, k) for measure in AT_K] + [reciprocal_rank(ranked, gold)]
    assert all(0.0 <= value <= 1.0 + 1e-12 for value in values)


@given(RANKINGS, GOLD, PLACES)
def test_recall_never_falls_with_k(ranked, gold, k):
    for measure in (recall_at, recall_any_at, recall_all_at, hit_at):
        assert measure(ranked, gold, k) <= measure(ranked, gold, k + 1)


@given(RANKINGS, GOLD, PLACES)
def test_all_is_below_the_share_and_the_share_below_any(ranked, gold, k):
    assert recall_all_at(ranked, gold, k) <= recall_at(ranked, gold, k) <= recall_any_at(ranked, gold, k)


@given(GOLD, RANKINGS, PLACES)
def test_gold_first_is_the_best_ranking(gold, ranked, k):
    best = [*sorted(gold), *(id_ for id_ in ranked if id_ not in gold)]
    assert ndcg_at(best, gold, k) == pytest.approx(1.0)
    assert longmemeval_ndcg_at(best, gold, k) == pytest.approx(1.0)
    assert reciprocal_rank(best, gold) == 1.0
