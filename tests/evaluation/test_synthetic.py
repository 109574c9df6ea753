"""Generated conversations: the same every time, and their answers are right."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInputError
from app.evaluation.baseline import Bm25
from app.evaluation.report import summarise
from app.evaluation.running import ask, feed
from app.evaluation.scoring import score_turns
from app.evaluation.synthetic import generate


def said(conversation):
    return {event["id"]: event for event in conversation.events}


def test_the_same_seed_says_the_same():
    assert generate(seed=7, users=3, size=60) == generate(seed=7, users=3, size=60)
    assert generate(seed=7, users=3, size=60) != generate(seed=8, users=3, size=60)


def test_a_user_does_not_depend_on_how_many_there_are():
    assert generate(seed=7, users=1, size=60)[0] == generate(seed=7, users=3, size=60)[0]


def test_a_suffix_makes_new_ids_and_nothing_else():
    (plain,), (other,) = generate(seed=1, users=1, size=40), generate(seed=1, users=1, size=40, suffix="~2")
    assert other.user_id == plain.user_id + "~2"
    assert {e["id"] for e in other.events} == {e["id"] + "~2" for e in plain.events}
    assert [e["content"] for e in other.events] == [e["content"] for e in plain.events]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 300))
def test_any_size_is_in_order_with_ids_of_its_own(seed, size):
    (conversation,) = generate(seed=seed, users=1, size=size)
    assert len(conversation.events) == size
    assert len(said(conversation)) == size
    times = [datetime.fromisoformat(event["occurred_at"]) for event in conversation.events]
    assert times == sorted(times)
    sessions = [event["session_id"] for event in conversation.events]
    assert sessions == sorted(sessions, key=lambda name: int(name[1:]))
    for question in conversation.questions:
        assert question.answerable == bool(question.gold)
        assert question.gold | question.stale <= said(conversation).keys()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_answers_are_what_was_said_last_before_the_question(seed):
    (conversation,) = generate(seed=seed, users=1, size=200)
    events = said(conversation)
    categories = set()
    for question in conversation.questions:
        categories.add(question.category)
        asked = datetime.fromisoformat(question.as_of)
        gold = [events[id_] for id_ in question.gold]
        assert all(event["role"] == "user" for event in gold)
        assert all(datetime.fromisoformat(event["occurred_at"]) <= asked for event in gold)
        if question.answer is not None:
            assert question.answer in gold[0]["content"]
        for old in question.stale:
            assert events[old]["occurred_at"] < gold[0]["occurred_at"]
            assert question.answer not in events[old]["content"]
    assert categories >= {"fact", "updated", "as of then", "purchase", "dated", "two facts", "unanswerable"}


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_nobody_else_has_the_value_that_is_asked_for(seed):
    (conversation,) = generate(seed=seed, users=1, size=200)
    for question in conversation.questions:
        if question.category in {"fact", "updated", "purchase"}:
            asked = question.gold | {e["id"] for e in conversation.events if e["role"] == "assistant"}
            places = question.category == "purchase"  # a place may have sold two things
            assert places or not [
                e for e in conversation.events if question.answer in e["content"] and e["id"] not in asked
            ]


def test_a_dated_question_names_a_day_with_one_purchase():
    (conversation,) = generate(seed=3, users=1, size=400)
    events = said(conversation)
    bought = [e["occurred_at"][:10] for e in conversation.events if "bought" in e["content"] and e["role"] == "user"]
    for question in conversation.questions:
        if question.category == "dated":
            (gold,) = (events[id_] for id_ in question.gold)
            day = datetime.fromisoformat(gold["occurred_at"])
            assert f"{day.day} {day:%B %Y}" in question.text
            assert bought.count(gold["occurred_at"][:10]) == 1


def test_too_small_is_refused():
    for users, size in ((0, 10), (1, 1)):
        with pytest.raises(InvalidInputError):
            generate(seed=1, users=users, size=size)


def test_a_perfect_memory_scores_full_marks_and_bm25_less():
    conversations = generate(seed=1, users=2, size=120)
    system = Bm25()
    feed(system, conversations)
    figures, counts = summarise(score_turns(ask(system, conversations, limit=20)))
    assert figures["purchase"]["recall@5"] == 1.0, "a rare word in the question finds its turn"
    assert figures["dated"]["recall@20"] == 0.0, "no turn holds its own date"
    assert 0.4 < figures["overall"]["recall@10"] < 1.0
    assert counts["overall"]["questions"] == sum(q.answerable for c in conversations for q in c.questions)
