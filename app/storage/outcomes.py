"""What events did: the candidates that came from them and how consolidation decided. Read by http."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.scope import Scope
from app.storage.db import Connection


@dataclass(frozen=True, slots=True)
class Outcome:
    """One statement of an event; `decision` is None while it is open."""

    decision: str | None
    memory_id: UUID | None
    text: str
    reason: str | None


def of_events(conn: Connection, scope: Scope, event_ids: Sequence[UUID]) -> dict[UUID, list[Outcome]]:
    """The outcomes of each of these events, in the order in which the statements were found."""
    found: dict[UUID, list[Outcome]] = {event_id: [] for event_id in event_ids}
    rows = conn.execute(
        "SELECT event_ids, decision, memory_id, coalesce(body ->> 'text', '') AS text, reason FROM candidates"
        " WHERE project_id = %s AND event_ids && %s ORDER BY occurred_at, segment_id, ordinal",
        (scope.project_id, list(event_ids)),
    ).fetchall()
    for row in rows:
        outcome = Outcome(row["decision"], row["memory_id"], row["text"], row["reason"])
        for event_id in row["event_ids"]:
            if event_id in found:
                found[event_id].append(outcome)
    return found
