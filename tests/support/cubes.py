"""Cubes in tests: a user as lines, a file into a user by its job, and lines in a form in which two users compare."""

import hashlib
import io
import json
from collections import Counter
from typing import Any
from uuid import UUID

from app.clock import new_id
from app.domain.cubes import DEFAULT_PARTS, Selection
from app.domain.scope import UserScope
from app.domain.secrets import mask
from app.services import cube_upload, cubes, jobs
from app.services.cubes import Export

FILE = {"Content-Type": "application/octet-stream"}
ALL_PARTS = DEFAULT_PARTS | {"artefacts"}


def export(context, scope: UserScope, selection: Selection | None = None, *, secrets: bool = True) -> list[bytes]:
    """The file of a user, line by line."""
    selection = selection or Selection(parts=ALL_PARTS)
    encoder = context.encoder
    what = Export(scope, selection, encoder.fingerprint, encoder.dimension, context.clock(), None if secrets else mask)
    with context.db.snapshot(scope) as conn:
        return list(cubes.lines(conn, what))


def store(context, scope: UserScope, lines: list[bytes], *, dry_run: bool = False, **about: Any) -> UUID:
    """Keep a file with its import job, as the gateway does; raises InvalidInputError."""
    job_id = new_id()
    file = io.BytesIO(b"".join(lines))
    told = {"user_id": scope.user_id, "conflict": "skip", "sha256": str(hash(file.getvalue()))} | about
    with context.db.transaction(scope.project) as conn:
        cube_upload.check(file, *cube_upload.needed(conn))
        jobs.create(conn, scope.project, job_id, "import", told, dry_run=dry_run, actor="test")
        cube_upload.keep(conn, scope, job_id, file)
    return job_id


def finished(context, scope: UserScope, job_id: UUID) -> Any:
    """The job, which must be done."""
    with context.db.transaction(scope.project) as conn:
        job = jobs.get(conn, scope.project, job_id)
    assert job.state == "done", (job.state, job.error)
    return job


def told(lines: list[bytes]) -> list[dict[str, Any]]:
    """The rows of a file, without header and trailer."""
    return [line for line in map(json.loads, lines) if line["record"] not in {"header", "trailer"}]


def comparable(lines: list[bytes]) -> Counter[str]:
    """The rows with each id replaced by what it stands for: the same for two users who have the same memory."""
    rows = told(lines)
    names: dict[str, str] = {}
    for row in rows:
        if "id" in row:
            said = row.get("text") or row.get("content") or row.get("normalised") or row.get("label") or ""
            names.setdefault(row["id"], f"{row['record']}:{said}:{row.get('created_at')}")

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: member if key == "client_id" else plain(member) for key, member in value.items()}
        if isinstance(value, list):
            return [plain(member) for member in value]
        return names.get(value, value) if isinstance(value, str) else value

    return Counter(json.dumps(plain(row), sort_keys=True) for row in rows)


def remember(api, text: str, user: str = "anna", **more) -> str:
    """A memory written directly; its id."""
    return api.post("/v1/memories", json={"user_id": user, "text": text, **more}).json()["id"]


def rewrite(served, project, memory_id: str, **fields) -> None:
    """What no app can write, as an older service or an open vault may have left it."""
    with served.context.db.transaction(UserScope(project.project_id, "anna")) as conn:
        for name, value in fields.items():
            conn.execute(f"UPDATE memories SET {name} = %s WHERE id = %s", (value, memory_id))


def cube_of(api, user: str = "anna", **more) -> bytes:
    answer = api.post("/v1/cubes/export", json={"user_id": user, **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    return answer.content


def lines_of(cube: bytes) -> list[dict]:
    return [json.loads(line) for line in cube.splitlines()]


def taken(api, work, cube: bytes, **query) -> dict:
    answer = api.post("/v1/cubes/import", params=query, content=cube, headers=FILE)
    assert answer.status_code == 202, answer.text
    work()
    job = api.get(answer.headers["location"]).json()
    assert job["state"] == "done", job
    return job


def texts(api, user: str, **query) -> list[str]:
    return [item["text"] for item in api.get("/v1/memories", params={"user_id": user, **query}).json()["items"]]


def resealed(lines: list[dict]) -> bytes:
    """Lines with a trailer that fits them and no signature, as another installation might write them."""
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines if line["record"] != "trailer")
    end = {"record": "trailer", "counts": {}, "sha256": hashlib.sha256(body).hexdigest(), "signature": None}
    return body + json.dumps(end).encode() + b"\n"
