"""Cubes measured on an instance of their own.

python bench/cubes.py speed [N]      N (100,000) memories with vectors: a file made, imported, exported, imported again
python bench/cubes.py locomo FILE    LoCoMo: all questions to each user; again after export, erasure and import; and to
                                     another user into whom the export was imported
"""

import hashlib
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import httpx
import numpy as np
import orjson
import psutil

from app.domain.cubes import SCHEMA, SCHEMA_VERSION
from app.domain.lexical import TEXT_LENGTH, document_vector
from app.evaluation import locomo
from app.storage.cube_tables import encoded
from tests.support.instance import Instance

NAMES = UUID("0192f5a0-0000-7000-8000-000000000000")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MOST_TWICE = 20_000  # memories
FILE = {"Content-Type": "application/octet-stream"}
WORDS = (
    "garden", "kitchen", "piano", "lesson", "bicycle", "harbour", "winter", "summer", "dentist", "holiday", "recipe",
    "market", "library", "concert", "sister", "engine", "window", "coffee", "teapot", "novel", "violin", "river",
)  # fmt: skip


def lines(count: int, model: dict[str, Any]) -> Iterator[bytes]:
    """A cube of `count` memories, each with its version and its vector; the trailer comes last."""
    digest = hashlib.sha256()

    def said(line: dict[str, Any]) -> bytes:
        raw = orjson.dumps(line) + b"\n"
        digest.update(raw)
        return raw

    header = {"record": "header", "schema": SCHEMA, "schema_version": SCHEMA_VERSION, "model": model}
    yield said(header | {"project_id": str(NAMES), "user_id": "made", "counts": {}})
    memories = [memory(number) for number in range(count)]
    for row in memories:
        yield said({"record": "memory", "created_at": row["updated_at"]} | row)
    for row in memories:
        shown = {name: row[name] for name in ("text", "type", "status", "version", "importance", "confidence")}
        yield said(
            {"record": "version", "memory_id": row["id"], "change": "add", "actor": "pipeline", "frozen": False,
             "live_from": row["live_from"], "recorded_at": row["updated_at"]} | shown
        )  # fmt: skip
    rng = np.random.default_rng(7)
    for row in memories:
        dense = rng.standard_normal(model["dimension"], dtype=np.float32)
        dense /= np.linalg.norm(dense)
        yield said(
            {"record": "vector", "target_id": row["id"], "kind": "memory", "model": model["fingerprint"],
             "dimension": model["dimension"], "dense": encoded(dense.astype("<f2").tobytes()),
             "sparse": encoded(document_vector(row["text"], TEXT_LENGTH).to_bytes()), "sparse_window": None}
        )  # fmt: skip
    yield orjson.dumps({"record": "trailer", "sha256": digest.hexdigest(), "signature": None})


def memory(number: int) -> dict[str, Any]:
    """One statement that no other says."""
    words = random.Random(number)
    at = (BEGIN + timedelta(seconds=number)).isoformat()
    text = f"Anna told about the {' '.join(words.sample(WORDS, 6))}, number {number}."
    return {
        "id": str(uuid5(NAMES, str(number))), "type": "fact", "text": text, "status": "active", "version": 1,
        "occurred_at": at, "live_from": at, "updated_at": at, "importance": 0.5, "confidence": 0.7,
    }  # fmt: skip


def imported(client: httpx.Client, user: str, file: Path, **more: Any) -> tuple[float, float, dict[str, Any]]:
    """Seconds until the file was accepted, those that the job ran, and the job; its progress is printed. A job may wait
    for a worker that is busy with something else, which is not counted.
    """
    began = time.perf_counter()
    with file.open("rb") as content:
        answer = client.post("/v1/cubes/import", params={"user_id": user} | more, content=content, headers=FILE)
    answer.raise_for_status()
    accepted = time.perf_counter() - began
    job = answer.json()
    while job["state"] not in {"done", "failed"}:
        time.sleep(1)
        job = client.get(f"/v1/jobs/{job['id']}").json()
        print(f"\r  {user}: {job['done']:,} of {job['total'] or 0:,}", end="", flush=True)
    print()
    assert job["state"] == "done", job
    ran = datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["started_at"])
    return accepted, accepted + ran.total_seconds(), job


def exported(client: httpx.Client, user: str, file: Path) -> float:
    """Seconds until the file was written, secrets as they are: a masked word would change what is found."""
    began = time.perf_counter()
    body = {"user_id": user, "secrets": True}
    with client.stream("POST", "/v1/cubes/export", json=body) as answer, file.open("wb") as target:
        answer.raise_for_status()
        for piece in answer.iter_bytes():
            target.write(piece)
    return time.perf_counter() - began


def speed(client: httpx.Client, folder: Path, count: int, gateway: psutil.Process) -> None:
    """The run `speed`."""
    model = model_of(client, folder)
    made = folder / "made.jsonl"
    with made.open("wb") as target:
        target.writelines(lines(count, model))
    print(f"file of {count:,} memories with vectors: {made.stat().st_size / 1e6:.0f} MB")
    before = gateway.memory_info().rss / 1e6
    # The worker tidies the first user meanwhile, for which a second import of a large one would wait.
    runs = (("first", made), ("second", folder / "out.jsonl"))
    for user, file in runs[: 2 if count <= MOST_TWICE else 1]:
        accepted, seconds, job = imported(client, user, file)
        assert job["counts"]["memory_added"] == count, job["counts"]
        print(
            f"import into {user}: {seconds:.1f} s ({accepted:.1f} s until accepted), {count / seconds:,.0f} memories/s"
        )
        if user == "first":
            seconds = exported(client, user, folder / "out.jsonl")
            print(f"export: {seconds:.1f} s, {count / seconds:,.0f} memories/s")
    print(f"gateway: {before:.0f} MB before, {gateway.memory_info().rss / 1e6:.0f} MB after")


def model_of(client: httpx.Client, folder: Path) -> dict[str, Any]:
    """The encoder, as the header of an export names it."""
    client.post("/v1/memories", json={"user_id": "probe", "text": "Anna is here."}).raise_for_status()
    exported(client, "probe", folder / "probe.jsonl")
    model: dict[str, Any] = json.loads((folder / "probe.jsonl").read_bytes().split(b"\n", 1)[0])["model"]
    return model


def same_answers(client: httpx.Client, folder: Path, data: Path) -> None:
    """The run `locomo`."""
    samples = json.loads(data.read_text())
    for sample in samples:
        name = sample["sample_id"]
        turns = list(locomo.events_of(sample["conversation"], name, ""))
        for at in range(0, len(turns), 200):
            client.post("/v1/events", json={"events": turns[at : at + 200]}).raise_for_status()
    for sample in samples:
        settle(client, sample["sample_id"])
    before = {sample["sample_id"]: answers(client, sample["sample_id"], sample) for sample in samples}
    for sample in samples:
        name = sample["sample_id"]
        exported(client, name, folder / f"{name}.jsonl")
        imported(client, f"{name}-again", folder / f"{name}.jsonl")
        client.delete(f"/v1/users/{name}").raise_for_status()
        imported(client, name, folder / f"{name}.jsonl", restore_erased=True)
    for told, user in (("erased and imported", "{}"), ("imported into another user", "{}-again")):
        total = same = 0
        for sample in samples:
            name = sample["sample_id"]
            settle(client, user.format(name))
            pairs = zip(before[name], answers(client, user.format(name), sample), strict=True)
            equal = sum(one == other for one, other in pairs)
            total, same = total + len(before[name]), same + equal
            print(f"{name}, {told}: {equal} of {len(before[name])} questions have the same items in the same order")
        print(f"all, {told}: {same} of {total}")


def answers(client: httpx.Client, user: str, sample: dict[str, Any]) -> list[list[tuple[str, str]]]:
    """What each question of the conversation is answered with."""
    return [asked(client, user, qa["question"]) for qa in sample["qa"]]


def settle(client: httpx.Client, user: str) -> None:
    """Return when nothing of the user is pending, the index has been rid of what was erased, and what waits for a
    moment's rest is done.
    """
    while client.get(f"/v1/users/{user}").json()["pending"]:
        time.sleep(0.5)
    while any(one["state"] != "done" for one in client.get("/v1/erasures", params={"limit": 100}).json()["items"]):
        time.sleep(0.5)
    time.sleep(20)


def asked(client: httpx.Client, user: str, question: str) -> list[tuple[str, str]]:
    """Kind and text of the items, in order."""
    body = {"user_id": user, "query": question, "record_usage": False, "cache": "off"}
    answer = client.post("/v1/recall", json=body | {"as_of": "2026-06-01T00:00:00+00:00"})
    answer.raise_for_status()
    return [(item["kind"], item["text"]) for item in answer.json()["items"]]


def main() -> int:
    """Choose by the arguments."""
    what, *rest = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a run that is stopped leaves no instance behind
    folder = Path(tempfile.mkdtemp(prefix="mneme-bench-"))
    instance = Instance(folder / "home")
    try:
        instance.start()
        headers = {"Authorization": f"Bearer {instance.key}"}
        with httpx.Client(base_url=instance.url, headers=headers, timeout=3_600) as client:
            if what == "speed":
                gateway = max(
                    psutil.Process(instance.process.pid).children(recursive=True),
                    key=lambda process: " api" in " ".join(process.cmdline()),
                )
                speed(client, folder, int(rest[0]) if rest else 100_000, gateway)
            else:
                same_answers(client, folder, Path(rest[0]))
    finally:
        instance.stop()
        instance.end()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    sys.exit(main())
