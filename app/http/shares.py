"""`/v1/cubes/shares`: what a user lets others read, and the reading of it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.memory import MemoryType
from app.domain.normalise import normal_key
from app.domain.scope import UserScope
from app.domain.secrets import mask
from app.errors import FieldError, InvalidInputError
from app.http.deps import Edge, ReadEdge, WriteEdge, answer, operation, router
from app.http.idempotency import Reply
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.cube import (
    ShareAnswer,
    ShareContext,
    ShareCreate,
    SharedItem,
    SharedMemory,
    SharedMemoryPage,
    ShareFilters,
    SharePage,
    ShareRecall,
    ShareRecallAnswer,
)
from app.http.schemas.fields import AppId
from app.services import cube_shares as service
from app.services.cube_shares import Reader
from app.storage import cube_shares
from app.storage.cube_shares import CubeShare
from app.storage.db import Connection

LIMIT, MAX_TOKENS = 10, 1_000  # as for a recall

api = router("cubes")


@api.api_route(
    "/v1/cubes/shares",
    response_model=ShareAnswer,
    status_code=201,
    **operation("shares_create", KeyScope.MEMORIES_WRITE, "POST", body=True),
)
def create(edge: WriteEdge, body: ShareCreate) -> Response:
    """Let users or agents of this project read active memories of a user: never turns, profiles or secrets."""
    edge.caller.whole_user()
    scope = edge.caller.user(body.user_id)
    if not body.with_user_ids and not body.with_agent_ids:
        field = FieldError("/with_user_ids", "names nobody, and so does with_agent_ids", "missing")
        raise InvalidInputError("A share has at least one reader.", errors=(field,))
    if MemoryType.SECRET in (body.filters.types or () if body.filters else ()):
        field = FieldError("/filters/types", "secrets are never shared", "secret")
        raise InvalidInputError("Secrets are never shared.", errors=(field,))
    now = edge.context.clock()
    if body.expires_at is not None and body.expires_at <= now:
        field = FieldError("/expires_at", "must be later than now", "past")
        raise InvalidInputError("The share would be over already.", errors=(field,))
    share = CubeShare(
        id=edge.context.new_id(),
        user_id=body.user_id,
        filters=filters_of(body.filters),
        with_user_ids=sorted(set(body.with_user_ids or ())),
        with_agent_ids=sorted(set(body.with_agent_ids or ())),
        expires_at=body.expires_at,
        revoked_at=None,
        created_at=now,
    )

    def store(conn: Connection) -> Reply:
        cube_shares.insert(conn, scope, share, created_by=edge.caller.actor)
        readers = {"users": len(share.with_user_ids), "agents": share.with_agent_ids}  # who they are is in the share
        edge.audit(conn, scope, "share.create", ("share", str(share.id)), **readers)
        return Reply(share_answer(share), 201, {"Location": f"/v1/cubes/shares/{share.id}"})

    return edge.write(scope, store)


@api.api_route("/v1/cubes/shares", response_model=SharePage, **operation("shares_list", KeyScope.MEMORIES_READ, "GET"))
def list_page(edge: ReadEdge, user_id: AppId | None = None, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Shares of a user, or of all users that the key sees; also those that have ended."""
    edge.caller.whole_user()
    scope = edge.caller.reach(user_id)
    page = Page(edge.caller, "shares", {"user": user_id}, limit, cursor)
    after = page.after(datetime, UUID)
    with edge.read(scope) as conn:
        found = cube_shares.page(conn, scope, after=(after[0], after[1]) if after else None, limit=page.limit + 1)
    kept, next_cursor = page.cut(found, lambda share: (share.created_at, share.id))
    return answer(SharePage(items=[share_answer(share) for share in kept], next_cursor=next_cursor))


@api.api_route(
    "/v1/cubes/shares/{share_id}",
    response_model=ShareAnswer,
    **operation("shares_get", KeyScope.MEMORIES_READ, "GET", 404),
)
def get(edge: ReadEdge, share_id: UUID) -> Response:
    """One share, for its owner."""
    edge.caller.whole_user()
    scope = edge.caller.reach()
    with edge.read(scope) as conn:
        return answer(share_answer(service.get(conn, scope, share_id)))


@api.api_route(
    "/v1/cubes/shares/{share_id}",
    status_code=204,
    **operation("shares_revoke", KeyScope.MEMORIES_WRITE, "DELETE", 404),
)
def revoke(edge: WriteEdge, share_id: UUID) -> Response:
    """End a share at once."""
    edge.caller.whole_user()
    scope = edge.caller.reach()

    def store(conn: Connection) -> Reply:
        owner = service.revoke(conn, scope, share_id, edge.context.clock())
        edge.audit(conn, owner, "share.revoke", ("share", str(share_id)))
        return Reply(None, 204)

    return edge.write(scope, store)


@api.api_route(
    "/v1/cubes/shares/{share_id}/memories",
    response_model=SharedMemoryPage,
    **operation("shares_memories", KeyScope.MEMORIES_READ, "GET", 404),
)
def memories(  # noqa: PLR0913, PLR0917 - whose share, who reads, one page
    edge: ReadEdge,
    share_id: UUID,
    user_id: Annotated[AppId | None, Query(description="the reader; this or agent_id")] = None,
    agent_id: Annotated[AppId | None, Query(description="the agent that reads")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """The memories that a share shows to this reader, secrets masked."""
    reader = reader_of(edge, user_id, agent_id)
    page = Page(edge.caller, "shared", {"share": share_id, "user": user_id, "agent": agent_id}, limit, cursor)
    after = page.after(datetime, UUID)
    now = edge.context.clock()
    share = _open(edge, share_id, reader, now)
    owner = UserScope(edge.caller.project_id, share.user_id)
    with edge.read(owner) as conn:
        position = (after[0], after[1]) if after else None
        found = cube_shares.memories(conn, owner, share, now, after=position, limit=page.limit + 1)
    kept, next_cursor = page.cut(found, lambda row: (row.created_at, row.id))
    items = [
        SharedMemory(
            id=row.id,
            type=row.type,
            text=mask(row.text),
            event_time=row.event_time,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            occurred_at=row.occurred_at,
            created_at=row.created_at,
        )
        for row in kept
    ]
    return answer(SharedMemoryPage(items=items, next_cursor=next_cursor))


@api.api_route(
    "/v1/cubes/shares/{share_id}/recall",
    response_model=ShareRecallAnswer,
    **operation("shares_recall", KeyScope.RECALL, "POST", 404, body=True, idempotent=False),
)
def recall(edge: ReadEdge, share_id: UUID, body: ShareRecall) -> Response:
    """A question to what another user shares: memories inside the share's filter, nothing else; no use is counted."""
    reader = reader_of(edge, body.user_id, body.agent_id)
    context, now = edge.context, edge.context.clock()
    share = _open(edge, share_id, reader, now)
    query = service.query_of(edge.caller.project, share, body.query, body.limit or LIMIT, now)
    model, max_tokens = context.encoder.fingerprint, body.max_tokens or MAX_TOKENS
    with edge.read(query.scope) as conn:
        prepared = service.prepare(conn, query, model=model)
    question = service.ask(context.encoder, prepared)
    with edge.read(query.scope) as conn:
        found = service.answer(conn, share, query, prepared, question, model=model, max_tokens=max_tokens)
    items = [
        SharedItem(
            id=item.id,
            type=item.type or "",
            text=item.text,
            score=item.score,
            scores=item.scores,
            occurred_at=item.occurred_at,
            event_time=item.event_time,
            valid_from=item.valid_from,
            valid_to=item.valid_to,
        )
        for item in found.items
    ]
    said = ShareContext(text=found.text, tokens=found.tokens, max_tokens=max_tokens)
    return answer(ShareRecallAnswer(items=items, context=said, sufficient=found.sufficient))


def reader_of(edge: Edge, user_id: str | None, agent_id: str | None) -> Reader:
    """Who reads; raises ForbiddenError when the key may not act for them. An agent is no part of a key, so to read as
    one asks for a key of the whole project.
    """
    edge.caller.whole_user()
    if user_id is None and agent_id is None:
        field = FieldError("/user_id", "or agent_id says who reads", "missing")
        raise InvalidInputError("Say who reads.", errors=(field,))
    if user_id is not None:
        edge.caller.user(user_id)
    if agent_id is not None:
        edge.caller.whole_project()
    return Reader(user_id, agent_id)


def _open(edge: Edge, share_id: UUID, reader: Reader, now: datetime) -> CubeShare:
    with edge.read(edge.caller.project) as conn:
        return service.opened(conn, edge.caller.project, share_id, reader, now)


def filters_of(filters: ShareFilters | None) -> dict[str, Any]:
    """The filter as it is kept: what is set, names normalised."""
    if filters is None:
        return {}
    kept = filters.model_dump(mode="json", by_alias=True, exclude_none=True)
    for name in ("from", "to"):
        moment = filters.from_ if name == "from" else filters.to
        if moment is not None:
            kept[name] = moment.isoformat()
    if filters.entities is not None:
        kept["entities"] = [normal_key(name) or "" for name in filters.entities]
    return kept


def share_answer(share: CubeShare) -> ShareAnswer:
    """A share as its owner sees it."""
    return ShareAnswer(
        id=share.id,
        user_id=share.user_id,
        filters=share.filters,
        with_user_ids=share.with_user_ids,
        with_agent_ids=share.with_agent_ids,
        expires_at=share.expires_at,
        revoked_at=share.revoked_at,
        created_at=share.created_at,
    )
