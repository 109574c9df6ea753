"""History with what changed, restored versions, snapshots with their differences, rollbacks, over HTTP."""

from datetime import timedelta
from uuid import uuid4

from app.clock import utc_now
from app.domain.access import KeyScope
from app.domain.scope import UserScope
from tests.support.served import new_key

KEY = "The user's wifi password is hunter2x9"


def told(api, text="The user lives in Warsaw.", user="anna", **fields):
    answer = api.post("/v1/memories", json={"user_id": user, "text": text, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def patched(api, memory, **fields):
    answer = api.patch(f"/v1/memories/{memory['id']}", json=fields, headers={"If-Match": f'"{memory["version"]}"'})
    assert answer.status_code == 200, answer.text
    return answer.json()


def restored(api, memory, version, **headers):
    return api.post(f"/v1/memories/{memory['id']}/restore", json={"version": version}, headers=headers)


def test_each_version_says_what_changed_and_why(api):
    memory = patched(api, told(api), text="The user lives in Porto.", importance=0.75)
    api.post(f"/v1/memories/{memory['id']}/feedback", json={"signal": "wrong"})
    one, two, three = api.get(f"/v1/memories/{memory['id']}/history").json()["items"]
    assert {c["field"] for c in one["changes"]} >= {"text", "type", "status"}
    assert two["changes"] == [
        {"field": "text", "before": "The user lives in Warsaw.", "after": "The user lives in Porto."},
        {"field": "importance", "before": 0.5, "after": 0.75},
    ]
    assert (three["change"], three["reason"]) == ("feedback", "wrong")
    assert [c["field"] for c in three["changes"]] == ["confidence", "flagged"]
    assert three["cause"] == {"candidate_id": None, "event_ids": [], "job_id": None, "memory_id": None}
    page = api.get(f"/v1/memories/{memory['id']}/history", params={"limit": 1}).json()
    page = api.get(f"/v1/memories/{memory['id']}/history", params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert page["items"] == [two]


def test_a_version_comes_back_as_a_new_one_with_its_vector(api, served, project):
    memory = told(api, metadata={"k": 1})
    scope = UserScope(project.project_id, "anna")

    def vector():
        with served.context.db.transaction(scope) as conn:
            return conn.execute("SELECT dense, sparse FROM vectors WHERE target_id = %s", (memory["id"],)).fetchone()

    first = vector()
    changed = patched(api, memory, text="The user loves hiking.", metadata={})
    assert vector() != first
    answer = restored(api, memory, 1, **{"If-Match": '"2"'})
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"3"'
    assert {**answer.json(), "version": 1, "updated_at": ""} == {**memory, "updated_at": ""}
    assert vector() == first
    assert restored(api, memory, 2).json()["text"] == changed["text"]
    items = api.get(f"/v1/memories/{memory['id']}/history").json()["items"]
    assert [(i["change"], i["reason"]) for i in items[2:]] == [("restore", "version 1"), ("restore", "version 2")]


def test_what_is_already_so_makes_no_version(api):
    memory = told(api)
    assert restored(api, memory, 1).json() == memory


def test_restoring_is_refused_with_a_pointer(api):
    memory = told(api)
    changed = patched(api, memory, text="The user loves hiking.")
    told(api)  # says what version 1 said
    answer = restored(api, memory, 1)
    assert (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["pointer"]) == (
        409,
        "same_text",
        "/version",
    )
    assert restored(api, memory, 1, **{"If-Match": '"1"'}).status_code == 412
    assert restored(api, memory, 9).status_code == 404
    assert restored(api, memory, 0).status_code == 422
    assert api.get(f"/v1/memories/{memory['id']}").json() == changed


def test_a_snapshot_is_compared_with_the_present_and_with_another(api):
    stays, changes, goes = told(api), told(api, "The user loves hiking."), told(api, "The user owns a red bicycle.")
    snapshot = api.post("/v1/cubes/snapshots", json={"user_id": "anna", "name": "Tuesday"})
    assert snapshot.status_code == 201
    first = snapshot.json()
    patched(api, changes, text="The user loves sailing.")
    api.post(f"/v1/memories/{goes['id']}/feedback", json={"signal": "outdated"})
    added = told(api, "The user plays chess.")
    second = api.post("/v1/cubes/snapshots", json={"name": "whole project"}).json()
    told(api, "The user is at home.", user="ben")
    diff = api.get(f"/v1/cubes/snapshots/{first['id']}/diff", params={"to": second["id"]}).json()
    assert diff["from_at"] == first["at"]
    assert diff["to_at"] == second["at"]
    kinds = {item["memory_id"]: item["kind"] for item in diff["items"]}
    assert kinds == {changes["id"]: "changed", goes["id"]: "removed", added["id"]: "added"}
    assert stays["id"] not in kinds
    of = next(item for item in diff["items"] if item["kind"] == "changed")
    assert of["changes"] == [
        {"field": "text", "before": "The user loves hiking.", "after": "The user loves sailing."},
    ]
    assert (of["version_before"], of["version_after"]) == (1, 2)
    found, cursor = [], None
    while True:
        page = api.get(
            f"/v1/cubes/snapshots/{first['id']}/diff",
            params={"limit": 1} | ({"cursor": cursor} if cursor else {}),
        ).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == diff["items"]
    whole = api.get(f"/v1/cubes/snapshots/{second['id']}/diff").json()
    assert [item["user_id"] for item in whole["items"]] == ["ben"]


def vault(api, *, opened):
    policy = api.get("/v1/policy").json()["policy"]
    answer = api.put("/v1/policy", json={"policy": {**policy, "secrets": {"vault": opened}}})
    assert answer.status_code == 200, answer.text


def test_secrets_are_masked_in_differences(api):
    vault(api, opened=True)
    memory = told(api, KEY)
    snapshot = api.post("/v1/cubes/snapshots", json={"user_id": "anna", "name": "n"}).json()
    patched(api, memory, text="The user's wifi password is swordfish77")
    vault(api, opened=False)
    for path in (
        f"/v1/cubes/snapshots/{snapshot['id']}/diff",
        f"/v1/memories/{memory['id']}/history",
        "/v1/audit",
        "/v1/audit/export",
        "/v1/audit/export?format=training",
    ):
        answer = api.get(path)
        assert "[secret]" in answer.text
        assert "hunter2x9" not in answer.text
        assert "swordfish77" not in answer.text


def test_snapshots_are_listed_and_taken_away(api):
    made = [api.post("/v1/cubes/snapshots", json={"user_id": "anna", "name": f"n{n}"}).json() for n in range(3)]
    assert api.get("/v1/cubes/snapshots", params={"user_id": "anna"}).json()["items"] == made
    assert api.get(f"/v1/cubes/snapshots/{made[1]['id']}").json() == made[1]
    again = api.post("/v1/cubes/snapshots", json={"user_id": "anna", "name": "n0"})
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (409, "/name")
    assert api.delete(f"/v1/cubes/snapshots/{made[1]['id']}").status_code == 204
    assert api.delete(f"/v1/cubes/snapshots/{made[1]['id']}").status_code == 404
    assert len(api.get("/v1/cubes/snapshots").json()["items"]) == 2
    for name in ("", " ", "a\nb", "x" * 129):
        assert api.post("/v1/cubes/snapshots", json={"name": name}).status_code == 422


def test_a_key_of_one_user_sees_its_own_snapshots(api, served, project):
    theirs = api.post("/v1/cubes/snapshots", json={"user_id": "ben", "name": "n"}).json()
    whole = api.post("/v1/cubes/snapshots", json={"name": "n"}).json()
    token = new_key(served.context.db, project, KeyScope.MEMORIES_READ, KeyScope.MEMORIES_WRITE, user_id="anna")
    with served.client(token) as anna:
        mine = anna.post("/v1/cubes/snapshots", json={"user_id": "anna", "name": "n"}).json()
        assert anna.get("/v1/cubes/snapshots").json()["items"] == [mine]
        for other in (theirs, whole):
            assert anna.get(f"/v1/cubes/snapshots/{other['id']}").status_code == 404
        assert anna.post("/v1/cubes/snapshots", json={"name": "all"}).status_code == 403
        assert anna.post("/v1/cubes/rollback", json={"user_id": "anna", "snapshot_id": mine["id"]}).status_code == 403
        assert anna.get("/v1/audit").status_code == 403


def test_a_frozen_memory_is_not_thawed_by_an_old_version(api):
    memory = patched(api, told(api), text="The user lives in Porto.")
    path = f"/v1/memories/{memory['id']}"
    api.post(f"{path}/state", json={"action": "freeze"}).raise_for_status()
    refused = restored(api, memory, 1)
    assert (refused.status_code, refused.json()["code"]) == (409, "memory_frozen")
    assert api.get(path).json()["frozen"]
    api.post(f"{path}/state", json={"action": "unfreeze"}).raise_for_status()
    assert restored(api, memory, 1).json()["text"] == "The user lives in Warsaw."


def test_a_rollback_is_refused_with_a_pointer(api):
    told(api)
    snapshot = api.post("/v1/cubes/snapshots", json={"user_id": "ben", "name": "n"}).json()["id"]
    late = (utc_now() + timedelta(days=1)).isoformat()
    for body, status, pointer in (
        ({}, 422, "/known_at"),
        ({"known_at": "2025-01-01T00:00:00Z", "snapshot_id": snapshot}, 422, "/known_at"),
        ({"known_at": late}, 422, "/known_at"),
        ({"snapshot_id": snapshot}, 422, "/snapshot_id"),
        ({"snapshot_id": str(uuid4())}, 404, None),
        ({"user_id": None, "known_at": "2025-01-01T00:00:00Z"}, 422, "/user_id"),
        ({"all_users": True, "known_at": "2025-01-01T00:00:00Z"}, 422, "/user_id"),
        ({"user_id": None, "all_users": True, "snapshot_id": snapshot}, 422, "/snapshot_id"),
        ({"user_id": "nobody", "known_at": "2025-01-01T00:00:00Z"}, 404, None),
    ):
        answer = api.post("/v1/cubes/rollback", json={"user_id": "anna", **body})
        assert answer.status_code == status, answer.text
        assert pointer is None or answer.json()["errors"][0]["pointer"] == pointer


def test_a_rollback_is_a_job(api):
    told(api)
    snapshot = api.post("/v1/cubes/snapshots", json={"user_id": "anna", "name": "n"}).json()
    job = api.post("/v1/cubes/rollback", json={"user_id": "anna", "snapshot_id": snapshot["id"], "dry_run": True})
    assert job.status_code == 202
    assert job.headers["location"] == f"/v1/jobs/{job.json()['id']}"
    assert job.json()["kind"] == "rollback"
    assert job.json()["scope"]["known_at"] == snapshot["at"]
    acts = api.get("/v1/audit", params={"kind": "act", "action": "user.rollback"}).json()["items"]
    assert [(a["target_id"], a["job_id"]) for a in acts] == [("anna", job.json()["id"])]
