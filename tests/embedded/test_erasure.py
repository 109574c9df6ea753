"""An erasure on the stack as users run it: nothing is left in any table, file, log or cache, and a restored backup does
not bring it back.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import psycopg
import pytest
import redis

from tests.embedded.canary import CANARY, ELSEWHERE, FUSED, LOWER, SAID, TWIN, USER, Planter
from tests.support.free_fields import free_fields
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
    """Tables that hold the words, also inside of bytes."""
    with psycopg.connect(instance.database_url()) as connection:
        names = [row[0] for row in connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")]  # fmt: skip
        found = set()
        for name in names:
            columns = [row[0] for row in connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND atttypid = 'bytea'::regtype"
                " AND attnum > 0 AND NOT attisdropped", (name,))]  # fmt: skip
            raw = "".join(f" || coalesce(encode({column}, 'escape'), '')" for column in columns)
            like = f"SELECT 1 FROM {name} x WHERE position(%s IN lower(x::text{raw})) > 0 LIMIT 1"
            if connection.execute(like, (words.casefold(),)).fetchone():
                found.add(name)
        return found


def files_with(folder: Path, *needles: bytes) -> set[str]:
    """Files below the folder that hold one of these; those of PostgreSQL are looked at through it."""
    return {
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if "pg" not in file.relative_to(folder).parts and holds(file, needles)
    }


def holds(file: Path, needles: Sequence[bytes]) -> bool:
    try:
        content = file.read_bytes() if file.is_file() else b""
    except FileNotFoundError:  # it went since it was listed
        return False
    return any(needle in content for needle in needles)


def redis_of(instance: Instance) -> redis.Redis:
    (server,) = instance.parts()["valkey"]
    port = next(c.laddr.port for c in server.net_connections() if c.status == "LISTEN")
    return redis.Redis(port=port, password=instance.home.secrets().valkey_password)


def redis_holds(instance: Instance) -> dict[bytes, bytes]:
    """Every key of Redis with what it holds."""
    with redis_of(instance) as client:
        read = {
            b"string": client.get,
            b"list": lambda key: client.lrange(key, 0, -1),
            b"hash": client.hgetall,
            b"set": client.smembers,
            b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
            b"none": lambda _: b"",  # it went since it was listed
        }
        return {key: str(read[client.type(key)](key)).encode() for key in client.scan_iter()}


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
    """The ids of the users' points, as the index may hold them."""
    wanted = (
        "SELECT id FROM events WHERE user_id = ANY (%(u)s) UNION SELECT id FROM memories WHERE user_id = ANY (%(u)s)"
    )
    with psycopg.connect(instance.database_url()) as connection:
        ids = [row[0] for row in connection.execute(wanted, {"u": [USER, TWIN, FUSED]})]
    return [*(i.bytes for i in ids), *(str(i).encode() for i in ids)]


def nothing_is_left(instance: Instance, needles: list[bytes]) -> None:
    """In no table, no file of the index, no log, no key of Redis, and not in its append-only file."""
    words = [CANARY.encode(), LOWER.encode()]
    assert tables_with(instance, CANARY) == set()
    assert tables_with(instance, USER) == {"erasures", "tombstones"}
    assert files_with(instance.home.index, USER.encode(), *words, *needles) == set()
    assert files_with(instance.home_path, *words) == set(), "in whatever lies beside the database"
    assert files_with(instance.home_path, USER.encode()) == {instance.home.erasure_log.name}
    assert files_with(instance.home_path.parent, *words) <= {"backup.mneme"}
    kept = redis_holds(instance)
    assert not [key for key, value in kept.items() if any(word in key + value for word in [*words, USER.encode()])]
    assert not [key for key in kept if b"mneme:answer" in key]
    assert instance.home.erasure_log.stat().st_mode & 0o077 == 0


def of_ben(api: httpx.Client) -> list[tuple[str, str]]:
    answer = api.post("/v1/recall", json={"user_id": "ben", "query": "Where does Ben live?", "cache": "off"})
    return [(item["id"], item["text"]) for item in answer.json()["items"]]


def count_rows(instance: Instance) -> dict[str, int]:
    tables = ("events", "memories", "memory_versions", "memory_sources", "vectors", "sessions", "candidates", "links")
    with psycopg.connect(instance.database_url()) as connection:
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


FILLED = {
    "events", "memories", "memory_versions", "sessions", "speakers", "feedback", "idempotency_keys", "entities",
    "candidates", "segments", "snapshots", "artefacts", "artefact_parts", "cube_files", "cube_shares", "blocks",
    "scenes",
}  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_canary_is_nowhere_after_the_receipt_and_a_restore_does_not_bring_it_back(instance, api, tmp_path):
    planter = Planter(instance)
    with planter.api:
        planter.everything()
    assert planter.forgotten() == set(), "plant it, or say in ELSEWHERE why not"
    assert set(ELSEWHERE) <= free_fields() - planter.words.fields
    assert any(b"mneme:answer" in key for key in redis_holds(instance))
    assert tables_with(instance, CANARY) >= FILLED
    assert tables_with(instance, USER) >= {"jobs", "job_items", "audit", "links", "vectors", "served"}
    needles = needles_of(instance)
    assert files_with(instance.home.index, *needles), "the index does not hold what is to leave it"
    backup = tmp_path / "backup.mneme"
    assert "events" in mneme(instance, "backup", str(backup))
    where = []
    for user in (FUSED, TWIN, USER):
        answer = api.delete(f"/v1/users/{user}")
        assert (answer.status_code, answer.json()["pending"]) == (202, ["tables", "index_rewrite"])
        where.append(answer.headers["Location"])
    assert CANARY not in api.post("/v1/recall", json={"user_id": USER, "query": "Who is it?"}).text
    assert api.get(f"/v1/users/{USER}").status_code == 404
    receipts = [done(api, place) for place in where]
    assert receipts[-1]["counts"]["events"] == len(SAID) + 1
    again = api.post("/v1/memories", json={"user_id": USER, "text": "x"}, headers={"Idempotency-Key": "three"})
    assert (again.status_code, again.json()["code"]) == (409, "answer_erased")
    nothing_is_left(instance, needles)
    shares = api.get("/v1/cubes/shares", params={"user_id": "ben"}).json()["items"]
    assert [(one["with_user_ids"], one["revoked_at"] is None) for one in shares] == [(["cleo"], True), ([], False)]
    for place, receipt in zip(where, receipts, strict=True):
        verified = api.post(f"{place}/verify?signature={receipt['signature']}").json()
        assert (verified["clean"], verified["signature_valid"]) == (True, True), verified
    recalled, counts = of_ben(api), count_rows(instance)
    instance.stop()
    assert "3 erasures made since were done again" in mneme(instance, "restore", str(backup), "--force")
    instance.start()
    assert api.get(f"/v1/users/{USER}").status_code == 404
    for place in where:
        done(api, place)
    nothing_is_left(instance, needles)
    assert all(api.post(f"{place}/verify").json()["clean"] for place in where)
    assert of_ben(api) == recalled
    assert count_rows(instance) == counts
