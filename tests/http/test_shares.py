"""Reading what another user shares: every way around a share is closed."""

from datetime import UTC, datetime

from app.domain.access import KeyScope
from app.domain.scope import UserScope
from tests.support.cubes import remember, rewrite
from tests.support.served import new_key


def share(api, **more) -> str:
    answer = api.post("/v1/cubes/shares", json={"user_id": "anna", "with_user_ids": ["ben"]} | more)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def read(client, share_id: str, user: str = "ben") -> tuple:
    listed = client.get(f"/v1/cubes/shares/{share_id}/memories", params={"user_id": user})
    asked = client.post(f"/v1/cubes/shares/{share_id}/recall", json={"user_id": user, "query": "What does Anna like?"})
    return listed, asked


def test_a_reader_sees_what_is_shared_and_nothing_else(api, served, project):
    said = {"user_id": "anna", "session_id": "s", "role": "user", "content": "Anna likes the secret turn."}
    api.post("/v1/events", json={"events": [said]})
    remember(api, "Anna likes green tea.", type="preference")
    remember(api, "Anna likes her flat in Porto.")
    rewrite(served, project, remember(api, "Anna likes the code 4711."), type="secret")
    told = remember(api, "Anna likes that her wifi works.", type="preference")
    rewrite(served, project, told, text="Anna likes that her wifi password is hunter2xyz.")
    held = remember(api, "Anna likes what is in quarantine.", type="preference")
    rewrite(served, project, held, status="quarantined")
    archived = remember(api, "Anna likes what is private.", type="preference")
    api.post(f"/v1/memories/{archived}/feedback", json={"signal": "private"})
    listed, asked = read(api, share(api, filters={"types": ["preference"]}))
    seen = {"Anna likes green tea.", "Anna likes that her wifi password is [secret]"}
    assert {item["text"] for item in listed.json()["items"]} == seen
    assert {item["text"] for item in asked.json()["items"]} == seen
    for answer in (listed, asked):
        for word in ("turn", "Porto", "4711", "hunter2xyz", "private", "quarantine", "session_id", "sources"):
            assert word not in answer.text
    assert asked.json()["context"]["tokens"] <= asked.json()["context"]["max_tokens"]


def test_whatever_is_wrong_is_the_same_not_found(api, served, project):
    remember(api, "Anna likes green tea.")
    ended, expired = share(api), share(api, expires_at=datetime(2090, 1, 1, tzinfo=UTC).isoformat())
    with served.context.db.transaction(UserScope(project.project_id, "anna")) as conn:
        conn.execute("UPDATE cube_shares SET expires_at = now() WHERE id = %s", (expired,))
    assert api.delete(f"/v1/cubes/shares/{ended}").status_code == 204
    others = share(api, with_user_ids=["carl"])
    unknown = "01a21c8a-a3ac-7c6f-b0e4-0f94d682032f"
    answers = {
        (a.status_code, a.text.replace(i, "").replace(a.json()["request_id"], ""))
        for i in (ended, expired, others, unknown)
        for a in (read(api, i)[0],)
    }
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404
    assert {read(api, i)[1].status_code for i in (ended, expired, others, unknown)} == {404}


def test_a_key_reads_for_its_own_user_only(api, served, project):
    remember(api, "Anna likes green tea.")
    database = served.context.db
    shared = share(api, with_agent_ids=["bot"])
    with served.client(new_key(database, project, KeyScope.RECALL, KeyScope.MEMORIES_READ, user_id="ben")) as ben:
        assert [a.status_code for a in read(ben, shared)] == [200, 200]
        assert [a.status_code for a in read(ben, shared, "carl")] == [403, 403]
        agent = {"agent_id": "bot"}
        assert ben.get(f"/v1/cubes/shares/{shared}/memories", params=agent).status_code == 403
        assert ben.get(f"/v1/cubes/shares/{shared}").status_code == 404
        assert ben.get("/v1/cubes/shares").json()["items"] == []
        assert ben.get("/v1/memories", params={"user_id": "anna"}).status_code == 403
    with served.client(new_key(database, project, KeyScope.RECALL, KeyScope.MEMORIES_READ, user_id="carl")) as carl:
        assert [a.status_code for a in read(carl, shared, "carl")] == [404, 404]
    assert api.get(f"/v1/cubes/shares/{shared}/memories", params={"agent_id": "bot"}).status_code == 200


def test_a_filter_is_forced(api):
    remember(api, "Anna likes Maria's green tea.", occurred_at="2025-01-01T00:00:00+00:00")
    remember(api, "Anna likes coffee.", occurred_at="2026-01-01T00:00:00+00:00")
    for filters in ({"to": "2025-06-01T00:00:00+00:00"}, {"from": "2024-06-01T00:00:00+00:00",
                    "to": "2025-02-01T00:00:00+00:00"}):  # fmt: skip
        for answer in read(api, share(api, filters=filters)):
            assert [item["text"] for item in answer.json()["items"]] == ["Anna likes Maria's green tea."]
    for filters in ({"session_id": "s9"}, {"agent_id": "a9"}, {"entities": ["Nobody"]},
                    {"scene_id": "01a21c8a-a3ac-7c6f-b0e4-0f94d682032f"}):  # fmt: skip
        for answer in read(api, share(api, filters=filters)):
            assert answer.json()["items"] == [], filters


def test_a_share_needs_a_reader_a_time_ahead_and_no_secret(api):
    over = {"with_user_ids": ["b"], "expires_at": "2020-01-01T00:00:00Z"}
    for body in ({}, {"with_user_ids": []}, {"with_user_ids": ["b"], "filters": {"types": ["secret"]}}, over):
        answer = api.post("/v1/cubes/shares", json={"user_id": "anna"} | body)
        assert answer.status_code == 422
        assert answer.json()["errors"]
