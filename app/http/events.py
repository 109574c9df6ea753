"""`/v1/events`: turns in (one transaction, then 202), and turns as they are kept with what they did."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated
from uuid import UUID

import anyio
import anyio.to_thread
from fastapi import Query, Request
from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.event import Event, EventState, NewEvent
from app.domain.scope import Scope, UserScope
from app.errors import FieldError, ForbiddenError
from app.http.deps import Edge, ReadEdge, WriteEdge, answer, operation, router
from app.http.idempotency import REPLAYED, Reply
from app.http.masking import Mask, mask_values, masker
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.event import (
    Effect,
    EventAnswer,
    EventEffect,
    EventIn,
    EventPage,
    EventsAnswer,
    EventsRequest,
    EventStatus,
    StoredEvent,
)
from app.http.schemas.fields import AppId, Instant
from app.services import events
from app.services.events import SentEvent
from app.storage.db import Connection
from app.storage.events import EventQuery, InsertResult, InsertStatus
from app.storage.outcomes import Outcome

POLL_SECONDS = 0.05  # between two looks for a waiting client; it grows
POLL_AT_MOST = 0.5
WAIT_DEFAULT = 10.0  # seconds, SPEC 4

EFFECTS = {
    "add": Effect.CREATED,
    "ignore": Effect.STRENGTHENED,
    "merge": Effect.MERGED,
    "supersede": Effect.SUPERSEDED,
    "revive": Effect.REVIVED,
    "invalidate": Effect.INVALIDATED,
    "link": Effect.LINKED,
    None: Effect.OPEN,
}

api = router("events")


class WaitFor(StrEnum):
    PROCESSED = "processed"


@api.api_route(
    "/v1/events",
    response_model=EventsAnswer,
    status_code=202,
    responses={200: {"model": EventsAnswer, "description": "with `wait=processed`: all of them are processed"}},
    **operation("events_create", KeyScope.EVENTS_WRITE, "POST", body=True),
)
async def create(
    request: Request,
    edge: WriteEdge,
    body: EventsRequest,
    wait: WaitFor | None = None,
    timeout: Annotated[  # noqa: ASYNC109 - the contract names it so
        float | None, Query(ge=0, le=60, description="seconds to wait, 10 unless told")
    ] = None,
) -> Response:
    """Remember events. The answer comes after they are durable; understanding them goes on in the background."""
    scope = scope_of(edge, body.events)

    def write() -> Response:
        edge.after.flush({UserScope(edge.caller.project_id, event.user_id) for event in body.events})  # echoes, if any
        return edge.write(scope, partial(store, edge, body, waits=wait is not None), final=wait is None)

    response = await anyio.to_thread.run_sync(write)
    if REPLAYED in response.headers:
        return response
    edge.context.hints.send(events.EXTRACT)
    if wait is None:
        return response
    first = EventsAnswer.model_validate_json(bytes(response.body))
    return await wait_processed(request, edge, scope, first, WAIT_DEFAULT if timeout is None else timeout)


def scope_of(edge: Edge, batch: Sequence[EventIn]) -> Scope:
    """One user's scope when the batch is of one user, else the project's; refuses what the key may not write."""
    for place, event in enumerate(batch):
        try:
            edge.caller.user(event.user_id, event.session_id)
        except ForbiddenError as error:
            field = "user_id" if event.user_id != edge.caller.user_id else "session_id"
            error.errors = (FieldError(f"/events/{place}/{field}", "is not the key's own", "forbidden"),)
            raise
    users = {event.user_id for event in batch}
    return edge.caller.user(users.pop()) if len(users) == 1 else edge.caller.project


def store(edge: Edge, body: EventsRequest, conn: Connection, *, waits: bool) -> Reply:
    """The effect of a POST, inside its transaction."""
    now = edge.context.clock()
    batch = [sent_event(event, now) for event in body.events]
    results = events.store(conn, edge.caller.project, batch, new_id=edge.context.new_id, at_once=waits)
    known = [result.id for result in results if result.status is InsertStatus.DUPLICATE]
    states = events.states(conn, edge.caller.project, known) if known else {}
    for status in (InsertStatus.ACCEPTED, InsertStatus.DUPLICATE):
        edge.context.metrics.events.labels(status.value).inc(sum(result.status is status for result in results))
    return Reply(stored_answer(results, states), 202)


def sent_event(event: EventIn, now: datetime) -> SentEvent:
    """The request's event in the domain's words."""
    new = NewEvent(
        user_id=event.user_id,
        session_id=event.session_id,
        role=event.role,
        content=event.content,
        occurred_at=event.occurred_at or now,
        client_id=event.id,
        agent_id=event.agent_id,
        name=event.name,
        metadata=event.metadata or {},
    )
    return SentEvent(new, timed=event.occurred_at is not None)


def stored_answer(results: Sequence[InsertResult], states: dict[UUID, EventState]) -> EventsAnswer:
    """What became of each, in order."""
    items = [
        StoredEvent(
            id=result.id,
            client_id=result.client_id,
            status=EventStatus(result.status.value),
            state=states.get(result.id, EventState.PENDING),
        )
        for result in results
    ]
    accepted = sum(item.status is EventStatus.ACCEPTED for item in items)
    return EventsAnswer(items=items, accepted=accepted, duplicates=len(items) - accepted)


async def wait_processed(request: Request, edge: Edge, scope: Scope, first: EventsAnswer, patience: float) -> Response:
    """Look until the pipeline has finished with all of them or the time is over; holds no thread in between."""
    deadline = time.monotonic() + patience
    ids = list({item.id for item in first.items})
    limiter: anyio.CapacityLimiter = request.app.state.waiting

    def look() -> dict[UUID, EventState]:
        with edge.read(scope) as conn:
            return events.states(conn, scope, ids)

    pause = POLL_SECONDS
    while True:
        states = await anyio.to_thread.run_sync(look, limiter=limiter)
        settled = all(state is not EventState.PENDING for state in states.values())
        left = deadline - time.monotonic()
        if settled or left <= 0:
            break
        await asyncio.sleep(min(pause, left))
        pause = min(POLL_AT_MOST, pause * 1.5)
    items = [item.model_copy(update={"state": states.get(item.id, item.state)}) for item in first.items]
    done = all(state is EventState.PROCESSED for state in states.values())
    reply = Reply(first.model_copy(update={"items": items}), 200 if done else 202)
    return await anyio.to_thread.run_sync(edge.write_again, scope, reply, limiter=limiter)


@api.api_route("/v1/events", response_model=EventPage, **operation("events_list", KeyScope.MEMORIES_READ, "GET"))
def list_page(  # noqa: PLR0913, PLR0917 - filters
    edge: ReadEdge,
    user_id: AppId | None = None,
    session_id: AppId | None = None,
    state: EventState | None = None,
    from_: Annotated[Instant | None, Query(alias="from", description="first instant")] = None,
    to: Annotated[Instant | None, Query(description="first instant after")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Events in the order in which they were said, with what each did. Secrets are masked."""
    scope = edge.caller.reach(user_id)
    session = edge.caller.session(session_id)
    filters = {"user": user_id, "session": session, "state": state, "from": from_, "to": to}
    page = Page(edge.caller, "events", filters, limit, cursor)
    after = page.after(datetime, int)
    query = EventQuery(
        user_id=user_id,
        session_id=session,
        state=state,
        occurred_from=from_,
        occurred_to=to,
        after=(after[0], after[1]) if after else None,
        limit=page.limit + 1,
    )
    with edge.read(scope) as conn:
        found, effects = events.page(conn, scope, query)
        hide = masker(conn, scope)
    kept, next_cursor = page.cut(found, lambda event: (event.occurred_at, event.seq))
    items = [event_answer(event, effects[event.id], hide) for event in kept]
    return answer(EventPage(items=items, next_cursor=next_cursor))


@api.api_route(
    "/v1/events/{event_id}", response_model=EventAnswer, **operation("events_get", KeyScope.MEMORIES_READ, "GET", 404)
)
def get(edge: ReadEdge, event_id: UUID) -> Response:
    """One event with what it did. Secrets are masked but for an admin."""
    scope = edge.caller.reach()
    with edge.read(scope) as conn:
        event, effects = events.get(conn, scope, event_id)
        edge.caller.see(event.session_id, "event")
        hide = masker(conn, scope, shown=edge.caller.is_admin)
    return answer(event_answer(event, effects, hide))


def event_answer(event: Event, effects: Sequence[Outcome], hide: Mask) -> EventAnswer:
    """An event as it is shown."""
    return EventAnswer(
        id=event.id,
        client_id=event.client_id,
        user_id=event.user_id,
        session_id=event.session_id,
        agent_id=event.agent_id,
        role=event.role,
        name=event.name if event.name is None else hide(event.name),
        content=hide(event.content),
        occurred_at=event.occurred_at,
        metadata=mask_values(event.metadata, hide),
        state=event.state,
        skip_reason=event.skip_reason,
        created_at=event.created_at,
        effects=[
            EventEffect(
                effect=EFFECTS.get(effect.decision, Effect.SKIPPED),
                memory_id=effect.memory_id,
                text=hide(effect.text),
                reason=effect.reason,
            )
            for effect in effects
        ],
    )
