"""`/v1/cubes`: export, import, clone and fuse. A file goes out in one stream and comes in through a temporary file."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.domain.access import KeyScope
from app.domain.cubes import DEFAULT_PARTS, Selection
from app.domain.normalise import normal_key
from app.domain.scope import UserScope
from app.domain.secrets import mask
from app.domain.work import WorkKind
from app.errors import FieldError, InvalidInputError
from app.http.deps import FILE, Edge, ReadEdge, WriteEdge, operation, router
from app.http.idempotency import Reply
from app.http.jobs import job_answer
from app.http.schemas.cube import CubeClone, CubeExport, CubeFuse, CubePart, ImportConflict
from app.http.schemas.fields import AppId
from app.http.schemas.job import JobAnswer
from app.http.uploads import Upload, uploaded, with_body
from app.http.users import AppIdPath
from app.services import cube_upload, cubes, jobs
from app.services.cubes import Export
from app.storage.db import Connection

BLOCK = 65_536  # bytes of the stream at once

api = router("cubes")


@api.api_route(
    "/v1/cubes/export",
    response_class=StreamingResponse,
    responses={200: {"content": FILE, "description": "lines of JSON: header, rows, trailer"}},
    **operation("cubes_export", KeyScope.MEMORIES_READ, "POST", 404, body=True, idempotent=False),
)
def export(edge: ReadEdge, body: CubeExport) -> Response:
    """One user, agent, session, scene or filter as a file that any Mneme can import; see docs/cubes.md.

    The lines are one snapshot. Secrets are masked, and memories of type secret left out, unless `secrets` (admin).
    """
    filters = body.filters
    occurred = (filters.from_, filters.to) if filters else (None, None)
    selection = Selection(
        session_id=body.session_id,
        agent_id=body.agent_id,
        scene_id=body.scene_id,
        types=tuple(filters.types or ()) if filters else (),
        status=tuple(filters.status or ()) if filters else (),
        occurred_from=occurred[0],
        occurred_to=occurred[1],
        entities=tuple(normal_key(name) or "" for name in filters.entities or ()) if filters else (),
        parts=frozenset(part.value for part in body.include) if body.include is not None else DEFAULT_PARTS,
    )
    if CubePart.POLICY in (body.include or ()):
        edge.caller.need(KeyScope.ADMIN)
    return stream(edge, edge.caller.user(body.user_id), selection, secrets=bool(body.secrets))


@api.api_route(
    "/v1/users/{user_id}/export",
    response_class=StreamingResponse,
    responses={200: {"content": FILE, "description": "lines of JSON: header, rows, trailer"}},
    **operation("users_export", KeyScope.MEMORIES_READ, "GET", 404),
)
def export_user(
    edge: ReadEdge,
    user_id: AppIdPath,
    secrets: Annotated[bool | None, Query(description="show secrets; asks for admin")] = None,
) -> Response:
    """Everything that is kept of one user, artefacts too, as a file that any Mneme can import."""
    selection = Selection(parts=DEFAULT_PARTS | {"artefacts"})
    return stream(edge, edge.caller.user(user_id), selection, secrets=bool(secrets))


def stream(edge: Edge, scope: UserScope, selection: Selection, *, secrets: bool) -> Response:
    """The answer of an export; what can be refused is refused before its first byte."""
    edge.caller.whole_user()
    if secrets:
        edge.caller.need(KeyScope.ADMIN)
    with edge.read(scope) as conn:
        cubes.check(conn, scope, selection)
        said = selection.told() | {"parts": sorted(selection.parts), "secrets": secrets}
        said.pop("entities", None)  # names are words of the user
        edge.audit(conn, scope, "cube.export", ("user", scope.user_id), **said)
    encoder = edge.context.encoder
    what = Export(
        scope, selection, encoder.fingerprint, encoder.dimension, edge.context.clock(), None if secrets else mask
    )
    name = f'attachment; filename="{scope.user_id}.cube.jsonl"'
    return StreamingResponse(
        blocks(edge, what), media_type="application/octet-stream", headers={"Content-Disposition": name}
    )


def blocks(edge: Edge, what: Export) -> Iterator[bytes]:
    """The lines in blocks, because each step of a stream is a hop between threads."""
    with edge.context.db.snapshot(what.scope) as conn:
        held: list[bytes] = []
        size = 0
        for line in cubes.lines(conn, what):
            held.append(line)
            size += len(line)
            if size >= BLOCK:
                yield b"".join(held)
                held, size = [], 0
        yield b"".join(held)


@api.api_route(
    "/v1/cubes/import",
    response_model=JobAnswer,
    status_code=202,
    **operation("cubes_import", KeyScope.ADMIN, "POST", 415, file=True),
)
async def import_(  # noqa: PLR0913, PLR0917 - how the file is taken
    edge: WriteEdge,
    request: Request,
    user_id: AppId,
    conflict: Annotated[ImportConflict | None, Query(description="`skip` unless told")] = None,
    dry_run: Annotated[bool | None, Query(description="report what would be done, change nothing")] = None,
    restore_erased: Annotated[bool | None, Query(description="take also what was deleted or erased here")] = None,
    apply_policy: Annotated[bool | None, Query(description="the file's policy becomes the project's")] = None,
) -> Response:
    """Take a cube into a user: a job, whose progress is at the `Location`.

    The same file twice changes nothing the second time. Nothing of a file is written while a line of it is wrong.
    """
    edge.caller.whole_project()
    about = {
        "user_id": user_id,
        "conflict": (conflict or ImportConflict.SKIP).value,
        "restore_erased": bool(restore_erased),
        "apply_policy": bool(apply_policy),
    }
    async with uploaded(request) as upload:
        edge = with_body(edge, request, upload)
        accept = partial(_accept, edge, upload, about, dry_run=bool(dry_run))
        return await anyio.to_thread.run_sync(accept)


def _accept(edge: Edge, upload: Upload, about: dict[str, Any], *, dry_run: bool) -> Response:
    """Check the frame and the first lines, then keep the file with its job in one transaction."""
    project = edge.caller.project
    target = UserScope(project.project_id, about["user_id"])
    with edge.read(project) as conn:
        columns, key = cube_upload.needed(conn)
    cube_upload.check(upload.file, columns, key)
    job_id = edge.context.new_id()

    def store(conn: Connection) -> Reply:
        told = about | {"sha256": upload.digest.hex()}
        job = jobs.create(conn, project, job_id, "import", told, dry_run=dry_run, actor=edge.caller.actor)
        cube_upload.keep(conn, target, job_id, upload.file)
        edge.audit(conn, target, "cube.import", ("job", str(job_id)), dry_run=dry_run, **told)
        return Reply(job_answer(job), 202, {"Location": f"/v1/jobs/{job_id}"})

    response = edge.write(project, store)
    edge.context.hints.send(WorkKind.JOB)
    return response


@api.api_route(
    "/v1/cubes/clone",
    response_model=JobAnswer,
    status_code=202,
    **operation("cubes_clone", KeyScope.ADMIN, "POST", 404, body=True),
)
def clone(edge: WriteEdge, body: CubeClone) -> Response:
    """Copy everything of a user into another one; what is there already stays."""
    if body.user_id == body.to_user_id:
        field = FieldError("/to_user_id", "is the same user", "same")
        raise InvalidInputError("A user is no copy of itself.", errors=(field,))
    return _begin(edge, "clone", body, [body.user_id], body.to_user_id)


@api.api_route(
    "/v1/cubes/fuse",
    response_model=JobAnswer,
    status_code=202,
    **operation("cubes_fuse", KeyScope.ADMIN, "POST", 404, body=True),
)
def fuse(edge: WriteEdge, body: CubeFuse) -> Response:
    """Two users in one: the first is copied (or is `into` itself), what was understood of the second is decided about
    anew, so that what both say is one memory and later statements replace earlier ones. Both users stay.
    """
    first, second = body.user_ids
    if second in {first, body.into}:
        field = FieldError("/user_ids/1", "is the first user, or the one into which it goes", "same")
        raise InvalidInputError("The second user is another one.", errors=(field,))
    return _begin(edge, "fuse", body, body.user_ids, body.into)


def _begin(edge: Edge, kind: str, body: CubeClone | CubeFuse, sources: list[str], target: str) -> Response:
    edge.caller.whole_project()
    about, dry_run = body.model_dump(exclude={"dry_run"}), bool(body.dry_run)
    project = edge.caller.project
    job_id = edge.context.new_id()

    def store(conn: Connection) -> Reply:
        for name in sources:
            cubes.check(conn, UserScope(project.project_id, name), Selection())
        job = jobs.create(conn, project, job_id, kind, about, dry_run=dry_run, actor=edge.caller.actor)
        for name in dict.fromkeys([*sources, target]):  # an entry each, which goes with the user whom it names
            part = {"source": name in sources, "into": name == target, "dry_run": dry_run}
            edge.audit(conn, UserScope(project.project_id, name), f"cube.{kind}", ("job", str(job_id)), **part)
        return Reply(job_answer(job), 202, {"Location": f"/v1/jobs/{job_id}"})

    response = edge.write(project, store)
    edge.context.hints.send(WorkKind.JOB)
    return response
