"""`deploy/backup.sh` and `deploy/restore.sh` as they are, over a PostgreSQL on TCP. Only the engine is played: a
`docker` that runs what the scripts run in a container as a process of this host.
"""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
import pytest

from app.embedded.postgres import binaries
from app.embedded.valkey import free_port
from tests.server.topology import environment, qdrant_server, run, running, tcp_postgres, wait_ready

pytestmark = pytest.mark.timeout(240)
DEPLOY = Path(__file__).parents[2] / "deploy"
PASSWORD = "scripts"
ENGINE = """#!/bin/sh
# compose exec -T postgres PROGRAM ... | run --rm migrate | run --rm --no-deps -T api ... | stop ... | up ...
shift
echo "$*" >>"$ENGINE_LOG"
case $1 in
exec) shift 3; program=$1; shift; exec "$PROGRAMS/$program" "$@" ;;
run) shift; while case $1 in -*) true ;; *) false ;; esac; do shift; done
     service=$1; shift
     if [ "$service" = migrate ]; then exec "$PYTHON" -m app.cli migrate; fi
     exec "$PYTHON" -m app.cli "$@" ;;
esac
"""


@pytest.fixture
def store():
    """As the image of PostgreSQL has it, the superuser is `postgres`."""
    with tcp_postgres() as store:
        with psycopg.connect(store.admin_url, autocommit=True) as conn:
            conn.execute(f"CREATE ROLE postgres SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
        yield store


@pytest.fixture
def settings(store, valkey, model_dir, tmp_path):
    with qdrant_server(tmp_path / "qdrant", "scripts-key") as qdrant_url:
        yield environment(
            MNEME_HOME=str(tmp_path / "home"),
            MNEME_HOST="127.0.0.1",
            MNEME_PORT=str(free_port()),
            MNEME_MODEL_DIR=str(model_dir),
            DATABASE_URL=store.app_url,
            REDIS_URL=valkey,
            QDRANT_URL=qdrant_url,
            QDRANT_API_KEY="scripts-key",
        )


@pytest.fixture
def script(settings, store, tmp_path):
    """Runs one of the scripts to its end."""
    engine = tmp_path / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    address = psycopg.conninfo.conninfo_to_dict(store.admin_url)
    known = settings | {
        "MIGRATION_DATABASE_URL": store.admin_url,
        "PATH": f"{engine.parent}:{os.environ['PATH']}",
        "ENGINE_LOG": str(tmp_path / "engine.log"),
        "PROGRAMS": str(binaries() / "bin"),
        "PYTHON": sys.executable,
        "PGHOST": str(address["host"]),
        "PGPORT": str(address["port"]),
        "PGPASSWORD": PASSWORD,
    }

    def call(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(DEPLOY / name), *map(str, arguments)]
        return subprocess.run(command, env=known, capture_output=True, text=True, timeout=120, check=False)

    return call


def texts(client: httpx.Client) -> set[str]:
    return {memory["text"] for memory in client.get("/v1/memories", params={"user_id": "anna"}).json()["items"]}


def remember(client: httpx.Client, text: str) -> str:
    answer = client.post("/v1/memories", json={"user_id": "anna", "text": text})
    return str(answer.raise_for_status().json()["id"])


@pytest.mark.parametrize("given", ["a list", pytest.param("none", marks=pytest.mark.long)])
def test_a_restore_has_what_was_backed_up_and_not_what_was_erased_since(settings, store, script, tmp_path, given):
    made = run(settings | {"MIGRATION_DATABASE_URL": store.admin_url}, "migrate", "--create-key")
    assert made.returncode == 0, made.stderr
    url, headers = f"http://127.0.0.1:{settings['MNEME_PORT']}", {"Authorization": f"Bearer {made.stdout.strip()}"}
    dump, erasures = tmp_path / "mneme.dump", tmp_path / "erasures"
    with (
        running(settings, tmp_path, "api", "worker") as processes,
        httpx.Client(base_url=url, headers=headers, timeout=30) as client,
    ):
        wait_ready(url, processes[0])
        remember(client, "Anna plays the oboe.")
        erased = remember(client, "Anna owns a grey parrot.")
        done = script("backup.sh", dump)
        assert done.returncode == 0, done.stderr
        assert dump.stat().st_mode & 0o077 == 0
        assert script("backup.sh", dump).returncode == 1, "a backup that is there is not written over"
        client.delete(f"/v1/memories/{erased}").raise_for_status()
        remember(client, "Anna sails since last week.")
        done = script("backup.sh", "--erasures", erasures)
        assert done.returncode == 0, done.stderr
        assert erased in erasures.read_text()
    done = script("restore.sh", dump, *([erasures] if given == "a list" else []))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 erasures were done again" in done.stdout
    assert (tmp_path / "engine.log").read_text().splitlines()[-1] == "up --detach"
    with psycopg.connect(store.admin_url) as conn:
        there = conn.execute("SELECT datname FROM pg_database WHERE datname LIKE 'mneme%' ORDER BY 1").fetchall()
        (kept,) = conn.execute("SELECT count(*) FROM erasures WHERE reason = 'replay'").fetchone()
        (named,) = conn.execute("SELECT count(*) FROM memory_versions WHERE text LIKE '%parrot%'").fetchone()
    assert (there, kept, named) == ([("mneme",)], 1, 0)
    logs = tmp_path / "after"
    logs.mkdir()
    with (
        running(settings, logs, "api", "worker") as processes,
        httpx.Client(base_url=url, headers=headers, timeout=30) as client,
    ):
        wait_ready(url, processes[0])
        assert texts(client) == {"Anna plays the oboe."}
        assert client.get(f"/v1/memories/{erased}").status_code == 404
        key = settings | {"MNEME_URL": url, "MNEME_API_KEY": made.stdout.strip()}
        filled = run(key, "reindex")
        assert filled.returncode == 0, filled.stdout + filled.stderr
        answer = client.post(
            "/v1/recall", json={"user_id": "anna", "query": "What does Anna play? parrot sails"}
        ).json()
        assert answer["degraded"] is False
        assert {item["text"] for item in answer["items"]} == {"Anna plays the oboe."}


def test_a_dump_that_is_not_whole_changes_nothing(settings, store, script, tmp_path):
    made = run(settings | {"MIGRATION_DATABASE_URL": store.admin_url}, "migrate")
    assert made.returncode == 0, made.stderr
    dump = tmp_path / "mneme.dump"
    assert script("backup.sh", dump).returncode == 0
    with psycopg.connect(store.admin_url) as conn:
        conn.execute("INSERT INTO projects (id, name) VALUES (gen_random_uuid(), 'since')")
    whole = dump.read_bytes()
    dump.write_bytes(whole[: len(whole) // 2])
    done = script("restore.sh", dump)
    assert done.returncode != 0
    assert "stop api worker beat" not in (tmp_path / "engine.log").read_text(), "what is damaged stops no service"
    digest = subprocess.run(["sha256sum", dump], capture_output=True, text=True, check=True).stdout
    (tmp_path / "mneme.dump.sha256").write_text(digest)  # cut before it was summed
    done = script("restore.sh", dump)
    assert done.returncode != 0
    with psycopg.connect(store.admin_url) as conn:
        assert conn.execute("SELECT name FROM projects").fetchall() == [("since",)]


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_without_a_file_it_says_how(script, arguments):
    done = script("backup.sh", *arguments)
    assert (done.returncode, "usage:" in done.stderr) == (2, True)
