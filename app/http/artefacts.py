"""`/v1/cubes/artefacts`: opaque files beside a user's memory, with fingerprint, provenance and versions."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import anyio.to_thread
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.domain.access import KeyScope
from app.domain.scope import UserScope
from app.errors import FieldError, InvalidInputError, MnemeError
from app.http import strict_json
from app.http.deps import FILE, Edge, ReadEdge, WriteEdge, answer, operation, router
from app.http.idempotency import Reply
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.cube import ArtefactAnswer, ArtefactPage
from app.http.schemas.fields import AppId, check_metadata
from app.http.uploads import Upload, uploaded, with_body
from app.services import artefacts as service
from app.storage import artefacts
from app.storage.artefacts import Artefact
from app.storage.db import Connection

NAME = r"^[A-Za-z0-9_.:@+|=~-]{1,128}$"
Name = Annotated[str, Query(pattern=NAME, description="versions are counted by it")]
Kind = Annotated[str, Query(pattern=r"^[a-z0-9_.-]{1,64}$", description="the app's own word: lora, kv_cache, ...")]

api = router("cubes")


@api.api_route(
    "/v1/cubes/artefacts",
    response_model=ArtefactAnswer,
    status_code=201,
    responses={200: {"model": ArtefactAnswer, "description": "the newest version is the same; this is it"}},
    **operation("artefacts_create", KeyScope.MEMORIES_WRITE, "POST", 415, file=True),
)
async def create(  # noqa: PLR0913, PLR0917 - what an artefact is
    edge: WriteEdge,
    request: Request,
    user_id: AppId,
    name: Name,
    kind: Kind,
    provenance: Annotated[
        str | None, Query(max_length=4096, description="a JSON object: what made it, from what, for which model")
    ] = None,
) -> Response:
    """Store a file as the next version of its name. It is kept as it is and never looked into; 64 MiB at most."""
    edge.caller.whole_user()
    scope = edge.caller.user(user_id)
    said = provenance_of(provenance)
    async with uploaded(request) as upload:
        edge = with_body(edge, request, upload)
        artefact = Artefact(
            id=edge.context.new_id(),
            user_id=user_id,
            name=name,
            kind=kind,
            version=1,
            fingerprint=upload.digest.hex(),
            size=upload.size,
            provenance=said,
            created_by=edge.caller.actor,
            created_at=edge.context.clock(),
        )
        return await anyio.to_thread.run_sync(partial(_store, edge, scope, artefact, upload))


def _store(edge: Edge, scope: UserScope, artefact: Artefact, upload: Upload) -> Response:
    def store(conn: Connection) -> Reply:
        stored, fresh = service.put(conn, scope, artefact, upload.file)
        if fresh:
            told = {"version": stored.version, "size": stored.size, "fingerprint": stored.fingerprint}
            edge.audit(conn, scope, "artefact.create", ("artefact", str(stored.id)), **told)
        place = {"Location": f"/v1/cubes/artefacts/{stored.id}"}
        return Reply(artefact_answer(stored), 201 if fresh else 200, place)

    return edge.write(scope, store)


@api.api_route(
    "/v1/cubes/artefacts",
    response_model=ArtefactPage,
    **operation("artefacts_list", KeyScope.MEMORIES_READ, "GET"),
)
def list_page(  # noqa: PLR0913, PLR0917 - filters
    edge: ReadEdge,
    user_id: AppId,
    name: Annotated[str | None, Query(pattern=NAME)] = None,
    kind: Annotated[str | None, Query(pattern=r"^[a-z0-9_.-]{1,64}$")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Artefacts of a user, all versions, the oldest first."""
    edge.caller.whole_user()
    scope = edge.caller.user(user_id)
    page = Page(edge.caller, "artefacts", {"user": user_id, "name": name, "kind": kind}, limit, cursor)
    after = page.after(datetime, UUID)
    with edge.read(scope) as conn:
        position = (after[0], after[1]) if after else None
        found = artefacts.page(conn, scope, name=name, kind=kind, after=position, limit=page.limit + 1)
    kept, next_cursor = page.cut(found, lambda artefact: (artefact.created_at, artefact.id))
    return answer(ArtefactPage(items=[artefact_answer(artefact) for artefact in kept], next_cursor=next_cursor))


@api.api_route(
    "/v1/cubes/artefacts/{artefact_id}",
    response_model=ArtefactAnswer,
    **operation("artefacts_get", KeyScope.MEMORIES_READ, "GET", 404),
)
def get(edge: ReadEdge, artefact_id: UUID) -> Response:
    """One version, without its content."""
    edge.caller.whole_user()
    scope = edge.caller.reach()
    with edge.read(scope) as conn:
        return answer(artefact_answer(service.get(conn, scope, artefact_id)))


@api.api_route(
    "/v1/cubes/artefacts/{artefact_id}/content",
    response_class=StreamingResponse,
    responses={200: {"content": FILE, "description": "the file as it was sent"}},
    **operation("artefacts_content", KeyScope.MEMORIES_READ, "GET", 404),
)
def content(edge: ReadEdge, artefact_id: UUID) -> Response:
    """The file of one version; its fingerprint is the ETag."""
    edge.caller.whole_user()
    scope = edge.caller.reach()
    with edge.read(scope) as conn:
        found = service.get(conn, scope, artefact_id)
    headers = {"ETag": f'"{found.fingerprint}"', "Content-Length": str(found.size)}
    owner = UserScope(scope.project_id, found.user_id)
    return StreamingResponse(pieces(edge, owner, artefact_id), media_type="application/octet-stream", headers=headers)


def pieces(edge: Edge, scope: UserScope, artefact_id: UUID) -> Iterator[bytes]:
    """The content in one snapshot, so that a deletion meanwhile does not cut it."""
    with edge.context.db.snapshot(scope) as conn:
        yield from artefacts.content(conn, scope, artefact_id)


@api.api_route(
    "/v1/cubes/artefacts/{artefact_id}",
    status_code=204,
    **operation("artefacts_delete", KeyScope.MEMORIES_WRITE, "DELETE", 404),
)
def delete(edge: WriteEdge, artefact_id: UUID) -> Response:
    """Take out one version with its content."""
    edge.caller.whole_user()
    scope = edge.caller.reach()

    def store(conn: Connection) -> Reply:
        owner = service.delete(conn, scope, artefact_id)
        edge.audit(conn, owner, "artefact.delete", ("artefact", str(artefact_id)))
        return Reply(None, 204)

    return edge.write(scope, store)


def provenance_of(text: str | None) -> dict[str, Any]:
    """The provenance as an object; raises InvalidInputError for what is none."""
    if text is None:
        return {}
    try:
        value = strict_json.parse(text.encode())
    except MnemeError:  # its words are about a body
        value = None
    if not isinstance(value, dict):
        field = FieldError("query:provenance", "is not a JSON object", "invalid")
        raise InvalidInputError("The provenance is an object.", errors=(field,))
    try:
        return check_metadata(value)
    except ValueError as error:
        field = FieldError("query:provenance", str(error), "invalid")
        raise InvalidInputError("The provenance is too much.", errors=(field,)) from error


def artefact_answer(artefact: Artefact) -> ArtefactAnswer:
    """A version as it is shown."""
    return ArtefactAnswer(
        id=artefact.id,
        user_id=artefact.user_id,
        name=artefact.name,
        kind=artefact.kind,
        version=artefact.version,
        fingerprint=artefact.fingerprint,
        size=artefact.size,
        provenance=artefact.provenance,
        created_by=artefact.created_by,
        created_at=artefact.created_at,
    )
