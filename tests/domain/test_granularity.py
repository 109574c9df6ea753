from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.granularity import NO_UNITS, REACH, Unit, asked, entropy_weights, standing

SCORES = st.lists(st.floats(-1.0, 1.0, width=32), max_size=30)


@given(st.lists(SCORES, min_size=1, max_size=4))
def test_weights_are_never_negative_and_together_one(scores):
    weights = entropy_weights(scores)
    assert all(weight >= 0.0 for weight in weights)
    assert sum(weights) == pytest.approx(1.0)


def test_what_sets_one_unit_apart_weighs_more_than_what_is_all_alike():
    clear, alike = entropy_weights([[0.9, 0.1, 0.1, 0.1], [0.5, 0.5, 0.5, 0.5]])
    assert clear > 0.99
    assert alike == pytest.approx(0.0)


def test_many_units_weigh_no_less_than_few_for_being_many():
    """Without the division by log n, thirty units of which one stands out would count as less certain than three."""
    few, many = entropy_weights([[0.9, 0.1, 0.1], [0.9] + [0.1] * 29])
    assert many == pytest.approx(few, abs=0.1)


def test_nothing_to_choose_from_leaves_the_others_their_weight():
    assert entropy_weights([[], [0.4], [0.9, 0.1]]) == pytest.approx([0.0, 0.0, 1.0])
    assert entropy_weights([[], []]) == [0.5, 0.5]


def test_a_member_has_the_score_of_its_nearest_unit():
    def unit(angle, *members):
        turn = np.radians(angle)
        return Unit(tuple(UUID(int=m) for m in members), np.array([np.cos(turn), np.sin(turn)], dtype="<f2").tobytes())

    found = asked([unit(90, 1, 2), unit(0, 2, 3), unit(180, 4), unit(270, 5)], np.array([1, 0], dtype=np.float32))
    assert found.best([UUID(int=2)]) == pytest.approx(1.0, abs=1e-3)
    assert found.best([UUID(int=1), UUID(int=4)]) == pytest.approx(0.0, abs=1e-3)
    assert found.best([UUID(int=9)]) is None
    assert [member.int for member in found.nearest[:2]] == [2, 3]
    assert len(found.scores) == 4 > REACH
    values = standing([1.0, None, -1.0], found)
    assert values[0] > values[1] == 0.0 > values[2]


def test_without_units_nothing_is_lifted():
    assert asked([], np.array([1, 0], dtype=np.float32)) == NO_UNITS
    assert standing([None, None], NO_UNITS).tolist() == [0.0, 0.0]
