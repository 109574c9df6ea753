"""Jobs over cubes: `import` takes a file that the gateway has stored, `clone` and `fuse` write theirs themselves, from
a snapshot of one user, and take it into another.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

import orjson

from app.context import ProcessContext
from app.domain.cubes import BY_NAME, DEFAULT_PARTS, SCHEMA, SCHEMA_VERSION, Selection
from app.domain.job import Slice
from app.domain.scope import ProjectScope, UserScope
from app.ledger.lease import Lease
from app.services import cubes
from app.services.cubes import Export
from app.storage import candidates, changes, cube_files, cube_fuse, cube_tables, tombstones
from app.storage.cube_fuse import Statement
from app.storage.jobs import Job
from app.storage.vectors import to_half
from workers.maintain import cube_taking
from workers.maintain.cube_taking import Taking

PAGE = 200  # statements between two looks at the lease
CLONED = DEFAULT_PARTS | {"artefacts"}
TURNS = ("session", "speaker", "event")  # of the second user, beside what was understood
EXTRACTOR = "fuse-1"


def import_file(context: ProcessContext, scope: ProjectScope, job: Job, lease: Lease) -> Slice:
    """One slice of an import; its file lies in pieces under the job."""
    about = job.scope
    taking = Taking(
        context,
        job,
        lease,
        UserScope(scope.project_id, about["user_id"]),
        about["conflict"],
        bool(about.get("restore_erased")),
        bool(about.get("apply_policy")),
    )
    resume = job.resume or {"salt": cube_taking.salt_of(job.id, about.get("sha256"))}
    return cube_taking.run(taking, resume, dict(job.counts))


def clone(context: ProcessContext, scope: ProjectScope, job: Job, lease: Lease) -> Slice:
    """One slice of a clone: everything of one user in another, under other ids."""
    source = UserScope(scope.project_id, job.scope["user_id"])
    target = UserScope(scope.project_id, job.scope["to_user_id"])
    if not job.resume:
        return _read(context, job, lease, source, target, {"step": 0})
    taking = Taking(context, job, lease, target, "skip", restore_erased=False)
    return cube_taking.run(taking, job.resume, dict(job.counts))


def fuse(context: ProcessContext, scope: ProjectScope, job: Job, lease: Lease) -> Slice:
    """One slice of a fusion: the first user whole, then the turns of the second and what was understood of them, as
    statements that consolidation decides about.
    """
    names = job.scope["user_ids"]
    first, second = (UserScope(scope.project_id, name) for name in names)
    target = UserScope(scope.project_id, job.scope["into"])
    step = job.resume.get("step", 0 if first != target else 1)
    if "phase" not in job.resume:
        if step == 0:
            return _read(context, job, lease, first, target, {"step": 0})
        return _read(context, job, lease, second, target, {"step": 1})
    taking = Taking(context, job, lease, target, "skip", restore_erased=False)
    outcome = cube_taking.run(taking, job.resume, dict(job.counts))
    if outcome.finished and step == 0:
        return Slice(outcome.done, outcome.total, outcome.counts, {"step": 1})
    return outcome


def _read(  # noqa: PLR0913, PLR0917 - what is read, for whom, and where the next slice goes on
    context: ProcessContext, job: Job, lease: Lease, source: UserScope, target: UserScope, resume: dict[str, Any]
) -> Slice:
    """Write the file of the source in pieces. A run that was killed begins anew: pieces are replaced. So does one that
    an erasure of the source met.
    """
    with context.db.transaction(target) as conn:
        since = tombstones.now(conn)
        cube_files.remove(conn, target, job.id)
    what = Export(
        source,
        Selection(parts=CLONED),
        context.encoder.fingerprint,
        context.encoder.dimension,
        context.clock(),
        hide=None,
    )
    made = _fused(context, what, job) if job.kind == "fuse" and resume["step"] == 1 else _whole(context, what)
    for piece in cube_files.pieces(made):
        lease.check()
        with context.db.transaction(source.project) as conn:
            changes.lock_user(conn, source)
            tombstones.check(conn, source, since)
            cube_files.add(conn, target, job.id, piece)
    return Slice(0, None, job.counts, resume | {"phase": "check", "piece": 0})


def _whole(context: ProcessContext, what: Export) -> Iterator[bytes]:
    with context.db.snapshot(what.scope) as conn:
        yield from cubes.lines(conn, what)


def _fused(context: ProcessContext, what: Export, job: Job) -> Iterator[bytes]:
    """The turns of a user under sessions named after them, their memories as open candidates, the turns' vectors."""
    source = what.scope
    yield _line(
        {
            "record": "header",
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "project_id": str(source.project_id),
            "user_id": source.user_id,
            "model": {"fingerprint": what.model, "dimension": what.dimension},
        }
    )
    for name in TURNS:
        yield from _rows(context, what, name)
    yield from _statements(context, what, job)
    yield from _rows(context, what, "vector")
    yield _line({"record": "trailer"})


def _rows(context: ProcessContext, what: Export, name: str) -> Iterator[bytes]:
    with context.db.snapshot(what.scope) as conn:
        fields = cube_tables.columns(conn)[name]
        values = cube_tables.values_of(what.scope, what.selection, what.model, secrets=True)
        for row in cube_tables.rows(conn, what.scope, BY_NAME[name], fields, values):
            if name == "vector" and row["kind"] != "event":
                continue
            if "session_id" in row:
                row["session_id"] = session_of(row["session_id"], what.scope.user_id)
            if name == "event":
                row["segment_id"] = None
            yield _line({"record": name} | row)


def _statements(context: ProcessContext, what: Export, job: Job) -> Iterator[bytes]:
    """One segment of this fusion, then its candidates in the order in which things were said. A later fusion of the
    same users decides about all of them again, and finds most of them known.
    """
    source = what.scope
    segment = uuid5(job.id, source.user_id)
    at = what.at.isoformat()
    yield _line(
        {"record": "segment", "id": str(segment), "session_id": session_of("", source.user_id), "event_ids": [],
         "extractor": f"{EXTRACTOR}:{job.id}", "started_at": at, "ended_at": at}
    )  # fmt: skip
    after: Statement | None = None
    ordinal = 0
    while True:
        with context.db.transaction(source) as conn:
            page = cube_fuse.statements(conn, source, what.model, after, PAGE)
        if not page:
            return
        after = page[-1]
        bare = [statement.candidate.text for statement in page if statement.dense is None]
        made = iter(context.encoder.encode(bare)) if bare else iter(())
        for statement in page:
            dense = statement.dense if statement.dense is not None else to_half(next(made))
            yield _line(_candidate(statement, segment, ordinal, what, dense))
            ordinal += 1


def _candidate(statement: Statement, segment: UUID, ordinal: int, what: Export, dense: bytes) -> dict[str, Any]:
    body = candidates.to_body(statement.candidate)
    if body["session_id"] is not None:
        body["session_id"] = session_of(body["session_id"], what.scope.user_id)
    return {
        "record": "candidate",
        "id": str(uuid5(segment, str(statement.memory_id))),
        "session_id": session_of(statement.candidate.session_id or "", what.scope.user_id),
        "segment_id": str(segment),
        "ordinal": ordinal,
        "event_ids": body["event_ids"],
        "occurred_at": statement.candidate.occurred_at.isoformat(),
        "body": body,
        "model": what.model,
        "dense": cube_tables.encoded(dense),
        "state": "open",
    }


def session_of(session_id: str, user_id: str) -> str:
    """A session of the second user among those of the first: named after both, so that no two are taken for one."""
    name = f"{session_id}~{user_id}"
    return name if len(name) <= 128 else str(uuid5(UUID(int=0), name))


def _line(line: dict[str, Any]) -> bytes:
    return orjson.dumps(line) + b"\n"
