"""What a question wants, what a text can hold, and how much of the question's words are covered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.asking import Wanted, can_answer, wanted_by
from app.domain.coverage import covered, holding
from app.domain.lexical import TEXT_LENGTH, document_vector, query_vector


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("When did Anna move to Lisbon?", Wanted.TIME),
        ("What day is the appointment?", Wanted.TIME),
        ("How many dogs does she own?", Wanted.AMOUNT),
        ("How old is Noor?", Wanted.AMOUNT),
        ("How many times did he call?", Wanted.COUNT),
        ("Where does the user live?", Wanted.PLACE),
        ("Who is the new treasurer?", Wanted.PERSON),
        ("What is the name of his wife?", Wanted.PERSON),
        ("List all books that I read", Wanted.LIST),
        ("What exercises has John done?", Wanted.LIST),
        ("What are my plans?", Wanted.LIST),
        ("Every city I visited", Wanted.LIST),
        ("What does she eat every day?", Wanted.FACT),
        ("What is my job?", Wanted.FACT),
        ("What was my first job?", Wanted.FACT),
        ("What has Melanie painted?", Wanted.FACT),
        ("Which bus does she take?", Wanted.FACT),
        ("What did we discuss?", Wanted.FACT),
        ("What is my favourite colour?", Wanted.PREFERENCE),
        ("In what order did they travel?", Wanted.ORDER),
        ("Does she prefer tea?", Wanted.PREFERENCE),
        ("How do I reset the oven?", Wanted.HOW_TO),
        ("Hello!", Wanted.CHAT),
        ("Is the flat quiet?", Wanted.FACT),
        ("Kiedy to było?", Wanted.FACT),
    ],
)
def test_what_a_question_wants(question, wanted):
    assert wanted_by(question) is wanted


@pytest.mark.parametrize(
    ("text", "wanted", "holds"),
    [
        ("We met last Friday.", Wanted.TIME, True),
        ("We met.", Wanted.TIME, False),
        ("It cost 28.5 euros.", Wanted.AMOUNT, True),
        ("I have two cats.", Wanted.AMOUNT, True),
        ("I have cats.", Wanted.AMOUNT, False),
        ("She lives in Porto.", Wanted.PLACE, True),
        ("She is tired.", Wanted.PLACE, False),
        ("I called Bartek today.", Wanted.PERSON, True),
        ("She lives in Porto.", Wanted.FACT, False),
    ],
)
def test_what_a_text_can_hold(text, wanted, holds):
    assert can_answer(text, wanted) is holds


@given(st.text(max_size=300))
def test_any_text_is_read(text):
    assert wanted_by(text) in Wanted
    assert not can_answer(text, Wanted.FACT)


def stored(text):
    return document_vector(text, TEXT_LENGTH).indices.tobytes()


def test_words_count_where_they_stand_and_less_with_distance():
    turns = ["The kayak was red.", "Nice!", "We took it to Oslo.", "Cold there."]
    texts = [stored(turn) for turn in turns]
    windows = [stored(" ".join(turns[max(0, i - 1) : i + 2])) for i in range(4)]
    beside = {
        step: np.array([i + step if 0 <= i + step < 4 else -1 for i in range(4)]) for step in (-3, -2, -1, 1, 2, 3)
    }
    found = covered(query_vector("kayak Oslo"), texts, windows, beside)
    assert found.own.tolist() == pytest.approx([0.5, 0, 0.5, 0])
    assert found.around.tolist() == pytest.approx([0.5, 1.0, 0.5, 0.5])
    assert found.nearby.tolist() == pytest.approx([0.8, 0.8, 0.8, 0.6])
    assert found.best == pytest.approx(0.5)


def test_a_word_that_all_hold_counts_less():
    texts = [stored("dog park"), stored("dog"), stored("dog"), stored("dog")]
    found = covered(query_vector("dog park"), texts, [b""] * 4, {})
    assert found.own[0] == pytest.approx(1.0)
    assert found.own[1] < 0.2


@given(st.lists(st.text(alphabet="abcde ", max_size=20), max_size=6), st.text(alphabet="abcde ", max_size=20))
def test_shares_lie_between_nothing_and_all(texts, question):
    raw = [stored(text) if text.strip() else b"" for text in texts]
    found = covered(query_vector(question), raw, raw, {})
    for column in (found.own, found.around, found.nearby):
        assert np.all(column >= 0)
        assert np.all(column <= 1 + 1e-9)
    assert np.all(found.around >= found.own - 1e-9)


def test_nothing_asked_or_nothing_stored():
    words = query_vector("kayak")
    assert holding(words.indices, [b"", stored("kayak")]).tolist() == [[0.0], [1.0]]
    assert covered(query_vector(""), [stored("kayak")], [b""], {}).best == 0.0
