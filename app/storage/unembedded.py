"""Events and memories that have no vector of a given model: after a change of the encoder. Read by `reembed`."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from app.domain.event import Event
from app.domain.notes import Note, memory_text
from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.storage.db import Connection, Row
from app.storage.events import COLUMNS, to_event

SPARSE = """
(SELECT {column} FROM vectors o WHERE o.target_id = t.id AND o.{column} IS NOT NULL LIMIT 1) AS {column}
"""
MISSING = "NOT EXISTS (SELECT 1 FROM vectors v WHERE v.target_id = t.id AND v.model = %(model)s)"


@dataclass(frozen=True, slots=True)
class Unembedded:
    """One row: an event, or the text of a memory; with the sparse vectors that another model's row has, if any."""

    id: UUID
    kind: Literal["event", "memory"]
    event: Event | None
    memory_text: str  # with what its note adds
    text: SparseVector | None
    window: SparseVector | None


def page(conn: Connection, scope: UserScope, model: str, limit: int) -> list[Unembedded]:
    """Some rows of this user without a vector of `model`: events first, `limit` at most."""
    values = {"model": model, "project": scope.project_id, "user": scope.user_id, "limit": limit}
    sparse, window = SPARSE.format(column="sparse"), SPARSE.format(column="sparse_window")
    events = conn.execute(
        f"SELECT {COLUMNS}, {sparse}, {window} FROM events t WHERE project_id = %(project)s AND user_id = %(user)s"
        f" AND version > 0 AND {MISSING} ORDER BY id LIMIT %(limit)s",
        values,
    ).fetchall()
    memories = conn.execute(
        f"SELECT id, text, tags, context, {sparse} FROM memories t WHERE project_id = %(project)s"
        f" AND user_id = %(user)s AND status <> 'erased' AND {MISSING} ORDER BY id LIMIT %(limit)s",
        values | {"limit": limit - len(events)},
    ).fetchall()
    return [
        *(
            Unembedded(row["id"], "event", to_event(row), "", _vector(row["sparse"]), _vector(row["sparse_window"]))
            for row in events
        ),
        *(Unembedded(row["id"], "memory", None, _noted(row), _vector(row["sparse"]), None) for row in memories),
    ]


def _noted(row: Row) -> str:
    return memory_text(row["text"], Note((), tuple(row["tags"]), row["context"]))


def _vector(raw: bytes | None) -> SparseVector | None:
    return SparseVector.from_bytes(raw) if raw is not None else None
