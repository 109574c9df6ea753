"""Users of one project: the same session ids never mix, and a bound key sees no further than its user or session."""

import pytest

from app.domain.access import KeyScope
from tests.support.served import new_key


def event(user: str, content: str, session: str = "s1", **fields):
    return {"user_id": user, "session_id": session, "role": "user", "content": content, **fields}


@pytest.fixture
def talk(api):
    """Anna and Bob, whose apps use the same session and event ids."""
    batch = [event("anna", "I own a canary called Pip.", id="e1"), event("bob", "I own a ferret called Max.", id="e1")]
    answer = api.post("/v1/events", json={"events": batch}).json()
    assert answer["accepted"] == 2
    memories = [
        api.post("/v1/memories", json={"user_id": user, "session_id": "s1", "text": text}).json()
        for user, text in (("anna", "Anna owns a canary."), ("bob", "Bob owns a ferret."))
    ]
    return {"events": [item["id"] for item in answer["items"]], "memories": [m["id"] for m in memories]}


def test_the_same_session_ids_of_two_users_never_mix(api, talk):
    for user, own, other in (("anna", "canary", "ferret"), ("bob", "ferret", "canary")):
        for path, params in (
            ("/v1/events", {"user_id": user}),
            ("/v1/events", {"user_id": user, "session_id": "s1"}),
            ("/v1/memories", {"user_id": user}),
            ("/v1/memories", {"user_id": user, "session_id": "s1"}),
            ("/v1/sessions/s1", {"user_id": user}),
        ):
            text = api.get(path, params=params).text
            assert own in text, path
            assert other not in text, path
        answer = api.post("/v1/recall", json={"user_id": user, "session_id": "s1", "query": "canary ferret pet"})
        assert own in answer.text
        assert other not in answer.json()["context"]["text"]
        assert all(other not in item["text"] for item in answer.json()["items"])
        assert api.get("/v1/sessions/s1", params={"user_id": user}).json()["events"] == 1
        assert api.get(f"/v1/users/{user}").json()["events"] == 1


def test_deleting_a_session_leaves_the_other_users_alone(api, talk):
    assert api.delete("/v1/sessions/s1", params={"user_id": "anna"}).status_code == 204
    assert "canary" not in api.get("/v1/events").text + api.get("/v1/memories", params={"status": "any"}).text
    assert "ferret" in api.get("/v1/events").text
    assert "ferret" in api.get("/v1/memories").text
    assert api.get("/v1/sessions/s1", params={"user_id": "anna"}).status_code == 404
    assert api.delete("/v1/sessions/s1", params={"user_id": "anna"}).status_code == 404
    assert api.get("/v1/users/anna").status_code == 404


def test_a_key_bound_to_a_user_sees_nobody_else(served, project, talk):
    scopes = [scope for scope in KeyScope if scope is not KeyScope.ADMIN]
    with served.client(new_key(served.context.db, project, *scopes, user_id="anna")) as bound:
        mine, other = talk["events"]
        assert bound.get(f"/v1/events/{mine}").status_code == 200
        assert bound.get(f"/v1/events/{other}").status_code == 404
        mine, other = talk["memories"]
        assert bound.get(f"/v1/memories/{mine}").status_code == 200
        for method, path in (("GET", ""), ("GET", "/history"), ("DELETE", "")):
            assert bound.request(method, f"/v1/memories/{other}{path}").status_code == 404
        patched = bound.patch(f"/v1/memories/{other}", json={"importance": 1}, headers={"If-Match": "*"})
        assert patched.status_code == 404
        for path in ("/v1/events", "/v1/memories"):
            text = bound.get(path).text
            assert "canary" in text
            assert "ferret" not in text
        for user in ("bob", "nobody"):
            refused = [
                bound.get("/v1/events", params={"user_id": user}),
                bound.get("/v1/memories", params={"user_id": user}),
                bound.get("/v1/sessions", params={"user_id": user}),
                bound.get("/v1/sessions/s1", params={"user_id": user}),
                bound.delete("/v1/sessions/s1", params={"user_id": user}),
                bound.get(f"/v1/users/{user}"),
                bound.post("/v1/recall", json={"user_id": user, "query": "pet"}),
                bound.post("/v1/memories", json={"user_id": user, "text": "x y"}),
                bound.post("/v1/events", json={"events": [event(user, "x")]}),
            ]
            assert {answer.status_code for answer in refused} == {403}
        batch = bound.post("/v1/events", json={"events": [event("anna", "x"), event("bob", "y")]})
        assert batch.json()["errors"][0]["pointer"] == "/events/1/user_id"


def test_a_key_bound_to_a_session_sees_no_other(served, project, api):
    batch = [event("anna", "I own a canary."), event("anna", "I own a ferret.", "s2")]
    here, there = (item["id"] for item in api.post("/v1/events", json={"events": batch}).json()["items"])
    memory = api.post(
        "/v1/memories", json={"user_id": "anna", "session_id": "s2", "text": "Anna owns a ferret."}
    ).json()
    scopes = [scope for scope in KeyScope if scope is not KeyScope.ADMIN]
    with served.client(new_key(served.context.db, project, *scopes, user_id="anna", session_id="s1")) as bound:
        assert bound.get(f"/v1/events/{here}").status_code == 200
        assert bound.get(f"/v1/events/{there}").status_code == 404
        assert bound.get(f"/v1/memories/{memory['id']}").status_code == 404
        assert bound.delete(f"/v1/memories/{memory['id']}").status_code == 404
        assert "ferret" not in bound.get("/v1/events").text + bound.get("/v1/memories").text
        assert [s["session_id"] for s in bound.get("/v1/sessions", params={"user_id": "anna"}).json()["items"]] == [
            "s1"
        ]
        assert bound.get("/v1/events", params={"session_id": "s2"}).status_code == 403
        assert bound.get("/v1/sessions/s2", params={"user_id": "anna"}).status_code == 403
        assert bound.get("/v1/users/anna").status_code == 403
        assert bound.post("/v1/events", json={"events": [event("anna", "x", "s2")]}).status_code == 403
        answer = bound.post("/v1/recall", json={"user_id": "anna", "query": "canary ferret"})
        assert "ferret." not in answer.json()["context"]["text"]
        assert all("ferret" not in item["text"] for item in answer.json()["items"])
