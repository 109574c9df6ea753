"""What became of changes of memories: for training rows made of the audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.domain.scope import Scope
from app.storage.db import Connection

# Feedback counts for the version that it was about: from its recording until the next one's.
OUTCOMES = """
SELECT v.memory_id AS ref, v.version, m.status, m.version AS newest, n.change AS next_change, n.reason AS next_reason,
       n.actor AS next_actor, c.body AS statement,
       (SELECT json_object_agg(f.signal, f.n) FROM (SELECT signal, count(*) AS n FROM feedback
           WHERE memory_id = v.memory_id AND project_id = v.project_id AND created_at >= v.recorded_at
             AND (v.recorded_until IS NULL OR created_at <= v.recorded_until) GROUP BY signal) f) AS feedback
FROM unnest(%(refs)s::uuid[], %(numbers)s::int[]) AS x (ref, version)
JOIN memory_versions v ON v.memory_id = x.ref AND v.version = x.version AND v.project_id = %(project)s
JOIN memories m ON m.id = v.memory_id
LEFT JOIN candidates c ON c.id = v.candidate_id
LEFT JOIN LATERAL (SELECT change, reason, actor FROM memory_versions p WHERE p.memory_id = v.memory_id
    AND p.version > v.version ORDER BY p.version LIMIT 1) n ON true
"""
STATEMENT = ("text", "type", "subject", "attribute", "value")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one version: the feedback on it, the change that ended it (None: it is the newest), and how the
    memory stands today. `statement` is what the pipeline had read.
    """

    feedback: dict[str, int]
    next_change: str | None
    next_reason: str | None
    next_actor: str | None
    status: str
    statement: dict[str, Any] | None


def outcomes(conn: Connection, scope: Scope, refs: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], Outcome]:
    """The outcome of each of these changes, as far as they are still there."""
    rows = conn.execute(
        OUTCOMES,
        {
            "project": scope.project_id,
            "refs": [ref for ref, _ in refs],
            "numbers": [version for _, version in refs],
        },
    ).fetchall()
    return {
        (row["ref"], row["version"]): Outcome(
            feedback=row["feedback"] or {},
            next_change=row["next_change"],
            next_reason=row["next_reason"],
            next_actor=row["next_actor"],
            status=row["status"],
            statement={name: row["statement"].get(name) for name in STATEMENT} if row["statement"] else None,
        )
        for row in rows
    }
