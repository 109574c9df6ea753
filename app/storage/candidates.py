"""Candidates: what extraction proposes to remember. Written once by extraction, decided once by consolidation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from psycopg.types.json import Jsonb

from app.domain.dates import CalendarDate, Precision
from app.domain.memory import Candidate, MemoryType
from app.domain.scope import UserScope
from app.storage.db import Connection, Row
from app.storage.vectors import from_half, to_half


@dataclass(frozen=True, slots=True)
class StoredCandidate:
    """A candidate with its place: the `ordinal`-th of its segment. `dense` is the vector of its text by `model`;
    `memory_id` is the memory that stands in for it while its decision is put off.
    """

    id: UUID
    segment_id: UUID
    ordinal: int
    candidate: Candidate
    model: str
    dense: npt.NDArray[np.float32]
    memory_id: UUID | None = None


def insert(conn: Connection, scope: UserScope, session_id: str, rows: Sequence[StoredCandidate]) -> None:
    """Store candidates; those of a segment that was read before stay as they are. One that takes statements back is
    found by their events too.
    """
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO candidates (id, project_id, user_id, session_id, segment_id, ordinal, event_ids, occurred_at,"
            " body, model, dense) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (segment_id, ordinal) DO NOTHING",
            [
                (
                    row.id,
                    scope.project_id,
                    scope.user_id,
                    session_id,
                    row.segment_id,
                    row.ordinal,
                    list(dict.fromkeys((*row.candidate.event_ids, *row.candidate.retracts))),
                    row.candidate.occurred_at,
                    Jsonb(to_body(row.candidate)),
                    row.model,
                    to_half(row.dense),
                )
                for row in rows
            ],
        )


def open_of(conn: Connection, scope: UserScope, limit: int) -> list[StoredCandidate]:
    """The undecided candidates of a user, in the order in which things were said."""
    rows = conn.execute(
        "SELECT id, segment_id, ordinal, body, model, dense FROM candidates WHERE project_id = %s AND user_id = %s"
        " AND state = 'open' ORDER BY occurred_at, segment_id, ordinal LIMIT %s",
        (scope.project_id, scope.user_id, limit),
    ).fetchall()
    return [_stored(row) for row in rows]


WAITING = "project_id = %(project)s AND user_id = %(user)s AND state = 'decided' AND reason = 'put_off'"


def put_off(conn: Connection, scope: UserScope, limit: int) -> list[StoredCandidate]:
    """The candidates whose decision waits, in the order in which things were said."""
    rows = conn.execute(
        "SELECT id, segment_id, ordinal, body, model, dense, CASE WHEN decision = 'add' THEN memory_id END AS memory_id"
        f" FROM candidates WHERE {WAITING} ORDER BY occurred_at, segment_id, ordinal LIMIT %(limit)s",
        {"project": scope.project_id, "user": scope.user_id, "limit": limit},
    ).fetchall()
    return [replace(_stored(row), memory_id=row["memory_id"]) for row in rows]


def stand_ins(conn: Connection, scope: UserScope) -> frozenset[UUID]:
    """The memories of all candidates whose decision waits."""
    rows = conn.execute(
        f"SELECT memory_id FROM candidates WHERE {WAITING} AND decision = 'add'",
        {"project": scope.project_id, "user": scope.user_id},
    ).fetchall()
    return frozenset(row["memory_id"] for row in rows)


def keep_edited(conn: Connection, scope: UserScope) -> None:
    """A memory that an app has changed, or that is history already, is no stand-in any more."""
    conn.execute(
        f"UPDATE candidates c SET reason = 'edited' WHERE {WAITING} AND decision = 'add' AND (EXISTS ("
        " SELECT 1 FROM memory_versions v WHERE v.memory_id = c.memory_id AND v.actor <> 'pipeline')"
        " OR NOT EXISTS (SELECT 1 FROM memories m WHERE m.id = c.memory_id AND m.status = 'active'))",
        {"project": scope.project_id, "user": scope.user_id},
    )


def reopen(conn: Connection, scope: UserScope, ids: Sequence[UUID]) -> None:
    """Open these for the decision that they put off; the same transaction takes it."""
    conn.execute(
        f"UPDATE candidates SET state = 'open' WHERE {WAITING} AND id = ANY (%(ids)s)",
        {"project": scope.project_id, "user": scope.user_id, "ids": list(ids)},
    )


def decide(  # noqa: PLR0913, PLR0917 - a decision has these parts
    conn: Connection, scope: UserScope, candidate_id: UUID, decision: str, reason: str, memory_id: UUID | None
) -> bool:
    """Close a candidate with what was done about it; False when it was decided before."""
    cursor = conn.execute(
        "UPDATE candidates SET state = 'decided', decision = %s, reason = %s, memory_id = %s, decided_at = now()"
        " WHERE id = %s AND project_id = %s AND user_id = %s AND state = 'open'",
        (decision, reason, memory_id, candidate_id, scope.project_id, scope.user_id),
    )
    return cursor.rowcount == 1


def to_body(candidate: Candidate) -> dict[str, Any]:
    """A candidate as JSON; the time of its events keeps its offset."""
    return {
        "text": candidate.text,
        "type": candidate.type.value,
        "event_ids": [str(i) for i in candidate.event_ids],
        "occurred_at": candidate.occurred_at.isoformat(),
        "subject": candidate.subject,
        "attribute": candidate.attribute,
        "value": candidate.value,
        "single_valued": candidate.single_valued,
        "negated": candidate.negated,
        "event_time": _date_out(candidate.event_time),
        "valid_from": _date_out(candidate.valid_from),
        "valid_to": _date_out(candidate.valid_to),
        "importance": candidate.importance,
        "confidence": candidate.confidence,
        "entities": list(candidate.entities),
        "session_id": candidate.session_id,
        "agent_id": candidate.agent_id,
        "correction": candidate.correction,
        "corrects": [str(i) for i in candidate.corrects],
        "ends": candidate.ends,
        "retracts": [str(i) for i in candidate.retracts],
        "targets": [str(i) for i in candidate.targets],
        "compared": candidate.compared,
    }


def from_body(body: dict[str, Any]) -> Candidate:
    """The inverse of `to_body`; a body stored before its newest fields were added reads as without them."""
    return Candidate(
        text=body["text"],
        type=MemoryType(body["type"]),
        event_ids=tuple(UUID(i) for i in body["event_ids"]),
        occurred_at=datetime.fromisoformat(body["occurred_at"]),
        subject=body["subject"],
        attribute=body["attribute"],
        value=body["value"],
        single_valued=body["single_valued"],
        negated=body["negated"],
        event_time=_date_in(body["event_time"]),
        valid_from=_date_in(body["valid_from"]),
        valid_to=_date_in(body["valid_to"]),
        importance=body["importance"],
        confidence=body["confidence"],
        entities=tuple(body["entities"]),
        session_id=body["session_id"],
        agent_id=body["agent_id"],
        correction=body.get("correction", False),
        corrects=tuple(UUID(i) for i in body.get("corrects", ())),
        ends=body.get("ends", False),
        retracts=tuple(UUID(i) for i in body.get("retracts", ())),
        targets=tuple(UUID(i) for i in body.get("targets", ())),
        compared=body.get("compared", False),
    )


def _date_out(date: CalendarDate | None) -> dict[str, str] | None:
    return {"text": date.text, "precision": date.precision.value} if date else None


def _date_in(body: dict[str, str] | None) -> CalendarDate | None:
    return CalendarDate(body["text"], Precision(body["precision"])) if body else None


def _stored(row: Row) -> StoredCandidate:
    return StoredCandidate(
        row["id"], row["segment_id"], row["ordinal"], from_body(row["body"]), row["model"], from_half(row["dense"])
    )
