"""Events in: one transaction that stores a batch and notes the work; and events as they are shown."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from app.domain.event import Event, EventState, NewEvent
from app.domain.scope import ProjectScope, Scope, UserScope
from app.errors import ConflictError, FieldError, NotFoundError
from app.storage import events, outcomes, work
from app.storage.db import Connection
from app.storage.events import EventInsert, EventQuery, InsertResult, InsertStatus
from app.storage.outcomes import Outcome

EXTRACT = "extract"
QUIET_SECONDS = 1.0  # SPEC 5: a session rests for a second before it is read
AT_MOST_SECONDS = 5.0  # but no event waits longer


class EventConflictError(ConflictError):
    """An event's id came before with other content."""

    code, title = "event_conflict", "Event exists with other content"


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event and whether its time is the app's own word (else it is the time of arrival)."""

    event: NewEvent
    timed: bool


def content_hash(sent: SentEvent) -> bytes:
    """SHA-256 over everything that the app sent; the order of metadata's keys does not count."""
    event = sent.event
    time = event.occurred_at.isoformat() if sent.timed else None
    parts = [event.role.value, event.name, event.agent_id, event.content, time, event.metadata]
    return sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).digest()


def store(
    conn: Connection,
    scope: ProjectScope,
    batch: Sequence[SentEvent],
    *,
    new_id: Callable[[], UUID],
    at_once: bool = False,
) -> list[InsertResult]:
    """Store the batch, or nothing of it: an id with other content raises EventConflictError.

    `at_once` is for a client that waits: its sessions are read without a rest, and without waiting for a full buffer.
    """
    rows = [EventInsert(new_id(), sent.event, content_hash(sent)) for sent in batch]
    results = events.insert_events(conn, scope, rows)
    clashes = tuple(
        FieldError(f"/events/{place}/id", "this id belongs to an event with other content", "conflict")
        for place, result in enumerate(results)
        if result.status is InsertStatus.CONFLICT
    )
    if clashes:
        raise EventConflictError("Nothing was stored: an id was used before with other content.", errors=clashes)
    sessions = {
        (row.event.user_id, row.event.session_id)
        for row, result in zip(rows, results, strict=True)
        if result.status is InsertStatus.ACCEPTED or at_once
    }
    for user_id, session_id in sorted(sessions):
        work.enqueue(
            conn,
            UserScope(scope.project_id, user_id),
            EXTRACT,
            session_id=session_id,
            quiet=0.0 if at_once else QUIET_SECONDS,
            at_most=0.0 if at_once else AT_MOST_SECONDS,
            urgent=at_once,
        )
    return results


def states(conn: Connection, scope: Scope, ids: Sequence[UUID]) -> dict[UUID, EventState]:
    """How far the pipeline is with each of them."""
    return events.states(conn, scope, ids)


def page(conn: Connection, scope: Scope, query: EventQuery) -> tuple[list[Event], dict[UUID, list[Outcome]]]:
    """Events in time order with what they did."""
    found = events.page(conn, scope, query)
    return found, outcomes.of_events(conn, scope, [event.id for event in found]) if found else {}


def get(conn: Connection, scope: Scope, event_id: UUID) -> tuple[Event, list[Outcome]]:
    """One event with what it did; raises NotFoundError."""
    event = events.by_ids(conn, scope, [event_id]).get(event_id)
    if event is None:
        raise NotFoundError("There is no such event.")
    return event, outcomes.of_events(conn, scope, [event_id])[event_id]
