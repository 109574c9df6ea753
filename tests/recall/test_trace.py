"""What a trace tells of candidates that are not in the answer, and how it looks on the terminal."""

from io import StringIO

import pytest
from rich.console import Console

from app.cli.traced import trace_view
from app.domain import sufficiency
from app.domain.policy import DEFAULT
from app.domain.scope import UserScope

ASKED = "Which instrument do I play?"


@pytest.fixture
def musician(user):
    user.say("I play the cello in an orchestra.", "The rain stopped at noon.", "My neighbour plays the drums.")
    user.say("I play the cello in an orchestra.", session="s2")
    user.settle()
    return user


def traced(user, **options):
    return user.ask(ASKED, **{"include": ["trace"], "cache": "off", "mode": "fast"} | options)["trace"]


def reasons(trace):
    return [one["dropped"] for one in trace["candidates"]]


def test_what_stands_behind_the_last_item_is_past_the_limit(musician):
    first, *others = reasons(traced(musician, limit=1, max_tokens=500))
    assert first is None
    assert others
    assert set(others) == {"limit"}


def test_what_says_the_same_is_a_repeat(musician):
    trace = traced(musician, filters={"kinds": ["event"]})
    (again,) = [one for one in trace["dropped"] if one["reason"] == "repeats"]
    assert again["kind"] == "event"
    assert again["id"] not in [one["id"] for one in trace["candidates"]]


def test_what_no_longer_holds_is_hidden(musician, project):
    (memory,) = [one["id"] for one in traced(musician)["candidates"] if one["kind"] == "memory"][:1]
    scope = UserScope(project.project_id, musician.id)
    with musician.context.db.transaction(scope) as conn:
        conn.execute("UPDATE memories SET expires_at = now() - interval '1 second' WHERE id = %s", (memory,))
    assert {"kind": "memory", "id": memory, "reason": "hidden"} in traced(musician)["dropped"]


def test_an_item_without_room_is_over_the_budget(musician):
    assert "budget" in reasons(traced(musician, max_tokens=16))


def test_a_turn_that_its_memory_stands_for_is_not_over_the_budget(musician):
    long = "Before the rehearsal we talked about the rain and the drums for an hour. "
    musician.say(long * 3 + "My brother is called Tom.", session="s4")
    musician.settle()
    page = musician.http.get("/v1/memories", params={"user_id": musician.id}).json()["items"]
    made = {item["id"]: {source["event_id"] for source in item["sources"]} for item in page}
    assert any("Tom" in item["text"] for item in page)
    seen = set()
    for tokens in range(16, 200, 8):
        answer = musician.ask("rehearsal rain drums", include=["trace"], max_tokens=tokens, limit=1, mode="fast")
        told = {id_ for section in answer["context"]["sections"] for id_ in section["ids"]}
        by_memory = {turn for memory in told for turn in made.get(memory, ())} - told
        seen |= {"memory" for one in answer["items"] if one["kind"] == "event" and one["id"] in by_memory}
        told |= by_memory
        items = {item["id"] for item in answer["items"]}
        for one in answer["trace"]["candidates"]:
            if one["id"] in items:
                missing = told.isdisjoint({one["id"], *one["turns"]})
                assert (one["dropped"] == "budget") == missing
                seen.add(one["dropped"])
    assert seen >= {None, "memory"}


def test_all_matches_leaves_out_what_does_not_match(musician):
    assert "no_match" in reasons(traced(musician, **{"return": "all_matches"}))


def test_a_session_that_has_its_share_is_named(musician):
    musician.choose(session_share=0.5)
    told = [f"The orchestra plays piece number {n} on my cello." for n in range(6)]
    musician.say(*told, session="s3")
    musician.settle()
    assert "share" in reasons(traced(musician, limit=4))


def test_the_terminal_shows_rounds_and_reasons(musician, monkeypatch):
    monkeypatch.setattr(sufficiency, "THRESHOLD", 100.0)
    trace = traced(musician, limit=1, mode="deep")
    assert trace["rounds"]
    console = Console(width=160, file=StringIO())
    console.print(trace_view(trace, DEFAULT.recall.model_dump()))
    text = console.file.getvalue()
    assert "Further round" in text
    assert "limit" in text
