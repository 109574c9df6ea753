"""What events did: the candidates that came from them and how consolidation decided. Read by http."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.scope import Scope
from app.storage.db import Connection, Row


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that a statement of an event did, to one memory if any; `decision` is None while it is open.

    `add`: it became that memory; `ignore`, `merge`: it strengthened it; `supersede`, `invalidate`: it ended it;
    `revive`: it brought it back; `skip`: it did nothing.
    """

    decision: str | None
    memory_id: UUID | None
    text: str
    reason: str | None


def of_events(conn: Connection, scope: Scope, event_ids: Sequence[UUID]) -> dict[UUID, list[Outcome]]:
    """The outcomes of each of these events, in the order in which the statements were found."""
    found: dict[UUID, list[Outcome]] = {event_id: [] for event_id in event_ids}
    rows = conn.execute(
        "SELECT event_ids, decision, memory_id, coalesce(body ->> 'text', '') AS text, reason,"
        " coalesce(body -> 'ended', '[]') AS ended, coalesce(body -> 'invalidated', '[]') AS invalidated,"
        " coalesce(body -> 'revived', '[]') AS revived"
        " FROM candidates WHERE project_id = %s AND event_ids && %s ORDER BY occurred_at, segment_id, ordinal",
        (scope.project_id, list(event_ids)),
    ).fetchall()
    for row in rows:
        outcomes = list(_outcomes(row))
        for event_id in row["event_ids"]:
            if event_id in found:
                found[event_id] += outcomes
    return found


def _outcomes(row: Row) -> Iterator[Outcome]:
    """The memory that the statement became or strengthened, then those that it ended."""
    decision, memory_id = row["decision"], row["memory_id"]
    ended = {UUID(text): "supersede" for text in row["ended"]} | {UUID(t): "invalidate" for t in row["invalidated"]}
    ended |= {UUID(text): "revive" for text in row["revived"]}
    if decision in {"supersede", "invalidate"}:
        decision = "add"
    if decision == "ignore" and memory_id is None:
        decision = "skip"
    if memory_id not in ended and not (ended and memory_id is None):
        yield Outcome(decision, memory_id, row["text"], row["reason"])
    for other, what in ended.items():
        yield Outcome(what, other, row["text"], row["reason"])
