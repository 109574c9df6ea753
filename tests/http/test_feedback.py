"""Feedback over HTTP: what each signal does, what is kept of it, who may give it, and that it goes with its memory."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.access import KeyScope
from tests.support.served import new_key

TEXT = "Anna owns a zither."


def remember(api, text: str = TEXT, **fields):
    answer = api.post("/v1/memories", json={"user_id": "anna", "text": text, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def give(api, memory, signal: str, **more):
    answer = api.post(f"/v1/memories/{memory['id']}/feedback", json={"signal": signal, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def recalled(api, **view) -> list[str]:
    body = {"user_id": "anna", "query": "Does Anna own a zither?", "record_usage": False, **view}
    answer = api.post("/v1/recall", json=body)
    assert answer.status_code == 200, answer.text
    return [item["text"] for item in answer.json()["items"]]


def is_recalled(api, **view) -> bool:
    """Whether the memory is found, at the latest once the index has it."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if TEXT in recalled(api, **view):
            return True
        time.sleep(0.05)
    return False


def history(api, memory):
    return api.get(f"/v1/memories/{memory['id']}/history").json()["items"]


def test_helpful_counts_as_a_use(api):
    memory = remember(api)
    given = give(api, memory, "helpful", note="Just right.", query="What does Anna own?")
    now, said = given["memory"], given["feedback"]
    assert given["effect"] == "strengthened"
    assert (now["use_count"], now["version"]) == (1, 1)
    assert now["last_used_at"] is not None
    assert now == api.get(f"/v1/memories/{memory['id']}").json()
    assert (said["memory_id"], said["user_id"], said["signal"]) == (memory["id"], "anna", "helpful")
    assert (said["note"], said["query"]) == ("Just right.", "What does Anna own?")
    assert abs(datetime.fromisoformat(said["created_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert give(api, memory, "helpful")["memory"]["use_count"] == 2


def test_wrong_weakens_and_the_second_one_ends_it(api):
    memory = remember(api, confidence=0.8)
    first = give(api, memory, "wrong")
    assert (first["effect"], first["memory"]["status"]) == ("weakened", "active")
    assert first["memory"]["confidence"] == pytest.approx(0.4)
    second = give(api, memory, "wrong")
    assert (second["effect"], second["memory"]["status"]) == ("invalidated", "invalidated")
    assert second["memory"]["confidence"] == pytest.approx(0.2)
    assert second["memory"]["live_until"] is not None
    assert [(v["version"], v["change"], v["reason"]) for v in history(api, memory)] == [
        (1, "add", None),
        (2, "feedback", "wrong"),
        (3, "feedback", "wrong"),
    ]
    assert history(api, memory)[0]["confidence"] == pytest.approx(0.8)
    assert is_recalled(api, as_of=memory["occurred_at"])
    assert TEXT not in recalled(api)


def test_another_wording_leaves_earlier_complaints_behind(api):
    memory = remember(api)
    give(api, memory, "wrong")
    patched = api.patch(f"/v1/memories/{memory['id']}", json={"text": "Anna owns a lute."}, headers={"If-Match": "*"})
    assert patched.status_code == 200
    assert give(api, memory, "wrong")["effect"] == "weakened"
    assert give(api, memory, "wrong")["effect"] == "invalidated"


def test_outdated_ends_today_in_the_place_of_the_memory(api):
    memory = remember(api, occurred_at="2025-05-04T10:00:00+14:00")
    days = {str(datetime.now(timezone(timedelta(hours=14))).date())}
    given = give(api, memory, "outdated")
    days.add(str(datetime.now(timezone(timedelta(hours=14))).date()))
    assert (given["effect"], given["memory"]["status"]) == ("invalidated", "invalidated")
    assert given["memory"]["valid_to"] in days
    assert given["memory"]["valid_to_precision"] == "day"
    assert is_recalled(api, as_of="2025-06-01T00:00:00Z")
    assert TEXT not in recalled(api)
    assert [v["valid_to"] for v in history(api, memory)] == [None, given["memory"]["valid_to"]]
    assert give(api, memory, "outdated")["effect"] == "unchanged"
    assert len(history(api, memory)) == 2


def test_private_is_left_out_from_every_point_of_view(api):
    memory = remember(api, occurred_at="2025-05-04T10:00:00Z")
    assert is_recalled(api)
    given = give(api, memory, "private")
    assert (given["effect"], given["memory"]["status"]) == ("archived", "archived")
    before = {"known_at": history(api, memory)[0]["recorded_at"]}
    for view in ({}, {"as_of": "2025-06-01T00:00:00Z"}, before, {"return": "all_matches"}):
        assert TEXT not in recalled(api, **view), view
        assert is_recalled(api, **view, include_archived=True), view
        assert TEXT not in recalled(api, **view), view
    assert api.get("/v1/memories", params={"user_id": "anna"}).json()["items"] == []
    assert give(api, memory, "private")["memory"]["version"] == 2


def test_an_archive_that_is_not_private_is_still_known_then(api, served, project):
    memory = remember(api)
    with served.context.db.transaction(project) as conn:
        conn.execute("UPDATE memories SET status = 'archived' WHERE id = %s", (memory["id"],))
    assert is_recalled(api, known_at=history(api, memory)[0]["recorded_at"])


def test_a_private_memory_does_not_leave_its_history_behind(api, served, project):
    memory = remember(api, occurred_at="2025-05-04T10:00:00Z")
    with served.context.db.transaction(project) as conn:
        conn.execute(
            "UPDATE memories SET status = 'superseded', live_until = '2025-07-01T00:00:00Z' WHERE id = %s",
            (memory["id"],),
        )
    assert is_recalled(api, as_of="2025-06-01T00:00:00Z")
    give(api, memory, "private")
    assert TEXT not in recalled(api, as_of="2025-06-01T00:00:00Z")


def test_feedback_is_listed_in_pages(api):
    memory, other = remember(api), remember(api, "Anna owns a lute.")
    given = [give(api, memory, "helpful", note=f"Note {n}.")["feedback"] for n in range(5)]
    give(api, other, "wrong")
    path, seen, cursor = f"/v1/memories/{memory['id']}/feedback", [], None
    while True:
        page = api.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == given
    mine = api.get(path, params={"limit": 2}).json()["next_cursor"]
    foreign = api.get(f"/v1/memories/{other['id']}/feedback", params={"cursor": mine})
    assert (foreign.status_code, foreign.json()["errors"][0]["pointer"]) == (422, "query:cursor")


def test_the_same_key_gives_it_once(api):
    memory = remember(api)
    path, headers = f"/v1/memories/{memory['id']}/feedback", {"Idempotency-Key": "once"}
    first = api.post(path, json={"signal": "wrong"}, headers=headers)
    again = api.post(path, json={"signal": "wrong"}, headers=headers)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert len(api.get(path).json()["items"]) == 1
    assert api.get(f"/v1/memories/{memory['id']}").json()["status"] == "active"


def test_many_at_once_are_each_counted(api):
    memory = remember(api, confidence=1.0)
    with ThreadPoolExecutor(6) as pool:
        effects = list(pool.map(lambda _: give(api, memory, "wrong")["effect"], range(6)))
    assert effects.count("invalidated") == 1
    assert [v["version"] for v in history(api, memory)] == list(range(1, 8))
    assert api.get(f"/v1/memories/{memory['id']}").json()["confidence"] == pytest.approx(2**-6)


def test_every_act_is_recorded(api, owner_database, project):
    memory = remember(api)
    given = give(api, memory, "outdated", note="Sold it.")
    with owner_database.transaction(None) as conn:
        (row,) = conn.execute(
            "SELECT user_id, actor, target_id, detail FROM audit WHERE project_id = %s AND action = 'memory.feedback'",
            (project.project_id,),
        ).fetchall()
    assert (row["user_id"], row["target_id"]) == ("anna", memory["id"])
    assert row["actor"].startswith("key:")
    assert row["detail"] == {
        "signal": "outdated",
        "effect": "invalidated",
        "feedback_id": given["feedback"]["id"],
        "version_before": 1,
        "version": 2,
    }


def test_secrets_are_masked(api):
    given = give(api, remember(api), "wrong", note="My password is hunter2horse", query="password: hunter2horse?")
    assert "hunter2horse" not in str(given)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/signal"),
        ({"signal": "great"}, "/signal"),
        ({"signal": "wrong", "note": ""}, "/note"),
        ({"signal": "wrong", "note": "x" * 1_001}, "/note"),
        ({"signal": "wrong", "query": "x" * 8_193}, "/query"),
        ({"signal": "wrong", "user_id": "a/b"}, "/user_id"),
        ({"signal": "wrong", "status": "active"}, "/status"),
    ],
)
def test_nonsense_is_refused_with_a_pointer(api, body, pointer):
    memory = remember(api)
    answer = api.post(f"/v1/memories/{memory['id']}/feedback", json=body)
    assert answer.status_code == 422
    assert pointer in [e["pointer"] for e in answer.json()["errors"]]
    assert api.get(f"/v1/memories/{memory['id']}/feedback").json()["items"] == []


def test_a_key_reaches_what_it_may_see(api, served, project):
    mine, other = remember(api, session_id="s1"), remember(api, "Bob owns a lute.", user_id="bob")
    database = served.context.db
    both = (KeyScope.MEMORIES_READ, KeyScope.MEMORIES_WRITE)

    def statuses(client, memory, **more):
        path = f"/v1/memories/{memory['id']}/feedback"
        return client.post(path, json={"signal": "helpful", **more}).status_code, client.get(path).status_code

    assert statuses(api, mine, user_id="bob") == (404, 200)
    with served.client(new_key(database, project, *both, user_id="anna")) as bound:
        assert statuses(bound, mine) == (200, 200)
        assert statuses(bound, mine, user_id="bob") == (403, 200)
        assert statuses(bound, other) == (404, 404)
    with served.client(new_key(database, project, *both, user_id="anna", session_id="s2")) as bound:
        assert statuses(bound, mine) == (404, 404)
    with served.client(new_key(database, project, KeyScope.MEMORIES_READ)) as reader:
        assert statuses(reader, mine) == (403, 200)


@pytest.mark.parametrize("removal", ["memory", "session"])
def test_it_goes_with_its_memory(api, owner_database, project, removal):
    event = {"user_id": "anna", "session_id": "s1", "role": "user", "content": "Hi"}
    assert api.post("/v1/events", json={"events": [event]}).status_code == 202
    memory = remember(api, session_id="s1")
    give(api, memory, "wrong", note="No zither.")
    path = f"/v1/memories/{memory['id']}" if removal == "memory" else "/v1/sessions/s1?user_id=anna"
    assert api.delete(path).status_code == 204
    assert api.get(f"/v1/memories/{memory['id']}/feedback").status_code == 404
    with owner_database.transaction(None) as conn:
        rows = conn.execute("SELECT 1 FROM feedback WHERE project_id = %s", (project.project_id,)).fetchall()
    assert rows == []
