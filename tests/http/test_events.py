"""Events over HTTP: stored, listed, read back; duplicates, conflicts, limits of a batch."""

from uuid import UUID, uuid4

SEGMENT = """
INSERT INTO segments (id, project_id, user_id, session_id, event_ids, events_hash, extractor, started_at, ended_at)
VALUES (%(s)s, %(p)s, 'anna', 's1', ARRAY[%(e)s::uuid], 'x', 't', now(), now())
"""
CANDIDATE = """
INSERT INTO candidates (id, project_id, user_id, session_id, segment_id, ordinal, event_ids, occurred_at, body, state,
    decision, reason)
VALUES (gen_random_uuid(), %(p)s, 'anna', 's1', %(s)s, 0, ARRAY[%(e)s::uuid], now(), '{"text": "Anna moved."}',
    'decided', 'add', 'new')
"""


def event(content: str = "I moved to Lisbon.", **fields):
    return {"user_id": "anna", "session_id": "s1", "role": "user", "content": content, **fields}


def send(api, *events, **params):
    return api.post("/v1/events", json={"events": list(events)}, params=params)


def test_accepted_events_come_back_as_sent(api):
    sent = event(
        "Zoë said: 👩\u200d👩\u200d👧 \u200fשלב\u200f — café",
        id="chat-7:12",
        name="Zoë",
        agent_id="bot",
        occurred_at="2025-05-04T10:00:00+01:00",
        metadata={"b": [1, 2.5, None, True], "a": {"__proto__": "x", "$ref": "y", "tenant_id": 7}, "z": 1e22},
    )
    answer = send(api, sent)
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert body["accepted"] == 1
    assert body["duplicates"] == 0
    item = body["items"][0]
    assert item["client_id"] == "chat-7:12"
    assert (item["status"], item["state"]) == ("accepted", "pending")
    stored = api.get(f"/v1/events/{item['id']}").json()
    for name in ("user_id", "session_id", "role", "content", "name", "agent_id", "occurred_at", "metadata"):
        assert stored[name] == sent[name], name
    assert list(stored["metadata"]) == ["b", "a", "z"]
    assert stored["effects"] == []
    listed = api.get("/v1/events", params={"user_id": "anna"}).json()
    assert [e["id"] for e in listed["items"]] == [item["id"]]


def test_a_server_made_id_stands_for_the_missing_client_id(api):
    item = send(api, event()).json()["items"][0]
    assert item["client_id"] == item["id"]
    assert UUID(item["id"]).version == 7


def test_the_order_of_a_batch_is_kept_and_pages_join_up(api):
    texts = [f"turn {n}" for n in range(25)]
    at = "2025-05-04T10:00:00Z"
    answer = send(api, *[event(t, id=f"e{n}", occurred_at=at) for n, t in enumerate(texts)]).json()
    assert [item["client_id"] for item in answer["items"]] == [f"e{n}" for n in range(25)]
    seen, cursor = [], None
    while True:
        params = {"user_id": "anna", "limit": 10} | ({"cursor": cursor} if cursor else {})
        page = api.get("/v1/events", params=params).json()
        seen += [item["content"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == texts


def test_same_id_and_content_is_a_duplicate_answered_with_the_first(api):
    sent = event(id="one", occurred_at="2025-05-04T10:00:00Z", metadata={"a": 1, "b": 2})
    first = send(api, sent).json()["items"][0]
    again = send(api, {**sent, "metadata": {"b": 2, "a": 1}}).json()
    assert again["items"][0] == {**first, "status": "duplicate"}
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert send(api, event(id="two"), event(id="two")).json()["duplicates"] == 1


def test_same_id_with_other_content_stores_nothing_of_the_batch(api):
    send(api, event("first", id="one"))
    answer = send(api, event("new", id="fresh"), event("second", id="one"))
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["code"] == "event_conflict"
    assert [e["pointer"] for e in problem["errors"]] == ["/events/1/id"]
    contents = [e["content"] for e in api.get("/v1/events", params={"user_id": "anna"}).json()["items"]]
    assert contents == ["first"]


def test_the_same_id_in_another_session_or_of_another_user_is_another_event(api):
    answers = send(
        api, event(id="one"), event(id="one", session_id="s2"), event(id="one", user_id="bob", content="Hi")
    ).json()
    assert answers["accepted"] == 3


def test_filters(api):
    send(
        api,
        event("a", occurred_at="2025-01-01T00:00:00Z"),
        event("b", session_id="s2", occurred_at="2025-01-02T00:00:00Z"),
        event("c", occurred_at="2025-01-03T00:00:00Z", user_id="bob"),
    )

    def found(**params):
        answer = api.get("/v1/events", params=params)
        assert answer.status_code == 200, answer.text
        return [e["content"] for e in answer.json()["items"]]

    assert found() == ["a", "b", "c"]
    assert found(user_id="anna") == ["a", "b"]
    assert found(user_id="anna", session_id="s2") == ["b"]
    assert found(**{"from": "2025-01-02T00:00:00Z"}) == ["b", "c"]
    assert found(to="2025-01-02T00:00:00Z") == ["a"]
    assert found(state="processed") == []
    assert found(user_id="anna", state="pending", limit=1) == ["a"]


def test_waiting_answers_202_with_the_states_when_the_time_is_over(api):
    answer = send(api, event(), wait="processed", timeout="0.2")
    assert answer.status_code == 202
    assert answer.json()["items"][0]["state"] == "pending"


def test_waiting_answers_200_once_all_are_processed(api, served, project):
    item = send(api, event(id="one")).json()["items"][0]
    with served.context.db.transaction(project) as conn:
        conn.execute("UPDATE events SET state = 'processed' WHERE id = %s", (item["id"],))
    answer = send(api, event(id="one"), wait="processed", timeout="5")
    assert answer.status_code == 200
    assert answer.json()["items"][0] == {**item, "status": "duplicate", "state": "processed"}


def test_secrets_are_masked_but_for_an_admin_who_asks_for_one_event(api, served, project):
    from app.domain.access import KeyScope  # noqa: PLC0415
    from tests.support.served import new_key  # noqa: PLC0415

    text = "My wifi password is hunter2horse"
    item = send(api, event(text, metadata={"note": [text]})).json()["items"][0]
    assert api.get(f"/v1/events/{item['id']}").json()["content"] == text
    listed = api.get("/v1/events").json()["items"][0]
    assert "hunter2horse" not in str(listed)
    reader = new_key(served.context.db, project, KeyScope.MEMORIES_READ)
    with served.client(reader) as other:
        assert "hunter2horse" not in other.get(f"/v1/events/{item['id']}").text


def test_what_an_event_did_is_shown(api, served, project):
    item = send(api, event()).json()["items"][0]
    with served.context.db.transaction(project) as conn:
        values = {"p": project.project_id, "e": item["id"], "s": uuid4()}
        conn.execute(SEGMENT, values)
        conn.execute(CANDIDATE, values)
    effects = api.get(f"/v1/events/{item['id']}").json()["effects"]
    assert effects == [{"effect": "created", "memory_id": None, "text": "Anna moved.", "reason": "new"}]
