"""What a recall returned, noted after its answer so that it is recognised when it comes back inside an event."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from app.domain.event import Event
from app.domain.query import Format, Kind
from app.domain.scope import UserScope
from app.domain.served import (
    REMEMBERED,
    LineHashes,
    asked_hashes,
    context_hashes,
    statement_hashes,
    turn_hashes,
    without_served,
)
from app.services.recall_answer import RecallResult
from app.storage import served
from app.storage.db import Connection


def hashes_of(result: RecallResult, format_: Format, known: LineHashes) -> set[int]:
    """The sentences of an answer. A context in JSON is no text that a line could be compared with: its items stand."""
    found = statement_hashes((item.text for item in result.items if item.kind is Kind.MEMORY), known)
    found |= statement_hashes(result.upcoming, known)
    found |= turn_hashes((item.text for item in result.items if item.kind is Kind.EVENT), known)
    return found if format_ is Format.JSON else found | context_hashes(result.context.text, known)


def note(conn: Connection, scope: UserScope, hashes: Collection[int], at: datetime) -> None:
    """Keep the sentences that were answered at `at`."""
    served.add(conn, scope, hashes, at)


def echoes(conn: Connection, scope: UserScope, events: Sequence[Event], now: datetime) -> dict[UUID, Event]:
    """Of these events, those that repeat what was served before they arrived, without what they repeat."""
    known = served.known(conn, scope, asked_hashes(events), since=now - REMEMBERED)
    if not known:
        return {}
    found = {}
    for event in events:
        rest = without_served(event, {h for h, first_at in known.items() if first_at < event.created_at})
        if rest is not event:
            found[event.id] = rest
    return found
