"""The state of a memory over HTTP: each action, what is refused, versions, expiry to the second, reviews and flags."""

from datetime import UTC, datetime, timedelta

import pytest

from app.clock import utc_now
from tests.http.test_feedback import give, history, remember


def change(api, memory, action: str, *, reason: str | None = None, **headers):
    body = {"action": action} | ({"reason": reason} if reason else {})
    return api.post(f"/v1/memories/{memory['id']}/state", json=body, headers=headers)


def changed(api, memory, action: str, **more):
    answer = change(api, memory, action, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def listed(api, **filters):
    answer = api.get("/v1/memories", params={"user_id": "anna", **filters})
    assert answer.status_code == 200, answer.text
    return [memory["id"] for memory in answer.json()["items"]]


def soon(**by) -> str:
    return (datetime.now(UTC) + timedelta(**by)).isoformat()


def test_a_memory_says_how_it_stands(api):
    memory = remember(api, importance=0.5, confidence=0.8)
    assert (memory["faded"], memory["flagged"], memory["layer"], memory["stability"]) == (False, False, "short", 1.0)
    assert memory["retention"] == pytest.approx(1.0, abs=1e-3)
    assert memory["strength"] == pytest.approx(0.75 * 0.9, abs=1e-3)
    assert (memory["expires_at"], memory["review_at"]) == (None, None)


def test_each_action_makes_a_version_with_its_reason(api):
    memory = remember(api)
    assert changed(api, memory, "freeze", reason="legal hold")["frozen"] is True
    assert changed(api, memory, "unfreeze")["frozen"] is False
    assert changed(api, memory, "archive")["status"] == "archived"
    assert changed(api, memory, "restore")["status"] == "active"
    ended = changed(api, memory, "invalidate")
    assert (ended["status"], ended["live_until"] is not None) == ("invalidated", True)
    back = changed(api, memory, "restore")
    assert (back["status"], back["live_until"], back["version"]) == ("active", None, 7)
    assert [(v["change"], v["reason"]) for v in history(api, memory)[1:4]] == [
        ("state", "freeze: legal hold"),
        ("state", "unfreeze"),
        ("state", "archive"),
    ]


def test_the_same_state_again_makes_no_version(api):
    memory = remember(api)
    assert changed(api, memory, "unfreeze")["version"] == 1
    assert changed(api, memory, "approve")["version"] == 1


@pytest.mark.parametrize(
    ("before", "action", "code"),
    [(["freeze"], "archive", "memory_frozen"), (["archive"], "approve", "forbidden_move")],
)
def test_what_the_state_does_not_allow_is_a_conflict(api, before, action, code):
    memory = remember(api)
    for step in before:
        changed(api, memory, step)
    refused = change(api, memory, action)
    assert (refused.status_code, refused.json()["code"]) == (409, code)
    assert len(history(api, memory)) == 1 + len(before)


def test_a_memory_does_not_come_back_beside_one_that_says_the_same(api):
    memory = remember(api)
    changed(api, memory, "archive")
    other = remember(api)
    refused = change(api, memory, "restore")
    assert (refused.status_code, refused.json()["code"]) == (409, "same_text")
    assert other["id"] in refused.text


def test_another_version_than_the_one_seen_is_refused(api):
    memory = remember(api)
    assert change(api, memory, "freeze", **{"If-Match": '"7"'}).status_code == 412
    assert change(api, memory, "freeze", **{"If-Match": '"1"'}).status_code == 200
    assert change(api, memory, "freeze", **{"If-Match": "nonsense"}).status_code == 422


def test_a_secret_in_a_reason_is_not_kept(api):
    memory = remember(api)
    changed(api, memory, "freeze", reason="the password is hunter2-Quux77")
    assert "hunter2" not in api.get(f"/v1/memories/{memory['id']}/history").text


def test_an_expiry_is_kept_shown_changed_and_taken_away(api):
    memory = remember(api, expires_at="2090-05-04T10:00:00+01:00", review_at="2089-05-04T10:00:00+01:00")
    assert datetime.fromisoformat(memory["expires_at"]) == datetime(2090, 5, 4, 9, tzinfo=UTC)
    assert datetime.fromisoformat(memory["review_at"]) == datetime(2089, 5, 4, 9, tzinfo=UTC)
    answer = api.patch(
        f"/v1/memories/{memory['id']}", json={"expires_at": None, "review_at": None}, headers={"If-Match": '"1"'}
    )
    assert (answer.json()["expires_at"], answer.json()["review_at"]) == (None, None)


def test_an_expiry_in_the_past_is_refused(api):
    refused = api.post("/v1/memories", json={"user_id": "anna", "text": "Over.", "expires_at": "2020-01-01T00:00:00Z"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/expires_at")


def test_what_has_expired_is_expired_before_any_sweep_and_may_be_said_again(api, served, project):
    memory = remember(api, expires_at=soon(hours=1))
    with served.context.db.transaction(project) as conn:
        conn.execute("UPDATE memories SET expires_at = now() WHERE id = %s", (memory["id"],))
    assert api.get(f"/v1/memories/{memory['id']}").json()["status"] == "expired"
    assert memory["id"] not in listed(api)
    assert memory["id"] in listed(api, status="expired")
    counted = api.get("/v1/users/anna").json()
    assert (counted["memories"], counted["health"]["memories"]) == ({"expired": 1}, {"expired": {"fact": 1}})
    again = remember(api)
    assert again["id"] != memory["id"]
    assert api.get(f"/v1/memories/{memory['id']}").json()["version"] == 2


def test_reviews_that_are_due_are_listed(api):
    due = remember(api, "Anna owns a zither that is due.", review_at=soon(days=-1))
    remember(api, "Anna owns a zither that is not due.", review_at=soon(days=9))
    assert listed(api, review_before=utc_now().isoformat().replace("+00:00", "Z")) == [due["id"]]


def test_wrong_flags_until_somebody_looks(api):
    memory = remember(api, "Anna owns a flagged zither.")
    given = give(api, memory, "wrong")["memory"]
    assert (given["flagged"], given["stability"]) == (True, 0.5)
    assert memory["id"] in listed(api, flagged="true")
    assert changed(api, memory, "approve")["flagged"] is False
    assert memory["id"] not in listed(api, flagged="true")


def test_used_counts_as_a_whole_use(api):
    memory = remember(api)
    given = give(api, memory, "used")
    assert (given["effect"], given["memory"]["use_count"], given["memory"]["version"]) == ("strengthened", 1.0, 1)
