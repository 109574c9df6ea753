"""Changes over HTTP on the whole running service: what is patched or deleted, as recall and the lists show it."""

import time
from uuid import uuid4

import httpx
import pytest

from app.embedded import archive


@pytest.fixture
def live(service):
    headers = {"Authorization": f"Bearer {service.key}"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=60) as client:
        yield client


def turn(user: str, content: str, session: str = "s1"):
    return {"user_id": user, "session_id": session, "role": "user", "name": "Anna", "content": content}


def send(live, *events, wait: bool = True):
    params = {"wait": "processed", "timeout": "30"} if wait else {}
    answer = live.post("/v1/events", json={"events": list(events)}, params=params)
    assert answer.status_code == (200 if wait else 202), answer.text
    return answer.json()["items"]


def items(live, user: str, query: str):
    answer = live.post("/v1/recall", json={"user_id": user, "query": query})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def settled(live, check, seconds: float = 15.0):
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_patched_and_deleted_memories_are_recalled_as_they_are_now(live):
    user = f"u-{uuid4()}"
    sent = send(live, turn(user, "I live in Lisbon."), turn(user, "My dog is called Rex."))
    memories = live.get("/v1/memories", params={"user_id": user}).json()["items"]
    home = next(m for m in memories if "Lisbon" in m["text"])
    assert [s["event_id"] for s in home["sources"]] == [sent[0]["id"]]
    effects = live.get(f"/v1/events/{sent[0]['id']}").json()["effects"]
    assert home["id"] in [effect["memory_id"] for effect in effects]
    path = f"/v1/memories/{home['id']}"
    patched = live.patch(path, json={"text": "Anna lives in Xanthi."}, headers={"If-Match": f'"{home["version"]}"'})
    assert patched.status_code == 200, patched.text
    settled(live, lambda: any("Xanthi" in i["text"] for i in items(live, user, "Xanthi")))
    assert live.delete(path).status_code == 204
    settled(live, lambda: not any("Xanthi" in i["text"] for i in items(live, user, "Xanthi")))
    assert home["id"] not in [m["id"] for m in live.get("/v1/memories", params={"user_id": user}).json()["items"]]


def test_a_session_that_is_deleted_while_it_is_read_stays_deleted(live):
    user = f"u-{uuid4()}"
    send(live, turn(user, "My dog is called Rex.", "kept"))
    for n in range(5):
        send(live, *[turn(user, f"I visited Quillport {n}-{m}.", "gone") for m in range(20)], wait=False)
        time.sleep(0.3 * n)
        assert live.delete("/v1/sessions/gone", params={"user_id": user}).status_code == 204
    overview = live.get(f"/v1/users/{user}").json
    settled(live, lambda: overview()["pending"] == 0)
    time.sleep(1.0)
    assert overview()["events"] == 1
    listed = live.get("/v1/memories", params={"user_id": user, "status": "any"}).text
    assert "Rex" in listed
    assert "Quillport" not in listed
    assert not any("Quillport" in i["text"] for i in items(live, user, "Where is Quillport?"))
    failed = live.get("/v1/jobs", params={"state": "failed"}).json()["items"]
    assert user not in str(failed)


def test_metrics_tell_of_the_worker_too_and_health_is_measured(live):
    user = f"u-{uuid4()}"
    send(live, turn(user, "I live in Vilnius."))
    settled(live, lambda: live.get(f"/v1/users/{user}").json()["health"]["measured"])
    health = live.get(f"/v1/users/{user}").json()["health"]
    assert health["measured"]["active"] == sum(health["memories"]["active"].values()) >= 1
    expected = (
        'mneme_operation_seconds_count{operation="consolidation",process="worker"} ',
        'mneme_operation_seconds_count{operation="compression",process="worker"} ',
        'mneme_operation_seconds_count{operation="indexing"} ',
    )

    def counted() -> bool:  # a run counts a moment after its transaction
        lines = live.get("/metrics").text.splitlines()
        return all(any(x.startswith(line) and float(x.removeprefix(line)) >= 1 for x in lines) for line in expected)

    settled(live, counted)


def test_a_buffer_holds_turns_back_until_a_client_waits(live):
    """Also one that sends again what is in the buffer already."""
    user = f"u-{uuid4()}"
    before = live.get("/v1/policy").json()
    assert live.put("/v1/policy", json={"preset": "lightmem"}).status_code == 200
    try:
        held = turn(user, "My cello teacher is called Zephyrine.") | {"id": "one"}
        send(live, held, wait=False)
        assert items(live, user, "Zephyrine")[0]["pending"]
        time.sleep(2.0)  # twice the rest that a session has without a buffer
        assert items(live, user, "Zephyrine")[0]["pending"]
        (waited,) = send(live, held)
        assert (waited["status"], waited["state"]) == ("duplicate", "processed")
        assert not items(live, user, "Zephyrine")[0]["pending"]
        assert live.get("/health/ready").json()["status"] == "ok"
    finally:
        live.put("/v1/policy", json={"preset": before["preset"]})


def test_a_backup_is_a_job_that_writes_a_whole_file(live, service):
    asked = live.post("/v1/jobs", json={"kind": "backup"})
    assert asked.status_code == 202, asked.text
    where = asked.headers["Location"]
    settled(live, lambda: live.get(where).json()["state"] in {"done", "failed"}, 60.0)
    job = live.get(where).json()
    assert (job["state"], job["error"]) == ("done", None)
    assert job["done"] == job["total"] > 20
    file = service.home_path / job["counts"]["file"]
    assert (file.stat().st_size, file.stat().st_mode & 0o077) == (job["counts"]["bytes"], 0)
    manifest = archive.read(file, file.with_suffix(".dump"))
    assert sum(manifest.rows.values()) == job["counts"]["rows"]
    refused = live.post("/v1/jobs", json={"kind": "backup", "scope": {"user_id": "x"}})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/scope")
    refused = live.post("/v1/jobs", json={"kind": "backup", "dry_run": True})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/dry_run")
