"""The judgement whether what was found is good enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.asking import wanted_by
from app.domain.lexical import query_vector
from app.domain.sufficiency import WEIGHTS, Support, features_of, floor_of, focus_of, judge


def terms(text):
    return frozenset(query_vector(text).indices.tolist())


def support(text, dense, total=3.0, *, memory=True):
    return Support(dense, memory, terms(text), text, total, {"told": 1.0, "dense": 2.0})


def verdict(question, *supports, **options):
    return judge(question, question, wanted_by(question), supports, **options)


def test_nothing_is_never_enough():
    assert not verdict("Where does Anna live?").sufficient


def test_what_is_near_and_stands_out_is_enough():
    good = [support("Anna moved from Warsaw to Porto in May.", 0.75, 6.0), support("The flat is small.", 0.2, 1.0)]
    assert verdict("Which city did Anna move to when she left Warsaw in spring?", *good).sufficient


def test_what_is_far_from_everything_is_not():
    far = [support("Mhm.", 0.05, 1.0, memory=False), support("Good morning!", 0.02, 0.9, memory=False)]
    assert not verdict("How much did the yacht cost?", *far).sufficient


@pytest.mark.parametrize("among", [0, 10, 400])
def test_no_form_of_a_question_makes_up_for_what_is_about_something_else(among):
    question = (
        "Which of the two hotels that Anna had liked so much did she book again for the second week of May, then?"
    )
    near = floor_of(among)
    other = [support("The tyres were changed.", near - 0.01), support("The brakes squeak.", 0.05)]
    assert not verdict(question, *other, among=among).sufficient
    assert verdict(question, support("Anna booked the Ritz.", near + 0.2), *other, among=among).sufficient


def test_among_more_candidates_more_is_near_by_chance():
    assert floor_of(0) == floor_of(10) < floor_of(60) < floor_of(150) == floor_of(10_000)


def test_what_the_user_asks_in_their_own_words_is_answered_by_these():
    other = [support("The user lives in Porto now.", 0.2), support("The user works as a lecturer.", 0.15)]
    orange = support("The user's favourite colour is orange now.", 0.62)
    assert verdict("What is my favourite colour?", orange, *other).sufficient
    assert not verdict("What is my favourite wine?", *other, support("The user hates tea.", 0.25)).sufficient


def test_nearer_evidence_never_judges_worse():
    question = "What breed is the dog of the neighbour?"
    margins = [verdict(question, support("The dog barked.", dense), support("Rain.", 0.0)).margin for dense in
               (0.1, 0.3, 0.5, 0.7)]  # fmt: skip
    assert margins == sorted(margins)


def test_a_question_that_is_only_a_name_is_answered_by_what_names_it():
    cats = support("I have two cats, Bazyl and Rydz.", 0.2)
    assert judge("Who is Bazyl?", "Who is Bazyl?", wanted_by("Who is Bazyl?"), [cats], names=("Bazyl",)).sufficient
    rain = support("It rained.", 0.05)
    assert not judge("Who is Bazyl?", "Who is Bazyl?", wanted_by("Who is Bazyl?"), [rain], names=("Bazyl",)).sufficient


def test_words_that_are_no_question_go_by_nearness():
    assert verdict("red kayak", support("The kayak is red.", 0.6)).sufficient
    assert not verdict("red kayak", support("Mhm.", 0.1)).sufficient


def test_without_an_encoder_words_decide():
    assert verdict("red kayak", support("The kayak is red.", 0.0), blind=True).sufficient
    assert not verdict("red kayak", support("Mhm.", 0.0), blind=True).sufficient


def test_what_is_asked_for():
    assert focus_of("What breed is the dog?") == terms("breed")
    assert focus_of("Which hospital did the surgery?") == terms("hospital")
    assert focus_of("Does she smoke?") == frozenset()


@given(st.text(max_size=80), st.lists(st.tuples(st.text(max_size=30), st.floats(-1, 1)), min_size=1, max_size=8))
def test_every_feature_has_a_weight_and_any_question_a_verdict(question, found):
    supports = [support(text, dense) for text, dense in found]
    assert set(features_of(question, terms(question), wanted_by(question), supports)) == set(WEIGHTS)
    assert isinstance(verdict(question, *supports).sufficient, bool)
