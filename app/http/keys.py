"""`/v1/keys`: create, list, rotate, revoke. Admin only; the token is shown once."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path, Request
from starlette.responses import Response

from app.domain.access import KeyScope, StoredKey
from app.domain.scope import ProjectScope
from app.http.deps import Edge, ReadEdge, WriteEdge, operation, router
from app.http.idempotency import Reply
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.access import KeyAnswer, KeyCreate, KeyPage, KeyWithSecret
from app.services import keys, projects
from app.services.keys import KeyOrder
from app.storage.db import Connection, set_scope

KeyId = Annotated[str, Path(pattern=r"^[A-Za-z0-9]{4,32}$")]
Answers = Callable[[Connection, ProjectScope], Reply]

api = router("keys")


def within(edge: Edge, project_id: UUID | None, action: Answers) -> Callable[[Connection], Reply]:
    """Run the action under the scope of the caller's project or of one that it owns, then come back to the caller's."""

    def run(conn: Connection) -> Reply:
        own = edge.caller.project
        target = own if project_id is None else ProjectScope(projects.get(conn, own, project_id).id)
        set_scope(conn, target)
        reply = action(conn, target)
        set_scope(conn, own)
        return reply

    return run


@api.api_route(
    "/v1/keys",
    response_model=KeyWithSecret,
    status_code=201,
    **operation("keys_create", KeyScope.ADMIN, "POST", 404, body=True),
)
def create(edge: WriteEdge, body: KeyCreate) -> Response:
    """Make a key. Its token is shown in this answer only."""
    edge.caller.whole_project()
    order = KeyOrder(body.name, frozenset(body.scopes), body.user_id, body.session_id, body.expires_at)

    def store(conn: Connection, scope: ProjectScope) -> Reply:
        key, token = keys.create(conn, scope, order, edge.context.clock())
        edge.audit(conn, scope, "key.create", ("key", key.id), scopes=sorted(key.scopes))
        return Reply(KeyWithSecret(**key_answer(key).model_dump(), token=token), 201)

    return edge.write(edge.caller.project, within(edge, body.project_id, store), sealed=True)


@api.api_route("/v1/keys", response_model=KeyPage, **operation("keys_list", KeyScope.ADMIN, "GET", 404))
def list_page(edge: ReadEdge, project_id: UUID | None = None, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Keys of the caller's project, or of one that it owns; revoked ones too."""
    edge.caller.whole_project()
    page = Page(edge.caller, "keys", {"project": project_id}, limit, cursor)
    after = page.after(datetime, str)

    def read(conn: Connection, scope: ProjectScope) -> Reply:
        found = keys.page(conn, scope, after=(after[0], after[1]) if after else None, limit=page.limit + 1)
        kept, next_cursor = page.cut(found, lambda key: (key.created_at, key.id))
        return Reply(KeyPage(items=[key_answer(key) for key in kept], next_cursor=next_cursor))

    with edge.read(edge.caller.project) as conn:
        return within(edge, project_id, read)(conn).response()


@api.api_route("/v1/keys/{key_id}", response_model=KeyAnswer, **operation("keys_get", KeyScope.ADMIN, "GET", 404))
def get(edge: ReadEdge, key_id: KeyId, project_id: UUID | None = None) -> Response:
    """One key, without its secret."""
    edge.caller.whole_project()

    def read(conn: Connection, scope: ProjectScope) -> Reply:
        return Reply(key_answer(keys.get(conn, scope, key_id)))

    with edge.read(edge.caller.project) as conn:
        return within(edge, project_id, read)(conn).response()


@api.api_route(
    "/v1/keys/{key_id}/rotate",
    response_model=KeyWithSecret,
    **operation("keys_rotate", KeyScope.ADMIN, "POST", 404),
)
def rotate(request: Request, edge: WriteEdge, key_id: KeyId, project_id: UUID | None = None) -> Response:
    """Give a key another secret; the old one stops working within a second."""
    edge.caller.whole_project()

    def store(conn: Connection, scope: ProjectScope) -> Reply:
        key, token = keys.rotate(conn, scope, key_id)
        edge.audit(conn, scope, "key.rotate", ("key", key_id))
        return Reply(KeyWithSecret(**key_answer(key).model_dump(), token=token))

    response = edge.write(edge.caller.project, within(edge, project_id, store), sealed=True)
    request.app.state.key_cache.drop(key_id)
    return response


@api.api_route("/v1/keys/{key_id}", response_model=KeyAnswer, **operation("keys_revoke", KeyScope.ADMIN, "DELETE", 404))
def revoke(request: Request, edge: WriteEdge, key_id: KeyId, project_id: UUID | None = None) -> Response:
    """End a key: here at once, in other processes within a second."""
    edge.caller.whole_project()

    def store(conn: Connection, scope: ProjectScope) -> Reply:
        key = keys.revoke(conn, scope, key_id, edge.context.clock())
        edge.audit(conn, scope, "key.revoke", ("key", key_id))
        return Reply(key_answer(key))

    response = edge.write(edge.caller.project, within(edge, project_id, store))
    request.app.state.key_cache.drop(key_id)
    return response


def key_answer(key: StoredKey) -> KeyAnswer:
    """A key as it is shown."""
    return KeyAnswer(
        id=key.id,
        project_id=key.project_id,
        name=key.name,
        scopes=sorted(KeyScope(scope) for scope in key.scopes),
        user_id=key.user_id,
        session_id=key.session_id,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
        created_at=key.created_at,
    )
