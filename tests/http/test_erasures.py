"""Erasures over HTTP: receipts, what is answered afterwards, who may, and what is refused."""

from uuid import uuid4

import pytest

from app.domain.access import KeyScope
from tests.support.served import new_key

EVENT = {"user_id": "anna", "session_id": "s1", "role": "user", "content": "I live in Porto."}


def say(api, **more) -> str:
    return api.post("/v1/events", json={"events": [EVENT | more]}).raise_for_status().json()["items"][0]["id"]


def write(api, text: str = "Anna keeps bees.", **more) -> str:
    return api.post("/v1/memories", json={"user_id": "anna", "text": text} | more).raise_for_status().json()["id"]


def test_an_erased_user_is_unknown_at_once_and_has_a_receipt(api):
    say(api)
    write(api)
    answer = api.delete("/v1/users/anna")
    assert answer.status_code == 202
    receipt = answer.json()
    assert answer.headers["Location"] == f"/v1/erasures/{receipt['id']}"
    assert (receipt["target"], receipt["state"], receipt["signature"]) == ("user", "erasing", None)
    assert receipt["counts"]["events"] == receipt["counts"]["memories"] == 1
    assert api.get("/v1/users/anna").status_code == 404
    assert api.get("/v1/events", params={"user_id": "anna"}).json()["items"] == []
    assert api.get("/v1/memories", params={"user_id": "anna", "status": "any"}).json()["items"] == []
    recalled = api.post("/v1/recall", json={"user_id": "anna", "query": "Where does Anna live?"}).json()
    assert recalled["items"] == []
    assert "Porto" not in recalled["context"]["text"]
    assert api.delete("/v1/users/anna").status_code == 404
    assert api.get(answer.headers["Location"]).json() == receipt
    assert [r["id"] for r in api.get("/v1/erasures").json()["items"]] == [receipt["id"]]
    say(api)
    assert len(api.get("/v1/events", params={"user_id": "anna"}).json()["items"]) == 1


def test_deleting_a_session_a_memory_and_an_event_leave_receipts(api):
    event, memory = say(api), write(api)
    say(api, session_id="s2")
    for answer, kind in (
        (api.delete(f"/v1/memories/{memory}"), "memory"),
        (api.delete("/v1/sessions/s2", params={"user_id": "anna"}), "session"),
        (api.delete(f"/v1/events/{event}"), "event"),
    ):
        assert answer.status_code == (202 if kind == "event" else 204)
        assert api.get(answer.headers["Location"]).json()["target"] == kind
    assert api.get(f"/v1/events/{event}").status_code == 404
    assert api.delete(f"/v1/events/{event}").status_code == 404


def test_a_repeat_of_what_was_erased_stores_nothing(api):
    head = {"Idempotency-Key": "first"}
    api.post("/v1/events", json={"events": [EVENT]}, headers=head).raise_for_status()
    answer = api.delete("/v1/users/anna", headers={"Idempotency-Key": "second"})
    again = api.post("/v1/events", json={"events": [EVENT]}, headers=head)
    assert (again.status_code, again.json()["code"]) == (409, "answer_erased")
    assert api.get("/v1/users/anna").status_code == 404
    same = api.delete("/v1/users/anna", headers={"Idempotency-Key": "second"})
    assert (same.status_code, same.json()) == (202, answer.json())


def test_a_source_is_named_by_one_of_its_fields_and_one_target_is_given(api):
    say(api, metadata={"tool": "import"})
    for body, pointer in (
        ({"user_id": "anna"}, "/event_id"),
        ({"user_id": "anna", "event_id": str(uuid4()), "session_id": "s1"}, "/event_id"),
        ({"user_id": "anna", "source": {}}, "/source"),
    ):
        answer = api.post("/v1/erasures", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer
    nothing = api.post("/v1/erasures", json={"user_id": "anna", "source": {"metadata": {"tool": "other"}}})
    assert nothing.status_code == 404
    answer = api.post("/v1/erasures", json={"user_id": "anna", "source": {"metadata": {"tool": "import"}}})
    assert (answer.status_code, answer.json()["target_id"], answer.json()["counts"]["events"]) == (202, "metadata", 1)


def test_a_verification_is_kept_with_the_receipt_and_knows_a_false_signature(api):
    where = api.delete(f"/v1/events/{say(api)}").headers["Location"]
    answer = api.post(f"{where}/verify", params={"signature": "0" * 64}).json()
    assert (answer["clean"], answer["found"], answer["words"]) == (True, {}, True)
    assert answer["signature_valid"] is False
    assert api.get(where).json()["findings"] == {}
    assert api.post(f"{where}/verify", params={"signature": "x"}).status_code == 422


@pytest.mark.parametrize("bound", ["other", "session"])
def test_a_bound_key_erases_within_its_bounds_only(served, project, api, bound):
    event = say(api)
    limits = {"user_id": "ben"} if bound == "other" else {"user_id": "anna", "session_id": "s2"}
    with served.client(new_key(served.context.db, project, KeyScope.MEMORIES_WRITE, **limits)) as mine:
        assert mine.delete("/v1/users/anna").status_code == 403
        assert mine.delete(f"/v1/events/{event}").status_code == 404
        assert mine.post("/v1/erasures", json={"user_id": "anna", "source": {"role": "user"}}).status_code == 403
    assert api.get(f"/v1/events/{event}").status_code == 200
    with served.client(new_key(served.context.db, project, KeyScope.RECALL)) as reader:
        assert reader.delete("/v1/users/anna").status_code == 403


def test_an_erasure_is_in_the_audit_without_the_user(api, owner_database, project):
    say(api)
    write(api)
    receipt = api.delete("/v1/users/anna").json()
    with owner_database.transaction(None) as conn:
        rows = conn.execute(
            "SELECT user_id, action, target_id, detail FROM audit WHERE project_id = %s ORDER BY at",
            (project.project_id,),
        ).fetchall()
    assert [row["action"] for row in rows] == ["memory.create", "user.erase"]
    assert rows[0]["target_id"] == "erased"
    assert rows[1]["target_id"] == receipt["id"]
    assert "anna" not in str(rows)


def test_shares_answers_and_the_audit_name_an_erased_user_no_more(api):
    for user in ("anna", "ben.7"):
        write(api, f"{user} likes green tea.", user_id=user)
    readers = {"user_id": "anna", "with_user_ids": ["ben.7"]}
    share = api.post("/v1/cubes/shares", json=readers, headers={"Idempotency-Key": "share"}).json()["id"]
    clone = {"user_id": "anna", "to_user_id": "ben.7"}
    api.post("/v1/cubes/clone", json=clone, headers={"Idempotency-Key": "clone"})
    assert api.delete("/v1/users/ben.7").status_code == 202
    left = api.get(f"/v1/cubes/shares/{share}").json()
    assert (left["with_user_ids"], left["revoked_at"] is None) == ([], False)
    for key, path, body in (("share", "shares", readers), ("clone", "clone", clone)):
        again = api.post(f"/v1/cubes/{path}", json=body, headers={"Idempotency-Key": key})
        assert (again.status_code, again.json()["code"]) == (409, "answer_erased")
    entries = api.get("/v1/audit", params={"limit": 200}).json()["items"]
    assert {"cube.clone", "share.create"} <= {entry["action"] for entry in entries if entry["user_id"] == "anna"}
    named = [entry for entry in entries if "ben.7" in str(entry)]
    assert [entry["action"] for entry in named] == []
