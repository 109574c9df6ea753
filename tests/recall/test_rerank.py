"""A second model puts the first items in order, within its time, and whatever it does loses none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.reranked import reordered
from app.inference.rerank import BoundedReranker
from tests.support.ranked import items
from tests.support.scripted_reranker import ScriptedReranker, backwards, failing, slowly

QUESTION = "Which animals does Anna keep on the farm?"
FARM = tuple(
    {"id": f"e{n}", "name": "Anna", "content": f"We keep {animal} on the farm, they are {mood}."}
    for n, (animal, mood) in enumerate(
        [("goats", "noisy"), ("hens", "calm"), ("a donkey", "stubborn"), ("sheep", "shy"), ("two geese", "angry")]
    )
)


ITEMS = st.integers(0, 12).map(lambda size: items(*((n, 5.0 - n / 2, None) for n in range(size))))
FINITE = st.floats(-1e6, 1e6)


@given(ITEMS, st.lists(FINITE, max_size=12))
def test_every_item_stays_and_only_the_scored_move(given, scores):
    scores = scores[: len(given)]
    moved = reordered(given, scores)
    assert {one.id for one in moved} == {one.id for one in given}
    assert moved[len(scores) :] == given[len(scores) :]
    assert [one.score for one in moved] == [one.score for one in given]
    assert [one.scores["rerank"] for one in moved[: len(scores)]] == [
        round(score, 4) for score in sorted(scores, reverse=True)
    ]


@given(ITEMS)
def test_equal_scores_keep_the_order(given):
    assert [one.id for one in reordered(given, [1.0] * len(given))] == [one.id for one in given]


def test_no_scores_change_nothing():
    given = items((1, 0.9, None), (2, 0.8, None))
    assert reordered(given, []) == given


@pytest.fixture
def scripted(served):
    """The gateway's reranker, for one test."""
    reranker = ScriptedReranker()
    bounded = BoundedReranker(reranker)
    object.__setattr__(served.context, "reranker", bounded)
    yield reranker
    object.__setattr__(served.context, "reranker", None)
    bounded.close()


def ids(answer):
    return [one["id"] for one in answer["items"]]


def outcome(user):
    return user.ask(QUESTION, include=["trace"])["trace"]["rerank"]


@pytest.fixture
def farm(user):
    user.say(*FARM)
    user.settle()
    return user


def test_the_first_items_are_reordered_and_say_why(farm, scripted):
    before = farm.ask(QUESTION, limit=5)
    farm.choose(rerank=3)
    after = farm.ask(QUESTION, limit=5, include=["trace"])
    assert ids(after) == [*ids(before)[2::-1], *ids(before)[3:]]
    assert [one["scores"].get("rerank") for one in after["items"]] == [2.0, 1.0, 0.0, None, None]
    scores = [one["score"] for one in after["items"]]
    assert scores == sorted(scores, reverse=True)
    assert after["trace"]["rerank"] == "ok"
    assert after["trace"]["milliseconds"]["rerank"] >= 0
    ((question, texts),) = scripted.asked
    assert question == QUESTION
    assert len(texts) == 3


def test_what_lies_below_the_limit_can_rise_into_it(farm, scripted):
    before = farm.ask(QUESTION, limit=5)
    farm.choose(rerank=5)
    assert ids(farm.ask(QUESTION, limit=2)) == ids(before)[:2:-1]


def test_the_default_asks_nobody(farm, scripted):
    answer = farm.ask(QUESTION, include=["trace"])
    assert scripted.asked == []
    assert answer["trace"]["rerank"] is None
    assert "rerank" not in answer["trace"]["milliseconds"]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (failing, "unreachable"),
        (slowly, "late"),
        (lambda texts: backwards(texts)[1:], "malformed"),
        (lambda texts: [*backwards(texts), 1.0], "malformed"),
        (lambda texts: [float("nan") for _ in texts], "malformed"),
        (lambda texts: [float("inf") for _ in texts], "malformed"),
    ],
    ids=["failing", "late", "one short", "one more", "nan", "infinite"],
)
def test_what_goes_wrong_leaves_the_order_and_is_counted(farm, scripted, script, kind):
    before = farm.ask(QUESTION)
    farm.choose(rerank=10, rerank_seconds=0.2)
    scripted.script = script
    answer = farm.ask(QUESTION)
    assert ids(answer) == ids(before)
    assert answer["degraded"] is False
    assert not any("rerank" in one["scores"] for one in answer["items"])
    assert farm.context.metrics.registry.get_sample_value("mneme_reranks_total", {"outcome": kind}) >= 1
    assert outcome(farm) == kind


def test_a_policy_that_asks_where_none_is_set(farm):
    before = farm.ask(QUESTION)
    farm.choose(rerank=10)
    assert ids(farm.ask(QUESTION)) == ids(before)
    assert outcome(farm) == "not_configured"


def test_a_rare_word_of_what_was_just_said_stays_first(farm, scripted):
    farm.choose(rerank=10)
    farm.say({"id": "fresh", "content": "The zephyrine thing."})
    answer = farm.ask("farm animals zephyrine")
    assert answer["items"][0]["sources"][0]["client_id"] == "fresh"
    assert all("zephyrine" not in text for _, texts in scripted.asked for text in texts)


def test_no_secret_is_sent(user, scripted):
    user.say(
        {"content": "My password for the farm account is hunter2hunter2."},
        {"content": "The farm has a gate."},
        {"content": "The farm has a pond."},
    )
    user.settle()
    user.choose(rerank=10)
    user.ask("My password is hunter2hunter2, which account of the farm is it for?")
    assert scripted.asked
    assert "hunter2hunter2" not in str(scripted.asked)
