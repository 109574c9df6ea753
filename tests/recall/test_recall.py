"""Recall over HTTP on the real stores and encoder: pending, processed, as of then, narrowed, without the index."""

import json
import time

import pytest

from app.domain.tokens import count_tokens
from app.http.schemas.recall import RecallAnswer
from app.index.protocol import IndexUnavailableError


def texts(answer):
    return [item["text"] for item in answer["items"]]


def turns(answer):
    return [source["client_id"] for item in answer["items"] for source in item["sources"]]


PETS = (
    {"id": "e1", "content": "I have two cats, Bazyl and Rydz.", "occurred_at": "2025-02-11T18:42:00+01:00"},
    {"id": "e2", "content": "I work as a vet nurse in Gdansk.", "occurred_at": "2025-02-12T18:42:00+01:00"},
    {"id": "e3", "content": "I am allergic to latex gloves.", "occurred_at": "2025-02-13T18:42:00+01:00"},
)


def test_what_was_just_said_is_found_at_once(user):
    user.say(*PETS)
    answer = user.ask("Who is Bazyl?")
    assert turns(answer)[0] == "e1"
    assert answer["items"][0]["pending"] is True
    assert answer["sufficient"] is True
    assert answer["degraded"] is False
    assert answer["pending_not_ranked"] == 0


def test_what_was_just_said_is_found_by_meaning_too(user):
    user.say(*PETS)
    answer = user.ask("What is my job?")
    assert turns(answer)[0] == "e2"
    assert answer["items"][0]["pending"] is True
    assert answer["items"][0]["scores"]["dense"] > 0


def test_a_processed_turn_is_found_by_meaning(user):
    user.say(*PETS)
    user.settle()
    answer = user.ask("What is my job?", limit=3)
    assert turns(answer)[0] == "e2"
    assert {"dense", "sparse", "entity", "time", "retention"} <= set(answer["items"][0]["scores"])
    assert answer["items"][0]["pending"] is False
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_a_rare_word_that_is_pending_goes_before_all_that_is_processed(user):
    user.say(*({"content": f"Talking about my garden and the weekend, part {i}."} for i in range(60)))
    user.settle()
    user.say({"id": "fresh", "content": "the zephyrine thing"}, "The weekend in the garden was nice.")
    answer = user.ask("weekend garden zephyrine", max_tokens=200)
    assert turns(answer)[0] == "fresh"


def test_an_event_is_not_shown_beside_a_memory_of_it(user):
    user.say(*PETS)
    user.settle()
    answer = user.ask("cats work allergic latex Gdansk Bazyl", limit=20)
    cited = {s["event_id"] for item in answer["items"] if item["kind"] == "memory" for s in item["sources"]}
    shown = {item["id"] for item in answer["items"] if item["kind"] == "event"}
    assert cited
    assert not cited & shown
    for item in answer["items"]:
        if item["kind"] == "event":
            assert [source["event_id"] for source in item["sources"]] == [item["id"]]
    assert set(turns(answer)) == {"e1", "e2", "e3"}


def test_later_events_are_invisible_as_of_then(user):
    user.say(*PETS)
    as_of = "2025-02-12T20:00:00+01:00"
    for _ in range(2):
        answer = user.ask("latex cats vet nurse", as_of=as_of, limit=20)
        assert set(turns(answer)) == {"e1", "e2"}
        assert "latex" not in answer["context"]["text"]
        user.settle()
    assert user.ask("anything", as_of="2020-01-01T00:00:00Z")["items"] == []


def test_a_replaced_fact_is_live_as_of_then_only(user):
    user.say({"id": "old", "content": "I live in Warsaw.", "occurred_at": "2025-01-01T10:00:00Z"})
    user.say({"id": "new", "content": "I live in Porto now.", "occurred_at": "2025-03-01T10:00:00Z"}, session="s2")
    user.settle()
    now = [i["text"] for i in user.ask("Where do I live?")["items"] if i["kind"] == "memory"]
    then = user.ask("Where do I live?", as_of="2025-02-01T00:00:00Z")
    assert not any("Warsaw" in text for text in now)
    assert set(turns(then)) == {"old"}
    assert "Porto" not in then["context"]["text"]
    assert all(item["status"] == "active" for item in then["items"])


def test_a_short_history_is_given_whole_and_in_order(user):
    user.say(*PETS)
    context = user.ask("cats", limit=1)["context"]
    places = [context["text"].index(word) for word in ("Bazyl", "vet nurse", "latex")]
    assert places == sorted(places)
    assert "[2025-02-11 18:42]" in context["text"]
    assert context["tokens"] == count_tokens(context["text"]) <= context["max_tokens"] == 1000


@pytest.mark.parametrize("max_tokens", [16, 40, 100, 400])
def test_the_budget_holds(user, max_tokens):
    user.say(*({"content": f"Part {i} of a long story about the garden. " * 4} for i in range(30)))
    answer = user.ask("garden story", max_tokens=max_tokens, session_id="s1")
    assert answer["context"]["tokens"] == count_tokens(answer["context"]["text"]) <= max_tokens


def test_the_last_turns_of_the_session_are_always_there(user):
    user.say(*({"content": f"A long remark about gardens, number {i}. " * 5} for i in range(60)), session="old")
    user.say(*({"content": f"tail turn {i}"} for i in range(8)), session="now")
    answer = user.ask("gardens", session_id="now", max_tokens=600)
    tail = next(s for s in answer["context"]["sections"] if s["name"] == "session_tail")
    assert len(tail["ids"]) == 6
    assert all(f"tail turn {i}" in answer["context"]["text"] for i in range(2, 8))
    assert not any("tail turn" in text for text in texts(user.ask("gardens", session_id="now", limit=5)))


@pytest.mark.parametrize("settled", [False, True])
def test_filters(user, settled):
    user.say(
        {"id": "a", "content": "The garden is green."}, session="s1", agent_id="x", occurred_at="2025-01-01T00:00:00Z"
    )
    user.say(
        {"id": "b", "content": "The garden is large."}, session="s2", agent_id="y", occurred_at="2025-02-01T00:00:00Z"
    )
    if settled:
        user.settle()
    assert set(turns(user.ask("garden", limit=9))) == {"a", "b"}
    assert set(turns(user.ask("garden", filters={"session_id": "s1"}))) == {"a"}
    assert set(turns(user.ask("garden", filters={"agent_id": "y"}))) == {"b"}
    assert set(turns(user.ask("garden", session_id="s1", agent_id="y"))) == {"a", "b"}
    window = {"from": "2025-01-15T00:00:00Z", "to": "2025-03-01T00:00:00Z"}
    assert set(turns(user.ask("garden", time_range=window))) == {"b"}
    assert {i["kind"] for i in user.ask("garden", filters={"kinds": ["event"]})["items"]} == {"event"}
    assert user.ask("garden", known_at="2024-01-01T00:00:00Z")["items"] == []


def test_types_ask_for_memories_only(user):
    user.say(*PETS)
    user.settle()
    answer = user.ask("cats and work", types=["fact", "preference"], limit=20)
    assert answer["items"]
    assert all(item["kind"] == "memory" and item["type"] in {"fact", "preference"} for item in answer["items"])
    user.ask("cats", types=["fact"], filters={"kinds": ["event"]}, status=422)


def test_order_and_all_matches(user):
    user.say(*PETS, {"id": "e4", "content": "My cats sleep all day.", "occurred_at": "2025-01-01T00:00:00Z"})
    user.settle()
    told = user.ask("What about my cats?", order="chronological", limit=9)
    times = [item["occurred_at"] for item in told["items"]]
    assert times == sorted(times)
    everything = user.ask("cats", **{"return": "all_matches"})
    assert set(turns(everything)) >= {"e1", "e4"}
    assert "e2" not in turns(everything)


def test_an_empty_history_is_not_sufficient(user):
    answer = user.ask("Anything at all?")
    assert answer["items"] == []
    assert answer["sufficient"] is False
    assert answer["context"]["text"] == ""
    assert answer["context"]["tokens"] == 0


def test_another_user_of_the_same_project_sees_nothing(user):
    user.say(*PETS)
    user.settle()
    mine = user.id
    user.id = mine + "-other"
    assert user.ask("cats Bazyl latex")["items"] == []
    user.id = mine
    assert user.ask("cats Bazyl latex")["items"]


def test_without_the_index_postgresql_answers(user, monkeypatch):
    user.say(*PETS)
    user.settle()
    before = user.ask("What is my job?")

    def broken(*_args, **_more):
        raise IndexUnavailableError("down")

    with monkeypatch.context() as patch:
        patch.setattr(user.context.index, "search_each", broken)
        answer = user.ask("What is my job?")
    assert answer["degraded"] is True
    assert turns(answer) == turns(before)
    assert user.ask("What is my job?")["degraded"] is False


def test_secrets_are_masked_everywhere(user):
    user.say({"content": "My wifi password is hunter2-blue-zebra"})
    for _ in range(2):
        answer = user.http.post(
            "/v1/recall",
            json={
                "user_id": user.id,
                "query": "wifi password hunter2-blue-zebra",
                "include": ["trace"],
                "session_id": "s1",
            },
        )
        assert "hunter2-blue" not in answer.text.replace("wifi password hunter2-blue-zebra", "")
        user.settle()


def test_trace_says_how_the_answer_came_about(user):
    user.say(*PETS)
    trace = user.ask("Bazyl", include=["trace"], limit=1)["trace"]
    assert {"prepare", "encode", "search", "gather"} <= set(trace["milliseconds"])
    assert len(trace["candidates"]) == 3
    assert user.ask("Bazyl")["trace"] is None


@pytest.mark.parametrize("mode", ["fast", "deep"])
def test_modes(user, mode):
    user.say(*PETS)
    user.settle()
    assert turns(user.ask("What is my job?", mode=mode))[0] == "e2"


@pytest.mark.parametrize("format_", ["json", "messages", "text"])
def test_formats(user, format_):
    user.say(*PETS)
    context = user.ask("cats", format=format_, session_id="s1")["context"]
    assert "Bazyl" in context["text"]
    assert (context["messages"] is not None) == (format_ == "messages")
    if format_ == "messages":
        chat = 3 + sum(4 + count_tokens(message["content"]) for message in context["messages"])
        assert context["message_tokens"] == chat <= context["max_tokens"]
    else:
        assert context["message_tokens"] is None


@pytest.mark.parametrize("options", [{}, {"include": ["trace"]}, {"format": "messages", "session_id": "s1"}])
def test_an_answer_is_what_its_model_says(user, options):
    user.say(*PETS)
    user.settle()
    user.say({"content": "My cat is ill.", "occurred_at": "2025-02-13T18:42:00.123400-05:30"})
    answer = user.ask("Is my cat well?", **options)
    assert answer["items"]
    assert json.loads(RecallAnswer.model_validate(answer).model_dump_json()) == answer


def test_usage_is_recorded_unless_refused(user):
    user.say(*PETS)
    user.settle()

    def used():
        page = user.http.get("/v1/memories", params={"user_id": user.id}).json()
        return {item["id"]: (item["version"], item["last_used_at"]) for item in page["items"]}

    before = used()
    user.ask("cats job allergy", record_usage=False)
    assert used() == before
    served = {item["id"] for item in user.ask("cats job allergy")["items"] if item["kind"] == "memory"}
    assert served
    deadline = time.monotonic() + 5  # it is recorded after the answer
    while {id_ for id_, (_, at) in used().items() if at is not None} != served and time.monotonic() < deadline:
        time.sleep(0.02)
    after = used()
    assert {id_ for id_, (_, at) in after.items() if at is not None} == served
    assert {id_: version for id_, (version, _) in after.items()} == {
        id_: version for id_, (version, _) in before.items()
    }


@pytest.mark.parametrize(
    "extra",
    [
        {"limit": 0},
        {"max_tokens": 15},
        {"mode": "slow"},
        {"time_range": {"from": "2025-02-01T00:00:00Z", "to": "2025-01-01T00:00:00Z"}},
        {"filters": {"nothing": 1}},
        {"unknown": 1},
        {"include": ["everything"]},
    ],
)
def test_what_is_refused(user, extra):
    problem = user.ask("x", status=422, **extra)
    assert problem["errors"][0]["pointer"].startswith("/")


def test_beyond_a_thousand_pending_turns_the_rest_is_counted(user):
    for start in (0, 500, 1000):
        user.say(*(f"Remark {i} about the garden." for i in range(start, min(start + 500, 1005))))
    user.say({"id": "fresh", "content": "the zephyrine thing"})
    answer = user.ask("zephyrine garden", max_tokens=200)
    assert answer["pending_not_ranked"] == 6
    assert turns(answer)[0] == "fresh"


def test_what_was_known_then(user):
    made = user.http.post(
        "/v1/memories",
        json={"user_id": user.id, "type": "fact", "text": "The user's boat is called Albatross."},
        headers={"Idempotency-Key": f"{user.id}-boat"},
    )
    assert made.status_code == 201, made.text
    memory = made.json()
    changed = user.http.patch(
        f"/v1/memories/{memory['id']}",
        json={"text": "The user's boat is called Cormorant."},
        headers={"If-Match": made.headers["ETag"]},
    )
    assert changed.status_code == 200, changed.text
    user.settle()
    wait_indexed(user, "Cormorant")
    then = user.ask("What is my boat called?", known_at=memory["created_at"])
    assert texts(then) == ["The user's boat is called Albatross."]
    assert user.ask("boat", known_at="2020-01-01T00:00:00Z")["items"] == []


def wait_indexed(user, word):
    deadline = time.monotonic() + 10
    while not any(word in text for text in texts(user.ask(word))):
        assert time.monotonic() < deadline, "not indexed"
        time.sleep(0.1)


def test_latest_only_leaves_out_turns_that_no_longer_hold(user):
    user.say({"id": "old", "content": "I live in Warsaw.", "occurred_at": "2025-01-01T10:00:00Z"})
    user.say({"id": "new", "content": "I live in Porto now.", "occurred_at": "2025-03-01T10:00:00Z"}, session="s2")
    user.settle()
    assert "old" in turns(user.ask("Where do I live?", limit=9))
    assert "old" not in turns(user.ask("Where do I live?", limit=9, latest_only=True))


def test_what_the_assistant_said_can_be_asked_for(user):
    user.say(
        {"content": "Which film should I watch tonight?"},
        {"id": "a", "role": "assistant", "content": "I recommend the film Paterson, it is calm and funny."},
        {"content": "Thanks, a calm film is what I need tonight."},
    )
    user.settle()
    assert turns(user.ask("Which film did you recommend?"))[0] == "a"
