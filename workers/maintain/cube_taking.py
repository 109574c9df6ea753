"""A file in pieces becomes rows of a user, slice by slice: checked whole, written, then what has no vector embedded.

`resume` says where the next slice goes on; a slice that is done twice changes nothing more. Called by `cubes`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import orjson

from app.context import ProcessContext
from app.domain.cubes import Naming
from app.domain.job import JobItem, Slice
from app.domain.keytext import key_text, plain_text
from app.domain.lexical import TEXT_LENGTH, document_vector
from app.domain.scope import ProjectScope, UserScope
from app.domain.work import WorkKind
from app.errors import FieldError
from app.ledger.jobs import SLICE_SECONDS
from app.ledger.lease import Lease
from app.services import cube_import, policy
from app.services.cube_import import Reading, Rules, Taken
from app.storage import changes, cube_files, cube_rows, cube_tables, job_items, tombstones, unembedded, vectors, work
from app.storage.jobs import Job
from app.storage.unembedded import Unembedded
from app.storage.vectors import StoredVector

EMBEDDED = 64  # texts between two looks at the clock; about a quarter of a second
ITEMS_KEPT = 10_000  # of one job; beyond them only the counts go on


@dataclass(frozen=True, slots=True)
class Taking:
    """One file on its way into one user."""

    context: ProcessContext
    job: Job
    lease: Lease
    target: UserScope
    conflict: str
    restore_erased: bool
    apply_policy: bool = False

    @property
    def project(self) -> ProjectScope:
        return self.target.project

    @property
    def actor(self) -> str:
        return f"job:{self.job.id}"


def run(taking: Taking, resume: dict[str, Any], counts: dict[str, int]) -> Slice:
    """One slice: phase after phase until the time is over."""
    until = taking.context.monotonic() + SLICE_SECONDS
    state: dict[str, Any] = {"phase": "check", "piece": 0} | resume
    if "total" not in state:
        with taking.context.db.transaction(taking.target) as conn:
            state["total"] = cube_files.total_lines(conn, taking.target, taking.job.id)
    phases: dict[str, Callable[[Taking, dict[str, Any], dict[str, int]], str]] = {
        "check": _check,
        "write": _write,
        "embed": _embed,
        "end": _end,
    }
    while state["phase"] in phases and taking.context.monotonic() < until:
        taking.lease.check()
        state["phase"] = phases[state["phase"]](taking, state, counts)
    finished = state["phase"] == "over"
    total = 2 * state["total"]  # each line is checked, then written
    done = total if finished and not counts.get("invalid_lines") else min(state.get("lines", 0), total)
    return Slice(done, total, dict(counts), state, finished)


def _check(taking: Taking, state: dict[str, Any], counts: dict[str, int]) -> str:
    """The next piece, checked."""
    with taking.context.db.transaction(taking.target) as conn:
        piece = cube_files.get(conn, taking.target, taking.job.id, state["piece"])
        columns = cube_tables.columns(conn)
    if piece is None:
        state["piece"] = 0
        if counts.get("invalid_lines"):
            with taking.context.db.transaction(taking.target) as conn:
                cube_files.remove(conn, taking.target, taking.job.id)
            return "over"
        return "write"
    reading = Reading(**state.get("reading", {}))
    errors = cube_import.check_lines(piece, columns, reading)
    if taking.apply_policy and not errors:
        errors = cube_import.check_policy(piece)
    if state["piece"] == 0:
        header = orjson.loads(piece.data.split(b"\n", 1)[0])
        state["header"] = {name: header.get(name) for name in ("project_id", "user_id", "model")}
    state["reading"] = asdict(reading)
    state["piece"] += 1
    state["lines"] = state.get("lines", 0) + piece.lines
    if errors:
        counts["invalid_lines"] = counts.get("invalid_lines", 0) + len(errors)
        _note(
            taking,
            [JobItem(taking.target.user_id, "line", _place(e), "refused", e.code, {}) for e in errors],
        )
    return "check"


def _place(error: FieldError) -> str:
    """Where an error is; the name of a field that we do not know is an app's own word."""
    return error.pointer.split(":")[0] if error.code == "unknown" else error.pointer


def _write(taking: Taking, state: dict[str, Any], counts: dict[str, int]) -> str:
    """The next piece, written in one transaction."""
    header = state["header"]
    same = header["project_id"] == str(taking.target.project_id) and header["user_id"] == taking.target.user_id
    with taking.context.db.transaction(taking.target) as conn:
        changes.lock_user(conn, taking.target)  # before the piece is read: an erasure takes the file along
        piece = cube_files.get(conn, taking.target, taking.job.id, state["piece"])
        if piece is None:
            return "end" if taking.job.dry_run else "embed"
        columns = cube_tables.columns(conn)
        salt = str(state.get("salt", "")) if taking.conflict == "duplicate" else ""
        naming = Naming(taking.target.project_id, taking.target.user_id, same, salt)
        again, dry_run = taking.restore_erased, taking.job.dry_run
        rules = Rules(naming, taking.conflict, again, taking.actor, columns, dry_run, taking.job.id)
        taken = cube_import.write(conn, taking.target, piece, rules)
        _keep(taking, conn, state, taken)
    if taking.apply_policy:
        _put_policy(taking, piece, counts)
    for name, n in taken.counts.items():
        counts[name] = counts.get(name, 0) + n
    state["piece"] += 1
    state["lines"] = state.get("lines", 0) + piece.lines
    return "write"


def _keep(taking: Taking, conn: Any, state: dict[str, Any], taken: Taken) -> None:
    room = ITEMS_KEPT - state.get("items", 0)
    kept = taken.items[: max(room, 0)]
    state["items"] = state.get("items", 0) + len(kept)
    if kept:
        job_items.add(conn, taking.project, taking.job.id, kept)


def _put_policy(taking: Taking, piece: cube_files.Piece, counts: dict[str, int]) -> None:
    for _, line in cube_import.policies_in(piece):
        counts["policy_replaced"] = 1
        if taking.job.dry_run:
            continue
        with taking.context.db.transaction(taking.project) as conn:
            policy.put_foreign(conn, taking.project, line["preset"], line["body"])


def _embed(taking: Taking, _state: dict[str, Any], counts: dict[str, int]) -> str:
    """Some texts that have no vector of this encoder; no transaction is open meanwhile."""
    context, scope = taking.context, taking.target
    model = context.encoder.fingerprint
    with context.db.transaction(scope) as conn:
        since = tombstones.now(conn)
        rows = unembedded.page(conn, scope, model, EMBEDDED)
    if not rows:
        return "end"
    dense = context.encoder.encode([key_text(row.event) if row.event else row.memory_text for row in rows])
    made = [StoredVector(row.id, row.kind, dense[n], _words(row), row.window) for n, row in enumerate(rows)]
    with context.db.transaction(scope) as conn:
        changes.lock_user(conn, scope)
        tombstones.check(conn, scope, since)
        vectors.upsert(conn, scope, model, made)
    counts["embedded"] = counts.get("embedded", 0) + len(made)
    return "embed"


def _words(row: Unembedded) -> Any:
    plain = plain_text(row.event) if row.event else row.memory_text
    return row.text if row.text is not None else document_vector(plain, TEXT_LENGTH)


def _end(taking: Taking, _state: dict[str, Any], _counts: dict[str, int]) -> str:
    """What is known only now; then the pipeline takes over where the file's own had stopped."""
    context, scope, job = taking.context, taking.target, taking.job
    with context.db.transaction(scope) as conn:
        cube_files.remove(conn, scope, job.id)
        if not job.dry_run:
            changes.lock_user(conn, scope)
            cube_rows.finish(conn, scope, job.started_at or job.created_at)
            sessions, waiting = cube_rows.unfinished(conn, scope)
            if waiting:
                work.enqueue(conn, scope, WorkKind.CONSOLIDATE)
            for session_id in sessions:
                work.enqueue(conn, scope, WorkKind.EXTRACT, session_id=session_id)
            work.enqueue(conn, scope, WorkKind.INDEX)
            work.enqueue_tidy(conn, scope)
    for kind in (WorkKind.CONSOLIDATE, WorkKind.EXTRACT, WorkKind.INDEX):
        context.hints.send(kind)
    return "over"


def _note(taking: Taking, items: list[JobItem]) -> None:
    with taking.context.db.transaction(taking.project) as conn:
        job_items.add(conn, taking.project, taking.job.id, items)


def salt_of(job_id: UUID, sha256: str | None) -> str:
    """What makes the ids of duplicates: the file, so that the same one gives the same ones again."""
    return sha256 or str(job_id)
