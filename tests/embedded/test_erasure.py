"""An erasure on the stack as users run it: nothing is left in any table, file, log or cache, and a restored backup does
not bring it back.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psycopg
import pytest
import redis

from tests.embedded.canary import CANARY, USER, fill
from tests.support.instance import Instance

DONE_WITHIN = 60.0


@pytest.fixture(scope="module")
def instance():
    path = Path(tempfile.mkdtemp(prefix="mneme-erase-"))
    instance = Instance(path / "home")
    instance.start()
    yield instance
    instance.end()
    shutil.rmtree(path, ignore_errors=True)


def tables_with(instance: Instance, words: str) -> set[str]:
    with psycopg.connect(instance.database_url()) as connection:
        names = [row[0] for row in connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")]  # fmt: skip
        found = set()
        for name in names:
            text = "".join(str(row) for row in connection.execute(f"SELECT x::text FROM {name} x"))
            bodies = "".join(str(bytes(row[0])) for row in connection.execute(f"SELECT body FROM {name}")) if (
                name == "idempotency_keys") else ""  # fmt: skip
            if words.casefold() in (text + bodies).casefold():
                found.add(name)
        return found


def files_with(folder: Path, *needles: bytes) -> set[str]:
    return {
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and any(n in file.read_bytes() for n in needles)
    }


def redis_of(instance: Instance) -> redis.Redis:
    (server,) = instance.parts()["valkey"]
    port = next(c.laddr.port for c in server.net_connections() if c.status == "LISTEN")
    return redis.Redis(port=port, password=instance.home.secrets().valkey_password)


def done(api: httpx.Client, where: str) -> dict:
    until = time.monotonic() + DONE_WITHIN
    while time.monotonic() < until:
        receipt = api.get(where).json()
        if receipt["state"] == "done":
            return receipt
        assert receipt["pending"]
        time.sleep(0.2)
    raise AssertionError(receipt)


def mneme(instance: Instance, *arguments: str) -> str:
    environment = {**os.environ, "MNEME_HOME": str(instance.home_path), "COLUMNS": "200"}
    command = [str(Path(sys.executable).parent / "mneme"), *arguments]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture
def api(instance):
    """An admin, under a policy that rewrites the index at once."""
    with httpx.Client(base_url=instance.url, headers={"Authorization": f"Bearer {instance.key}"}, timeout=30) as api:
        policy = api.get("/v1/policy").json()["policy"]
        policy["forgetting"] |= {"rewrite_quiet": 0.0, "rewrite_at_most": 0.0}
        api.put("/v1/policy", json={"policy": policy}).raise_for_status()
        yield api


def needles_of(instance: Instance) -> list[bytes]:
    """The ids of the user's points, as the index may hold them."""
    wanted = "SELECT id FROM events WHERE user_id = %(u)s UNION SELECT id FROM memories WHERE user_id = %(u)s"
    with psycopg.connect(instance.database_url()) as connection:
        ids = [row[0] for row in connection.execute(wanted, {"u": USER})]
    return [*(i.bytes for i in ids), *(str(i).encode() for i in ids)]


def nothing_is_left(instance: Instance, needles: list[bytes]) -> None:
    """In no table, no file of the index, no log, no key of Redis, and not in its append-only file."""
    assert tables_with(instance, CANARY) == set()
    assert files_with(instance.home.index, CANARY.encode(), *needles) == set()
    assert files_with(instance.home.logs, CANARY.encode()) == set()
    keys = list(redis_of(instance).scan_iter())
    assert not [key for key in keys if CANARY.encode() in key or b"mneme:answer" in key]
    assert files_with(instance.home.valkey, CANARY.encode()) == set()
    elsewhere = files_with(instance.home_path, CANARY.encode())  # uploads and exports among them
    assert not {file for file in elsewhere if not file.startswith("pg/")}, (
        "PostgreSQL's own files keep dead rows a while"
    )
    assert instance.home.erasure_log.stat().st_mode & 0o077 == 0
    assert CANARY not in instance.home.erasure_log.read_text()


def of_ben(api: httpx.Client) -> list[tuple[str, str]]:
    answer = api.post("/v1/recall", json={"user_id": "ben", "query": "Where does Ben live?", "cache": "off"})
    return [(item["id"], item["text"]) for item in answer.json()["items"]]


def count_rows(instance: Instance) -> dict[str, int]:
    tables = ("events", "memories", "memory_versions", "memory_sources", "vectors", "sessions", "candidates", "links")
    with psycopg.connect(instance.database_url()) as connection:
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_canary_is_nowhere_after_the_receipt_and_a_restore_does_not_bring_it_back(instance, api, tmp_path):
    assert fill(api).missing == set(), "plant them in `canary`, or say there why not"
    filled = {"events", "memories", "memory_versions", "sessions", "speakers", "feedback", "idempotency_keys",
              "artefacts", "cube_shares", "snapshots", "entities"}  # fmt: skip
    assert filled <= tables_with(instance, CANARY)
    needles = needles_of(instance)
    assert files_with(instance.home.index, *needles), "the index does not hold what is to leave it"
    backup = tmp_path / "backup.mneme"
    assert "events" in mneme(instance, "backup", str(backup))
    answer = api.delete(f"/v1/users/{USER}")
    assert (answer.status_code, answer.json()["pending"]) == (202, ["tables", "index_rewrite"])
    where = answer.headers["Location"]
    assert CANARY not in api.post("/v1/recall", json={"user_id": USER, "query": "Who is it?"}).text
    assert api.get(f"/v1/users/{USER}").status_code == 404
    receipt = done(api, where)
    assert receipt["counts"]["events"] >= 4
    again = api.post("/v1/memories", json={"user_id": USER, "text": "x"}, headers={"Idempotency-Key": "three"})
    assert (again.status_code, again.json()["code"]) == (409, "answer_erased")
    nothing_is_left(instance, needles)
    verified = api.post(f"{where}/verify?signature={receipt['signature']}").json()
    assert (verified["clean"], verified["signature_valid"]) == (True, True)
    recalled, counts = of_ben(api), count_rows(instance)
    instance.stop()
    assert "1 erasures made since were done again" in mneme(instance, "restore", str(backup), "--force")
    instance.start()
    assert api.get(f"/v1/users/{USER}").status_code == 404
    done(api, where)
    nothing_is_left(instance, needles)
    assert api.post(f"{where}/verify").json()["clean"]
    assert of_ben(api) == recalled
    assert count_rows(instance) == counts
