"""Vectors in PostgreSQL: the truth that fills the index. Dense as float16, sparse as term ids with weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.storage.db import Connection

Kind = Literal["event", "memory"]


@dataclass(frozen=True, slots=True)
class StoredVector:
    """The vectors of one event or memory. `window` (a turn with its neighbours) is of events only."""

    target_id: UUID
    kind: Kind
    dense: npt.NDArray[np.float32]
    text: SparseVector
    window: SparseVector | None = None


def upsert(conn: Connection, scope: UserScope, model: str, rows: Sequence[StoredVector]) -> None:
    """Store vectors made by `model`, replacing older ones of the same targets."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO vectors (target_id, model, kind, project_id, user_id, dimension, dense, sparse, sparse_window)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (target_id, model) DO UPDATE SET"
            " dense = excluded.dense, sparse = excluded.sparse, sparse_window = excluded.sparse_window,"
            " updated_at = now()",
            [
                (
                    row.target_id,
                    model,
                    row.kind,
                    scope.project_id,
                    scope.user_id,
                    len(row.dense),
                    to_half(row.dense),
                    row.text.to_bytes(),
                    row.window.to_bytes() if row.window is not None else None,
                )
                for row in rows
            ],
        )


def update_windows(conn: Connection, scope: UserScope, windows: Mapping[UUID, SparseVector]) -> None:
    """Replace the window vectors of turns whose neighbours changed (of every model: they do not depend on it)."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "UPDATE vectors SET sparse_window = %s, updated_at = now()"
            " WHERE target_id = %s AND project_id = %s AND user_id = %s",
            [
                (vector.to_bytes(), target, scope.project_id, scope.user_id)
                for target, vector in sorted(windows.items())
            ],
        )


def dense_of(
    conn: Connection, scope: UserScope, model: str, ids: Sequence[UUID]
) -> dict[UUID, npt.NDArray[np.float32]]:
    """The dense vectors of these targets that `model` made."""
    rows = conn.execute(
        "SELECT target_id, dense FROM vectors WHERE project_id = %s AND user_id = %s AND model = %s"
        " AND target_id = ANY (%s)",
        (scope.project_id, scope.user_id, model, list(ids)),
    ).fetchall()
    found = {row["target_id"]: usable(row["dense"]) for row in rows}
    return {target: dense for target, dense in found.items() if dense is not None}


def of_active_memories(conn: Connection, scope: UserScope, model: str, limit: int) -> list[tuple[UUID, bytes]]:
    """The vectors (float16) of the user's newest active memories that `model` made, for a scan.

    Two queries: in one, without statistics, the planner joins row by row (100 ms for 1,000 memories, against 5).
    """
    active = conn.execute(
        "SELECT id FROM memories WHERE project_id = %s AND user_id = %s AND status = 'active'"
        " AND NOT (type = 'reflection' AND attribute IS NOT DISTINCT FROM 'recurring')"  # what sleep derived
        " ORDER BY created_at DESC, id LIMIT %s",
        (scope.project_id, scope.user_id, limit),
    ).fetchall()
    rows = conn.execute(
        "SELECT target_id, dense FROM vectors WHERE target_id = ANY (%s) AND model = %s AND project_id = %s"
        " AND user_id = %s",
        ([row["id"] for row in active], model, scope.project_id, scope.user_id),
        binary=True,
    ).fetchall()
    return [(row["target_id"], row["dense"]) for row in rows]


def delete_models_except(conn: Connection, scope: UserScope, models: Sequence[str]) -> int:
    """Drop the vectors that no collection is made of any more; returns how many."""
    return conn.execute(
        "DELETE FROM vectors WHERE project_id = %s AND user_id = %s AND NOT model = ANY (%s)",
        (scope.project_id, scope.user_id, list(models)),
    ).rowcount


def to_half(dense: npt.NDArray[np.float32]) -> bytes:
    """Little-endian float16."""
    return dense.astype("<f2").tobytes()


def from_half(raw: bytes) -> npt.NDArray[np.float32]:
    """The inverse of `to_half`."""
    return np.frombuffer(raw, dtype="<f2").astype(np.float32)


def usable(raw: bytes) -> npt.NDArray[np.float32] | None:
    """The same of a stored vector, None for one without a direction (not finite, or zero): it is near nothing, and must
    not stop what is done with others.
    """
    dense = from_half(raw)
    return dense if np.isfinite(dense).all() and dense.any() else None
