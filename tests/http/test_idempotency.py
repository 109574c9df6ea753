"""Idempotency-Key: the first answer again to the byte, other requests refused, one effect under concurrency."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.served import new_key, new_project

EVENT = {"user_id": "anna", "session_id": "s1", "role": "user", "content": "Hi"}


def send(api, key: str, content: str = "Hi", **params):
    body = {"events": [{**EVENT, "content": content}]}
    return api.post("/v1/events", json=body, headers={"Idempotency-Key": key}, params=params)


def contents(api) -> list[str]:
    return [e["content"] for e in api.get("/v1/events", params={"limit": 1000}).json()["items"]]


def test_the_same_request_gets_the_first_answer_to_the_byte(api):
    first = send(api, "k1")
    again = send(api, "k1")
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert contents(api) == ["Hi"]


def test_another_body_query_or_route_under_the_same_key_is_refused(api):
    send(api, "k1")
    for answer in (
        send(api, "k1", "other"),
        send(api, "k1", wait="processed", timeout="0"),
        api.post("/v1/memories", json={"user_id": "anna", "text": "x"}, headers={"Idempotency-Key": "k1"}),
    ):
        assert answer.status_code == 422
        assert answer.json()["code"] == "idempotency_key_reused"
        assert answer.json()["errors"][0]["pointer"] == "header:Idempotency-Key"
    assert contents(api) == ["Hi"]


def test_keys_of_different_api_keys_and_projects_are_apart(api, served, project):
    send(api, "k1")
    for token in (new_key(served.context.db, project), new_key(served.context.db, new_project(served.context.db))):
        with served.client(token) as other:
            assert "idempotency-replayed" not in send(other, "k1", "mine").headers
    assert contents(api) == ["Hi", "mine"]


def test_a_refused_request_is_not_remembered(api):
    bad = api.post("/v1/events", json={"events": []}, headers={"Idempotency-Key": "k1"})
    assert bad.status_code == 422
    send(api, "k2", "first")
    clash = {"events": [{**EVENT, "id": "a"}, {**EVENT, "id": "a", "content": "other"}]}
    assert api.post("/v1/events", json=clash, headers={"Idempotency-Key": "k1"}).status_code == 409
    assert send(api, "k1").status_code == 202


def test_fifty_at_once_have_one_effect(api):
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: send(api, "same"), range(50)))
    assert contents(api) == ["Hi"]
    done = [a for a in answers if a.status_code == 202]
    busy = [a for a in answers if a.status_code == 409]
    assert len(done) + len(busy) == 50
    assert len({a.content for a in done}) == 1
    assert sum("idempotency-replayed" not in a.headers for a in done) == 1
    assert all(a.json()["code"] == "idempotency_key_busy" and "retry-after" in a.headers for a in busy)


def test_a_running_request_holds_its_key(api, served, project, token):
    from app.storage import idempotency  # noqa: PLC0415

    key_id = token.split("_")[1]
    with served.context.db.transaction(project) as conn:
        assert idempotency.lock(conn, project, key_id, "held")
        answer = send(api, "held")
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_busy")
    assert send(api, "held").status_code == 202


def test_every_write_takes_a_key(api):
    def twice(method: str, path: str, **kwargs):
        headers = {"Idempotency-Key": f"{method} {path}".replace(" ", ":"), **kwargs.pop("headers", {})}
        first = api.request(method, path, headers=headers, **kwargs)
        again = api.request(method, path, headers=headers, **kwargs)
        assert first.status_code < 300, first.text
        assert again.headers.get("idempotency-replayed") == "true", path
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers.get("etag") == first.headers.get("etag")
        assert again.headers.get("location") == first.headers.get("location")
        return first

    memory = twice("POST", "/v1/memories", json={"user_id": "anna", "text": "Anna lives in Lisbon."}).json()
    path = f"/v1/memories/{memory['id']}"
    twice("PATCH", path, json={"text": "Anna lives in Porto."}, headers={"If-Match": '"1"'})
    twice("DELETE", path)
    twice("POST", "/v1/projects", json={"name": "child"})
    key = twice("POST", "/v1/keys", json={"name": "k", "scopes": ["recall"]}).json()
    rotated = twice("POST", f"/v1/keys/{key['id']}/rotate").json()
    assert rotated["token"] != key["token"]
    twice("DELETE", f"/v1/keys/{key['id']}")
    twice("PUT", "/v1/policy", json={"preset": "mem0"})
    twice("POST", "/v1/jobs", json={"kind": "reindex", "dry_run": True})
    api.post("/v1/events", json={"events": [EVENT]})
    twice("DELETE", "/v1/sessions/s1?user_id=anna")


def test_a_token_is_never_stored_in_the_clear(api, owner_database):
    key = api.post("/v1/keys", json={"name": "k", "scopes": ["recall"]}, headers={"Idempotency-Key": "secret"}).json()
    secret = key["token"].rsplit("_", 1)[1]
    with owner_database.transaction(None) as conn:
        row = conn.execute("SELECT body FROM idempotency_keys WHERE key = 'secret'").fetchone()
    assert secret.encode() not in bytes(row["body"])


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_a_malformed_key_is_refused(served, token, key):
    body = b'{"events": []}'
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answer = served.raw(head.encode() + body)
    assert answer.status == 422
    assert "header:Idempotency-Key" in [e["pointer"] for e in answer.json()["errors"]]


def test_a_wait_that_ran_out_is_an_answer_too(api, served, project):
    first = send(api, "w", wait="processed", timeout="0")
    with served.context.db.transaction(project) as conn:
        conn.execute("UPDATE events SET state = 'processed' WHERE project_id = %s", (project.project_id,))
    again = send(api, "w", wait="processed", timeout="0")
    assert (first.status_code, again.status_code, again.content) == (202, 202, first.content)


def test_a_wait_that_was_cut_off_goes_on(api, served, project):
    send(api, "w", wait="processed", timeout="0")
    with served.context.db.transaction(project) as conn:
        conn.execute("UPDATE events SET state = 'processed' WHERE project_id = %s", (project.project_id,))
        conn.execute("UPDATE idempotency_keys SET final = false")  # as if the gateway had died while it waited
    again = send(api, "w", wait="processed", timeout="0")
    assert again.status_code == 200
    assert send(api, "w", wait="processed", timeout="0").content == again.content
    assert contents(api) == ["Hi"]


def test_a_waiting_request_replaces_its_stored_answer(api, served, project):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, api, "w", wait="processed", timeout="10")
        while not contents(api):
            pass
        with served.context.db.transaction(project) as conn:
            conn.execute("UPDATE events SET state = 'processed' WHERE project_id = %s", (project.project_id,))
        first = waiting.result()
    assert first.status_code == 200
    again = send(api, "w", wait="processed", timeout="10")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
