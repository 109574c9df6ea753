"""What of a user is remembered, or about to be, with vectors: read by extraction to show a model what is near."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.memory import Candidate, MemoryType
from app.domain.scope import UserScope
from app.storage.candidates import from_body
from app.storage.db import Connection
from app.storage.vectors import from_half


@dataclass(frozen=True, slots=True)
class Remembered:
    """An active memory. `occurred_at` is in the offset in which it was said."""

    id: UUID
    text: str
    type: MemoryType
    subject: str | None
    attribute: str | None
    value: str | None
    single_valued: bool
    occurred_at: datetime
    event_ids: tuple[UUID, ...]
    dense: npt.NDArray[np.float32]


def active(conn: Connection, scope: UserScope, model: str, limit: int) -> list[Remembered]:
    """The newest active memories that have a vector of `model`."""
    rows = conn.execute(
        "SELECT m.id, m.text, m.type, m.subject, m.attribute, m.value, m.single_valued, m.occurred_at, m.utc_offset,"
        " v.dense, ARRAY(SELECT s.event_id FROM memory_sources s WHERE s.memory_id = m.id) AS event_ids"
        " FROM memories m JOIN vectors v ON v.target_id = m.id AND v.model = %s"
        " WHERE m.project_id = %s AND m.user_id = %s AND m.status = 'active' AND m.type <> 'secret'"
        " AND NOT (m.type = 'reflection' AND m.attribute IS NOT DISTINCT FROM 'recurring')"  # what sleep derived
        " ORDER BY m.live_from DESC, m.id LIMIT %s",
        (model, scope.project_id, scope.user_id, limit),
    ).fetchall()
    return [
        Remembered(
            id=row["id"],
            text=row["text"],
            type=MemoryType(row["type"]),
            subject=row["subject"],
            attribute=row["attribute"],
            value=row["value"],
            single_valued=row["single_valued"],
            occurred_at=row["occurred_at"].astimezone(timezone(timedelta(seconds=row["utc_offset"]))),
            event_ids=tuple(row["event_ids"]),
            dense=from_half(row["dense"]),
        )
        for row in rows
    ]


def undecided(
    conn: Connection, scope: UserScope, model: str, limit: int
) -> list[tuple[Candidate, npt.NDArray[np.float32]]]:
    """The newest candidates that consolidation has not come to yet, with their vectors by `model`."""
    rows = conn.execute(
        "SELECT body, dense FROM candidates WHERE project_id = %s AND user_id = %s AND state = 'open' AND model = %s"
        " ORDER BY occurred_at DESC, segment_id, ordinal LIMIT %s",
        (scope.project_id, scope.user_id, model, limit),
    ).fetchall()
    return [(from_body(row["body"]), from_half(row["dense"])) for row in rows]
