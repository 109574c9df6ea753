"""What replaced a statement takes the place of its turn, over chains, and nothing else moves."""

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.succession import gained
from tests.support.ranked import candidates, event, memory

PORTO, GHENT, LISBON, CAT = (
    event(1, "I live in Porto."),
    event(2, "I moved to Ghent."),
    event(3, "I moved to Lisbon."),
    event(4, "My cat sleeps."),
)
TURNS = (PORTO, GHENT, LISBON, CAT)


def after(totals, outdated, turns=TURNS, memories=()):
    found = candidates(turns, memories, outdated={old: frozenset(by) for old, by in outdated.items()})
    before = np.array(totals, dtype=np.float64)
    return (before + gained(found, before)).tolist()


def test_the_old_and_the_new_change_places():
    assert after([4.0, 3.5, 0.0, 3.7], {PORTO.id: {GHENT.id}}) == [3.5, 4.0, 0.0, 3.7]


def test_what_stands_far_behind_answers_another_question():
    assert after([4.0, 3.3, 0.0, 3.7], {PORTO.id: {GHENT.id}}) == [4.0, 3.3, 0.0, 3.7]


def test_what_stands_before_stays():
    assert after([3.0, 4.0, 0.0, 3.5], {PORTO.id: {GHENT.id}}) == [3.0, 4.0, 0.0, 3.5]


def test_the_last_of_a_chain_comes_first():
    chain = {PORTO.id: {GHENT.id}, GHENT.id: {LISBON.id}}
    assert after([4.0, 3.7, 3.5, 2.0], chain) == [3.5, 3.7, 4.0, 2.0]


def test_a_ring_ends():
    assert sorted(after([4.0, 3.0, 0.0, 0.0], {PORTO.id: {GHENT.id}, GHENT.id: {PORTO.id}})) == [0.0, 0.0, 3.0, 4.0]


@pytest.mark.parametrize("by", [set(), {UUID(int=99)}])
def test_without_a_successor_among_the_candidates_nothing_moves(by):
    assert after([4.0, 3.0, 0.0, 0.0], {PORTO.id: by}) == [4.0, 3.0, 0.0, 0.0]


def test_a_turn_that_a_memory_of_today_rests_on_stays():
    kept = memory(9, "The user has lived in Porto.", PORTO)
    totals = [4.0, 3.0, 0.0, 0.0, 1.0]
    assert after(totals, {PORTO.id: {GHENT.id}}, memories=[kept]) == totals


def test_a_memory_whose_turn_is_no_candidate_succeeds_itself():
    now = memory(9, "The user lives in Ghent.", GHENT)
    assert after([4.0, 1.0, 3.5], {PORTO.id: {now.id, GHENT.id}}, turns=(PORTO, CAT), memories=[now]) == [3.5, 1.0, 4.0]


@given(st.lists(st.floats(2.0, 2.5), min_size=4, max_size=4), st.permutations(range(4)))
def test_places_are_only_exchanged_and_what_is_no_part_of_it_keeps_its_own(totals, order):
    old, new, newer, other = (TURNS[number] for number in order)
    changed = after(totals, {old.id: {new.id}, new.id: {newer.id}})
    assert sorted(changed) == pytest.approx(sorted(totals))
    place = {turn.id: number for number, turn in enumerate(TURNS)}
    assert changed[place[other.id]] == totals[place[other.id]]
    assert changed[place[newer.id]] >= changed[place[new.id]] - 1e-9 >= changed[place[old.id]] - 2e-9
