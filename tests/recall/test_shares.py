"""How much of an answer one type or one session may take."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.memory import MemoryType
from app.domain.query import Kind
from app.domain.shares import Cap, within_shares
from tests.support.ranked import items


def made(types):
    return items(*((number, -float(number), type_) for number, type_ in enumerate(types)))


TYPES = st.lists(st.sampled_from([None, MemoryType.FACT, MemoryType.EPISODE]), max_size=25)
CASES = st.tuples(TYPES.map(made), st.integers(1, 12))
SHARES = st.sampled_from([0.1, 0.25, 0.5, 0.8, 1.0])


def of_type(one):
    """Turns are of no type here."""
    return None if one.kind is Kind.EVENT else one.type


def even(one):
    return one.id.int % 2


@given(CASES, SHARES, SHARES)
def test_the_places_are_filled_and_the_order_stays(case, share, other):
    given, limit = case
    chosen = within_shares(given, limit, [Cap(share, of_type), Cap(other, even)])
    assert len(chosen) == min(limit, len(given))
    numbers = [one.id.int for one in chosen]
    assert numbers == sorted(set(numbers))


@given(CASES, SHARES)
def test_no_group_takes_more_while_others_are_left(case, share):
    given, limit = case
    chosen = within_shares(given, limit, [Cap(share, of_type)])
    most = max(1, math.ceil(limit * share))
    counts = Counter(map(of_type, chosen))
    over = {type_ for type_, n in counts.items() if type_ is not None and n > most}
    if share < 1.0 and over:
        left = [of_type(one) for one in given if one not in chosen and of_type(one) not in over]
        assert all(type_ is not None and counts[type_] >= most for type_ in left)


@given(CASES)
def test_without_a_cap_it_is_the_best(case):
    given, limit = case
    assert within_shares(given, limit, [Cap(1.0, of_type), Cap(1.0, even)]) == given[:limit]
    assert within_shares(given, limit, []) == given[:limit]


def test_two_caps_hold_together():
    given = made([MemoryType.EPISODE] * 6 + [MemoryType.FACT] * 6)
    chosen = within_shares(given, 4, [Cap(0.5, of_type), Cap(0.5, even)])
    assert [one.id.int for one in chosen] == [0, 1, 6, 7]


@pytest.fixture
def two_sessions(user):
    for number in range(5):
        user.say({"content": f"The garden has apple tree number {number}.", "session_id": "long"})
    user.say({"content": "Apples from the garden were sold at the market.", "session_id": "short"})
    user.say({"content": "The garden gate is green.", "session_id": "other"})
    user.settle()
    return user


def sessions(answer):
    return [one["sources"][0]["session_id"] for one in answer["items"]]


def test_one_session_may_be_held_to_its_share(two_sessions):
    question = "Which apple trees are in the garden?"
    before = two_sessions.ask(question, limit=4)
    assert sessions(before).count("long") > 2
    two_sessions.choose(session_share=0.5)
    after = two_sessions.ask(question, limit=4)
    assert sessions(after).count("long") == 2
    assert set(sessions(after)) == {"long", "short", "other"}
    assert after["items"][0]["id"] == before["items"][0]["id"]
    assert len(two_sessions.ask(question, limit=7)["items"]) == 7
