"""`/v1/memories`: list, write directly, read, patch with If-Match, delete, links."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Query
from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.dates import CalendarDate
from app.domain.erasure import Erasure, Order, TargetKind
from app.domain.memory import MemoryStatus, MemoryType
from app.domain.normalise import normal_key, text_hash
from app.domain.strength import USED
from app.errors import FieldError, InvalidInputError, PreconditionRequiredError
from app.http.deps import ReadEdge, WriteEdge, answer, operation, router
from app.http.erasures import erase, order_of
from app.http.idempotency import Reply
from app.http.masking import masker
from app.http.memory_answers import link_answer, memory_answer, tagged, view
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.fields import AppId, Instant
from app.http.schemas.memory import (
    MemoryAnswer,
    MemoryCreate,
    MemoryLinks,
    MemoryPage,
    MemoryPatch,
    StatusFilter,
)
from app.services import lifecycle, memories
from app.services.memories import MemoryChanges, NewMemory
from app.storage.db import Connection
from app.storage.memories import MemoryQuery
from app.storage.memory_edits import MemoryDraft, Place

KEY_PARTS = frozenset({"subject", "attribute", "value"})
NULLABLE = KEY_PARTS | {"event_time", "valid_from", "valid_to", "expires_at", "review_at"}
ENTITY_TAG = re.compile(r'(?:W/)?"(\d{1,9})"', re.ASCII)

IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=256, description='the version that you have seen, as in `"3"`')
]

api = router("memories")


@api.api_route("/v1/memories", response_model=MemoryPage, **operation("memories_list", KeyScope.MEMORIES_READ, "GET"))
def list_page(  # noqa: PLR0913, PLR0917 - filters
    edge: ReadEdge,
    user_id: AppId | None = None,
    session_id: AppId | None = None,
    type_: Annotated[MemoryType | None, Query(alias="type")] = None,
    status: Annotated[StatusFilter | None, Query(description="`active` unless told; `any` for all")] = None,
    q: Annotated[
        str | None, Query(min_length=1, max_length=256, description="words that all occur in the text")
    ] = None,
    entity: Annotated[
        str | None, Query(min_length=1, max_length=256, description="name of somebody or something")
    ] = None,
    from_: Annotated[Instant | None, Query(alias="from", description="said at or after")] = None,
    to: Annotated[Instant | None, Query(description="said before")] = None,
    as_of: Annotated[Instant | None, Query(description="as things stood then, in the time of the conversation")] = None,
    known_at: Annotated[Instant | None, Query(description="as we had it recorded then")] = None,
    review_before: Annotated[Instant | None, Query(description="due for review before then")] = None,
    flagged: Annotated[bool | None, Query(description="called wrong, and nobody has looked since")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Memories with their sources, the oldest record first. Secrets are masked."""
    scope = edge.caller.reach(user_id)
    session = edge.caller.session(session_id)
    wanted = StatusFilter.ACTIVE if status is None else status
    filters = {
        "user": user_id, "session": session, "type": type_, "status": wanted, "q": q, "entity": entity,
        "from": from_, "to": to, "as_of": as_of, "known_at": known_at, "review": review_before, "flagged": flagged,
    }  # fmt: skip
    page = Page(edge.caller, "memories", filters, limit, cursor)
    after = page.after(datetime, UUID)
    query = MemoryQuery(
        session_id=session,
        type=type_,
        status=None if wanted is StatusFilter.ANY else MemoryStatus(wanted.value),
        words=tuple(q.split()) if q else (),
        entity=normal_key(entity),
        occurred_from=from_,
        occurred_to=to,
        as_of=as_of,
        known_at=known_at,
        review_before=review_before,
        flagged=flagged,
        now=edge.context.clock(),
        after=(after[0], after[1]) if after else None,
        limit=page.limit + 1,
    )
    with edge.read(scope) as conn:
        found = memories.page(conn, scope, query)
        seen = view(conn, scope, edge.context.clock())
    kept, next_cursor = page.cut(found, lambda memory: (memory.created_at, memory.id))
    return answer(MemoryPage(items=[memory_answer(memory, seen) for memory in kept], next_cursor=next_cursor))


@api.api_route(
    "/v1/memories",
    response_model=MemoryAnswer,
    status_code=201,
    responses={200: {"model": MemoryAnswer, "description": "an active memory says the same; this is it"}},
    **operation("memories_create", KeyScope.MEMORIES_WRITE, "POST", body=True),
)
def create(edge: WriteEdge, body: MemoryCreate) -> Response:
    """Write a memory directly."""
    scope = edge.caller.user(body.user_id, body.session_id)
    check_ahead(body.expires_at, edge.context.clock())
    check_span(body.valid_from, body.valid_to)
    encoded = memories.encode(edge.context.encoder, body.text)
    draft = MemoryDraft(
        text=body.text,
        text_hash=text_hash(body.text),
        type=body.type or MemoryType.FACT,
        importance=memories.IMPORTANCE if body.importance is None else body.importance,
        confidence=memories.CONFIDENCE if body.confidence is None else body.confidence,
        event_time=body.event_time,
        valid_from=body.valid_from,
        valid_to=body.valid_to,
        metadata=body.metadata or {},
        subject=normal_key(body.subject),
        attribute=normal_key(body.attribute),
        value=normal_key(body.value),
        expires_at=body.expires_at,
        review_at=body.review_at,
    )
    session = body.session_id or edge.caller.session_id
    place = Place(body.occurred_at or edge.context.clock(), session, body.agent_id)
    new = NewMemory(draft, place, tuple(dict.fromkeys(body.source_event_ids or ())))
    memory_id = edge.context.new_id()

    def store(conn: Connection) -> Reply:
        now = edge.context.clock()
        lifecycle.expire(conn, scope, now)  # what is said again after its time is new
        memory, fresh = memories.create(conn, scope, memory_id, new, encoded, actor=edge.caller.actor)
        if fresh:
            edge.audit(conn, scope, "memory.create", ("memory", str(memory.id)))
        else:  # said again, so it fades anew
            lifecycle.note_uses(conn, scope, {memory.id: USED}, now)
            memory = memories.get(conn, scope, memory.id)
        return tagged(memory, view(conn, scope, now), status=201 if fresh else 200)

    response = edge.write(scope, store)
    edge.context.hints.send(memories.INDEX)
    return response


@api.api_route(
    "/v1/memories/{memory_id}",
    response_model=MemoryAnswer,
    **operation("memories_get", KeyScope.MEMORIES_READ, "GET", 404),
)
def get(edge: ReadEdge, memory_id: UUID) -> Response:
    """One memory; its version is the ETag."""
    scope = edge.caller.reach()
    with edge.read(scope) as conn:
        memory = memories.get(conn, scope, memory_id)
        edge.caller.see(memory.session_id, "memory")
        return tagged(memory, view(conn, scope, edge.context.clock())).response()


@api.api_route(
    "/v1/memories/{memory_id}",
    response_model=MemoryAnswer,
    **operation("memories_update", KeyScope.MEMORIES_WRITE, "PATCH", 404, 412, 428, body=True),
)
def update(edge: WriteEdge, memory_id: UUID, body: MemoryPatch, if_match: IfMatch = None) -> Response:
    """Make a new version. `If-Match` says which version you have seen."""
    if if_match is None:
        raise PreconditionRequiredError(
            "Send the version that you have seen: If-Match.",
            errors=(FieldError("header:If-Match", "is missing", "missing"),),
        )
    versions = matching(if_match)
    changes = changes_of(body)
    check_ahead(changes.expires_at, edge.context.clock())
    scope = edge.caller.reach()
    encoded = memories.encode(edge.context.encoder, changes.text) if changes.text is not None else None

    def store(conn: Connection) -> Reply:
        before = memories.get(conn, scope, memory_id)
        edge.caller.see(before.session_id, "memory")
        if {"valid_from", "valid_to"} & changes.given:
            span = {"valid_from": before.valid_from, "valid_to": before.valid_to}
            check_span(**span | {name: getattr(changes, name) for name in changes.given & set(span)})
        memory = memories.patch(conn, scope, memory_id, changes, encoded, versions=versions, actor=edge.caller.actor)
        user = edge.caller.user(memory.user_id)
        edge.audit(conn, user, "memory.update", ("memory", str(memory_id)), fields=sorted(changes.given))
        return tagged(memory, view(conn, scope, edge.context.clock()))

    response = edge.write(scope, store)
    edge.context.hints.send(memories.INDEX)
    return response


@api.api_route(
    "/v1/memories/{memory_id}",
    status_code=204,
    **operation("memories_delete", KeyScope.MEMORIES_WRITE, "DELETE", 404, 412),
)
def delete(edge: WriteEdge, memory_id: UUID, if_match: IfMatch = None) -> Response:
    """Delete a memory: its text leaves every table and the index, what only it had replaced holds again. The events
    that it came from stay. The receipt is at the `Location`.
    """
    versions = None if if_match is None else matching(if_match)
    scope = edge.caller.reach()

    def act(conn: Connection, order: Order, key: bytes) -> Erasure:
        edge.caller.see(memories.get(conn, scope, memory_id).session_id, "memory")
        return memories.delete(conn, scope, memory_id, order, key, versions=versions)

    order = order_of(edge, TargetKind.MEMORY, str(memory_id))
    return erase(edge, scope, order, act, body=False, audit="memory.delete")


@api.api_route(
    "/v1/memories/{memory_id}/links",
    response_model=MemoryLinks,
    **operation("memories_links", KeyScope.MEMORIES_READ, "GET", 404),
)
def links(edge: ReadEdge, memory_id: UUID, limit: Limit = None, cursor: Cursor = None) -> Response:
    """The memories that this one is linked with, in both directions."""
    scope = edge.caller.reach()
    page = Page(edge.caller, "links", {"memory": memory_id}, limit, cursor)
    after = page.after(datetime, UUID)
    with edge.read(scope) as conn:
        edge.caller.see(memories.get(conn, scope, memory_id).session_id, "memory")
        found = memories.links(
            conn,
            scope,
            memory_id,
            session_id=edge.caller.session_id,
            after=(after[0], after[1]) if after else None,
            limit=page.limit + 1,
        )
        hide = masker(conn, scope)
    kept, next_cursor = page.cut(found, lambda link: (link.created_at, link.id))
    return answer(MemoryLinks(items=[link_answer(link, hide) for link in kept], next_cursor=next_cursor))


def matching(header: str) -> tuple[int, ...] | None:
    """The versions that `If-Match` names; None for `*`. Raises InvalidInputError."""
    if header.strip() == "*":
        return None
    tags = [part.strip() for part in header.split(",")]
    matches = [ENTITY_TAG.fullmatch(tag) for tag in tags]
    if not all(matches):
        field = FieldError("header:If-Match", 'is a version in quotes, as in "3"', "invalid")
        raise InvalidInputError("If-Match does not name a version.", errors=(field,))
    return tuple(int(match[1]) for match in matches if match)


def check_ahead(expires_at: datetime | None, now: datetime) -> None:
    """Raise InvalidInputError for an expiry that has passed: such a memory would never be seen."""
    if expires_at is not None and expires_at <= now:
        field = FieldError("/expires_at", "must be later than now", "past")
        raise InvalidInputError("The memory would be over already.", errors=(field,))


ZONES = timedelta(hours=26)  # a day and an instant may be of two zones that lie so far apart


def check_span(valid_from: CalendarDate | None, valid_to: CalendarDate | None) -> None:
    """Raise InvalidInputError for a validity that ends before it begins."""
    if valid_from is not None and valid_to is not None and valid_to.end() + ZONES <= valid_from.start():
        field = FieldError("/valid_to", "lies before valid_from", "invalid")
        raise InvalidInputError("The memory would have been true for no time.", errors=(field,))


def changes_of(body: MemoryPatch) -> MemoryChanges:
    """What a patch says; raises InvalidInputError for `null` where there must be a value, and for no change at all."""
    given = frozenset(body.model_fields_set)
    nulls = tuple(
        FieldError(f"/{name}", "may not be null", "null")
        for name in sorted(given - NULLABLE)
        if getattr(body, name) is None
    )
    if nulls or not given:
        raise InvalidInputError(
            "The patch changes nothing." if not given else "Some fields may not be null.",
            errors=nulls or (FieldError("", "names no field", "empty"),),
        )
    values: dict[str, Any] = {name: getattr(body, name) for name in given}
    for name in KEY_PARTS & given:
        values[name] = normal_key(values[name])
    return MemoryChanges(given=given, **values)
