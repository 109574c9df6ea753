"""Keys: who may call what, how keys are made, turned and ended, and what a wrong one learns."""

import re
import time
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from app.clock import utc_now
from app.domain.access import KeyScope
from app.http.gate import SCOPE_FIELD
from app.main import describe_app
from tests.support.served import new_key

OPERATIONS = [
    (method.upper(), path, operation[SCOPE_FIELD])
    for path, methods in describe_app().openapi()["paths"].items()
    for method, operation in methods.items()
    if SCOPE_FIELD in operation
]


@pytest.fixture(scope="module")
def keys(served):
    """One key of each scope, of a project of its own."""
    from tests.support.served import new_project  # noqa: PLC0415

    project = new_project(served.context.db)
    return {scope: new_key(served.context.db, project, scope) for scope in KeyScope}


@pytest.mark.parametrize(("method", "path", "needed"), OPERATIONS)
def test_each_route_wants_its_scope(served, keys, method, path, needed):
    path = re.sub(r"\{(\w+)\}", lambda m: "someone" if m[1] in {"user_id", "session_id"} else str(uuid4()), path)
    if "/keys/" in path:
        path = re.sub(r"[0-9a-f-]{36}", "abcdefgh", path)
    for scope, token in keys.items():
        with served.client(token) as client:
            answer = client.request(method, path, params={"user_id": "someone"} if "sessions" in path else {})
        allowed = scope in {needed, KeyScope.ADMIN}
        assert (answer.status_code != 403) == allowed, (scope, answer.text)
        assert answer.status_code not in {401, 500}
    answer = httpx.request(method, served.url + path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_wrong_keys_all_get_the_same_answer(served, token):
    _, key_id, secret = token.split("_")
    wrong = [f"mneme_{key_id}_{'a' * 43}", f"mneme_{'a' * 12}_{secret}", f"mneme_{'b' * 12}_{'c' * 43}"]
    answers = []
    for bad in wrong:
        with served.client(bad) as client:
            answer = client.get("/v1/events")
        answers.append((answer.status_code, answer.json() | {"request_id": ""}))
        assert secret not in answer.text
    assert answers[0][0] == 401
    assert answers.count(answers[0]) == 3


def test_a_key_is_shown_once_and_works(api, served):
    made = api.post("/v1/keys", json={"name": "app", "scopes": ["recall", "events:write"]})
    assert made.status_code == 201, made.text
    key = made.json()
    assert re.fullmatch(r"mneme_[A-Za-z0-9]{12}_[A-Za-z0-9]{43}", key["token"])
    assert key["scopes"] == ["events:write", "recall"]
    shown = api.get(f"/v1/keys/{key['id']}").json()
    assert shown == {name: value for name, value in key.items() if name != "token"}
    assert shown in api.get("/v1/keys").json()["items"]
    with served.client(key["token"]) as client:
        assert client.get("/v1/events").status_code == 403
        assert client.post("/v1/recall", json={"user_id": "a", "query": "x"}).status_code == 200


def test_rotation_and_revocation_take_effect_at_once(api, served):
    key = api.post("/v1/keys", json={"name": "app", "scopes": ["memories:read"]}).json()
    with served.client(key["token"]) as old:
        assert old.get("/v1/events").status_code == 200
        turned = api.post(f"/v1/keys/{key['id']}/rotate").json()
        assert old.get("/v1/events").status_code == 401
    with served.client(turned["token"]) as new:
        assert new.get("/v1/events").status_code == 200
        ended = api.delete(f"/v1/keys/{key['id']}").json()
        assert ended["revoked_at"]
        assert new.get("/v1/events").status_code == 401
    assert api.delete(f"/v1/keys/{key['id']}").json()["revoked_at"] == ended["revoked_at"]
    assert api.post(f"/v1/keys/{key['id']}/rotate").status_code == 404


def test_a_key_revoked_elsewhere_ends_within_a_second(served, project, token, owner_database):
    with served.client(token) as client:
        assert client.get("/v1/events").status_code == 200
        with owner_database.transaction(None) as conn:
            conn.execute("UPDATE api_keys SET revoked_at = now() WHERE id = %s", (token.split("_")[1],))
        time.sleep(1.05)
        assert client.get("/v1/events").status_code == 401


def test_a_key_expires(served, project):
    soon = new_key(served.context.db, project, expires_at=utc_now() + timedelta(seconds=0.6))
    with served.client(soon) as client:
        assert client.get("/v1/events").status_code == 200
        time.sleep(0.7)
        answer = client.get("/v1/events")
    assert (answer.status_code, answer.json()["detail"]) == (401, "The API key has expired.")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x", "scopes": []}, "/scopes"),
        ({"name": "x", "scopes": ["root"]}, "/scopes/0"),
        ({"name": " ", "scopes": ["recall"]}, "/name"),
        ({"name": "x", "scopes": ["recall"], "session_id": "s"}, "/user_id"),
        ({"name": "x", "scopes": ["admin"], "user_id": "anna"}, "/scopes"),
        ({"name": "x", "scopes": ["recall"], "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(api, body, pointer):
    answer = api.post("/v1/keys", json=body)
    assert answer.status_code == 422
    assert pointer in [e["pointer"] for e in answer.json()["errors"]]


def test_an_admin_makes_projects_and_their_first_keys(api, served):
    child = api.post("/v1/projects", json={"name": "child"}).json()
    own = api.get("/v1/projects").json()["items"]
    assert [p["id"] for p in own][1:] == [child["id"]]
    assert child["owner_project_id"] == own[0]["id"]
    key = api.post("/v1/keys", json={"name": "first", "scopes": ["admin"], "project_id": child["id"]}).json()
    assert key["project_id"] == child["id"]
    assert [k["id"] for k in api.get("/v1/keys", params={"project_id": child["id"]}).json()["items"]] == [key["id"]]
    with served.client(key["token"]) as inside:
        assert [p["id"] for p in inside.get("/v1/projects").json()["items"]] == [child["id"]]
        assert inside.get(f"/v1/projects/{own[0]['id']}").status_code == 404
        inside.post("/v1/memories", json={"user_id": "anna", "text": "Anna is here."})
    assert api.get("/v1/memories").json()["items"] == []
    turned = api.post(f"/v1/keys/{key['id']}/rotate", params={"project_id": child["id"]})
    assert turned.status_code == 200


def test_what_admins_do_is_audited(api, served, project):
    key = api.post("/v1/keys", json={"name": "x", "scopes": ["recall"]}, headers={"X-Request-ID": "req-1"}).json()
    api.delete(f"/v1/keys/{key['id']}")
    api.put("/v1/policy", json={"preset": "mem0"})
    with served.context.db.transaction(project) as conn:
        rows = conn.execute("SELECT action, target_id, actor, request_id FROM audit ORDER BY at").fetchall()
    assert [row["action"] for row in rows] == ["key.create", "key.revoke", "policy.put"]
    assert rows[0]["request_id"] == "req-1"
    assert rows[0]["target_id"] == key["id"]
    assert all(row["actor"].startswith("key:") for row in rows)
