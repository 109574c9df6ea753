"""Defects of other systems' retrieval that users met (each was seen in their code), kept out here."""

import pytest

from tests.conftest import new_project
from tests.recall.conftest import User
from tests.support.served import new_key

FILLER = [f"We talked about the weather and the garden for the {n}th time today." for n in range(120)]


@pytest.fixture(scope="module")
def long_history(served, database):
    with served.client(new_key(served.context.db, new_project(database))) as http:
        user = User(http, served.context, "user-of-a-long-history")
        user.say({"content": "The serial is ZX-81-QUOKKA.", "id": "rare"}, session="s1")
        user.say(*FILLER, session="s2")
        user.say(*[f"Topic {n}: the weather in the garden." for n in range(3)], session="s3", agent_id="gardener")
        user.settle(timeout=60)
        yield user


def client_ids(answer):
    return [source["client_id"] for item in answer["items"] for source in item["sources"]]


def test_a_match_by_words_alone_can_enter(long_history):
    """Candidates that come from the dense list only would never hold it: 120 turns are nearer by meaning."""
    answer = long_history.ask("weather in the garden and quokka", limit=5)
    assert "rare" in client_ids(answer)


@pytest.mark.parametrize("query", ["quokka?", "  quokka!!! ", "(quokka)", '"quokka"', "quokka & | ! :*", "QUOKKA;--"])
def test_punctuation_switches_no_signal_off(long_history, query):
    answer = long_history.ask(query, limit=3)
    assert client_ids(answer)[0] == "rare"
    assert answer["items"][0]["scores"]["sparse"] > 0


def test_filters_act_before_the_cut(long_history):
    """Three turns of an agent among 120 that match better: all three come, though none is among the best of all."""
    filters = {"agent_id": "gardener", "kinds": ["event"]}
    answer = long_history.ask("We talked about the weather and the garden", limit=3, filters=filters)
    assert len(answer["items"]) == 3
    assert {item["sources"][0]["session_id"] for item in answer["items"]} == {"s3"}


def test_ranking_is_bounded(long_history):
    """However long a history is, a recall looks at a bounded number of candidates."""
    trace = long_history.ask("weather in the garden", include=["trace"])["trace"]
    assert trace["counts"]["turns"] <= 3 * 100 + 60
    assert len(trace["candidates"]) <= 100


def test_a_trace_names_every_signal_of_the_blend(long_history):
    trace = long_history.ask("When did I mention the quokka?", include=["trace"])["trace"]
    policy = long_history.http.get("/v1/policy").json()["policy"]["recall"]
    assert trace["plan"]["wanted"] == "time"
    assert set(trace["candidates"][0]["signals"]) <= set(policy)
    best = trace["candidates"][0]
    blend = sum(policy[name] * value for name, value in best["signals"].items())
    assert blend == pytest.approx(best["total"], abs=0.02), "the total is the weighted sum of what the trace shows"


def test_the_context_of_a_session_needs_no_question(user):
    user.say("I am allergic to peanuts.", session="old")
    user.settle()
    user.say("What can I eat at the fair, with my peanut allergy?", session="now")
    answer = user.http.get("/v1/sessions/now/context", params={"user_id": user.id, "max_tokens": 400})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert "peanuts" in body["context"]["text"]
    assert "at the fair" in body["context"]["text"]
    assert body["context"]["tokens"] <= 400
    assert all(item["sources"][0]["session_id"] == "old" for item in body["items"])
    missing = user.http.get("/v1/sessions/none/context", params={"user_id": user.id})
    assert missing.status_code == 404


@pytest.mark.parametrize("tokenizer", ["gpt-4o", "gpt-4", "claude-sonnet", "mistral-large", "unheard-of"])
def test_the_budget_counts_the_tokens_of_the_named_model(user, tokenizer):
    user.say(*FILLER[:30])
    context = user.ask("the weather", tokenizer=tokenizer, max_tokens=200, mode="fast")["context"]
    assert 0 < context["tokens"] <= 200
