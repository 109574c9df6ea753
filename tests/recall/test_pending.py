"""Promise 2: a question that shares a rare word with a pending turn finds it first, whatever else is stored."""

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.lexical import TEXT_LENGTH, document_vector, query_vector
from app.domain.pending import PendingTurn, rank_pending

COMMON = ["garden", "coffee", "train", "sister", "weekend", "music", "doctor", "budget", "holiday", "kitchen"]
WORDS = st.lists(st.sampled_from(COMMON), min_size=1, max_size=12)


def document(text):
    return document_vector(text, TEXT_LENGTH)


def turn(number, text):
    return PendingTurn(UUID(int=number), document(text))


@settings(max_examples=200, deadline=None)
@given(others=st.lists(WORDS, max_size=20), found=st.lists(WORDS, max_size=20), own=WORDS, total=st.integers(0, 9))
def test_a_rare_word_marks_its_only_holder(others, found, own, total):
    asked = sorted({word for words in found for word in words})  # common: processed turns hold them too
    pending = [turn(i + 2, " ".join(words)) for i, words in enumerate(others)]
    pending.insert(len(pending) // 2, turn(1, " ".join([*own, "zephyrine"])))
    question = query_vector(" ".join(["zephyrine", *asked]))
    scores = rank_pending(question, pending, [document(" ".join(words)) for words in found], total * 100)
    first = max(scores, key=lambda id_: (scores[id_].rare, scores[id_].text))
    assert first == UUID(int=1)
    assert scores[first].rare > 0


def test_a_word_that_a_processed_turn_holds_too_lifts_nobody():
    scores = rank_pending(query_vector("zephyrine"), [turn(1, "zephyrine")], [document("old zephyrine")], 100)
    assert scores[UUID(int=1)].rare == 0
    assert scores[UUID(int=1)].text > 0


def test_neighbours_count_in_the_window():
    first, second = UUID(int=1), UUID(int=2)
    pending = [
        PendingTurn(first, document("where did you buy the piano"), after=second),
        PendingTurn(second, document("in Vienna"), before=first),
    ]
    scores = rank_pending(query_vector("piano Vienna"), pending, [], 50)
    assert scores[second].window > scores[second].text
    assert scores[first].window == scores[second].window


def test_nothing_asked_or_nothing_pending():
    assert rank_pending(query_vector(""), [turn(1, "a word")], [], 1)[UUID(int=1)].text == 0
    assert rank_pending(query_vector("word"), [], [document("word")], 1) == {}
