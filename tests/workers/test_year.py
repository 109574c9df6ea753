"""The simulated year of bench/lifecycle.py, in short: what matters is found, what passed archived, nothing is gone."""

import pytest

from bench.lifecycle import GROWTH_BAR, run
from bench.year_of import year


def test_a_few_weeks(encoder):
    outcome = run(encoder, 1, 8, quiet=True)
    assert outcome.recalled == outcome.important == 12
    assert outcome.deleted == 0
    assert outcome.passing_archived >= 3
    assert [week.total for week in outcome.weeks] == sorted(week.total for week in outcome.weeks)


@pytest.mark.long
def test_most_of_a_year(encoder):
    outcome = run(encoder, 3, 44, quiet=True)
    assert outcome.recalled >= 0.99 * outcome.important, outcome.missed
    assert outcome.passing_archived >= 0.85 * outcome.passing  # what was said in the last weeks has not faded yet
    assert outcome.growth <= GROWTH_BAR
    assert outcome.deleted == 0


def test_the_same_person_says_the_same():
    assert year(7) == year(7)
    assert year(7) != year(8)
    assert sum(fact.important for fact in year(7)) == 12
