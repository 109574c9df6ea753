"""Sleep, decay and rollbacks that race with writers and erasers, and what must be true of versions afterwards."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx

from tests.crash import oracle
from tests.crash.writers import USERS
from tests.support.instance import Instance

CAP = 8  # active memories of a type: above four fifths of it the weakest are archived
OPEN_JOBS = "SELECT kind, state, error FROM jobs WHERE kind IN ('sleep', 'decay', 'rollback') AND state <> 'done'"
# Versions of a memory are 1 to n without a gap, each ends when the next begins, and the last one is open.
BROKEN_VERSIONS = """
SELECT memory_id::text, version FROM (
    SELECT memory_id, version, recorded_at, recorded_until,
        row_number() OVER w AS place, lead(recorded_at) OVER w AS next
    FROM memory_versions WINDOW w AS (PARTITION BY memory_id ORDER BY version)) v
WHERE version <> place OR recorded_until IS DISTINCT FROM next
"""
NEWEST = """
SELECT m.id::text FROM memories m WHERE NOT EXISTS (
    SELECT 1 FROM memory_versions v WHERE v.memory_id = m.id AND v.version = m.version AND v.status = m.status)
"""
LOST_SUCCESSORS = """
SELECT m.id::text FROM memories m WHERE m.status = 'merged'
AND NOT EXISTS (SELECT 1 FROM memories s WHERE s.id = m.superseded_by AND s.user_id = m.user_id)
"""
ENDED = (
    "SELECT count(*) FILTER (WHERE kind = 'sleep') AS sleep, count(*) FILTER (WHERE kind = 'decay') AS decay FROM jobs"
)
ARCHIVED = "SELECT count(*) AS n FROM memory_versions WHERE change = 'decay'"


class Tidier(threading.Thread):
    """Asks for sleep and decay, at times for a rollback of a few seconds, again and again."""

    def __init__(self, instance: Instance, stop: threading.Event, seed: int) -> None:
        super().__init__(daemon=True, name="tidier")
        self.errors: list[str] = []
        self._instance, self._halt, self._rng = instance, stop, random.Random(seed)

    def run(self) -> None:
        with httpx.Client(base_url=self._instance.url, timeout=5) as client:
            client.headers["Authorization"] = f"Bearer {self._instance.key}"
            while not self._halt.wait(self._rng.uniform(0.2, 0.6)):
                user = self._rng.choice(USERS)
                kind = self._rng.choices(["sleep", "decay", "rollback"], [6, 6, 1])[0]
                path, body = "/v1/jobs", {"kind": kind, "scope": {"user_id": user}}
                if kind == "rollback":
                    then = datetime.now(UTC) - timedelta(seconds=self._rng.uniform(1, 4))
                    path, body = "/v1/cubes/rollback", {"user_id": user, "known_at": then.isoformat()}
                try:
                    answer = client.post(path, json=body)
                except httpx.HTTPError:
                    continue
                if answer.status_code not in {202, 404} and answer.status_code < 500:
                    self.errors.append(f"{answer.status_code} {answer.text}")


@contextmanager
def tidying(instance: Instance, seed: int) -> Iterator[Tidier]:
    """A tidier at work for the time of the block, under small caps; a refusal is an error."""
    with httpx.Client(base_url=instance.url, headers={"Authorization": f"Bearer {instance.key}"}, timeout=10) as client:
        policy = client.get("/v1/policy").json()["policy"]
        policy["lifecycle"]["caps"] |= {"fact": CAP, "preference": CAP, "episode": CAP}
        client.put("/v1/policy", json={"policy": policy}).raise_for_status()
    halt = threading.Event()
    tidier = Tidier(instance, halt, seed)
    tidier.start()
    try:
        yield tidier
    finally:
        halt.set()
        tidier.join(10)
    assert not tidier.errors, tidier.errors[:5]


def tidied(url: str) -> list[str]:
    """Every job has ended, and versions are whole."""
    found = []
    with oracle.connect(url) as connection:
        found += [f"a job of kind {r['kind']} is {r['state']}: {r['error']}" for r in connection.execute(OPEN_JOBS)]
        found += [f"version {r['version']} of {r['memory_id']} is broken" for r in connection.execute(BROKEN_VERSIONS)]
        found += [f"memory {r['id']} is not its newest version" for r in connection.execute(NEWEST)]
        found += [f"merged memory {r['id']} leads nowhere" for r in connection.execute(LOST_SUCCESSORS)]
    return found


def counts(url: str) -> dict[str, int]:
    """How many jobs there were, and memories that decay archived."""
    with oracle.connect(url) as connection:
        jobs, archived = connection.execute(ENDED).fetchone(), connection.execute(ARCHIVED).fetchone()
    return {"sleep": jobs["sleep"], "decay": jobs["decay"], "archived": archived["n"]}
