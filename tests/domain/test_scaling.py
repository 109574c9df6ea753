"""What holds for every way to make scores comparable, and what each of them is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.scaling import SCALES, Fusion, minmax, reciprocal_rank

SCORES = st.lists(st.integers(-1_000, 1_000).map(lambda n: n / 8), min_size=1, max_size=30)
EACH = pytest.mark.parametrize("scale", SCALES.values(), ids=list(SCALES))


def test_every_name_of_the_policy_has_its_scale():
    assert set(SCALES) == set(Fusion)


@EACH
@given(scores=SCORES, data=st.data())
def test_higher_stays_higher_and_equal_equal(scale, scores, data):
    values = np.array(scores)
    sample = np.array(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    scaled = scale(values, None, sample)
    assert np.isfinite(scaled).all()
    for one, other in zip(np.argsort(values, kind="stable"), np.argsort(values, kind="stable")[1:], strict=False):
        assert scaled[one] <= scaled[other]
        assert scaled[one] == scaled[other] or values[one] < values[other]


@EACH
@given(scores=SCORES, factor=st.sampled_from([0.5, 2.0, 64.0]), shift=st.integers(-50, 50))
def test_the_unit_and_the_zero_of_a_score_do_not_matter(scale, scores, factor, shift):
    values = np.array(scores)
    np.testing.assert_allclose(scale(values * factor + shift), scale(values), atol=1e-9)


@EACH
@given(scores=SCORES, data=st.data())
def test_what_is_not_known_is_average_whatever_stands_there(scale, scores, data):
    known = np.array(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    values = np.array(scores)
    scaled = scale(values, known)
    np.testing.assert_array_equal(scaled, scale(np.where(known, values, 77.0), known))
    assert len(set(scaled[~known].tolist())) <= 1
    if known.any() and not known.all():
        assert scaled[known].min() - 1e-9 <= scaled[~known][0] <= scaled[known].max() + 1e-9


@EACH
def test_scores_that_do_not_differ_say_nothing(scale):
    assert scale(np.array([3.0, 3.0])).tolist() == [0.0, 0.0]
    assert scale(np.array([])).tolist() == []
    assert scale(np.array([1.0, 2.0]), np.array([False, False])).tolist() == [0.0, 0.0]


@given(SCORES)
def test_bounds(scores):
    values = np.array(scores)
    for scale in (minmax, reciprocal_rank):
        scaled = scale(values)
        assert ((scaled >= 0) & (scaled <= 1)).all()


def test_minmax_is_over_the_sample():
    scaled = minmax(np.array([1.0, 2.0, 3.0, 5.0]), None, np.array([True, True, True, False]))
    assert scaled.tolist() == [0.0, 0.5, 1.0, 2.0]


def test_ranks_are_reciprocal_and_shared_by_equals():
    scaled = reciprocal_rank(np.array([0.9, 0.1, 0.5, 0.1]))
    np.testing.assert_allclose(scaled, [1.0, 61 / 63.5, 61 / 62, 61 / 63.5])
