"""kill -9 of the worker in the middle of an import, again and again: it ends complete, with nothing doubled."""

import base64
import shutil
import tempfile
import time
from pathlib import Path

import httpx
import orjson
import psycopg
import pytest

from bench.cubes import FILE, lines, model_of
from tests.crash import oracle
from tests.support.instance import Instance

MEMORIES = 10_000
KILLED_AT = (("memories", 1), ("memory_versions", 1), ("vectors", 1), ("vectors", MEMORIES // 2))  # rows that are in
SECONDS = 240.0


@pytest.fixture
def instance():
    """A short private path: a unix socket's name has 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="mneme-import-"))
    instance = Instance(folder / "home")
    yield instance
    instance.end()
    shutil.rmtree(folder, ignore_errors=True)


def count(url: str, table: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(f"SELECT count(*) FROM {table} WHERE user_id = 'anna'").fetchone()
    assert row is not None
    return int(row[0])


def wait_for(instance: Instance, table: str, number: int) -> int:
    """How many rows there are once there are so many and a worker works."""
    url, until = instance.database_url(), time.monotonic() + SECONDS
    while (there := count(url, table)) < number or "worker" not in instance.parts():
        assert time.monotonic() < until, f"{there} of {table}, waiting for {number}"
        time.sleep(0.02)
    return there


@pytest.mark.long
@pytest.mark.timeout(900)
def test_an_import_whose_worker_is_killed_ends_complete_and_doubles_nothing(instance, tmp_path):
    instance.start()
    url = instance.database_url()
    headers = {"Authorization": f"Bearer {instance.key}"}
    with httpx.Client(base_url=instance.url, headers=headers, timeout=60) as client:
        file = list(lines(MEMORIES, model_of(client, tmp_path)))
        answer = client.post("/v1/cubes/import", params={"user_id": "anna"}, content=b"".join(file), headers=FILE)
        job = answer.raise_for_status().json()
        seen = []
        for table, number in KILLED_AT:
            seen.append(f"{wait_for(instance, table, number)} of {table}")
            instance.kill("worker")
            assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "running", f"over before the kill: {seen}"
            instance.wait_ready()
        until = time.monotonic() + SECONDS
        while job["state"] not in {"done", "failed"}:
            assert time.monotonic() < until, (job, instance.output())
            time.sleep(0.5)
            job = client.get(f"/v1/jobs/{job['id']}").json()
        export = client.post("/v1/cubes/export", json={"user_id": "anna", "secrets": True}).raise_for_status().content
    assert job["state"] == "done", job
    assert job["done"] == job["total"] == 2 * len(file)
    counts = job["counts"]
    for kind in ("memory", "version", "vector"):
        # What a piece wrote that was only not noted is found unchanged when the piece is done again.
        assert counts.get(f"{kind}_added", 0) + counts.get(f"{kind}_unchanged", 0) == MEMORIES, counts
    assert counts["memory_unchanged"] > 0, "no kill hit a piece that was written and not noted"
    assert counts.keys() <= {
        f"{kind}_{what}" for kind in ("memory", "version", "vector") for what in ("added", "unchanged")
    }
    for table in ("memories", "memory_versions", "vectors"):
        assert count(url, table) == MEMORIES
    assert count(url, "cube_files") == 0
    assert told(export.splitlines()) == told(file)
    assert oracle.drain(url, SECONDS) == []
    collection, stored = oracle.live_collection(url), oracle.rows(url)
    instance.stop()
    assert oracle.index_agrees(instance.home.index, collection, stored) == []


def told(file: list[bytes]) -> dict[str, tuple[list[str], list[bytes]]]:
    """By text of a memory: the texts of its versions, and its vectors."""
    rows = [orjson.loads(line) for line in file]
    texts = {row["id"]: row["text"] for row in rows if row["record"] == "memory"}
    found: dict[str, tuple[list[str], list[bytes]]] = {text: ([], []) for text in texts.values()}
    assert len(found) == len(texts), "two memories say the same"
    for row in rows:
        if row["record"] == "version":
            found[texts[row["memory_id"]]][0].append(row["text"])
        elif row["record"] == "vector":
            found[texts[row["target_id"]]][1].append(base64.b64decode(row["dense"]))
    return found
