"""Server mode as it is deployed: each command a process of its own, stores over TCP, no embedded part."""

import contextlib
import time
import uuid

import httpx
import psycopg
import pytest

from app.embedded.valkey import free_port
from tests.server.topology import environment, qdrant_server, run, running, tcp_postgres, wait_ready

pytestmark = pytest.mark.timeout(240)
QDRANT_KEY = "topology-key"


@pytest.fixture(scope="module")
def store():
    with tcp_postgres() as store:
        yield store


@pytest.fixture(scope="module")
def settings(store, valkey, model_dir, tmp_path_factory):
    """The environment of every process: what docker-compose.yml gives, on loopback."""
    with qdrant_server(tmp_path_factory.mktemp("qdrant"), QDRANT_KEY) as qdrant_url:
        yield environment(
            MNEME_HOME=str(tmp_path_factory.mktemp("home")),
            MNEME_HOST="127.0.0.1",
            MNEME_PORT=str(free_port()),
            MNEME_MODEL_DIR=str(model_dir),
            DATABASE_URL=store.app_url,
            REDIS_URL=valkey,
            QDRANT_URL=qdrant_url,
            QDRANT_API_KEY=QDRANT_KEY,
        )


@pytest.fixture(scope="module")
def key(settings, store):
    """The first admin key, as the README says to make it; `mneme migrate` twice is once."""
    owner = settings | {"MIGRATION_DATABASE_URL": store.admin_url}
    first = run(owner, "migrate", "--create-key")
    assert first.returncode == 0, first.stderr
    again = run(owner, "migrate")
    assert again.returncode == 0, again.stderr
    return first.stdout.strip()


@pytest.fixture(scope="module")
def url(settings):
    return f"http://127.0.0.1:{settings['MNEME_PORT']}"


def test_the_migration_says_what_it_needs(settings):
    done = run(settings, "migrate")
    assert done.returncode == 1
    assert "MIGRATION_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_events_become_memories_through_separate_processes(settings, key, url, tmp_path):
    user = f"u-{uuid.uuid4().hex[:8]}"
    with (
        running(settings, tmp_path, "api", "worker", "beat", "beat") as processes,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client,
    ):
        gateway = processes[0]
        wait_ready(url, gateway)
        said = [
            {"user_id": user, "session_id": "s1", "role": "user", "name": "Anna", "content": content}
            for content in ("I have a dog called Rex.", "My favourite colour is green.", "I live in Lisbon.")
        ]
        sent = client.post("/v1/events", json={"events": said}, params={"wait": "processed", "timeout": 50})
        assert sent.status_code == 200, sent.text + "".join(p.said() for p in processes)
        assert [item["state"] for item in sent.json()["items"]] == ["processed"] * 3

        found = client.post("/v1/recall", json={"user_id": user, "query": "What is Anna's dog called?"}).json()
        assert "Rex" in found["items"][0]["text"]
        assert found["degraded"] is False
        assert found["items"][0]["pending"] is False

        memories = client.get("/v1/memories", params={"user_id": user}).json()["items"]
        assert any("Rex" in memory["text"] for memory in memories)
        ids = {item["id"] for item in sent.json()["items"]}
        assert all(source["event_id"] in ids for memory in memories for source in memory["sources"])

        state = client.get("/health/ready").json()
        assert state["status"] == "ok", state
        assert all(process.alive() for process in processes), "".join(p.said() for p in processes)
        for process in reversed(processes):
            code, seconds = process.stop()
            assert code == 0, process.said()
            assert seconds < 10
        assert "Traceback" not in "".join(p.said() for p in processes)


def test_two_beats_run_each_schedule_once(settings, key, url, store, tmp_path):
    """A schedule is a row: whoever is first moves `next_run_at`, the other finds nothing due."""
    with running(settings, tmp_path, "worker", "beat", "beat") as processes:
        with psycopg.connect(store.admin_url, autocommit=True) as admin:
            deadline = time.monotonic() + 30
            while admin.execute("SELECT count(*) FROM schedules").fetchone()[0] == 0:
                assert time.monotonic() < deadline, "".join(p.said() for p in processes)
                time.sleep(0.1)
            admin.execute("UPDATE schedules SET last_run_at = NULL, next_run_at = now()")
            while admin.execute("SELECT count(*) FROM schedules WHERE last_run_at IS NULL").fetchone()[0]:
                assert time.monotonic() < deadline, "".join(p.said() for p in processes)
                time.sleep(0.1)
            ran = dict(admin.execute("SELECT name, last_run_at FROM schedules WHERE every_seconds >= 60").fetchall())
            time.sleep(3)
            after = dict(admin.execute("SELECT name, last_run_at FROM schedules WHERE every_seconds >= 60").fetchall())
        assert ran
        assert after == ran, "a schedule ran again before its time"
        assert all(process.alive() for process in processes)


@pytest.mark.parametrize("name", ["api", "worker", "beat"])
def test_a_stale_schema_is_refused(settings, key, store, name):
    with stale(store):
        began = time.monotonic()
        done = run(settings, name)
        assert done.returncode == 1
        assert "mneme migrate" in " ".join(done.stderr.split()), "lines are wrapped"
        assert "Traceback" not in done.stderr
        assert time.monotonic() - began < 15


@contextlib.contextmanager
def stale(store):
    """The database one revision behind the code, for the time of the block."""
    with psycopg.connect(store.admin_url, autocommit=True) as admin:
        current = admin.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        admin.execute("UPDATE alembic_version SET version_num = '0000'")
        try:
            yield
        finally:
            admin.execute("UPDATE alembic_version SET version_num = %s", (current,))


def test_without_a_database_url_a_process_says_what_to_set(settings):
    done = run({k: v for k, v in settings.items() if k != "DATABASE_URL"}, "api")
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr
