"""Everything around the routes: health, metrics, request ids, rate limits, unhandled errors, policy, jobs, users."""

import threading
import time
from dataclasses import replace

import httpx
import psycopg
import pytest
from structlog.testing import capture_logs

from app.http import events as event_routes
from app.index.protocol import IndexUnavailableError
from app.storage import work
from tests.support.served import serve


def test_live_and_ready(served, nothing_to_do):
    with httpx.Client(base_url=served.url) as client:
        assert client.get("/health/live").json() == {"status": "ok"}
        ready = client.get("/health/ready")
    assert ready.status_code == 200, ready.text
    body = ready.json()
    assert body["status"] == "ok"
    assert set(body["parts"]) == {"database", "schema", "pipeline", "encoder", "index", "hints", "draining"}


class Broken:
    """An index or a Redis that does not answer."""

    def __init__(self, part):
        self._part = part

    def collections(self):
        raise IndexUnavailableError("down")

    def healthy(self) -> bool:
        return False

    def __getattr__(self, name):
        return getattr(self._part, name)


def test_without_index_or_redis_it_is_ready_but_degraded(gateway, nothing_to_do):
    for name, part in (("index", Broken(gateway.index)), ("hints", Broken(gateway.hints))):
        context = replace(gateway, **{name: part}, settings=gateway.settings.model_copy(update={"qdrant_url": "x"}))
        with serve(context) as running:
            ready = httpx.get(f"{running.url}/health/ready")
            assert ready.status_code == 200
            assert ready.json()["status"] == "degraded"
            assert [n for n, p in ready.json()["parts"].items() if not p["ok"]] == [name]
            assert f'mneme_degraded{{part="{name}"}} 1.0' in httpx.get(f"{running.url}/metrics").text


def test_old_work_makes_it_degraded(served, project):
    with served.context.db.transaction(project) as conn:
        work.enqueue(conn, project, "nothing-takes-this")
        conn.execute(
            "UPDATE work SET created_at = now() - interval '2 minutes', run_after = now() - interval '2 minutes'"
        )
    try:
        ready = httpx.get(f"{served.url}/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert not ready.json()["parts"]["pipeline"]["ok"]
    finally:
        with served.context.db.transaction(project) as conn:
            conn.execute("DELETE FROM work")


def test_health_answers_while_all_request_threads_are_busy(served, api, monkeypatch):
    release = threading.Event()
    before = event_routes.events.page

    def slow(*args):
        release.wait(10)
        return before(*args)

    monkeypatch.setattr(event_routes.events, "page", slow)
    busy = [threading.Thread(target=api.get, args=("/v1/events",)) for _ in range(12)]
    for thread in busy:
        thread.start()
    time.sleep(0.3)
    try:
        started = time.monotonic()
        assert httpx.get(f"{served.url}/health/live").status_code == 200
        assert time.monotonic() - started < 1
    finally:
        release.set()
        for thread in busy:
            thread.join()


def test_waiting_clients_hold_no_thread(served, api, token):
    body = {"events": [{"user_id": "anna", "session_id": "s", "role": "user", "content": "Hi"}]}

    def wait() -> None:
        with served.client(token) as client:
            client.post("/v1/events", json=body, params={"wait": "processed", "timeout": "2"})

    waiting = [threading.Thread(target=wait) for _ in range(20)]
    for thread in waiting:
        thread.start()
    time.sleep(0.5)
    started = time.monotonic()
    assert api.get("/v1/events").status_code == 200
    assert time.monotonic() - started < 1
    for thread in waiting:
        thread.join()


def test_metrics_are_text_without_ids(served, api, project):
    api.get("/v1/users/somebody-unheard-of")
    text = httpx.get(f"{served.url}/metrics").text
    assert 'mneme_http_seconds_count{method="GET",route="/v1/users/{user_id}",status="404"}' in text
    for operation in ("consolidation", "updating", "indexing", "forgetting", "retrieval", "compression"):
        assert f'mneme_operations_total{{operation="{operation}"}}' in text
    assert "somebody-unheard-of" not in text
    assert str(project.project_id) not in text


def test_the_request_id_goes_in_and_out(api):
    assert api.get("/v1/events", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    made = api.get("/v1/events", headers={"X-Request-ID": "a b"}).headers["x-request-id"]
    assert made != "a b"
    assert len(made) == 36


def test_rate_limits_say_when_to_come_back(gateway, token):
    settings = gateway.settings.model_copy(update={"rate_limit_per_minute": 3, "qdrant_url": "x"})
    with serve(replace(gateway, settings=settings)) as running, running.client(token) as client:
        answers = [client.get("/v1/events") for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    assert answers[0].headers["ratelimit-policy"] == '"default";q=3;w=60'
    assert answers[0].headers["ratelimit"].startswith('"default";r=2;')
    assert answers[3].json()["code"] == "rate_limited"
    assert int(answers[3].headers["retry-after"]) >= 1


def test_an_unhandled_error_is_a_problem_that_says_nothing(api, monkeypatch):
    def broken(*_args):
        raise RuntimeError("canary-of-the-inside")

    monkeypatch.setattr(event_routes.events, "page", broken)
    with capture_logs() as logs:
        answer = api.get("/v1/events", headers={"X-Request-ID": "lost-1"})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "internal"
    assert answer.json()["request_id"] == "lost-1"
    assert "canary" not in answer.text
    lost = [entry for entry in logs if entry["event"] == "request_failed"]
    assert [(entry["request_id"], entry["log_level"]) for entry in lost] == [("lost-1", "error")]
    assert "canary" not in str(lost)


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), psycopg.errors.QueryCanceled("slow")])
def test_a_database_that_is_away_is_503(api, monkeypatch, error):
    def broken(*_args):
        raise error

    monkeypatch.setattr(event_routes.events, "page", broken)
    answer = api.get("/v1/events")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["code"] == "unavailable"
    assert "gone" not in answer.text


def test_an_exhausted_pool_is_503(gateway, postgres, token):
    from app.storage.db import Database  # noqa: PLC0415

    small = Database(postgres.app_dsn, size=1, wait=0.2)
    small.open()
    try:
        settings = gateway.settings.model_copy(update={"qdrant_url": "x"})
        with serve(replace(gateway, db=small, settings=settings)) as running, running.client(token) as client:
            assert client.get("/v1/events").status_code == 200
            with small.transaction(None):
                answer = client.get("/v1/events")
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
                assert client.get("/health/ready").status_code == 503
                assert client.get("/health/live").status_code == 200
            assert client.get("/v1/events").status_code == 200
    finally:
        small.close()


def test_the_policy_is_put_whole_or_as_a_preset(api):
    default = api.get("/v1/policy").json()
    assert (default["preset"], default["version"], default["updated_at"]) == ("default", 0, None)
    preset = api.put("/v1/policy", json={"preset": "engram"}).json()
    assert (preset["preset"], preset["version"]) == ("engram", 1)
    whole = {**default["policy"], "secrets": {"vault": True}}
    custom = api.put("/v1/policy", json={"policy": whole}).json()
    assert (custom["preset"], custom["version"], custom["policy"]) == ("custom", 2, whole)
    assert api.get("/v1/policy").json() == custom
    for body, pointer in (
        ({}, "/preset"),
        ({"preset": "default", "policy": whole}, "/preset"),
        ({"preset": "custom"}, "/preset"),
        ({"preset": "best"}, "/preset"),
        ({"policy": {**whole, "segment": {**whole["segment"], "max_events": 0}}}, "/policy/segment/max_events"),
        ({"policy": {}}, "/policy/segment"),
    ):
        answer = api.put("/v1/policy", json=body)
        assert answer.status_code == 422, body
        assert pointer in [e["pointer"] for e in answer.json()["errors"]], answer.text


def test_dead_work_is_a_failed_job_that_can_be_retried(api, served, project):
    body = {"events": [{"user_id": "anna", "session_id": "s1", "role": "user", "content": "Hi"}]}
    event_id = api.post("/v1/events", json=body).json()["items"][0]["id"]
    context = served.context
    with context.db.transaction(project) as conn:
        conn.execute("UPDATE work SET state = 'dead'")
        conn.execute("UPDATE events SET state = 'failed'")
        job_id = context.new_id()
        conn.execute(
            "INSERT INTO jobs (id, project_id, kind, scope, state, error) VALUES (%s, %s, 'extract',"
            """ '{"user_id": "anna", "session_id": "s1"}', 'failed', 'boom')""",
            (job_id, project.project_id),
        )
    assert [j["id"] for j in api.get("/v1/jobs", params={"state": "failed"}).json()["items"]] == [str(job_id)]
    retried = api.post(f"/v1/jobs/{job_id}/retry")
    assert (retried.status_code, retried.headers["location"]) == (202, f"/v1/jobs/{job_id}")
    assert api.get(f"/v1/events/{event_id}").json()["state"] == "pending"
    with context.db.transaction(project) as conn:
        row = conn.execute("SELECT state, attempts FROM work WHERE kind = 'extract'").fetchone()
    assert row == {"state": "ready", "attempts": 0}
    again = api.post(f"/v1/jobs/{job_id}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "job_not_failed")


def test_users_and_sessions_are_counted(api):
    def event(session: str, at: str):
        return {"user_id": "anna", "session_id": session, "role": "user", "content": "Hi", "occurred_at": at}

    batch = [event("s1", f"2025-01-0{n}T00:00:00Z") for n in range(1, 9)] + [event("s2", "2025-02-01T00:00:00Z")]
    api.post("/v1/events", json={"events": batch})
    user = api.get("/v1/users/anna").json()
    assert (user["sessions"], user["events"], user["pending"], user["memories"]) == (2, 9, 9, {})
    assert user["health"] == {"memories": {}, "measured": None}
    assert api.get("/v1/users/bob").status_code == 404
    sessions = api.get("/v1/sessions", params={"user_id": "anna"}).json()["items"]
    assert [(s["session_id"], s["events"]) for s in sessions] == [("s2", 1), ("s1", 8)]
    session = api.get("/v1/sessions/s1", params={"user_id": "anna"}).json()
    assert [e["occurred_at"][8:10] for e in session["last_events"]] == ["03", "04", "05", "06", "07", "08"]
    assert api.get("/v1/sessions").status_code == 422


def test_a_sleep_is_over_users_not_sessions(api):
    body = {"kind": "sleep", "scope": {"user_id": "anna", "session_id": "s1"}}
    refused = api.post("/v1/jobs", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/scope/session_id")
    body = {"kind": "sleep", "scope": {"user_id": "anna"}, "dry_run": True}
    assert api.post("/v1/jobs", json=body).json()["detail"] == "There is no such user."
    api.post("/v1/memories", json={"user_id": "anna", "text": "Anna likes tea."}).raise_for_status()
    job = api.post("/v1/jobs", json=body)
    assert (job.status_code, job.json()["kind"], job.json()["dry_run"]) == (202, "sleep", True)
