"""A user whose every word is a canary, in every field that the API takes and in what the service makes of it."""

import time
from typing import Any

import httpx
import psycopg

from tests.support.free_fields import Sent, free_fields
from tests.support.instance import Instance

CANARY = "Quetzalnabu7391"
LOWER = CANARY.casefold()  # where an app's own word is lower case
USER, TWIN, FUSED = "zuleika.58", "zuleika.58-twin", "zuleika.58-fused"
FILE = {"Content-Type": "application/octet-stream"}
WITHIN = 60.0  # seconds for a job

# Fields that hold nothing of a user, each with the reason.
ELSEWHERE = {
    "KeyCreate.name": "the app's own label of its credential",
    "KeyCreate.user_id": "a credential of the app, which revokes it; docs/erasure.md says so",
    "KeyCreate.session_id": "the same",
    "ProjectCreate.name": "the app's own label of a tenant",
    "path key_id": "an id of ours: letters and digits of a key",
    "query signature": "64 hexadecimal digits of a receipt",
}

SAID = (
    f"I live in {CANARY}.",
    f"My friend {CANARY} plays chess.",
    f"I will visit {CANARY} on Friday.",
    f"No, I meant that I live in {CANARY} North.",
)


class Planter:
    """Plants, and notes in which fields."""

    def __init__(self, instance: Instance) -> None:
        self.words, self.names = Sent(CANARY), Sent(USER)
        self._instance = instance
        self.api = httpx.Client(
            base_url=instance.url,
            headers={"Authorization": f"Bearer {instance.key}"},
            timeout=60,
            event_hooks={"request": [self.words, self.names]},
        )

    def forgotten(self) -> set[str]:
        """Fields of the API that nothing was planted in and that nobody has given a reason for."""
        return free_fields() - self.words.fields - self.names.fields - set(ELSEWHERE)

    def send(self, method: str, path: str, refused: int | None = None, **more: Any) -> Any:
        """Done, or refused with that status."""
        answer = self.api.request(method, path, **more)
        fine = answer.is_success if refused is None else answer.status_code == refused
        assert fine, f"{method} {path}: {answer.status_code} {answer.text}{self._instance.output()}"
        return answer

    def done(self, answer: httpx.Response) -> dict[str, Any]:
        until = time.monotonic() + WITHIN
        while time.monotonic() < until:
            job = self.api.get(answer.headers["Location"]).json()
            if job["state"] in {"done", "failed"}:
                assert job["state"] == "done", job
                return job
            time.sleep(0.1)
        raise AssertionError(job)

    def everything(self) -> None:
        self.turns()
        memory = self.memory()
        self.questions(memory)
        self.cubes()
        self.jobs()
        self.refused(memory)
        for path in ("blocks", "entities", "timeline", "scenes", "export"):
            self.send("GET", f"/v1/users/{USER}/{path}")
        self.send("GET", f"/v1/users/{USER}")

    def turns(self) -> None:
        event = {"user_id": USER, "session_id": f"s-{CANARY}", "agent_id": f"a-{CANARY}", "role": "user",
                 "name": CANARY, "metadata": {CANARY: [CANARY, {"x": CANARY}]}}  # fmt: skip
        batch = [event | {"id": f"{CANARY}-{n}", "content": text} for n, text in enumerate(SAID)]
        sent = {"Idempotency-Key": f"one-{CANARY}"}
        self.send("POST", "/v1/events?wait=processed&timeout=30", json={"events": batch}, headers=sent)
        ben = {"user_id": "ben", "session_id": "b", "role": "user", "content": "I live in Porto."}
        mixed = [batch[0] | {"id": f"{CANARY}-m"}, ben]
        self.send("POST", "/v1/events", json={"events": mixed}, headers={"Idempotency-Key": "two"})
        source = {"name": f"{CANARY}-source", "agent_id": f"src-{CANARY}", "metadata": {"from": CANARY}}
        of_source = event | source | {"id": f"{CANARY}-s", "session_id": f"t-{CANARY}", "content": f"From {CANARY}."}
        self.send("POST", "/v1/events?wait=processed&timeout=30", json={"events": [of_source]})
        erased = self.send("POST", "/v1/erasures", json={"user_id": USER, "source": source})
        self.done(erased)
        self.send("POST", "/v1/erasures", 404, json={"user_id": USER, "session_id": f"none-{CANARY}"})

    def memory(self) -> str:
        said = {"metadata": {CANARY: CANARY}, "subject": CANARY, "attribute": CANARY, "value": CANARY}
        where = {"user_id": USER, "session_id": f"s-{CANARY}", "agent_id": f"a-{CANARY}"}
        body = where | said | {"text": f"Zuleika keeps {CANARY} in a box."}
        made = self.send("POST", "/v1/memories", json=body, headers={"Idempotency-Key": "three"}).json()["id"]
        path = f"/v1/memories/{made}"
        head = {"If-Match": '"1"', "Idempotency-Key": "four"}
        self.send("PATCH", path, json=said | {"text": f"Zuleika keeps {CANARY} in a chest."}, headers=head)
        judged = {"signal": "helpful", "note": CANARY, "query": f"Where is {CANARY}?"}
        self.send("POST", f"{path}/feedback", json=judged | {"user_id": USER})
        for action in ("archive", "restore", "freeze", "unfreeze"):
            self.send("POST", f"{path}/state", json={"action": action, "reason": f"because of {CANARY}"})
        self.send("POST", f"{path}/restore", json={"version": 1})
        return made

    def questions(self, memory: str) -> None:
        narrow = {"session_id": f"s-{CANARY}", "agent_id": f"a-{CANARY}"}
        question = {"user_id": USER, "query": f"Who is {CANARY}?"} | narrow
        for _ in range(2):  # the second from the cache
            assert CANARY in self.send("POST", "/v1/recall", json=question).text
        self.send("POST", "/v1/recall", json=question | {"filters": narrow, "mode": "deep", "include": ["trace"]})
        about = {"user_id": USER, "subject": CANARY, "attribute": CANARY, "value": CANARY}
        self.send("POST", "/v1/memories/aggregate", json=about)
        asked = {"user_id": USER, "session_id": f"s-{CANARY}", "q": CANARY, "entity": CANARY}
        self.send("GET", "/v1/memories", params=asked)
        self.send("GET", "/v1/events", params={"user_id": USER, "session_id": f"s-{CANARY}"})
        self.send("GET", f"/v1/sessions/s-{CANARY}", params={"user_id": USER})
        self.send("GET", f"/v1/sessions/s-{CANARY}/context", params={"user_id": USER})
        for route in ("/v1/audit", "/v1/audit/export"):
            for field in ("actor", "action", "target_kind", "target_id"):
                self.send("GET", route, params={field: CANARY, "user_id": USER})
        self.send("GET", f"/v1/memories/{memory}/history")

    def cubes(self) -> None:
        self.send("POST", "/v1/cubes/snapshots", json={"user_id": USER, "name": f"before {CANARY}"})
        names = {"agent_id": f"a-{CANARY}", "session_id": f"s-{CANARY}"}
        readers = {"with_user_ids": [f"u-{CANARY}"], "with_agent_ids": [f"a-{CANARY}"]}
        body = {"user_id": USER, "filters": names | {"entities": [CANARY]}} | readers
        share = self.send("POST", "/v1/cubes/shares", json=body).headers["Location"]
        reader = {"agent_id": f"a-{CANARY}", "query": CANARY}
        self.send("POST", f"{share}/recall", json=reader)
        self.send("POST", f"{share}/recall", json={"user_id": f"u-{CANARY}", "query": CANARY})
        self.send("POST", f"{share}/recall", 404, json={"user_id": USER, "query": CANARY})
        self.send("GET", f"{share}/memories", params={"agent_id": f"a-{CANARY}"})
        told = {"user_id": USER, "name": CANARY, "kind": LOWER, "provenance": f'{{"of": "{CANARY}"}}'}
        content = f"weights of {CANARY}".encode()
        self.send("POST", "/v1/cubes/artefacts", params=told, content=content, headers=FILE)
        self.send("GET", "/v1/cubes/artefacts", params={"user_id": USER, "name": CANARY, "kind": LOWER})
        self.send("POST", "/v1/cubes/export", json={"user_id": USER} | names)
        self.send("POST", "/v1/cubes/export", json={"user_id": USER, "filters": {"entities": [CANARY]}})
        cube = self.send("POST", "/v1/cubes/export", json={"user_id": USER}).content
        for dry_run in ("true", "false"):
            about = {"user_id": USER, "conflict": "replace", "dry_run": dry_run}
            job = self.done(self.send("POST", "/v1/cubes/import", params=about, content=cube, headers=FILE))
        self._hold_file(job["id"])
        twins = {"user_id": USER, "to_user_id": TWIN}
        kept = {"Idempotency-Key": "clone"}
        self.done(self.send("POST", "/v1/cubes/clone", json=twins, headers=kept))
        kept = {"Idempotency-Key": "fuse"}
        both = {"user_ids": [USER, TWIN], "into": FUSED}
        self.done(self.send("POST", "/v1/cubes/fuse", json=both, headers=kept))
        for name, readers in (("both", [USER, "cleo"]), ("alone", [USER])):
            body = {"user_id": "ben", "with_user_ids": readers}
            self.send("POST", "/v1/cubes/shares", json=body, headers={"Idempotency-Key": name})

    def jobs(self) -> None:
        for kind in ("sleep", "decay"):
            for dry_run in (True, False):
                body = {"kind": kind, "scope": {"user_id": USER}, "dry_run": dry_run}
                self.done(self.send("POST", "/v1/jobs", json=body))
        now = self.send("GET", "/v1/cubes/snapshots", params={"user_id": USER}).json()["items"][0]
        for dry_run in (True, False):
            body = {"user_id": USER, "snapshot_id": now["id"], "dry_run": dry_run}
            self.done(self.send("POST", "/v1/cubes/rollback", json=body))

    def refused(self, memory: str) -> None:
        """What takes no word is sent one too: a refusal is not to be kept anywhere either."""
        dates = {"event_time": CANARY, "valid_from": CANARY, "valid_to": CANARY}
        self.send("POST", "/v1/memories", 422, json={"user_id": USER, "text": CANARY} | dates)
        self.send("PATCH", f"/v1/memories/{memory}", 422, json=dates, headers={"If-Match": CANARY})
        question = {"user_id": USER, "query": CANARY, "tokenizer": CANARY}
        self.send("POST", "/v1/recall", json=question)
        self.send("GET", f"/v1/sessions/s-{CANARY}/context", params={"user_id": USER, "tokenizer": CANARY})
        self.send("GET", "/v1/memories", 422, params={"user_id": USER, "cursor": CANARY})
        body = {"kind": "sleep", "scope": {"user_id": USER, "session_id": f"s-{CANARY}"}}
        self.send("POST", "/v1/jobs", 422, json=body, headers={"Idempotency-Key": f"job-{CANARY}"})
        self.send("POST", "/v1/cubes/import", 422, params={"user_id": USER}, content=CANARY.encode(), headers=FILE)

    def _hold_file(self, job_id: str) -> None:
        """A piece of a file whose job has not taken it yet."""
        with psycopg.connect(self._instance.database_url()) as connection:
            connection.execute(
                "INSERT INTO cube_files (job_id, seq, project_id, user_id, first_line, lines, data)"
                " SELECT id, 99, project_id, %s, 1, 1, %s FROM jobs WHERE id = %s",
                (USER, f"a line of {CANARY}".encode(), job_id),
            )
